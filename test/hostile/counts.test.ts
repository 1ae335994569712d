/** Counts that grow for as long as a host runs: none of them wraps (CWA-2023-001). */

import { describe, expect, test } from 'vitest';
import { WasmSandbox as AsyncSandbox, type Caller, Capability, SandboxCache, SandboxPool } from '../../src/index.ts';
import { WasmSandbox } from '../../src/sync.ts';
import type { WasmSandboxError } from '../../wasm/errors.ts';
import { HIGHEST_GAS } from '../../wasm/gas.ts';
import { encodeModule } from '../generate/encode.ts';
import { ENGINES, type EngineName } from './outcome.ts';

const NOTHING = { params: [], results: [] };
const source = encodeModule({
  imports: [{ module: 'env', name: 'host', function: NOTHING }],
  functions: [{ body: [['call', 0]], export: 'run' }],
});

/** A host function that charges `bytes` at `perByte` units. */
function charging(bytes: number, perByte: number) {
  const call = (caller: Caller) => {
    caller.chargeBytes(bytes);
    return undefined;
  };
  return [Capability.hostFunctions('env', { host: { ...NOTHING, call } } as never, { perByte })];
}

/** Units that each of three calls takes; then how the last one ended. */
function charge(engine: EngineName, bytes: number, perByte: number, gasLimit?: bigint) {
  const capabilities = charging(bytes, perByte);
  const sandbox = WasmSandbox.create({ source, engine, capabilities, ...(gasLimit !== undefined && { gasLimit }) });
  let before = sandbox.getResourceStats().gasUsed;
  const used: bigint[] = [];
  let ending = 'done';
  for (let i = 0; i < 3; i++) {
    try {
      sandbox.call('run');
    } catch (error) {
      ending = (error as WasmSandboxError).code;
    }
    const { gasUsed } = sandbox.getResourceStats();
    used.push(gasUsed - before);
    before = gasUsed;
  }
  return { used, ending };
}

describe.each(ENGINES)('gas (%s)', (engine) => {
  const none = charge(engine, 0, 1).used[0] as bigint;

  test.each([
    [2 ** 31, 1],
    [2 ** 32 - 1, 2],
    [2 ** 32, 2 ** 21],
    [2 ** 53 - 1, 1],
    [2 ** 53 - 1, 2],
    [2 ** 52, 2 ** 5],
    [2 ** 52, 2 ** 9],
  ])('is exact behind charges of %d bytes at %d units each', (bytes, perByte) => {
    const all = Array(3).fill(none + BigInt(bytes) * BigInt(perByte));
    expect(charge(engine, bytes, perByte)).toEqual({ used: all, ending: 'done' });
    expect(charge(engine, bytes, perByte, HIGHEST_GAS)).toEqual({ used: all, ending: 'done' });
  });

  test.each([
    [2 ** 52, 2 ** 11],
    [2 ** 52, 2 ** 12],
    [2 ** 53 - 1, 2 ** 31],
  ])('ends a guest, limit or none, where %d bytes at %d units each are more than can be counted', (bytes, perByte) => {
    const ended = { used: [none, 0n, 0n], ending: 'GAS_EXHAUSTED' };
    expect(charge(engine, bytes, perByte)).toEqual(ended);
    expect(charge(engine, bytes, perByte, HIGHEST_GAS)).toEqual(ended);
  });
});

test('a guest goes on with all that it has used, however much that is', async () => {
  const options = { source, capabilities: charging(2 ** 52, 2 ** 10) };
  const sandbox = await AsyncSandbox.create(options);
  await sandbox.call('run');
  const { gasUsed } = sandbox.getResourceStats();
  expect(gasUsed).toBeGreaterThan(2n ** 62n);
  const restored = await AsyncSandbox.restore(await sandbox.snapshot(), options);
  expect(restored.getResourceStats().gasUsed).toBe(gasUsed);
  for (const one of [sandbox, restored, await sandbox.fork()]) {
    await expect(one.call('run')).rejects.toMatchObject({ code: 'GAS_EXHAUSTED' });
    expect(one.getResourceStats().gasUsed).toBeGreaterThan(gasUsed);
  }
});

test('what caches and pools count are numbers that are exact up to 2⁵³', async () => {
  const cache = SandboxCache.inMemory();
  const capabilities = charging(0, 1);
  const pool = await SandboxPool.create({ sandbox: { source, capabilities, cache }, min: 1, max: 1 });
  await pool.use((sandbox) => sandbox.call('run'));
  WasmSandbox.create({ source, capabilities, cache });
  const counts = [...Object.values(cache.getStats()), ...Object.values(pool.getStats())].filter(
    (count) => count !== undefined,
  );
  expect(counts.every((count) => typeof count === 'number' && Number.isSafeInteger(count))).toBe(true);
  await pool.drain();
});
