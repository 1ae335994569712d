/** What people are told who have made a mistake. */

import { expect, test } from 'vitest';
import { parse } from '../../src/text.ts';

const MISTAKES: readonly (readonly [what: string, text: string])[] = [
  ['a word that is no instruction', '(module\n  (func (result i32)\n    (i32.ad (i32.const 1) (i32.const 2))))'],
  ['a parenthesis too few', '(module\n  (func (nop)\n)'],
  ['a parenthesis too many', '(module\n  (func (nop))))\n'],
  ['an identifier that nothing declares', '(module (func (call $missing)))'],
  ['the same identifier twice', '(module (func $f) (func $f))'],
  ['a label that is not around', '(func (block $a) (br $a))'],
  ['an end with another label', '(func block $a end $b)'],
  ['an end too many', '(func nop end)'],
  ['an if without then', '(func (if (i32.const 1) (nop)))'],
  ['a number too large', '(func (i32.const 4294967296))'],
  ['no number', '(func (f32.const abc))'],
  ['a field that is none', '(module (fun))'],
  ['an import too late', '(func) (import "a" "b" (func))'],
  ['a string that goes on', '(data "abc\n")'],
  ['an escape that is none', '(data "\\x")'],
  ['a character that is none', '(func ⊕)'],
  ['a type that differs', '(type $t (func (param i32))) (func (type $t) (param i64))'],
  ['an alignment', '(memory 1) (func (i32.load align=3 (i32.const 0)))'],
  ['a place that is not for names', '(func (nop (@name "x")))'],
  ['a long line', `(func ${'nop '.repeat(40)}noop ${'nop '.repeat(40)})`],
  ['tabs and what does not show', '(func\t(\t"\u202e"))'],
];

test.each(MISTAKES)('%s', (_, text) => {
  expect(() => parse(text)).toThrowErrorMatchingSnapshot();
});

const INVALID: readonly (readonly [what: string, text: string])[] = [
  ['a value of another type', '(module\n  (func (result i32)\n    (i64.const 1)))'],
  ['no operand', '(func\n  (drop (i32.add (i32.const 0))))'],
  ['an index of nothing', '(export "x" (func 7))'],
  ['a global', '(global $g i32\n  (f32.const 1))'],
  ['a segment', '(memory 1)\n(data (i64.const 0) "x")'],
  ['a second start', '(func $f (param i32))\n(start $f)'],
];

test.each(INVALID)('not valid: %s', (_, text) => {
  expect(() => parse(text, { validate: true })).toThrowErrorMatchingSnapshot();
});
