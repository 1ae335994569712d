/** What limits and ends guests with threads. */

import { createHook } from 'node:async_hooks';
import { describe, expect, test } from 'vitest';
import { Capability, WasmSandbox } from '../../src/index.ts';
import { WasmSandbox as SyncSandbox } from '../../src/sync.ts';
import { parse } from '../../src/text.ts';
import { instanceBytes } from '../../wasm/budget.ts';
import { decode } from '../../wasm/decode.ts';
import { PROGRAMS, program, withThreads } from './programs.ts';

const THREAD = '(func (export "wasi_thread_start") (param $id i32) (param $argument i32)';
const SPIN = `${THREAD} (loop $for_ever (br $for_ever)))`;
const sandboxOf = (body: string, options = {}) => WasmSandbox.create({ source: withThreads(body), ...options });

describe('one budget', () => {
  test('of gas: the threads use it up together', async () => {
    const body = `${SPIN} (func (export "run") (call $spawn_all (i32.const 3)) (call $join (i32.const 3)))`;
    const sandbox = await sandboxOf(body, { gasLimit: 200_000n });
    await expect(sandbox.call('run')).rejects.toMatchObject({ code: 'GAS_EXHAUSTED' });
    expect(sandbox.getResourceStats().gasUsed).toBeGreaterThan(200_000n);
    expect(sandbox.getResourceStats().gasUsed).toBeLessThan(200_100n);
  });

  test('of memory: each thread takes the stack limit of it while it lives', async () => {
    const body = `(global $last (mut i32) (i32.const 0))
      ${THREAD} (drop (memory.atomic.wait32 (i32.const 0) (i32.const 0) (i64.const -1))) (call $end))
      (func (export "most") (result i32) (local $count i32)
        (loop $more
          (global.set $last (call $spawn (i32.const 0)))
          (if (i32.gt_s (global.get $last) (i32.const 0))
            (then (local.set $count (i32.add (local.get $count) (i32.const 1))) (br $more))))
        (i32.atomic.store (i32.const 0) (i32.const 1))
        (drop (memory.atomic.notify (i32.const 0) (i32.const -1)))
        (call $join (local.get $count))
        (local.get $count))
      (func (export "answer") (result i32) (global.get $last))`;
    const each = 4_096 + instanceBytes(decode(withThreads(body)));
    const limits = { memoryLimit: 65_536 + 10 * each + 100, stackLimit: 4_096 };
    const sandbox = await sandboxOf(body, limits);
    expect([await sandbox.call('most'), await sandbox.call('answer')]).toEqual([10, -6]);
    expect(sandbox.getResourceStats()).toMatchObject({ memoryBytes: 65_536, peakMemoryBytes: 65_536 + 10 * each });
  });

  test('of memory: each thread takes what it holds of the module, once more', async () => {
    const many = [
      '(global i32 (i32.const 0))'.repeat(1_000),
      '(func)'.repeat(1_000),
      '(elem func $f $f $f)'.repeat(1_000),
      '(data)'.repeat(1_000),
      '(tag)'.repeat(1_000),
    ];
    const body = `(func $f) ${many.join(' ')}
      ${THREAD} (drop (memory.atomic.wait32 (i32.const 0) (i32.const 0) (i64.const -1))))
      (func (export "run") (result i32) (call $spawn (i32.const 0)))`;
    const sandbox = await sandboxOf(body, { stackLimit: 4_096, memoryLimit: 1_300_000 });
    expect([await sandbox.call('run'), await sandbox.call('run')]).toEqual([1, 2]);
    const { memoryBytes } = sandbox.getResourceStats();
    const each = (memoryBytes - 65_536) / 2;
    expect(each).toBeGreaterThan(1_000 * (128 + 8 + 4 * 64 + 64 + 64));
    expect(await sandbox.call('run')).toBe(-6);
    const snapshot = await sandbox.snapshot();
    for (const stackLimit of [4_096, 8_192]) {
      const restored = await WasmSandbox.restore(snapshot, { source: withThreads(body), stackLimit });
      expect(restored.getResourceStats().memoryBytes).toBe(memoryBytes + 2 * (stackLimit - 4_096));
    }
  });

  test('of memory: a thread whose tables leave no room for its stack is none, and takes nothing', async () => {
    const body = `(table 3000 funcref)
      ${THREAD} (call $end))
      (func (export "run") (result i32) (call $spawn (i32.const 0)))`;
    const memoryLimit = 65_536 + 3_000 * 8 + 30_000;
    const sandbox = await sandboxOf(body, { stackLimit: 16_384, memoryLimit });
    const { memoryBytes } = sandbox.getResourceStats();
    for (let i = 0; i < 5; i++) {
      expect(await sandbox.call('run')).toBe(-6);
      expect(sandbox.getResourceStats().memoryBytes).toBe(memoryBytes);
    }
  });

  test('of threads: a thousand', async () => {
    const body = `${THREAD} (drop (memory.atomic.wait32 (i32.const 0) (i32.const 0) (i64.const -1))))
      (func (export "run") (result i32) (local $count i32)
        (loop $more
          (if (i32.gt_s (call $spawn (i32.const 0)) (i32.const 0))
            (then (local.set $count (i32.add (local.get $count) (i32.const 1))) (br $more))))
        (local.get $count))
      (func (export "notify") (result i32) (memory.atomic.notify (i32.const 0) (i32.const -1)))`;
    const sandbox = await sandboxOf(body, { stackLimit: 4_096 });
    expect(await sandbox.call('run')).toBe(999);
    // They have not come to their wait yet, or have: either way each call gives them turns.
    const notified = (await sandbox.call('notify')) as number;
    expect(notified).toBeLessThanOrEqual(999);
  });
});

