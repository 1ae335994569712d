/** Shared memories: what JavaScript sees of them, and several interpreters in several threads of JavaScript on one. */

import { describe, expect, test } from 'vitest';
import { parse } from '../../src/text.ts';
import { createWebAssembly } from '../../src/webassembly.ts';
import { answerFromThread } from './elsewhere.ts';

const { Module, Memory, Instance, promising } = await createWebAssembly();

const CODE = new Module(
  parse(`(module
    (import "env" "memory" (memory 1 10 shared))
    (func (export "add") (param $times i32) (result i32)
      (loop $again
        (drop (i32.atomic.rmw.add (i32.const 8) (i32.const 1)))
        (br_if $again (local.tee $times (i32.sub (local.get $times) (i32.const 1)))))
      (i32.atomic.load (i32.const 8)))
    (func (export "wait") (param $timeout i64) (result i32)
      (drop (i32.atomic.rmw.add (i32.const 20) (i32.const 1)))
      (memory.atomic.wait32 (i32.const 16) (i32.const 0) (local.get $timeout)))
    (func (export "wait64") (param $timeout i64) (result i32)
      (memory.atomic.wait64 (i32.const 32) (i64.const 0) (local.get $timeout)))
    (func (export "notify") (param $count i32) (result i32) (memory.atomic.notify (i32.const 16) (local.get $count)))
    (func (export "grow") (result i32) (memory.grow (i32.const 1)))
    (func (export "poke") (result i32) (i32.store (i32.add (i32.const 65536) (i32.const 4)) (i32.const 7))
      (i32.load (i32.add (i32.const 65536) (i32.const 4))))
    (func (export "peek") (param $at i32) (result i32)
      (i32.load8_u (i32.add (local.get $at) (i32.const 4))))
    (func (export "size") (result i32) (memory.size)))`),
);

const shared = (maximum = 10) => new Memory({ initial: 1, maximum, shared: true });
type Exports = Record<string, (...args: unknown[]) => number>;
const on = (memory: object) => new Instance(CODE, { env: { memory } }).exports as unknown as Exports;

/** What an export returns in a thread of its own. */
async function elsewhere(
  memory: InstanceType<typeof Memory>,
  run: string,
  ...args: (number | bigint)[]
): Promise<number> {
  const [module, sent] = [Module.toTransferable(CODE), Memory.toTransferable(memory)];
  return (await answerFromThread({ module, memory: sent, run, args })) as number;
}

describe('a shared memory', () => {
  test('has a frozen buffer that is shared, and grows with it', () => {
    const memory = shared();
    const { buffer } = memory as unknown as { buffer: SharedArrayBuffer };
    expect([buffer instanceof SharedArrayBuffer, Object.isFrozen(buffer), buffer.byteLength]).toEqual([
      true,
      true,
      65_536,
    ]);
    const { grow, poke, size } = on(memory);
    expect([grow?.(), memory.grow(1), size?.(), poke?.()]).toEqual([1, 2, 3, 7]);
    expect(buffer.byteLength).toBe(3 * 65_536);
    expect(new Int32Array(buffer)[65_540 / 4]).toBe(7);
  });

  test('needs a maximum, and room', async () => {
    expect(() => new Memory({ initial: 1, shared: true })).toThrow(TypeError);
    const small = await createWebAssembly({ memoryLimit: 3 * 65_536 });
    const memory = new small.Memory({ initial: 1, maximum: 100, shared: true });
    expect(memory.grow(2)).toBe(1);
    expect(() => memory.grow(1)).toThrow(RangeError);
    expect(() => small.Memory.fromTransferable(Memory.toTransferable(shared()))).toThrow(RangeError);
  });

  test('is not imported for one that is not, nor the other way round', () => {
    expect(() => on(new Memory({ initial: 1, maximum: 10 }))).toThrow('a shared memory is required');
    const module = new Module(parse('(module (import "env" "memory" (memory 1 10)))'));
    expect(() => new Instance(module, { env: { memory: shared() } })).toThrow(
      'a memory that is not shared is required',
    );
  });

  test('is not cloned in silence', () => {
    expect(() => structuredClone(shared())).toThrow('Memory.toTransferable(memory)');
    expect(() => Memory.toTransferable(new Memory({ initial: 1 }))).toThrow('the memory is not shared');
    for (const parts of [null, {}, { ...Memory.toTransferable(shared()), maximum: 0 }])
      expect(() => Memory.fromTransferable(parts as never)).toThrow(TypeError);
  });
});

