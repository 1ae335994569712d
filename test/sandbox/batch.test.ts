import { describe, expect, test } from 'vitest';
import {
  CallAborted,
  Capability,
  GasExhausted,
  SandboxDisposed,
  Trap,
  UsageError,
  WasmSandbox,
} from '../../src/index.ts';
import { WasmSandbox as SyncSandbox } from '../../src/sync.ts';
import { ADD, CALLS_HOST, COUNTER } from './modules.ts';

/** The same batch on both kinds of sandbox. */
const kinds = [
  ['asynchronous', (bytes: Uint8Array, options = {}) => WasmSandbox.fromBytes(bytes, options)],
  ['synchronous', async (bytes: Uint8Array, options = {}) => SyncSandbox.fromBytes(bytes, options)],
] as const;

describe.each(kinds)('a batch, %s', (_, make) => {
  test('gives the value and the gas of every call, in order', async () => {
    const sandbox = await make(ADD);
    const results = await sandbox.callBatch<number>([
      { name: 'add', args: [1, 2] },
      { name: 'add', args: [30, 40] },
    ]);
    expect(results.map((result) => result.ok && result.value)).toEqual([3, 70]);
    const [first, second] = results;
    expect(first).toEqual({ name: 'add', ok: true, value: 3, gasUsed: second?.gasUsed });
    const alone = await make(ADD);
    const before = alone.getResourceStats().gasUsed;
    await alone.call('add', [1, 2]);
    expect(first?.gasUsed).toBe(alone.getResourceStats().gasUsed - before);
    expect(sandbox.getResourceStats().functionCalls).toBe(2);
  });

  test('ends at the first failure', async () => {
    const sandbox = await make(COUNTER);
    const results = await sandbox.callBatch([{ name: 'count' }, { name: 'fail' }, { name: 'count' }]);
    expect(results).toHaveLength(2);
    expect(results[1]).toMatchObject({ name: 'fail', ok: false });
    const [, failed] = results;
    if (failed === undefined || failed.ok) throw new Error('a failure was expected');
    expect(failed.error).toBeInstanceOf(Trap);
    expect(failed.gasUsed).toBeGreaterThan(0n);
    expect(await sandbox.call('count')).toBe(3);
  });

  test('or goes on behind it, with the memory it left', async () => {
    const sandbox = await make(COUNTER);
    const calls = ['count', 'fail', 'nothing', 'count'].map((name) => ({ name }));
    const results = await sandbox.callBatch<number>(calls, { onFailure: 'collect' });
    expect(results.map((result) => (result.ok ? result.value : (result.error as Error).constructor))).toEqual([
      1,
      Trap,
      UsageError,
      3,
    ]);
    expect(results[2]?.gasUsed).toBe(0n);
  });

  test('once gas is exhausted, all further calls fail', async () => {
    const sandbox = await make(ADD, { gasLimit: 200n });
    const calls = Array.from({ length: 40 }, () => ({ name: 'add', args: [1, 1] }));
    const results = await sandbox.callBatch(calls, { onFailure: 'collect' });
    const firstFailure = results.findIndex(({ ok }) => !ok);
    expect(firstFailure).toBeGreaterThan(0);
    for (const result of results.slice(firstFailure)) {
      expect(!result.ok && result.error).toBeInstanceOf(GasExhausted);
    }
    expect(results).toHaveLength(40);
  });

  test('is empty for an empty list', async () => {
    expect(await (await make(ADD)).callBatch([])).toEqual([]);
  });

  test.each<[calls: unknown, options: unknown, message: RegExp]>([
    ['add', {}, /a batch must be an array, not "add"/],
    [[null], {}, /call 1 of the batch must be an object, not null/],
    [[{ name: 'add', args: [1, 2] }, { args: [] }], {}, /the name of call 2 of the batch must be a string/],
    [[{ name: 'add', args: 5 }], {}, /the arguments of call 1 of the batch must be an array, not 5/],
    [[], { onFailure: 'ignore' }, /onFailure must be 'stop' or 'collect', not "ignore"/],
  ])('%j is refused before anything is called', async (calls, options, message) => {
    const sandbox = await make(ADD);
    const run = async () => sandbox.callBatch(calls as never, options as never);
    await expect(run()).rejects.toThrow(message);
    expect(sandbox.getResourceStats().functionCalls).toBe(0);
  });

  test('an unknown option is refused', async () => {
    const run = async () => (await make(ADD)).callBatch([], { onFailur: 'stop' } as never);
    await expect(run()).rejects.toThrow(/has no option "onFailur"/);
  });

  test('is refused by a sandbox that has been disposed of', async () => {
    const sandbox = await make(ADD);
    sandbox.dispose();
    await expect((async () => sandbox.callBatch([]))()).rejects.toBeInstanceOf(SandboxDisposed);
  });

  test('a sandbox disposed of on the way fails that call and the rest, and what was done is still told', async () => {
    const held: { sandbox?: { dispose(): void } } = {};
    const host = (value: number) => {
      if (value === 2) held.sandbox?.dispose();
      return value;
    };
    const sandbox = await make(CALLS_HOST, { capabilities: [Capability.hostFunctions('env', { host })] });
    held.sandbox = sandbox;
    const calls = [1, 2, 3].map((value) => ({ name: 'call', args: [value] }));
    const results = await sandbox.callBatch(calls, { onFailure: 'collect' });
    expect(results.map(({ ok }) => ok)).toEqual([true, false, false]);
    expect(results[1]).toMatchObject({ error: expect.any(SandboxDisposed) });
    expect(results[1]?.gasUsed).toBe(results[0]?.gasUsed);
    expect(results[2]).toMatchObject({ error: expect.any(SandboxDisposed), gasUsed: 0n });
  });
});

test('options of a call are for each call of the batch', async () => {
  const controller = new AbortController();
  const host = (value: number) => {
    if (value === 2) controller.abort(new Error('enough'));
    return value;
  };
  const sandbox = await WasmSandbox.fromBytes(CALLS_HOST, {
    capabilities: [Capability.hostFunctions('env', { host })],
  });
  const calls = [1, 2, 3].map((value) => ({ name: 'call', args: [value] }));
  const { signal } = controller;
  const results = await sandbox.callBatch(calls, { signal, onFailure: 'collect' });
  expect(results[0]).toMatchObject({ ok: true, value: 1 });
  expect(results[2]).toMatchObject({ ok: false, error: expect.any(CallAborted), gasUsed: 0n });
  await expect(sandbox.callBatch(calls, { timeout: 0 })).rejects.toThrow('the timeout must be');
});
