/** What modules look like as text, and that the text is the same module again. */

import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { loadFixture, manifest } from '../../fixtures/load.node.ts';
import { WasmSandbox } from '../../src/sync.ts';
import { parse, print, wat } from '../../src/text.ts';
import { CompileError, Trap, UsageError } from '../../wasm/errors.ts';
import { programs } from './programs.ts';

const EXAMPLE = parse(`
  (module $example
    (import "host" "log" (func $log (param i32)))
    (memory 1)
    (global $count (mut i64) (i64.const 0))
    (func $add (export "add") (param $a i32) (param $b i32) (result i32)
      (local $sum i32) (local i64 i64)
      (local.set $sum (i32.add (local.get $a) (local.get $b)))
      (block $done
        (br_if $done (i32.eqz (local.get $sum)))
        (@metadata.code.branch_hint "\\00")
        (if (local.get $a) (then (call $log (i32.load offset=4 (local.get $b)))) (else (unreachable))))
      (loop (br 0))
      (local.get $sum))
    (data $greeting (i32.const 8) "h\\c3\\a9llo\\00")
    (@custom "note" (after last) "1"))`);

describe('the same module', () => {
  test('folded', () => {
    expect(print(EXAMPLE)).toMatchSnapshot();
    expect(parse(print(EXAMPLE))).toEqual(EXAMPLE);
  });

  test('each instruction on a line, with offsets', () => {
    const text = print(EXAMPLE, { folded: false, offsets: true });
    expect(text).toMatchSnapshot();
    expect(parse(text)).toEqual(EXAMPLE);
  });

  test('one function', () => {
    const text = print(EXAMPLE, { function: 'add' });
    expect(text).toMatchSnapshot();
    expect([print(EXAMPLE, { function: 1 }), print(EXAMPLE, { function: '$add' })]).toEqual([text, text]);
    expect(() => print(EXAMPLE, { function: 'none' })).toThrow('the module has no function "none"');
    expect(() => print(EXAMPLE, { function: 0 })).toThrow('function 0 is imported: it has no code here');
  });
});

test.each([
  ['duplicate names', '(func $f) (func (@name "f")) (func (@name "f"))'],
  ['a name that is no identifier', '(func $" a\\n\\"\\u{202e}") (func (@name ""))'],
  ['names like those that are made up', '(func (@name "f1")) (func) (func (@name "f2")) (func $f0)'],
  ['a name longer than anybody reads', `(func (@name "${'x'.repeat(1_000)}"))`],
  ['labels', '(func (block $a (block $a (br $a) (br 1))) (block $b) (loop $L3 (br $L3)))'],
  ['fields', '(type (struct (field $a i8) (field (mut i32)) (field (@name "a") i64)))'],
  ['locals', '(func (param $a i32) (param i32) (local $b i64) (local (@name "a") i32))'],
  ['everything else', '(module (@name "m") (type $t (func)) (table $t 1 funcref) (tag $t) (elem $t func) (data $t))'],
  [
    'custom sections at their places',
    '(@custom "a" (before first)) (@custom "b" (after func) "x") (func) (@custom "c")',
  ],
  [
    'NaN and other numbers',
    '(func f32.const -nan:0x1 f64.const nan f64.const -0 f32.const 1e-45 i64.const -9223372036854775808 unreachable)',
  ],
  [
    'large numbers',
    '(memory i64 1 281474976710656) (table i64 0 18446744073709551615 funcref) (func i64.const 0 i32.load offset=18446744073709551615 align=1 drop)',
  ],
  [
    'equal types',
    '(type $a (func (param i32))) (type $b (func (param i32))) (type (func (param (ref $b)))) (func (type 2)) (func (type $b))',
  ],
  [
    'groups',
    '(rec (type $a (sub (struct (field (ref null $b))))) (type $b (sub $a (struct (field (ref null $b)) (field i16)))))',
  ],
  [
    'segments',
    '(table 1 funcref) (table 1 externref) (func) (elem (i32.const 0) func 0 0) (elem declare func 0) (elem (table 1) (i32.const 0) externref (ref.null extern)) (elem funcref (item ref.func 0))',
  ],
  ['select', '(func unreachable select unreachable select (result i32) unreachable)'],
  [
    'casts',
    '(func (param anyref) (block (result anyref) (br_on_cast 0 anyref (ref null struct) (local.get 0))) (ref.test (ref eq)) (ref.cast (ref null i31) (ref.null none)) unreachable)',
  ],
])('%s stay', (_, text) => {
  const bytes = parse(text, { validate: true });
  for (const folded of [true, false]) {
    const printed = print(bytes, { folded });
    expect(parse(printed), printed).toEqual(bytes);
  }
});

test('what the name section says in its own way is kept as it is', () => {
  // An index that no function has.
  const bytes = parse('(func) (@custom "name" "\\01\\04\\01\\05\\01\\78")');
  expect(print(bytes)).toContain('(@custom "name"');
  expect(parse(print(bytes))).toEqual(bytes);
});

test('depth and breadth cost no stack, and no more text than there is code', () => {
  const depth = 9_000;
  const nested = parse(`(func ${'block '.repeat(depth)} ${'end '.repeat(depth)})`);
  const operands = parse(`(func (result i32) i32.const 0 ${'i32.eqz '.repeat(30_000)})`);
  const constant = parse(`(global i32 i32.const 0 ${'i32.const 1 i32.add '.repeat(5_000)})`);
  for (const bytes of [nested, operands, constant]) {
    const text = print(bytes);
    expect(text.length).toBeLessThan(100 * bytes.length);
    expect(parse(text)).toEqual(bytes);
  }
});

test.each(programs)('%s: what is printed is the same module', (path) => {
  const bytes = new Uint8Array(readFileSync(path));
  const text = print(bytes);
  const again = parse(text, { validate: true });
  expect(print(again) === text).toBe(true);
  expect(parse(print(again, { folded: false }))).toEqual(again);
});

describe('what was printed and parsed does and costs the same', () => {
  const fixtures = manifest.flatMap((fixture) =>
    fixture.kind === 'wasi' ? [] : [{ name: fixture.name, calls: fixture.expect?.calls ?? [] }],
  );

  test.each(fixtures.filter(({ calls }) => calls.length > 0))('$name', ({ name, calls }) => {
    const bytes = loadFixture(name);
    const outcomes = [bytes, parse(print(bytes))].map((module) => {
      const sandbox = WasmSandbox.fromBytes(module, { instanceId: 'x' });
      const results = calls.map((call) => resultOf(() => sandbox.call(call.export, call.args)));
      return { results, gas: sandbox.getResourceStats().gasUsed, memory: sandbox.memoryUsage() };
    });
    expect(outcomes[1]).toEqual(outcomes[0]);
  });
});

/** What a call returns, or the trap it ends with. */
function resultOf(call: () => unknown): unknown {
  try {
    return call();
  } catch (error) {
    return error instanceof Trap ? error.kind : String(error);
  }
}

test('what is no module is refused', () => {
  expect(() => print(new Uint8Array(3))).toThrow(CompileError);
  expect(() => print('(module)' as never)).toThrow(UsageError);
  expect(() => print(EXAMPLE, { fold: true } as never)).toThrow('print has no option "fold"; did you mean "folded"?');
});

test('a template is a valid module', () => {
  expect(wat`(module (memory ${1}) (data "\00"))`).toEqual(parse('(module (memory 1) (data "\\00"))'));
  expect(() => wat`(func (result i32))`).toThrow('type mismatch');
});