describe('the end of one is the end of all', () => {
  test('by a trap, which says where', async () => {
    const body = `${THREAD} (if (local.get $argument) (then unreachable)) (loop $for_ever (br $for_ever)))
      (func (export "run") (call $spawn_all (i32.const 2)) (call $join (i32.const 2)))
      (func (export "after") (result i32) (i32.atomic.load (i32.const 60)))`;
    const sandbox = await sandboxOf(body);
    await expect(sandbox.call('run')).rejects.toMatchObject({ code: 'TRAP', kind: 'unreachable' });
    expect(await sandbox.call('after')).toBe(0);
    expect(sandbox.getResourceStats().memoryBytes).toBe(65_536);
  });

  test('by a signal, and by the time', async () => {
    const body = `${SPIN} (func (export "run") (call $spawn_all (i32.const 2)) (call $join (i32.const 2)))`;
    const sandbox = await sandboxOf(body, { yieldEvery: 1 });
    const controller = new AbortController();
    const call = sandbox.call('run', [], { signal: controller.signal });
    setTimeout(() => controller.abort('enough'), 5);
    await expect(call).rejects.toMatchObject({ code: 'ABORTED' });
    await expect(sandbox.call('run', [], { timeout: 20 })).rejects.toMatchObject({ code: 'CPU_TIMEOUT' });
    expect(sandbox.getResourceStats().memoryBytes).toBe(65_536);
  });
});

test('threads that are left when a call returns go on in the next', async () => {
  const body = `${THREAD}
      (loop $again
        (drop (i32.atomic.rmw.add (i32.const 0) (i32.const 1)))
        (drop (memory.atomic.wait32 (i32.const 4) (i32.const 0) (i64.const -1)))
        (br $again)))
    (func (export "begin") (call $spawn_all (i32.const 2)))
    (func (export "rounds") (result i32)
      (drop (memory.atomic.notify (i32.const 4) (i32.const -1)))
      (drop (memory.atomic.wait32 (i32.const 8) (i32.const 0) (i64.const 1000000)))
      (i32.atomic.load (i32.const 0)))`;
  const sandbox = await sandboxOf(body);
  await sandbox.call('begin');
  const rounds = [await sandbox.call('rounds'), await sandbox.call('rounds'), await sandbox.call('rounds')];
  expect(rounds).toEqual([4, 6, 8]);
  const fork = await sandbox.fork();
  const restored = await WasmSandbox.restore(await sandbox.snapshot(), { source: withThreads(body) });
  expect([await fork.call('rounds'), await restored.call('rounds')]).toEqual([10, 10]);
  await sandbox.reset();
  expect(await sandbox.call('rounds')).toBe(0);
});

test('a start function runs in each thread, before its own', async () => {
  const body = `(global $ready (mut i32) (i32.const 0))
    (func $start (global.set $ready (i32.const 1)) (drop (i32.atomic.rmw.add (i32.const 0) (i32.const 1))))
    (start $start)
    ${THREAD} (drop (i32.atomic.rmw.add (i32.const 4) (global.get $ready))) (call $end))
    (func (export "run") (result i32)
      (call $spawn_all (i32.const 3)) (call $join (i32.const 3))
      (i32.add (i32.mul (i32.load (i32.const 0)) (i32.const 10)) (i32.load (i32.const 4))))`;
  expect(await (await sandboxOf(body)).call('run')).toBe(43);
});

