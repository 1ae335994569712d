/** Threads on the native engine: the same results, traps and gas as on the interpreter, and memories that workers share. */

import { describe, expect, test } from 'vitest';
import { WasmSandbox } from '../../src/index.ts';
import { parse } from '../../src/text.ts';
import { createWebAssembly } from '../../src/webassembly.ts';
import { nativeFeatures } from '../spec/probes.ts';
import { answerFromThread } from './elsewhere.ts';

type Exports = Record<string, (...args: unknown[]) => unknown>;

const SHARING = parse(`(module
  (import "env" "memory" (memory 1 10 shared))
  (func (export "add") (param $times i32) (result i32)
    (loop $again
      (drop (i32.atomic.rmw.add (i32.const 8) (i32.const 1)))
      (br_if $again (local.tee $times (i32.sub (local.get $times) (i32.const 1)))))
    (i32.atomic.load (i32.const 8)))
  (func (export "wait") (param $timeout i64) (result i32)
    (i32.atomic.store (i32.const 20) (i32.const 1))
    (memory.atomic.wait32 offset=8 (i32.const 8) (i32.const 0) (local.get $timeout)))
  (func (export "wait64") (param $expected i64) (param $timeout i64) (result i32)
    (memory.atomic.wait64 (i32.const 32) (local.get $expected) (local.get $timeout)))
  (func (export "notify") (param $count i32) (result i32) (memory.atomic.notify (i32.const 16) (local.get $count)))
  (func (export "grow") (param $pages i32) (result i32) (memory.grow (local.get $pages)))
  (func (export "peek") (param $at i32) (result i32) (i32.load8_u offset=4 (local.get $at))))`);

/** What runs of a module without imports give on an engine, with what each costs. */
async function observed(
  source: Uint8Array,
  calls: readonly [string, ...(number | bigint)[]][],
  engine: 'interpreter' | 'native',
) {
  using sandbox = await WasmSandbox.create({ source, engine });
  const seen: unknown[] = [sandbox.getResourceStats().gasUsed];
  for (const [name, ...args] of calls) {
    const outcome = await sandbox
      .call(name, args)
      .catch((error) => `${error.code} ${error.kind}: ${error.message}`.replace(/ \(function .*\)/, ''));
    seen.push(outcome, sandbox.getResourceStats().gasUsed);
  }
  return seen;
}

describe.skipIf(!nativeFeatures.includes('threads'))('threads, natively', () => {
  test.each([
    ['shared', '(memory 1 2 shared)'],
    ['not shared', '(memory 1 2)'],
  ])('a guest with a memory that is %s', async (_, memory) => {
    const source = parse(`(module ${memory}
      (func (export "wait") (param i32 i32 i64) (result i32)
        (memory.atomic.wait32 offset=4 (local.get 0) (local.get 1) (local.get 2)))
      (func (export "wait64") (param i32 i64 i64) (result i32)
        (memory.atomic.wait64 offset=0x80000004 (local.get 0) (local.get 1) (local.get 2)))
      (func (export "notify") (param i32) (result i32) (memory.atomic.notify (local.get 0) (i32.const -1)))
      (func (export "add") (param i32) (result i64) (i64.atomic.rmw32.add_u (local.get 0) (i64.const -1)) (atomic.fence))
      (func (export "swap") (param i32) (result i32) (i32.atomic.rmw16.cmpxchg_u (local.get 0) (i32.const 0xffff) (i32.const 5)))
      (func (export "grow") (result i32) (memory.grow (i32.const 1))))`);
    const calls: [string, ...(number | bigint)[]][] = [
      ['wait', 0, 1, -1n],
      ['wait', 0, 0, 1_000_000_000n],
      ['wait', 0, 0, -1n],
      ['wait', 1, 0, 0n],
      ['wait', 65_532, 0, 0n],
      ['wait', -8, 0, 0n],
      ['wait64', 0, 0n, 0n],
      ['wait64', 0x7ffffffc, 0n, 0n],
      ['notify', 0],
      ['notify', 2],
      ['notify', 65_536],
      ['add', 0],
      ['swap', 0],
      ['swap', 0],
      ['swap', 1],
      ['add', 65_534],
      ['grow'],
      ['grow'],
      ['add', 65_536],
    ];
    expect(await observed(source, calls, 'native')).toEqual(await observed(source, calls, 'interpreter'));
  });

  test('a limit on gas ends it at the same place', async () => {
    const source = parse(`(module (memory 1 1 shared)
      (func (export "run") (loop
        (drop (memory.atomic.wait32 (i32.const 0) (i32.const 1) (i64.const 0)))
        (drop (i32.atomic.rmw.add (i32.const 4) (i32.const 1))) (br 0))))`);
    const used = async (engine: 'interpreter' | 'native') => {
      using sandbox = await WasmSandbox.create({ source, engine, gasLimit: 10_000 });
      await expect(sandbox.call('run')).rejects.toMatchObject({ code: 'GAS_EXHAUSTED' });
      return sandbox.getResourceStats().gasUsed;
    };
    expect(await used('native')).toBe(await used('interpreter'));
  });
});

