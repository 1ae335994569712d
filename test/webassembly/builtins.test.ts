import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parse } from '../../src/text.ts';
import ours, { createWebAssembly, type WebAssemblyNamespace } from '../../src/webassembly.ts';
import { OBJECT_BYTES, STRING_CALL } from '../../wasm/gas.ts';
import { SEED } from '../property/runner.ts';
import { STRING_CASES } from './strings.ts';
import { shown } from './values.ts';

// What V8 says of the same cases is printed by compare.ts.
it.each(STRING_CASES.map((item) => [item.name, item] as const))('%s', (_name, item) => {
  expect(shown(ours, item)).toBe(item.gives);
});

const OPTIONS = { builtins: ['js-string'], importedStringConstants: "'" };
type Exports = Record<string, (...args: unknown[]) => unknown>;

function run(W: WebAssemblyNamespace, text: string) {
  const instance = new W.Instance(new W.Module(parse(text), OPTIONS));
  const exports = instance.exports as Exports;
  return {
    exports,
    /** Units that a call costs. */
    gas(name: string, ...args: unknown[]): bigint {
      const before = W.stats(instance).gasUsed;
      exports[name]?.(...args);
      return W.stats(instance).gasUsed - before;
    },
    stats: () => W.stats(instance),
  };
}

const PLAIN = `(module
  (import "wasm:js-string" "length" (func $length (param externref) (result i32)))
  (import "wasm:js-string" "charCodeAt" (func $charCodeAt (param externref i32) (result i32)))
  (import "wasm:js-string" "codePointAt" (func $codePointAt (param externref i32) (result i32)))
  (import "wasm:js-string" "equals" (func $equals (param externref externref) (result i32)))
  (import "wasm:js-string" "compare" (func $compare (param externref externref) (result i32)))
  (import "wasm:js-string" "test" (func $test (param externref) (result i32)))
  (import "'" "constant" (global $constant externref))
  (export "again" (func $length))
  (func (export "constant") (result i32) (call $length (global.get $constant)))
  (func (export "length") (param externref) (result i32) (call $length (local.get 0)))
  (func (export "test") (param externref) (result i32) (call $test (local.get 0)))
  (func (export "sum") (param $s externref) (param $at i32) (result i32)
    (i32.add (call $charCodeAt (local.get $s) (local.get $at)) (call $codePointAt (local.get $s) (local.get $at))))
  (func (export "equals") (param externref externref) (result i32) (call $equals (local.get 0) (local.get 1)))
  (func (export "compare") (param externref externref) (result i32) (call $compare (local.get 0) (local.get 1))))`;

const CALLS: readonly (readonly [name: string, ...args: unknown[]])[] = [
  ['constant'],
  ['again', 'abcd'],
  ['again', 5],
  ['length', 'abc'],
  ['length', null],
  ['test', 'abc'],
  ['sum', 'a\u{1f600}', 1],
  ['sum', 'abc', 3],
  ['equals', 'abc', 'abc'],
  ['equals', 'abc', 'ab'],
  ['equals', 'abc', 5],
  ['compare', 'abc', 'abd'],
  ['compare', 'abc', {}],
];

it('natively they are the same, at the same gas', async () => {
  const seen = await Promise.all(
    (['interpreter', 'native'] as const).map(async (engine) => {
      const { exports, stats } = run(await createWebAssembly({ engine }), PLAIN);
      return CALLS.map(([name, ...args]) => {
        let outcome: unknown;
        try {
          outcome = exports[name]?.(...args);
        } catch (error) {
          const { code, kind } = error as { code?: string; kind?: string };
          outcome = [code, kind];
        }
        return [name, outcome, stats().gasUsed];
      });
    }),
  );
  expect(seen[1]).toEqual(seen[0]);
  expect(seen[0]?.map(([, outcome]) => outcome)).toEqual([
    8,
    4,
    ['TRAP', 'cast-failure'],
    3,
    ['TRAP', 'cast-failure'],
    1,
    0xd83d + 0x1f600,
    ['TRAP', 'string-out-of-bounds'],
    1,
    0,
    ['TRAP', 'cast-failure'],
    -1,
    ['TRAP', 'cast-failure'],
  ]);
});

