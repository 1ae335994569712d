/** Exceptions as they were before release 3.0: `try`, `catch`, `catch_all`, `delegate`, `rethrow`. */

import { describe, expect, it } from 'vitest';
import { parse } from '../../src/text.ts';
import ours, { createWebAssembly } from '../../src/webassembly.ts';
import { decode } from '../../wasm/decode.ts';
import { GasExhausted, Trap, UncaughtException } from '../../wasm/errors.ts';
import { CLASS_COST, CLAUSES_PER_UNIT } from '../../wasm/gas.ts';
import { frameWeight } from '../../wasm/plan.ts';
import { nativeFeatures } from '../spec/probes.ts';
import { failureOf, instantiate, MiB, prepare } from './engine.ts';

/** A module of some tags, functions that throw them, and what is tried. */
const moduleOf = (fields: string) =>
  parse(`(module
    (tag $none (export "none")) (tag $i32 (export "i32") (param i32)) (tag $two (param i64 f64)) (tag $wide (param v128 externref))
    (func $throw-none (throw $none)) (func $throw-i32 (param i32) (throw $i32 (local.get 0)))
    ${fields})`);

const run = (fields: string, ...args: readonly number[]) => instantiate(moduleOf(fields)).call('run', args);

describe('an arm', () => {
  it('has the values of its tag, above what it may not touch', () => {
    const body = `(func (export "run") (param i32) (result i64 f64 i32)
      (i32.const 5)
      (try (param i32) (result i64 f64)
        (do (drop) (throw $two (i64.const 7) (f64.const 2.5)))
        (catch $i32 (drop) (i64.const 0) (f64.const 0))
        (catch $two (f64.add (f64.const 1))))
      (local.get 0))`;
    expect(run(body, 3)).toEqual([7n, 3.5, 3]);
  });

  it('leaves the operands below its `try` as they were', () => {
    const body = `(func (export "run") (param i32) (result i32)
      (local.get 0) (i32.const 100)
      (try (result i32) (do (local.set 0 (i32.const 9)) (throw $i32 (i32.const 20))) (catch $i32 (local.get 0) (i32.add)))
      (i32.add) (i32.add))`;
    expect(run(body, 3)).toEqual([3 + 100 + 29]);
  });

  it('gives several results, wide ones and references among them', () => {
    const body = `(func (export "run") (param externref) (result i64 externref i32) (local $v v128)
      (try (result i32 v128 externref i32)
        (do (throw $wide (v128.const i64x2 4 5) (local.get 0)))
        (catch $wide (local.set 0) (drop)
          (i32.const 1) (v128.const i64x2 6 7) (local.get 0) (i32.const 2)))
      (drop) (local.set 0) (local.set $v) (drop)
      (i64x2.extract_lane 1 (local.get $v)) (local.get 0) (i32.const 2))`;
    expect(instantiate(moduleOf(body)).call('run', ['a text'])).toEqual([7n, 'a text', 2]);
  });

  it.each([
    ['br', '(br $out (i32.const 1) (i32.const 2))'],
    [
      'br_if',
      '(i32.const 1) (i32.const 2) (br_if $out (i32.const 1)) (drop) (drop) (br $out (i32.const 8) (i32.const 9))',
    ],
    ['br_table', '(i32.const 1) (i32.const 2) (br_table $out $try $out (i32.const 2))'],
    ['return', '(return (i32.const 1) (i32.const 2))'],
    ['its end', '(i32.const 1) (i32.const 2)'],
    ['a loop', '(loop $l (result i32 i32) (i32.const 1) (i32.const 2) (br_if $l (i32.const 0)))'],
    ['return_call', '(return_call $pair (i32.const 1) (i32.const 2))'],
  ])('is left by %s', (_, leave) => {
    const body = `(func $pair (param i32 i32) (result i32 i32) (local.get 0) (local.get 1))
      (func (export "run") (result i32 i32)
        (block $out (result i32 i32)
          (i32.const 77)
          (try $try (result i32 i32) (do (call $throw-none) (unreachable)) (catch $none (i32.const 5) (drop) ${leave}))
          (br $out)))`;
    expect(run(body)).toEqual([1, 2]);
  });

  it('is chosen by the first that has the tag, and one behind another for it never', () => {
    const body = (tag: string) => `(func (export "run") (result i32)
      (try (result i32)
        (do (throw $${tag} ${tag === 'i32' ? '(i32.const 1)' : ''}))
        (catch $none (i32.const 10)) (catch $none (i32.const 11)) (catch $i32) (catch $i32 (drop) (i32.const 12))
        (catch_all (i32.const 13))))`;
    expect(run(body('none'))).toEqual([10]);
    expect(run(body('i32'))).toEqual([1]);
  });

  it('is not guarded by its own `try`', () => {
    const body = `(func (export "run") (result i32)
      (try (result i32)
        (do (try (result i32) (do (call $throw-none) (i32.const 0)) (catch $none (call $throw-i32 (i32.const 4)) (i32.const 1)) (catch_all (i32.const 2))))
        (catch $i32)))`;
    expect(run(body)).toEqual([4]);
  });

  it('does not catch traps, nor what ends the guest', async () => {
    const catching = (body: string) => `(func $r (export "run") (try (do ${body}) (catch_all)))`;
    expect(failureOf(() => run(catching('(unreachable)')))).toBeInstanceOf(Trap);
    const gas = instantiate(moduleOf(catching('(loop (br 0))')), { gas: 10_000n });
    expect(failureOf(() => gas.call('run', []))).toBeInstanceOf(GasExhausted);
    expect(() => instantiate(moduleOf(catching('(call $r)'))).call('run', [])).toThrow(/stack/i);
  });
});