describe.skipIf(!nativeFeatures.includes('threads')).each(['native', 'auto'] as const)(
  'shared memories, %s',
  async (engine) => {
    const namespace = await createWebAssembly({ engine });
    const { Module, Memory, Instance, stats } = namespace;
    const CODE = new Module(SHARING);
    const shared = (maximum = 10) => new Memory({ initial: 1, maximum, shared: true });
    const on = (memory: object) => new Instance(CODE, { env: { memory } }).exports as unknown as Exports;

    async function elsewhere(memory: InstanceType<typeof Memory>, run: string, ...args: (number | bigint)[]) {
      const [module, sent] = [Module.toTransferable(CODE), Memory.toTransferable(memory)];
      return (await answerFromThread({ module, memory: sent, run, args, engine })) as number;
    }

    test('run natively', () => {
      const instance = new Instance(CODE, { env: { memory: shared() } });
      if (engine === 'auto') expect(stats(instance)).toMatchObject({ engine: 'native' });
    });

    test('have a buffer that is shared, and another one when they have grown', () => {
      const memory = shared();
      const { buffer } = memory as unknown as { buffer: SharedArrayBuffer };
      expect([buffer instanceof SharedArrayBuffer, buffer.byteLength]).toEqual([true, 65_536]);
      const { grow } = on(memory);
      expect([grow?.(1), memory.grow(1), memory.buffer.byteLength]).toEqual([1, 2, 3 * 65_536]);
      expect([grow?.(100), grow?.(0)]).toEqual([-1, 3]);
    });

    test('grow as far as the limits of the namespace let them', async () => {
      const small = await createWebAssembly({ engine, memoryLimit: 3 * 65_536 });
      expect(() => new small.Memory({ initial: 1, shared: true })).toThrow(TypeError);
      const memory = new small.Memory({ initial: 1, maximum: 10, shared: true });
      const { exports } = new small.Instance(new small.Module(SHARING), { env: { memory } }) as unknown as {
        exports: Exports;
      };
      expect([exports['grow']?.(2), exports['grow']?.(1)]).toEqual([1, -1]);
      expect(() => memory.grow(1)).toThrow(RangeError);
      expect(() => small.Memory.fromTransferable(Memory.toTransferable(shared()))).toThrow(RangeError);
    });

    test('are not imported for those that are not, nor the other way round', () => {
      expect(() => on(new Memory({ initial: 1, maximum: 10 }))).toThrow('a shared memory is required');
      const module = new Module(parse('(module (import "env" "memory" (memory 1 10)))'));
      expect(() => new Instance(module, { env: { memory: shared() } })).toThrow(
        'a memory that is not shared is required',
      );
    });

    test('are not cloned in silence, and made of nothing else', async () => {
      expect(() => structuredClone(shared())).toThrow('Memory.toTransferable(memory)');
      expect(() => Memory.toTransferable(new Memory({ initial: 1 }))).toThrow('the memory is not shared');
      const parts = Memory.toTransferable(shared());
      for (const wrong of [
        null,
        {},
        { ...parts, maximum: 0 },
        { ...parts, memory: new WebAssembly.Memory({ initial: 1 }) },
      ])
        expect(() => Memory.fromTransferable(wrong as never)).toThrow(TypeError);
      const { Memory: Other } = await createWebAssembly();
      expect(() => Other.fromTransferable(parts)).toThrow("the engine 'native' or 'auto'");
    });

    test('are added to by several threads', async () => {
      const memory = shared();
      const results = await Promise.all([elsewhere(memory, 'add', 20_000), elsewhere(memory, 'add', 20_000)]);
      expect(Math.max(...results)).toBe(40_000);
      expect(on(memory)['add']?.(1)).toBe(40_001);
    });

    test('wake a thread that waits, and count it', async () => {
      const memory = shared();
      const { notify } = on(memory);
      const there = elsewhere(memory, 'wait', -1n);
      const cells = new Int32Array(memory.buffer);
      let count = 0;
      let hasFailed = false;
      there.catch(() => {
        hasFailed = true;
      });
      // It has come when the cell says so, and waits very soon after.
      for (; count < 1 && !hasFailed; await new Promise((go) => setImmediate(go))) {
        if (Atomics.load(cells, 5) === 1) count += notify?.(9) as number;
      }
      expect([count, await there]).toEqual([1, 0]);
    });

    test('wait no longer than they say', () => {
      const memory = shared();
      const { wait, wait64 } = on(memory);
      expect(memory.buffer.byteLength).toBe(65_536);
      expect([wait?.(1n), wait64?.(0n, 1_000_000n), wait64?.(1n, -1n)]).toEqual([2, 2, 1]);
    });

    test('make room that other threads see', async () => {
      const memory = shared();
      const { peek } = on(memory);
      expect(() => peek?.(65_536)).toThrow('out of bounds');
      expect(await elsewhere(memory, 'grow', 1)).toBe(1);
      expect(peek?.(65_536)).toBe(0);
      expect(() => peek?.(3 * 65_536)).toThrow('out of bounds');
    });

    test('end waits with the time of the namespace, and where nobody could notify', async () => {
      const limited = await createWebAssembly({ engine, timeout: 30 });
      const memory = new limited.Memory({ initial: 1, maximum: 10, shared: true });
      const { exports } = new limited.Instance(new limited.Module(SHARING), { env: { memory } }) as unknown as {
        exports: Exports;
      };
      expect(() => exports['wait']?.(-1n)).toThrow('called synchronously');
      expect(memory.buffer.byteLength).toBe(65_536);
      expect(() => exports['wait']?.(-1n)).toThrow(expect.objectContaining({ code: 'CPU_TIMEOUT' }));
      expect(exports['notify']?.(1)).toBe(0);
    });
  },
);

