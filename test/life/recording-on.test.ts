/** Recordings that begin with a guest as it was left: behind a snapshot or a fork. */

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  CallAborted,
  Capability,
  type Execution,
  type ReplayReport,
  replay,
  type SandboxOptions,
  SnapshotError,
  WasmSandbox,
} from '../../src/index.ts';
import { pack, unpack } from '../../src/snapshot/container.ts';
import { SEED } from '../property/runner.ts';
import { LOOP } from '../sandbox/loop.ts';
import { assemble, EXTERNREF } from '../sandbox/modules.ts';

type EngineOptions = Pick<SandboxOptions, 'engine' | 'leavable'>;
const ENGINES: readonly [where: string, EngineOptions][] = [
  ['on the interpreter', {}],
  ['natively, where it can be left', { engine: 'native', leavable: true }],
];

/** Gives every guest the same numbers, some of them later, and charges. */
function options(engine: EngineOptions = {}): SandboxOptions {
  const work = {
    call: (caller: { chargeBytes(bytes: number): void }, [n]: readonly unknown[]) => {
      caller.chargeBytes((n as number) * 3);
      return (n as number) % 4 === 3 ? Promise.resolve(n) : n;
    },
  };
  return { source: LOOP, capabilities: [Capability.hostFunctions('env', { work }, { perByte: 1 })], ...engine };
}

/** Leaves the guest in the middle of a call, where it waits for nothing. */
async function leave(sandbox: WasmSandbox): Promise<Execution<number>> {
  const execution = sandbox.start<number>('run', [20, 0]);
  while (execution.gasUsed < 1_500n) {
    execution.step(300);
    await execution.whenReady();
  }
  expect(execution.state).toBe('paused');
  return execution;
}

async function same(sandbox: WasmSandbox): Promise<ReplayReport> {
  const report = await replay(await sandbox.recording());
  expect(report).toMatchObject({ same: true, difference: undefined, gasUsed: sandbox.getResourceStats().gasUsed });
  return report;
}

describe.each(ENGINES)('a recording made %s', (_, engine) => {
  test.each(['restore', 'fork'] as const)('of a guest in the middle of a call, behind %s', async (how) => {
    const first = await WasmSandbox.create({ ...options(engine), record: true });
    await first.call('run', [3, 0]);
    const execution = await leave(first);
    const second =
      how === 'fork'
        ? await first.fork()
        : await WasmSandbox.restore(await first.snapshot(), { ...options(engine), record: true });
    expect(await second.execution!.run()).toBe(210);
    expect(await second.call('run', [5, 1])).toBe(16);
    const report = await same(second);
    expect(report.calls).toBe(2);
    expect(report.hostCalls).toBeGreaterThan(5);
    // The match goes on there as well.
    const third = await second.fork();
    await third.call('run', [2, 0]);
    expect((await same(third)).calls).toBe(1);
    expect(await execution.run()).toBe(210);
    expect((await same(first)).calls).toBe(2);
  });

  test('of a guest between two calls, and one that was given up', async () => {
    const first = await WasmSandbox.create(options(engine));
    await first.call('run', [3, 0]);
    const rested = await WasmSandbox.restore(await first.snapshot(), { ...options(engine), record: true });
    expect((await same(rested)).calls).toBe(0);
    await rested.call('run', [3, 0]);
    expect((await same(rested)).calls).toBe(1);
    await rested.reset();
    expect((await same(rested)).calls).toBe(0);
    await leave(first);
    const left = await WasmSandbox.restore(await first.snapshot(), { ...options(engine), record: true });
    left.execution!.cancel();
    expect((await same(left)).calls).toBe(1);
    await left.call('run', [1, 0]);
    expect((await same(left)).calls).toBe(2);
    const aborted = await WasmSandbox.restore(await first.snapshot(), { ...options(engine), record: true });
    const result = aborted.execution!.run().catch((error: unknown) => error);
    aborted.execution!.cancel();
    expect(await result).toBeInstanceOf(CallAborted);
    await same(aborted);
  });
});