describe('rethrow', () => {
  it('throws the same exception, out of whatever stands around in the arm', () => {
    const body = `(func (export "run") (param i32) (result i32)
      (try (result i32)
        (do
          (try $t
            (do (call $throw-i32 (local.get 0)))
            (catch $i32 (drop)
              (loop (block (if (i32.const 1) (then (try (do (call $throw-none)) (catch $none (rethrow $t)))))))))
          (i32.const -1))
        (catch $i32)))`;
    expect(run(body, 42)).toEqual([42]);
  });

  it('comes out as it went in: the embedder’s own exception', async () => {
    const bytes = parse(`(module (import "m" "f" (func $f))
      (func (export "run") (try (do (try (do (call $f)) (catch_all (rethrow 0)))) (catch_all (rethrow 0)))))`);
    const exception = new ours.Exception(new ours.Tag({ parameters: [] }), []);
    const instance = new ours.Instance(new ours.Module(bytes as BufferSource), {
      m: {
        f() {
          throw exception;
        },
      },
    });
    expect(failureOf(instance.exports['run'] as () => void)).toBe(exception);
  });

  it('is what nobody catches, with its place', () => {
    const failure = failureOf(() => run('(func (export "run") (try (do (call $throw-none)) (catch_all (rethrow 0))))'));
    expect(failure).toBeInstanceOf(UncaughtException);
    expect((failure as UncaughtException).functionIndex).toBe(2);
  });

  it('again and again costs the same each time, and runs out of gas', async () => {
    const counts = [];
    for (let i = 0; i < 2; i++) {
      const limited = await createWebAssembly({ gasLimit: 50_000, memoryLimit: MiB });
      const bytes = moduleOf(
        '(func (export "run") (loop $l (try (do (try (do (throw $none)) (catch_all (rethrow 0)))) (catch $none)) (br $l)))',
      );
      const instance = new limited.Instance(new limited.Module(bytes as BufferSource));
      expect(failureOf(instance.exports['run'] as () => void)).toBeInstanceOf(GasExhausted);
      counts.push(limited.stats(instance).gasUsed);
    }
    expect(counts[0]).toBe(counts[1]);
    expect(counts[0]).toBeLessThan(50_300n);
  });
});

