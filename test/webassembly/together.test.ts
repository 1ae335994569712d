/** Limits that hold for all instances of a namespace together. */

import { describe, expect, test } from 'vitest';
import { parse } from '../../src/text.ts';
import { createWebAssembly, type WebAssemblyNamespace, type WebAssemblyOptions } from '../../src/webassembly.ts';

const ENGINES = ['interpreter', 'native'] as const;
const PAGE = 65_536;

const COUNTING = parse(`(module
  (func (export "spin") (param i32)
    (loop (br_if 0 (local.tee 0 (i32.sub (local.get 0) (i32.const 1)))))))`);
const GROWING = parse(`(module
  (memory (export "memory") 1)
  (func (export "grow") (param i32) (result i32) (memory.grow (local.get 0))))`);

type Exports = Record<string, (...args: unknown[]) => unknown>;

describe.each(ENGINES)('on %s', (engine) => {
  const make = (options: WebAssemblyOptions = {}) => createWebAssembly({ engine, ...options });
  const instance = ({ Module, Instance }: WebAssemblyNamespace, bytes: Uint8Array<ArrayBuffer>) =>
    new Instance(new Module(bytes)).exports as Exports;

  test('fifty memories of a little less than the limit fail at the second one', async () => {
    const { Memory } = await make({ memoryLimit: 4 * 2 ** 20 });
    const memories: object[] = [];
    const fill = () => {
      for (let i = 0; i < 50; i++) memories.push(new Memory({ initial: 60 }));
    };
    expect(fill).toThrow(RangeError);
    expect(memories).toHaveLength(1);
  });

  test('memories and tables of the embedder and of all instances', async () => {
    const W = await make({ memoryLimit: 8 * PAGE });
    const memory = new W.Memory({ initial: 2 });
    const one = instance(W, GROWING);
    const other = instance(W, GROWING);
    expect(one['grow']?.(3)).toBe(1);
    expect(other['grow']?.(2)).toBe(-1);
    expect(() => memory.grow(2)).toThrow(RangeError);
    expect(memory.grow(1)).toBe(2);
    expect(() => new W.Table({ element: 'externref', initial: 1 })).toThrow(RangeError);
    expect(W.stats()).toMatchObject({ memoryBytes: 8 * PAGE, growthRefused: true, memoryLimit: 8 * PAGE });
  });

  test('gas', async () => {
    const W = await make({ gasLimit: 10_000 });
    const one = instance(W, COUNTING);
    const other = instance(W, COUNTING);
    one['spin']?.(100);
    const { gasUsed } = W.stats();
    other['spin']?.(100);
    expect(W.stats().gasUsed).toBeGreaterThan(gasUsed);
    expect(() => other['spin']?.(10_000)).toThrow(/Gas limit exceeded/);
    expect(() => one['spin']?.(1)).toThrow(/Gas limit exceeded/);
    expect(() => instance(W, COUNTING)).toThrow(/Gas limit exceeded/);
    expect(W.stats().gasUsed).toBeGreaterThanOrEqual(10_000n);
  });

  test('instances', async () => {
    const W = await make({ instanceLimit: 3 });
    for (let i = 0; i < 3; i++) instance(W, COUNTING);
    expect(() => instance(W, COUNTING)).toThrow(/instanceLimit/);
    expect(() => instance(W, COUNTING)).toThrow(RangeError);
  });

  test('each by itself, where that is asked for', async () => {
    const W = await make({ memoryLimit: 2 * PAGE, gasLimit: 10_000, perInstance: true });
    for (let i = 0; i < 5; i++) {
      expect(new W.Memory({ initial: 2 })).toBeDefined();
      const one = instance(W, GROWING);
      expect(one['grow']?.(1)).toBe(1);
      instance(W, COUNTING)['spin']?.(50);
    }
    expect(() => W.stats()).toThrow(TypeError);
    await expect(make({ perInstance: 1 as never })).rejects.toMatchObject({ code: 'USAGE' });
    await expect(make({ instanceLimit: 0 })).rejects.toMatchObject({ code: 'USAGE' });
  });
});

test('figures are the same on both engines, and a trap is named as where it was', async () => {
  const table = parse(`(module (table (export "table") 2 funcref)
    (func (export "at") (param i32) (call_indirect (local.get 0))))`);
  const stories = await Promise.all(
    ENGINES.map(async (engine) => {
      const W = await createWebAssembly({ engine, gasLimit: 100_000 });
      const { table: shared, at } = new W.Instance(new W.Module(table)).exports as {
        table: object;
        at: (n: number) => void;
      };
      const user = parse(`(module (import "a" "table" (table 2 funcref)) (import "a" "at" (func $at (param i32)))
        (func (export "run") (param i32) (call $at (local.get 0)))
        (func $trap unreachable) (elem (i32.const 1) $trap))`);
      const { run } = new W.Instance(new W.Module(user), { a: { table: shared, at } }).exports as {
        run: (n: number) => void;
      };
      const said = [0, 1, 2].map((n) => {
        try {
          run(n);
          return 'nothing';
        } catch (error) {
          return (error as { kind?: string }).kind;
        }
      });
      return { said, gas: W.stats().gasUsed, memory: W.stats().memoryBytes };
    }),
  );
  expect(stories[0]).toEqual(stories[1]);
  expect(stories[0]?.said).toEqual(['uninitialized-element', 'unreachable', 'undefined-element']);
});