/** A recording of a fork that has been given an object, and is in a loop before it returns that. */
async function forkOfHolder(loop: readonly number[]): Promise<Uint8Array> {
  const holder = assemble({
    imports: [['env', 'work', [[EXTERNREF], [EXTERNREF]]]],
    functions: [{ name: 'run', type: [[EXTERNREF], [EXTERNREF]], code: [0x03, 0x40, ...loop, 0x0b, 0x20, 0] }],
  });
  const capabilities = [Capability.hostFunctions('env', { work: (value: unknown) => value })];
  const sandbox = await WasmSandbox.create({ source: holder, capabilities, record: true });
  sandbox.start('run', [{}]).step(100);
  return (await sandbox.fork()).recording();
}

test('of a fork that holds objects of the host says that there is none', async () => {
  // (br_if 0 (i32.const 1)): the loop may end as far as its code says, and the object is read then.
  await expect(forkOfHolder([0x41, 1, 0x0d, 0])).rejects.toThrow('it would begin with a guest that cannot be saved');
});

test('of a fork in whose way is no object that will be read begins with it', async () => {
  // (br 0): nobody comes to what follows.
  expect(await forkOfHolder([0x0c, 0])).toBeInstanceOf(Uint8Array);
});

describe('a recording that begins with a guest', () => {
  async function recorded(): Promise<Uint8Array> {
    const first = await WasmSandbox.create(options());
    await leave(first);
    const sandbox = await WasmSandbox.restore(await first.snapshot(), { ...options(), record: true });
    await sandbox.execution!.run();
    return sandbox.recording();
  }

  test('is bound by the limits of whoever replays it', async () => {
    const bytes = await recorded();
    expect(await replay(bytes)).toMatchObject({ same: true });
    await expect(replay(bytes, { gasLimit: 100 })).rejects.toThrow('Gas limit exceeded');
    const limited = await WasmSandbox.create({ ...options(), record: true });
    await limited.call('run', [1, 0]);
    await expect(
      WasmSandbox.restore(await limited.snapshot(), { ...options(), record: true, recordingLimit: 10 }).then(
        (sandbox) => sandbox.recording(),
      ),
    ).rejects.toThrow('it has grown beyond 10 bytes');
  });

  test('that is changed anywhere is refused, or is another, and nothing else', async () => {
    const contents = await unpack(Uint8Array.from(await recorded()), { kind: 'recording', maxBytes: 2 ** 24 });
    const start = contents.length - 3_000;
    await fc.assert(
      fc.asyncProperty(fc.nat(contents.length - 1), fc.nat(255), fc.boolean(), async (at, byte, isLate) => {
        const bytes = contents.slice();
        bytes[isLate ? Math.max(0, start) + (at % Math.min(3_000, contents.length)) : at] = byte;
        try {
          await replay(await pack(bytes, false, { kind: 'recording' }), { gasLimit: 1_000_000 });
        } catch (error) {
          expect(error).toHaveProperty('code');
        }
      }),
      { numRuns: 400, seed: SEED },
    );
  });

  test('and says that a call goes on which was not left is damaged', async () => {
    const sandbox = await WasmSandbox.create({ ...options(), record: true });
    await sandbox.call('run', [1, 0]);
    const contents = await unpack(Uint8Array.from(await sandbox.recording()), { kind: 'recording', maxBytes: 2 ** 24 });
    const at = contents.findLastIndex((_, i) => contents[i] === 2 && contents[i + 1] === 3 && contents[i + 5] === 0x72);
    expect(at).toBeGreaterThan(0);
    contents[at] = 11;
    await expect(replay(await pack(contents, false, { kind: 'recording' }))).rejects.toBeInstanceOf(SnapshotError);
  });
});

test.each(ENGINES)('a start function can wait, yield and be ended, and is replayed, %s', async (_, engine) => {
  const starting = assemble({
    imports: [['env', 'host', [[], []]]],
    functions: [
      { name: 'main', type: [[], []], code: [0x10, 0, 0x10, 0] },
      { name: 'again', type: [[], []], code: [0x10, 1] },
    ],
    start: 1,
  });
  let waits = 0;
  const host = async () => {
    waits++;
    await new Promise((resolve) => setTimeout(resolve, 1));
  };
  const capabilities = [Capability.hostFunctions('env', { host })];
  const sandbox = await WasmSandbox.create({ source: starting, capabilities, record: true, ...engine });
  expect(waits).toBe(2);
  expect(sandbox.getResourceStats().functionCalls).toBe(0);
  await sandbox.call('again');
  await same(sandbox);
});
