/** Threads that wait for what is outside of the guest: the real clock, and what host functions promise. */

import { expect, test } from 'vitest';
import { Capability, Scheduler, WasmSandbox } from '../../src/index.ts';
import { program, withThreads } from './programs.ts';

const THREAD = '(func (export "wasi_thread_start") (param $id i32) (param $argument i32)';

test('the real clock ends waits while others run, and while none does', async () => {
  const body = `${THREAD}
      (drop (memory.atomic.wait32 (i32.const 0) (i32.const 0) (i64.const 1000000)))
      (call $write (local.get $id) (i32.const 97))
      (i32.atomic.store (i32.const 4) (i32.const 1))
      (drop (memory.atomic.wait32 (i32.const 0) (i32.const 0) (i64.const 1000000)))
      (call $end))
    (func (export "run")
      (call $spawn_all (i32.const 1))
      (loop $spin (br_if $spin (i32.eqz (i32.atomic.load (i32.const 4)))))
      (call $join (i32.const 1))
      (call $write (i32.const 0) (i32.const 98)))`;
  const sandbox = await WasmSandbox.create({ source: withThreads(body), capabilities: [Capability.clock()] });
  await sandbox.call('run');
  expect(sandbox.output().stdout).toBe('ab');
});

test('a thread whose host function has promised something waits, and the others run', async () => {
  const host = `(import "env" "ask" (func $ask (param i32) (result i32)))`;
  const body = `${THREAD}
      (i32.atomic.store (i32.mul (local.get $id) (i32.const 4)) (call $ask (local.get $argument)))
      (call $write (local.get $id) (i32.add (i32.const 97) (local.get $argument)))
      (call $end))
    (func (export "run") (result i32)
      (call $spawn_all (i32.const 2))
      (call $join (i32.const 2))
      (i32.add (i32.load (i32.const 4)) (i32.load (i32.const 8))))`;
  const asked: ((answer: number) => void)[] = [];
  const ask = (argument: unknown) =>
    new Promise<number>((resolve) => {
      asked[argument as number] = resolve;
      if (asked.length < 2 || asked[0] === undefined) return;
      // The later one first.
      asked[1]?.(40);
      setTimeout(() => asked[0]?.(2), 1);
    });
  const sandbox = await WasmSandbox.create({
    source: withThreads(body, host),
    capabilities: [Capability.hostFunctions('env', { ask })],
  });
  expect(await sandbox.call('run')).toBe(42);
  expect(sandbox.output().stdout).toBe('ba');
});

test('what threads do is not recorded', async () => {
  const recorded = WasmSandbox.create({ source: program('queue'), record: true });
  await expect(recorded).rejects.toThrow('record is for guests without threads');
});

test('a scheduler runs several such guests', async () => {
  const scheduler = new Scheduler();
  const sandboxes = await Promise.all(
    (['mutex', 'queue', 'condition'] as const).map((name) => WasmSandbox.create({ source: program(name) })),
  );
  for (const sandbox of sandboxes) scheduler.add(sandbox.start('_start'));
  await scheduler.run();
  const outputs = sandboxes.map((sandbox) => sandbox.output().stdout);
  expect(outputs).toEqual([
    'aaaaaabbbbbbddddddaaaaccccccddddbbbbcccc4',
    'abcdefghijklmNOPQRSTUVWXYZ',
    'abcabcabcabcabcabcabcabc',
  ]);
});