describe('several threads of JavaScript', () => {
  test('add to one place', async () => {
    const memory = shared();
    const results = await Promise.all([elsewhere(memory, 'add', 20_000), elsewhere(memory, 'add', 20_000)]);
    expect(Math.max(...results)).toBe(40_000);
    expect(on(memory)['add']?.(1)).toBe(40_001);
  });

  test('wait for one another: suspended here, blocked there', async () => {
    const memory = shared();
    const { wait, notify } = on(memory);
    const there = elsewhere(memory, 'wait', -1n);
    const here = promising(wait as never)(-1n);
    const cells = new Int32Array(memory.buffer);
    const woken = (async () => {
      let count = 0;
      // Both have come when the count says so, and wait very soon after.
      for (; count < 2; await new Promise((go) => setImmediate(go))) {
        if (Atomics.load(cells, 5) === 2) count += notify?.(1) as number;
      }
    })();
    await woken;
    expect(await Promise.all([there, here])).toEqual([0, 0]);
  });

  test('are noticed by looking where the runtime has nothing else', async () => {
    const { waitAsync } = Atomics as { waitAsync?: unknown };
    Object.assign(Atomics, { waitAsync: undefined });
    try {
      const memory = shared();
      const { wait } = on(memory);
      const waiting = promising(wait as never)(-1n);
      expect(await promising(wait as never)(1n)).toBe(2);
      Atomics.store(new Int32Array(memory.buffer), 4, 1);
      expect(await waiting).toBe(0);
    } finally {
      Object.assign(Atomics, { waitAsync });
    }
  });

  test('wait no longer than they say', async () => {
    const memory = shared();
    const { wait, wait64 } = on(memory);
    expect([await promising(wait as never)(1n), await promising(wait64 as never)(1n)]).toEqual([2, 2]);
    // A call that wants its result at once blocks.
    expect([wait?.(1n), wait64?.(1_000_000n)]).toEqual([2, 2]);
  });

  test('see what another has made room for', async () => {
    const memory = shared();
    const { peek, size } = on(memory);
    expect(() => peek?.(65_536)).toThrow('out of bounds');
    expect(await elsewhere(memory, 'grow')).toBe(1);
    expect([peek?.(65_536), size?.()]).toEqual([0, 2]);
    expect(() => peek?.(3 * 65_536)).toThrow('out of bounds');
  });
});

test('the time of a namespace ends waits, of calls that are suspended and of those that block', async () => {
  const limited = await createWebAssembly({ timeout: 30 });
  const memory = new limited.Memory({ initial: 1, maximum: 10, shared: true });
  const { exports } = new limited.Instance(CODE, { env: { memory } }) as unknown as { exports: Exports };
  await expect(limited.promising(exports['wait'] as never)(-1n)).rejects.toMatchObject({ code: 'CPU_TIMEOUT' });
  expect(() => exports['wait']?.(-1n)).toThrow(expect.objectContaining({ code: 'CPU_TIMEOUT' }));
});

test('guests of one thread that wait are notified in the order in which they came', async () => {
  // Its own memory, which no other thread can have.
  const { exports } = new Instance(
    new Module(
      parse(`(module (memory 1 1 shared)
        (func (export "wait") (param i32) (result i32)
          (drop (memory.atomic.wait32 (i32.const 0) (i32.const 0) (i64.const -1)))
          (local.get 0))
        (func (export "notify") (param i32) (result i32) (memory.atomic.notify (i32.const 0) (local.get 0))))`),
    ),
  ) as unknown as { exports: Exports };
  const order: unknown[] = [];
  const calls = [1, 2, 3].map(async (number) => order.push(await promising(exports['wait'] as never)(number)));
  expect([exports['notify']?.(2), exports['notify']?.(9)]).toEqual([2, 1]);
  await Promise.all(calls);
  expect(order).toEqual([1, 2, 3]);
  expect(() => exports['wait']?.(1)).toThrow('called synchronously');
});
