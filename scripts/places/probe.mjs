// What is tried in every place. Plain JavaScript of its own, as bundlers, frames and other engines have to load it; it
// is given the library, and two modules as bytes, and returns what came of each as plain data.

/** Waits for what the embedder's function promises, and adds one. */
const ASYNC = Uint8Array.of(
  ...[0, 0x61, 0x73, 0x6d, 1, 0, 0, 0],
  ...[1, 6, 1, 0x60, 1, 0x7f, 1, 0x7f],
  ...[2, 7, 1, 1, 0x65, 1, 0x66, 0, 0],
  ...[3, 2, 1, 0],
  ...[7, 5, 1, 1, 0x72, 0, 1],
  ...[10, 11, 1, 9, 0, 0x20, 0, 0x10, 0, 0x41, 1, 0x6a, 0x0b],
);

export async function probe({ WasmSandbox, WasmSandboxError, Capability }, { primes, fib }) {
  const found = { loads: true, gas: [] };
  const gasOf = (sandbox) => found.gas.push(String(sandbox.getResourceStats().gasUsed));

  const program = await WasmSandbox.create({ source: primes, args: ['primes', '100'], engine: 'interpreter' });
  const { stdout, exitCode } = await program.run();
  found.wasi = exitCode === 0 && stdout.includes('25 primes, the last is 97');
  gasOf(program);

  const f = (value) => Promise.resolve(value * 2);
  const capabilities = [Capability.hostFunctions('e', { f })];
  const waiting = await WasmSandbox.create({ source: ASYNC, capabilities, engine: 'interpreter' });
  found.async = (await waiting.call('r', [20])) === 41;
  gasOf(waiting);

  const options = { source: fib, engine: 'interpreter' };
  const left = await WasmSandbox.create(options);
  left.start('run', [15]).step(1000n);
  const restored = await WasmSandbox.restore(await left.snapshot(), options);
  found.snapshot = (await restored.execution.run()) === 610;
  gasOf(restored);

  const error = await WasmSandbox.create({ source: ASYNC, engine: 'interpreter' }).catch((error) => error);
  const again = WasmSandboxError.from(JSON.parse(JSON.stringify(error)));
  found.errors = error.name === 'LinkError' && again.constructor === error.constructor;
  return found;
}