test('a memory of `auto` is shared by instances on either engine', async () => {
  const { Module, Memory, Instance, stats, promising } = await createWebAssembly({ engine: 'auto' });
  const memory = new Memory({ initial: 1, maximum: 10, shared: true });
  const native = new Instance(new Module(SHARING), { env: { memory } });
  const interpreted = new Instance(
    new Module(
      parse(`(module (import "env" "memory" (memory 1 10 shared)) (type (struct))
        (func (export "wait") (result i32) (memory.atomic.wait32 (i32.const 16) (i32.const 0) (i64.const -1)))
        (func (export "peek") (result i32) (i32.load8_u (i32.const 65536)))
        (func (export "grow") (result i32) (memory.grow (i32.const 1))))`),
    ),
    { env: { memory } },
  );
  expect([stats(native).engine, stats(interpreted).engine]).toEqual(['native', 'interpreter']);
  const [ours, theirs] = [native.exports, interpreted.exports] as unknown as [Exports, Exports];
  const waiting = promising(theirs['wait'] as never)();
  expect(ours['notify']?.(5)).toBe(1);
  expect(await waiting).toBe(0);
  expect(() => theirs['peek']?.()).toThrow('out of bounds');
  expect([ours['grow']?.(1), theirs['peek']?.(), theirs['grow']?.(), ours['grow']?.(0)]).toEqual([1, 0, 2, 3]);
});