describe('delegate', () => {
  it.each([
    ['an outer `try`', '$outer', 3],
    ['a block around it, and so what is around that', '$block', 2],
    ['a loop', '$loop', 2],
    ['the `try` around', '$inner', 1],
  ])('hands on to %s', (_, label, expected) => {
    const body = `(func (export "run") (result i32)
      (try $outer (result i32)
        (do (try $middle (result i32)
          (do (loop $loop (result i32) (block $block (result i32)
            (try $inner (result i32) (do (try (result i32) (do (call $throw-none) (i32.const 0)) (delegate ${label}))) (catch $none (i32.const 1))))))
          (catch $none (i32.const 2))))
        (catch $none (i32.const 3))))`;
    expect(run(body)).toEqual([expected]);
  });

  it('to the function hands on to its caller', () => {
    const body = `(func $f (result i32) (try (result i32) (do (try (result i32) (do (call $throw-none) (i32.const 1)) (delegate 1))) (catch_all (i32.const 2))))
      (func (export "run") (result i32) (try (result i32) (do (call $f)) (catch $none (i32.const 3))))`;
    expect(run(body)).toEqual([3]);
  });

  it('to a `try` without arms, to one that delegates, and to one that has caught, goes on from there', () => {
    const through = (around: (inner: string) => string) => `(func (export "run") (result i32)
      (try (result i32)
        (do ${around('(try (do (call $throw-none)) (delegate 0))')} (i32.const 0))
        (catch $none (i32.const 1))))`;
    expect(run(through((inner) => `(try (do ${inner}))`))).toEqual([1]);
    expect(run(through((inner) => `(try (do ${inner}) (delegate 0))`))).toEqual([1]);
    expect(run(through((inner) => `(try (do (try (do ${inner}) (delegate 1))) (catch_all (unreachable)))`))).toEqual([
      1,
    ]);
    expect(run(through((inner) => `(try (do (call $throw-i32 (i32.const 0))) (catch $i32 (drop) ${inner}))`))).toEqual([
      1,
    ]);
  });
});

describe('beside try_table', () => {
  it('either catches what the other throws, and throws it again', () => {
    const body = `(func (export "run") (result i32)
      (block $caught (result i32)
        (try_table (catch $i32 $caught)
          (try (do (call $again)) (catch_all (rethrow 0))))
        (i32.const -1)))
      (func $again
        (block $ref (result exnref)
          (try_table (catch_all_ref $ref) (try (do (call $throw-i32 (i32.const 6))) (catch $i32 (drop) (rethrow 0))))
          (unreachable))
        (throw_ref))`;
    expect(run(body)).toEqual([6]);
  });

  it('a delegate to its label is tried by its clauses', () => {
    const body = `(func (export "run") (result i32)
      (block $caught
        (try_table $table (catch $none $caught)
          (try (do (try (do (call $throw-none)) (delegate $table))) (catch_all (unreachable))))
        (return (i32.const 0)))
      (i32.const 1))`;
    expect(run(body)).toEqual([1]);
  });

  it('costs what that costs', () => {
    const clauses = 5;
    const legacy = `(func (export "run") (try (do) ${'(catch $none) '.repeat(clauses)}))`;
    const table = `(func (export "run") (block $b (try_table ${'(catch $none $b) '.repeat(clauses)})))`;
    const gasOf = (body: string) => {
      const instance = prepare(moduleOf(body));
      const before = instance.figures().gasUsed;
      instance.call('run', []);
      return instance.figures().gasUsed - before;
    };
    expect(gasOf(legacy)).toBe(gasOf(table));
    const none = gasOf('(func (export "run") (try (do)))');
    expect(gasOf(legacy) - none).toBe(BigInt(Math.ceil(clauses / CLAUSES_PER_UNIT)));
    expect(gasOf('(func (export "run") (try (do) (delegate 0)))')).toBe(none);
    const caught = gasOf('(func (export "run") (try (do (throw $none)) (catch $none)))');
    const again = gasOf(
      '(func (export "run") (try (do (try (do (throw $none)) (catch $none (rethrow 0)))) (catch $none)))',
    );
    // One for the clause, and one as there are four bytes of code before that throw, not two.
    expect(again - caught).toBe(BigInt(CLASS_COST.throw + 1 + 1));
  });
});