const MAKING = `(module
  (type $units (array (mut i16)))
  (import "wasm:js-string" "length" (func $length (param externref) (result i32)))
  (import "wasm:js-string" "concat" (func $concat (param externref externref) (result (ref extern))))
  (import "wasm:js-string" "substring" (func $substring (param externref i32 i32) (result (ref extern))))
  (import "wasm:js-string" "fromCharCode" (func $fromCharCode (param i32) (result (ref extern))))
  (import "wasm:js-string" "fromCharCodeArray" (func $from (param (ref null $units) i32 i32) (result (ref extern))))
  (import "wasm:js-string" "intoCharCodeArray" (func $into (param externref (ref null $units) i32) (result i32)))
  (table $kept (export "kept") 1000 externref)
  (func (export "concat") (param externref externref) (result externref) (call $concat (local.get 0) (local.get 1)))
  (func (export "substring") (param externref i32 i32) (result externref)
    (call $substring (local.get 0) (local.get 1) (local.get 2)))
  (func (export "copy") (param $s externref) (result externref)
    (local $units (ref $units))
    (local.set $units (array.new_default $units (call $length (local.get $s))))
    (drop (call $into (local.get $s) (local.get $units) (i32.const 0)))
    (call $from (local.get $units) (i32.const 0) (array.len (local.get $units))))
  (func (export "double") (param $s externref) (param $times i32) (result i32)
    (loop $again
      (local.set $s (call $concat (local.get $s) (local.get $s)))
      (local.set $times (i32.sub (local.get $times) (i32.const 1)))
      (br_if $again (local.get $times)))
    (call $length (local.get $s)))
  (func (export "keep") (param $s externref) (param $count i32)
    (loop $again
      (local.set $count (i32.sub (local.get $count) (i32.const 1)))
      (table.set $kept (local.get $count) (call $concat (local.get $s) (call $fromCharCode (i32.const 65))))
      (br_if $again (local.get $count))))
  (func (export "drop") (param $s externref) (param $count i32)
    (loop $again
      (local.set $count (i32.sub (local.get $count) (i32.const 1)))
      (drop (call $concat (local.get $s) (local.get $s)))
      (br_if $again (local.get $count)))))`;

describe('strings that guests make', () => {
  it('cost as much as their code units', () => {
    const { gas } = run(ours, MAKING);
    const text = (length: number) => 'x'.repeat(length);
    for (const [name, perUnit, args] of [
      ['concat', 2n, (length: number) => [text(length), text(length)]],
      ['substring', 1n, (length: number) => [text(length), 0, -1]],
    ] as const) {
      expect(gas(name, ...args(5_000)) - gas(name, ...args(1_000)), name).toBe(4_000n * perUnit);
    }
    expect(gas('substring', text(5_000), 10, 20)).toBe(gas('substring', text(500), 10, 20));
    // An array of as many elements is made, and counted, too.
    expect(gas('copy', text(5_000)) - gas('copy', text(1_000))).toBe(4_000n * 2n + (4_000n * 2n) / 8n);
    expect(gas('concat', '', '')).toBeGreaterThan(BigInt(STRING_CALL.base));
  });

  it('end the guest where its memory is full', async () => {
    const limited = await createWebAssembly({ memoryLimit: 2 ** 20 });
    const { exports, stats } = run(limited, MAKING);
    expect(exports['double']?.('x'.repeat(16), 10)).toBe(2 ** 14);
    expect(() => exports['double']?.('xx', 60)).toThrow(/^Memory limit exceeded/);
    expect(stats().peakMemoryBytes).toBeLessThanOrEqual(2 ** 20);
    const unlimited = await createWebAssembly({ memoryLimit: 2 ** 40 });
    expect(() => run(unlimited, MAKING).exports['double']?.('x', 60)).toThrow(/^Memory limit exceeded/);
  });

  it('count as long as the guest has them', async () => {
    const limited = await createWebAssembly({ memoryLimit: 2 ** 20 });
    const { exports, stats } = run(limited, MAKING);
    const kibibyte = 'x'.repeat(512);
    exports['drop']?.(kibibyte, 10_000);
    exports['keep']?.(kibibyte, 500);
    expect(stats().memoryBytes).toBeGreaterThan(500 * (OBJECT_BYTES.string + 2 * 512));
    expect(() => exports['keep']?.(kibibyte, 1_000)).toThrow(/^Memory limit exceeded/);
    const { kept } = exports as unknown as { kept: WebAssembly.Table };
    expect(kept.get(999)).toBe(`${kibibyte}A`);
  });

  it('end the guest where its gas is used up', async () => {
    const limited = await createWebAssembly({ gasLimit: 100_000n });
    expect(() => run(limited, MAKING).exports['double']?.('x', 60)).toThrow(/^Gas limit exceeded/);
  });

  it('are strings everywhere outside of the guest', () => {
    const { exports } = run(ours, MAKING);
    expect(exports['concat']?.('a', 'b')).toBe('ab');
    const text = `(module
      (import "wasm:js-string" "fromCharCode" (func $make (param i32) (result (ref extern))))
      (import "m" "f" (func $f (param externref) (result externref)))
      (import "m" "t" (tag $t (param externref)))
      (global $g (export "g") (mut externref) (ref.null extern))
      (func (export "pass") (result externref) (call $f (call $make (i32.const 65))))
      (func (export "throw") (throw $t (call $make (i32.const 65))))
      (func (export "set") (global.set $g (call $make (i32.const 65)))))`;
    const seen: unknown[] = [];
    const f = (value: unknown) => {
      seen.push(value);
      return value;
    };
    const { exports: more } = new ours.Instance(new ours.Module(parse(text), OPTIONS), { m: { f, t: ours.JSTag } });
    const { pass, throw: raise, set, g } = more as unknown as Exports & { g: { value: unknown } };
    expect([pass?.(), seen]).toEqual(['A', ['A']]);
    set?.();
    expect(g.value).toBe('A');
    expect(raise).toThrow('A');
  });
});

