/**
 * Counts the work of preparing modules. A process of its own, as coverage is asked for before the code is loaded; takes one
 * {@link CountTask} at a time from its parent.
 */

import { beginCounting } from './coverage.ts';
import type { Count, CountTask } from './measure.ts';

const entered = await beginCounting();

const { build, ONCE, parse, plain } = await import('./candidate.ts');
const { decode } = await import('../../wasm/decode.ts');
const { WasmSandbox } = await import('../../src/sync.ts');
const { Capability } = await import('../../policy/index.ts');

function isModule(bytes: Uint8Array): boolean {
  try {
    decode(bytes);
    return true;
  } catch {
    return false;
  }
}

async function count({ candidate, size = 0, engine }: CountTask): Promise<Count> {
  const bytes =
    candidate === undefined ? Uint8Array.from(plain(size)) : Uint8Array.from(build(parse(candidate), 1 << 22));
  await entered();
  let failure: string | undefined;
  let gas = 0;
  try {
    const capabilities = [Capability.hostFunctions('env', { f: () => undefined })];
    const sandbox = WasmSandbox.fromBytes(bytes, { engine, gasLimit: 1_000_000_000, capabilities });
    try {
      sandbox.call(ONCE);
    } finally {
      gas = Number(sandbox.getResourceStats().gasUsed);
    }
  } catch (error) {
    failure = error instanceof Error ? `${error.constructor.name}: ${error.message}` : String(error);
  }
  const work = await entered();
  return { bytes: bytes.length, work, gas, failure, isRefused: failure !== undefined && !isModule(bytes) };
}

process.on('message', async (task: CountTask) => {
  try {
    process.send?.({ value: await count(task) });
  } catch (error) {
    process.send?.({ error: String(error) });
  }
});
// What is done only once is not counted.
for (const engine of ['interpreter', 'native'] as const)
  await count({ kind: 'count', candidate: undefined, size: 1_000, engine });
process.send?.({ stage: 'ready' });
