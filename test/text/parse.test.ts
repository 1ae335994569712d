/** What the text format's constructs mean: bytes for the simplest, for all others the long form of the same. */

import { describe, expect, test } from 'vitest';
import { parse } from '../../src/text.ts';
import { decode } from '../../wasm/decode.ts';
import { TextError, UsageError } from '../../wasm/errors.ts';
import { STEP_BYTES } from '../../wasm/steps.ts';
import { assembleSteps } from '../../wasm/text/assemble.ts';

const hex = (bytes: Uint8Array) => [...bytes.subarray(8)].map((byte) => byte.toString(16).padStart(2, '0')).join(' ');

/** Without the names, which abbreviations may give and long forms not. */
const bare = (text: string) => parse(`${text.replace(/\)$/, '')} (@custom "name"))`);

describe('sections', () => {
  test.each([
    ['(module)', ''],
    ['', ''],
    [';; nothing\n(; at (; all ;) ;)', ''],
    ['(module (type (func (param i32) (result i64 f32))))', '01 07 01 60 01 7f 02 7e 7d'],
    ['(func)', '01 04 01 60 00 00 03 02 01 00 0a 04 01 02 00 0b'],
    ['(memory 1 2)', '05 04 01 01 01 02'],
    ['(memory i64 1)', '05 03 01 04 01'],
    ['(table 1 funcref)', '04 04 01 70 00 01'],
    ['(global (mut i32) (i32.const 5))', '06 06 01 7f 01 41 05 0b'],
    ['(import "a" "b" (global i64))', '02 08 01 01 61 01 62 03 7e 00'],
    ['(memory 0) (export "m" (memory 0))', '05 03 01 00 00 07 05 01 01 6d 02 00'],
    ['(tag)', '01 04 01 60 00 00 0d 03 01 00 00'],
    ['(data "a\\00\\u{e9}")', '0b 07 01 01 04 61 00 c3 a9'],
    ['(rec (type (func)) (type (struct)))', '01 08 01 4e 02 60 00 00 5f 00'],
    ['(type (sub (array (mut i8))))', '01 06 01 50 00 5e 78 01'],
    ['(@custom "x" (before first) "1" "2")', '00 04 01 78 31 32'],
  ])('%s', (text, bytes) => {
    expect(hex(parse(text))).toBe(bytes);
    decode(parse(text));
  });
});

describe('abbreviations', () => {
  test.each([
    ['(module (func (param i32 i64)))', '(module (func (param i32) (param i64)))'],
    ['(module (func $f (export "a") (export "b")))', '(module (func) (export "a" (func 0)) (export "b" (func 0)))'],
    ['(module (func (import "a" "b") (param i32)))', '(module (import "a" "b" (func (param i32))))'],
    ['(module (memory (data "abc")))', '(module (memory 1 1) (data (i32.const 0) "abc"))'],
    ['(module (memory i64 (data)))', '(module (memory i64 0 0) (data (i64.const 0)))'],
    [
      '(module (table funcref (elem $f $f)) (func $f))',
      '(module (table 2 2 funcref) (elem (i32.const 0) func 0 0) (func))',
    ],
    ['(module (memory 1) (data (offset i32.const 1)))', '(module (memory 1) (data (memory 0) (i32.const 1)))'],
    [
      '(module (table 1 funcref) (elem (i32.const 0) funcref (ref.null func)))',
      '(module (table 1 funcref) (elem (table 0) (offset i32.const 0) funcref (item ref.null func)))',
    ],
    ['(module (type (func (param i32))) (func (param i32)))', '(module (type (func (param i32))) (func (type 0)))'],
    ['(module (func (local i32) (local i32 i64)))', '(module (func (local i32 i32) (local i64)))'],
    [
      '(module (func (result i32) (i32.add (i32.const 1) (i32.mul (i32.const 2) (i32.const 3)))))',
      '(module (func (result i32) i32.const 1 i32.const 2 i32.const 3 i32.mul i32.add))',
    ],
    [
      '(module (func (if (i32.const 1) (then (nop)) (else (br 0)))))',
      '(module (func i32.const 1 if nop else br 0 end))',
    ],
    [
      '(module (func (loop $a (block $b (br $a) (br $b)))))',
      '(module (func loop $a block $b br $a br $b end $b end $a))',
    ],
    ['(module (func (loop $a (block $b (br $a) (br $b)))))', '(module (func loop block br 1 br 0 end end))'],
    ['(module (func $"a" call $a))', '(module (func call 0))'],
    ['(module (func (param (ref null func))))', '(module (func (param funcref)))'],
    ['(module (type (sub final (func))))', '(module (type (func)))'],
    ['(module (rec (type (func))))', '(module (type (func)))'],
    [
      '(module (memory 1) (func (drop (i32.load align=4 (i32.const 0)))))',
      '(module (memory 1) (func i32.const 0 i32.load offset=0 drop))',
    ],
    [
      '(module (func (drop (v128.const i32x4 1 2 -1 0xff))))',
      '(module (func v128.const i8x16 1 0 0 0 2 0 0 0 -1 -1 -1 -1 255 0 0 0 drop))',
    ],
    [
      '(module (tag $e) (func (block $l (try_table (catch $e $l) (catch_all 0)))))',
      '(module (tag) (func block try_table (catch 0 0) (catch_all 0) end end))',
    ],
  ])('%s is %s', (short, long) => {
    expect(hex(bare(short))).toBe(hex(bare(long)));
    decode(bare(short));
  });

  test('a name may be of what stands behind', () => {
    const text =
      '(export "f" (func $f)) (elem declare func $f) (func $f (call $g)) (func $g (param) (global.get $h) (drop)) (global $h i32 (i32.const 0))';
    expect(decode(parse(text)).exports).toMatchObject([{ name: 'f', index: 0 }]);
  });

  test('types that are only used stand behind those that are declared', () => {
    const text = '(func (param i32)) (func (block (result i32 i32) unreachable) drop drop) (type (func (param f32)))';
    const { types, functions } = decode(parse(text));
    expect(types.map(({ key }) => key)).toEqual(['f32->', 'i32->', '->', '->i32,i32']);
    expect(functions).toEqual([1, 2]);
  });

  test('a shadowed label is the inner one', () => {
    expect(hex(bare('(module (func (block $l (block $l (br $l)) (br $l))))'))).toBe(
      hex(bare('(module (func block block br 0 end br 0 end))')),
    );
  });
});