it('do to any strings what JavaScript does', () => {
  const text = `(module
    (type $units (array (mut i16)))
    (import "wasm:js-string" "concat" (func $concat (param externref externref) (result (ref extern))))
    (import "wasm:js-string" "substring" (func $substring (param externref i32 i32) (result (ref extern))))
    (import "wasm:js-string" "compare" (func $compare (param externref externref) (result i32)))
    (import "wasm:js-string" "equals" (func $equals (param externref externref) (result i32)))
    (func $join (param externref externref) (result externref) (call $concat (local.get 0) (local.get 1)))
    (func (export "join") (param externref externref i32 i32) (result externref externref i32 i32) (local $s externref)
      (local.set $s (call $join (local.get 0) (local.get 1)))
      (local.get $s)
      (call $substring (local.get $s) (local.get 2) (local.get 3))
      (call $compare (local.get $s) (local.get 1))
      (call $equals (local.get $s) (call $join (local.get 0) (local.get 1)))))`;
  const { join, copy } = { ...run(ours, MAKING).exports, ...run(ours, text).exports };
  const anyText = fc.string({
    unit: fc.integer({ min: 0, max: 0xffff }).map((unit) => String.fromCharCode(unit)),
    maxLength: 40,
  });
  const anyPlace = fc.integer({ min: -2, max: 90 });
  fc.assert(
    fc.property(anyText, anyText, anyPlace, anyPlace, (one, other, from, to) => {
      const whole = one + other;
      const [start, end] = [from >>> 0, to >>> 0];
      const part = start > end ? '' : whole.slice(start, end);
      const order = whole === other ? 0 : whole < other ? -1 : 1;
      expect(join?.(one, other, from, to)).toEqual([whole, part, order, 1]);
      expect(copy?.(whole)).toBe(whole);
    }),
    { seed: SEED, numRuns: 200 },
  );
  const long = 'ab\u{1f600}'.repeat(5_000);
  expect(copy?.(long)).toBe(long);
});

describe('the options', () => {
  const bytes = parse(PLAIN);
  it.each([
    ['instantiate', async () => (await ours.instantiate(bytes, undefined, OPTIONS)).instance],
    ['compile', async () => new ours.Instance(await ours.compile(bytes, OPTIONS))],
    ['compileStreaming', async () => new ours.Instance(await ours.compileStreaming(response(), OPTIONS))],
    ['instantiateStreaming', async () => (await ours.instantiateStreaming(response(), {}, OPTIONS)).instance],
    [
      'fromTransferable',
      async () => {
        const sent = ours.Module.toTransferable(new ours.Module(bytes, OPTIONS));
        return new ours.Instance(ours.Module.fromTransferable(sent, OPTIONS));
      },
    ],
  ])('are taken by %s', async (_, make) => {
    const { exports } = await make();
    expect((exports as Exports)['length']?.('abc')).toBe(3);
  });

  const response = () => new Response(bytes.slice(), { headers: { 'content-type': 'application/wasm' } });
});
