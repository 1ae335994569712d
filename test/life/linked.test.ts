/** Guests of several modules that are left, saved, forked and taken up again: wherever they stand, nothing changes. */

import { describe, expect, test } from 'vitest';
import { SnapshotError, WasmSandbox } from '../../src/index.ts';
import { unpack } from '../../src/snapshot/container.ts';
import { randomFrom, tryContents } from '../forgery/trial.ts';
import { GUEST, LIBRARY } from '../sandbox/linked-modules.ts';
import { CASES, type LinkedCase } from './linked-cases.ts';

async function outcome(sandbox: WasmSandbox, ending: () => Promise<unknown>) {
  const result = await ending().catch((error: { code?: string }) => error.code);
  const { gasUsed, memoryBytes, peakMemoryBytes } = sandbox.getResourceStats();
  return { result, gasUsed, memoryBytes, peakMemoryBytes };
}

describe.each(CASES)('$name', ({ options, call: [name, ...args], result }) => {
  test('left at every checkpoint, in a snapshot and in a fork', async () => {
    const undisturbed = await WasmSandbox.create(options);
    const expected = await outcome(undisturbed, () => undisturbed.call(name, args));
    expect(expected.result).toBe(result);
    const sandbox = await WasmSandbox.create(options);
    const execution = sandbox.start(name, args);
    let steps = 0;
    for (;;) {
      const state = execution.step(1n);
      if (state === 'done' || state === 'failed') break;
      if (state === 'waiting') await execution.whenReady();
      steps++;
      const restored = await WasmSandbox.restore(await sandbox.snapshot(), options);
      expect(await outcome(restored, async () => restored.execution?.run()), `restored, ${steps}`).toEqual(expected);
      const fork = await sandbox.fork();
      expect(await outcome(fork, async () => fork.execution?.run()), `forked, ${steps}`).toEqual(expected);
    }
    expect(steps).toBeGreaterThan(2);
    expect(await outcome(sandbox, () => Promise.resolve(result))).toMatchObject({ gasUsed: expected.gasUsed });
  });
});

test('a snapshot is of these modules, and no others', async () => {
  const [{ options }] = CASES as readonly [LinkedCase];
  const sandbox = await WasmSandbox.create(options);
  await sandbox.call('quadruple', [2]);
  const snapshot = await sandbox.snapshot();
  const again = await WasmSandbox.restore(snapshot, options);
  expect(await again.call('state')).toEqual([42, 99, 10, 42]);
  expect(await again.call('at', [1, 4])).toBe(8);
  await again.reset();
  expect(await again.call('state')).toEqual([42, 99, 8, 42]);
  const other = { ...options, modules: { library: LIBRARY.replace('i32.const 42', 'i32.const 43') } };
  await expect(WasmSandbox.restore(snapshot, other)).rejects.toBeInstanceOf(SnapshotError);
  const renamed = {
    ...options,
    source: GUEST.replaceAll('"library"', '"books"'),
    modules: { books: LIBRARY },
  };
  await expect(WasmSandbox.restore(snapshot, renamed)).rejects.toBeInstanceOf(SnapshotError);
});

test('spoilt snapshots are refused, or go on within types and limits', async () => {
  const limits = { memoryLimit: 2 ** 20, stackLimit: 2 ** 15, gasLimit: 1_000_000n };
  const random = randomFrom(20_261_130);
  const outcomes = new Map<string, number>();
  for (const { options, call } of CASES.slice(0, 5)) {
    const sandbox = await WasmSandbox.create({ ...options, ...limits });
    const [name, ...args] = call;
    const execution = sandbox.start(name, args);
    while (execution.step(5n) === 'paused') {
      const genuine = await unpack(await sandbox.snapshot({ compress: false }), {
        kind: 'snapshot',
        maxBytes: 2 ** 22,
      });
      for (let i = 0; i < 8; i++) {
        const contents = genuine.slice();
        // Memories lie before what is worth spoiling, and after it.
        const at = random(2) === 0 ? random(contents.length) : Math.max(0, contents.length - 1 - random(400));
        contents[at] = random(3) === 0 ? random(256) : (contents[at] as number) + random(3) - 1;
        const [outcome] = (await tryContents(contents, { ...options, ...limits })).split(',') as [string];
        outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1);
      }
    }
  }
  expect(outcomes.get('refused')).toBeGreaterThan(20);
  expect(outcomes.get('restored')).toBeGreaterThan(20);
});