test('a data count stands where code needs it', () => {
  expect(hex(parse('(data "a")'))).not.toContain('0c 01 01');
  expect(hex(parse('(data "a") (func data.drop 0)'))).toContain('0c 01 01');
});

test('what is not there is an error', () => {
  for (const text of [
    '(func $f) (func $f)',
    '(func br $l)',
    '(func (local $x i32 i32))',
    '(func (type 0) (param i32))',
  ]) {
    expect(() => parse(text), text).toThrow(TextError);
  }
});

test('bytes are UTF-8', () => {
  const bytes = new TextEncoder().encode('(import "é" "😀" (func))');
  expect(decode(parse(bytes)).imports).toMatchObject([{ module: 'é', name: '😀' }]);
  expect(() => parse(new Uint8Array([0x3b, 0x3b, 0xff]))).toThrow('malformed UTF-8 encoding (line 1, column 3)');
  const replaced = new TextEncoder().encode(';; \ufffd é \ufffd ');
  const broken = Uint8Array.of(...replaced, 0xef, 0xbf);
  expect(() => parse(broken)).toThrow('malformed UTF-8 encoding (line 1, column 10)');
  expect(parse(replaced)).toEqual(parse(''));
  expect(() => parse(';; \ud800')).toThrow('malformed UTF-8 encoding: half of a character (line 1, column 4)');
  expect(() => parse(5 as never)).toThrow(UsageError);
});

test('a long text is read in steps', () => {
  const functions = '(func (nop) (nop) (nop))'.repeat(10_000);
  const body = `(func ${'(nop) '.repeat(40_000)})`;
  const types = '(type (func (param i32)))'.repeat(10_000);
  for (const text of [functions, body, types]) {
    expect([...assembleSteps(text)].length).toBeGreaterThan(0.9 * (text.length / STEP_BYTES));
  }
});

test('depth costs no stack', () => {
  const depth = 100_000;
  const nested = (open: string, inner: string, close: string) => open.repeat(depth) + inner + close.repeat(depth);
  for (const body of [
    nested('(i32.eqz ', '(i32.const 1)', ')'),
    nested('(block ', '', ')'),
    nested('block ', '', ' end'),
    nested('(if (i32.const 0) (then ', '', '))'),
    nested('(if ', '(i32.const 0)', '(then))'),
    nested('(block $l ', '(br $l)', ')'),
  ]) {
    expect(parse(`(func ${body})`).length).toBeGreaterThan(depth);
    expect(() => parse(`(func ${body.slice(0, -5)})`)).toThrow(TextError);
  }
  expect(parse(nested('(@a ', '', ')'))).toHaveLength(8);
  expect(parse(nested('(; ', '', ';)'))).toHaveLength(8);
  expect(() => parse('(module '.repeat(depth))).toThrow(TextError);
});
