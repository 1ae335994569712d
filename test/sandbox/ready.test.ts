import { describe, expect, test } from 'vitest';
import { type SandboxOptions, WasmSandbox } from '../../src/index.ts';
import { WasmSandbox as SyncSandbox } from '../../src/sync.ts';
import { CallAborted, CpuTimeoutExceeded, MemoryLimitExceeded } from '../../wasm/errors.ts';
import { I32 } from '../../wasm/types.ts';
import { encodeModule, type Instruction } from '../generate/encode.ts';

const ENGINES = ['interpreter', 'native'] as const;

/** Functions of 7,000 bytes each, more than a megabyte together. */
const body: Instruction[] = Array.from({ length: 1_000 }, (): Instruction[] => [
  ['local.get', 0],
  ['i32.const', 1],
  'i32.add',
  ['local.set', 0],
]).flat();
const source = encodeModule({
  functions: Array.from({ length: 150 }, (_, i) => ({
    params: [I32],
    results: [I32],
    body: [...body, ['local.get', 0]] as Instruction[],
    export: `f${i}`,
  })),
});

describe.each(ENGINES)('making a large module ready (%s)', (engine) => {
  test('is ended by cpuTimeout, waited for or not', async () => {
    const options: SandboxOptions = { source, engine, cpuTimeout: 1 };
    await expect(WasmSandbox.create(options)).rejects.toThrow(CpuTimeoutExceeded);
    await expect(WasmSandbox.create(options)).rejects.toThrow(/was not ready within 1 ms/);
    expect(() => SyncSandbox.create(options)).toThrow(CpuTimeoutExceeded);
  });

  test('is ended by its signal', async () => {
    const controller = new AbortController();
    const { signal } = controller;
    setImmediate(() => controller.abort(new Error('nobody waits any more')));
    const ended = WasmSandbox.create({ source, engine: 'interpreter', yieldEvery: 1, signal });
    await expect(ended).rejects.toThrow(CallAborted);
    await expect(ended).rejects.toThrow(/nobody waits any more/);
    await expect(WasmSandbox.create({ source, engine, signal })).rejects.toThrow(CallAborted);
    expect(() => SyncSandbox.create({ source, engine, signal })).toThrow(CallAborted);
  });

  test('counts what the module holds, and refuses more than it may', async () => {
    const sandbox = await WasmSandbox.create({ source, engine });
    const before = sandbox.getResourceStats();
    expect(before.moduleBytes).toBeGreaterThan(source.length);
    expect(before.moduleBytes).toBeLessThan(2 * source.length);
    await sandbox.call('f0', [1]);
    const { codeBytes } = sandbox.getResourceStats();
    if (engine === 'interpreter') expect(codeBytes).toBeGreaterThan(before.codeBytes);
    const refused = { source, engine, codeLimit: source.length };
    await expect(WasmSandbox.create(refused)).rejects.toThrow(MemoryLimitExceeded);
    expect(() => SyncSandbox.create(refused)).toThrow(/may hold \d+ outside of its instances; raise codeLimit/);
  });
});

test('the event loop goes round while a module is made ready, if that is asked for', async () => {
  let turns = 0;
  const count = () => {
    turns++;
    timer = setImmediate(count);
  };
  let timer = setImmediate(count);
  await WasmSandbox.create({ source, yieldEvery: 1 });
  clearImmediate(timer);
  expect(turns).toBeGreaterThan(2);
});

test('code that is too much ends the guest, and leaves the rest usable', async () => {
  const { moduleBytes } = (await WasmSandbox.create({ source })).getResourceStats();
  const sandbox = await WasmSandbox.create({ source, codeLimit: moduleBytes + 100_000 });
  expect(await sandbox.call('f0', [1])).toBe(1_001);
  const failures: unknown[] = [];
  for (let i = 1; i < 20; i++) await sandbox.call(`f${i}`, [0]).catch((error: unknown) => failures.push(error));
  expect(failures.length).toBeGreaterThan(0);
  for (const error of failures) expect(error).toBeInstanceOf(MemoryLimitExceeded);
  expect(await sandbox.call('f0', [1])).toBe(1_001);
});