it.each([
  ['count for nothing where nothing can refer to one', '', 0],
  ['count where a module can', '(func (local exnref))', 160],
  ['count where they have many values', '(tag $five (param i32 i32 i32 i32 i32))', 96 + 5 * 64],
])('exceptions %s', (_, fields, bytes) => {
  const isLarge = fields.includes('$five');
  const thrown = isLarge ? `${'(i32.const 0) '.repeat(5)}(throw $five)` : '(throw $i32 (i32.const 1))';
  const body = `${fields} (func (export "run") (param i32) (result i32)
    (loop $again (try (do ${thrown}) (catch_all))
      (br_if $again (i32.ge_s (local.tee 0 (i32.sub (local.get 0) (i32.const 1))) (i32.const 0))))
    (local.get 0))`;
  const instance = prepare(moduleOf(body), { memoryBytes: 100 * 160 });
  instance.call('run', [9]);
  expect(instance.figures().peakMemoryBytes).toBe(10 * bytes);
  instance.call('run', [10_000]);
  expect(instance.figures().memoryBytes).toBeLessThanOrEqual(100 * 160);
});

it('what an arm has caught counts in its frame', () => {
  const weightOf = (body: string) => {
    const module = decode(moduleOf(body));
    return frameWeight({ params: [], results: [] }, module.bodies.at(2));
  };
  const nest = (depth: number): string => (depth === 0 ? '' : `(try (do) (catch_all ${nest(depth - 1)}))`);
  const flat = weightOf('(func)');
  expect([1, 2, 9].map((depth) => weightOf(`(func ${nest(depth)})`) - flat)).toEqual([8, 16, 72]);
  // Behind the arms there is nothing left of it.
  expect(weightOf(`(func ${nest(1)} ${nest(1)})`) - flat).toBe(8);
});

describe('very many of them', () => {
  const DEPTH = 1_000;

  it('inside one another catch in the innermost that fits', () => {
    const nested = (end: string) =>
      `(func (export "run") (result i32)
        try $outer (result i32)
        ${'try '.repeat(DEPTH)} call $throw-none ${`${end} `.repeat(DEPTH)}
        i32.const 0 catch $none i32.const 1 end)`;
    expect(run(nested('catch $i32 drop end'))).toEqual([1]);
    expect(run(nested('delegate $outer'))).toEqual([1]);
    expect(run(nested('delegate 0'))).toEqual([1]);
    expect(run(nested('end'))).toEqual([1]);
  });

  it('caught one in the arm of another are all there', () => {
    const body = `(func (export "run") (param i32) (result i32)
      try $outer (result i32)
      ${Array.from({ length: DEPTH }, (_, i) => `try i32.const ${i} call $throw-i32 catch $i32 drop`).join(' ')}
      rethrow ${DEPTH - 1} ${'end '.repeat(DEPTH)}
      i32.const -1 catch $i32 end)`;
    expect(run(body, 0)).toEqual([0]);
    expect(run(body.replace(`rethrow ${DEPTH - 1} `, 'rethrow 0 '), 0)).toEqual([DEPTH - 1]);
  });

  it('in one function catch in the right one', () => {
    const body = `(func (export "run") (param i32) (result i32)
      ${Array.from(
        { length: DEPTH },
        (_, i) =>
          `(if (i32.eq (local.get 0) (i32.const ${i})) (then (try (do (call $throw-i32 (local.get 0))) (catch $none) (catch $i32 (return (i32.add (i32.const ${i})))))))`,
      ).join('\n')}
      (i32.const -1))`;
    const instance = instantiate(moduleOf(body));
    for (const i of [0, 1, 500, DEPTH - 1]) expect(instance.call('run', [i])).toEqual([2 * i]);
    expect(instance.call('run', [DEPTH])).toEqual([-1]);
  });
});

it.skipIf(!nativeFeatures.includes('legacy-exceptions'))('the host’s engine agrees about the examples', () => {
  const body = `(func (export "run") (param i32) (result i32)
    (try $t (result i32)
      (do (try (result i32) (do (call $throw-i32 (local.get 0)) (i32.const 0)) (delegate $t)))
      (catch $i32 (if (result i32) (i32.gt_s (i32.const 3)) (then (i32.const 1)) (else (rethrow $t))))))`;
  const bytes = moduleOf(body) as BufferSource;
  const { exports } = new WebAssembly.Instance(new WebAssembly.Module(bytes));
  const native = exports['run'] as (value: number) => number;
  const own = new ours.Instance(new ours.Module(bytes)).exports['run'] as (value: number) => number;
  expect(own(4)).toBe(native(4));
  expect(failureOf(() => native(1))).toBeInstanceOf(WebAssembly.Exception);
  expect(failureOf(() => own(1))).toBeInstanceOf(ours.Exception);
});