describe('where nothing is waited for', () => {
  test.each(PROGRAMS)('%s runs all the same', async (name) => {
    const bytes = program(name);
    const outcome = async (run: () => unknown, output: () => { stdout: string }) => {
      try {
        await run();
      } catch (error) {
        return [(error as Error).message, output().stdout];
      }
      return output().stdout;
    };
    const sync = SyncSandbox.create({ source: bytes });
    const other = await WasmSandbox.create({ source: bytes });
    expect(
      await outcome(
        () => sync.run(),
        () => sync.output(),
      ),
    ).toEqual(
      await outcome(
        () => other.run(),
        () => other.output(),
      ),
    );
    expect(sync.getResourceStats().gasUsed).toBe(other.getResourceStats().gasUsed);
  });
});

describe('a guest without threads', () => {
  const bytes = parse(
    `(module
    (memory 1 1 shared)
    (import "wasi_snapshot_preview1" "clock_time_get" (func $now (param i32 i64 i32) (result i32)))
    (export "memory" (memory 0))
    (func (export "wait") (param i64) (result i32) (memory.atomic.wait32 (i32.const 0) (i32.const 0) (local.get 0)))
    (func (export "now") (result i64) (drop (call $now (i32.const 1) (i64.const 0) (i32.const 8))) (i64.load (i32.const 8))))`.replace(
      /\(memory 1 1 shared\)\s*(\(import [^\n]*\n)/,
      '$1 (memory 1 1 shared)',
    ),
  );

  test('waits on the virtual clock, which goes on by that', async () => {
    const sandbox = await WasmSandbox.create({ source: bytes });
    const before = (await sandbox.call('now')) as bigint;
    expect(await sandbox.call('wait', [10n ** 18n])).toBe(2);
    expect(((await sandbox.call('now')) as bigint) - before).toBeGreaterThanOrEqual(10n ** 18n);
  });

  test('waits on the real one, as long as its time', async () => {
    const sandbox = await WasmSandbox.create({ source: bytes, capabilities: [Capability.clock()] });
    expect(await sandbox.call('wait', [1_000_000n])).toBe(2);
    await expect(sandbox.call('wait', [10n ** 18n], { timeout: 10 })).rejects.toMatchObject({ code: 'CPU_TIMEOUT' });
    const { signal } = { signal: AbortSignal.abort('no') };
    await expect(sandbox.call('wait', [10n ** 18n], { signal })).rejects.toMatchObject({ code: 'ABORTED' });
  });

  test('ends at once where nobody could notify it', async () => {
    const sandbox = await WasmSandbox.create({ source: bytes });
    await expect(sandbox.call('wait', [-1n])).rejects.toMatchObject({ code: 'TRAP', kind: 'deadlock' });
  });
});

test('the native engine refuses guests with threads, and auto takes the other one and says why', async () => {
  const source = parse(`(module (import "wasi" "thread-spawn" (func (param i32) (result i32)))
    (import "env" "memory" (memory 1 1 shared)) (func (export "wasi_thread_start") (param i32 i32)))`);
  await expect(WasmSandbox.create({ source, engine: 'native' })).rejects.toMatchObject({ feature: 'threads' });
  const sandbox = await WasmSandbox.create({ source, engine: 'auto' });
  expect(sandbox.getResourceStats()).toMatchObject({
    engine: 'interpreter',
    engineReason: expect.stringContaining('threads'),
  });
});

describe('a wait that nobody else waits for', () => {
  const body = `(func (export "run") (param $n i32) (param $timeout i64)
    (loop $again
      (drop (memory.atomic.wait32 (i32.const 4) (i32.const 0) (local.get $timeout)))
      (br_if $again (local.tee $n (i32.sub (local.get $n) (i32.const 1))))))`;
  const source = parse(`(module (memory 1 1 shared) ${body})`);
  const threads = withThreads(`${SPIN} ${body}`);

  test.each([
    ['alone', source],
    ['among threads', threads],
  ])('makes no promises, which pile up as long as the guest runs (%s)', (_, source) => {
    let promises = 0;
    const hook = createHook({
      init(_id, type) {
        if (type === 'PROMISE') promises++;
      },
    });
    const sandbox = SyncSandbox.create({ source });
    sandbox.call('run', [1, 0n]);
    hook.enable();
    for (const timeout of [0n, 1_000n]) sandbox.call('run', [10_000, timeout]);
    hook.disable();
    expect(promises).toBeLessThan(100);
  });

  test('is paid for', () => {
    const gasOf = (timeout: bigint) => {
      const sandbox = SyncSandbox.create({ source });
      const before = sandbox.getResourceStats().gasUsed;
      sandbox.call('run', [1_000, timeout]);
      return Number(sandbox.getResourceStats().gasUsed - before);
    };
    expect(gasOf(0n)).toBeGreaterThan(60_000);
    expect(gasOf(1_000_000n)).toBe(gasOf(0n));
  });
});
