/** Builtins for strings, and constants that are strings, as a table that is tried on this namespace and on the host's. */

import { parse } from '../../src/text.ts';
import type { Loose, ValueCase } from './values.ts';

const TYPES = {
  cast: '(param externref) (result (ref extern))',
  test: '(param externref) (result i32)',
  fromCharCodeArray: '(param (ref null $a) i32 i32) (result (ref extern))',
  intoCharCodeArray: '(param externref (ref null $a) i32) (result i32)',
  fromCharCode: '(param i32) (result (ref extern))',
  fromCodePoint: '(param i32) (result (ref extern))',
  charCodeAt: '(param externref i32) (result i32)',
  codePointAt: '(param externref i32) (result i32)',
  length: '(param externref) (result i32)',
  concat: '(param externref externref) (result (ref extern))',
  substring: '(param externref i32 i32) (result (ref extern))',
  equals: '(param externref externref) (result i32)',
  compare: '(param externref externref) (result i32)',
};
export type StringBuiltin = keyof typeof TYPES;
const NAMES = Object.keys(TYPES) as StringBuiltin[];
const BUILTINS = { builtins: ['js-string'] };

const bytesOf = (name: string, type: string) =>
  parse(
    `(module (type $a (array (mut i16))) (import "wasm:js-string" "${name}" (func $f ${type})) (export "f" (func $f)))`,
  );

const cases: ValueCase[] = [];
const add = (name: string, gives: string, run: ValueCase['run'], native?: ValueCase['native']) =>
  cases.push({ name: `strings: ${name}`, gives, run, ...(native && { native }) });

// Types.

for (const name of NAMES) {
  const bytes = bytesOf(name, TYPES[name]);
  add(`${name} as it is`, 'true', (W) => W.validate(bytes, BUILTINS));
  const open = parse(
    `(module (type $a (array (mut i16))) (type $f (sub (func ${TYPES[name]}))) (import "wasm:js-string" "${name}" (func (type $f))))`,
  );
  add(`${name} of an open type`, 'false', (W) => W.validate(open, BUILTINS));
  const other = bytesOf(name, '(param i64)');
  add(`${name} of another type`, 'throws CompileError', (W) => new W.Module(other, BUILTINS));
  add(`${name} of another type, not asked for`, 'WebAssembly.Module', (W) => new W.Module(other));
  add(`${name} among the imports`, '0', (W) => W.Module.imports(new W.Module(bytes, BUILTINS)).length);
  add(`${name}, not asked for, among the imports`, '1', (W) => W.Module.imports(new W.Module(bytes)).length);
  add(`${name} among the exports`, 'function', (W) => W.Module.exports(new W.Module(bytes, BUILTINS))[0].kind);
}
const NEARLY: readonly (readonly [string, StringBuiltin, string])[] = [
  ['a result that may be null', 'cast', '(param externref) (result externref)'],
  ['a parameter that is never null', 'length', '(param (ref extern)) (result i32)'],
  ['an immutable array', 'fromCharCodeArray', '(param (ref null $i) i32 i32) (result (ref extern))'],
  ['an array of a group', 'fromCharCodeArray', '(param (ref null $g) i32 i32) (result (ref extern))'],
];
for (const [what, name, type] of NEARLY) {
  const bytes = parse(
    `(module (type $a (array (mut i16))) (type $i (array i16)) (rec (type $g (array (mut i16))) (type (struct)))
      (import "wasm:js-string" "${name}" (func ${type})))`,
  );
  add(`${name} with ${what}`, 'false', (W) => W.validate(bytes, BUILTINS));
}
const UNKNOWN = bytesOf('nothing', '(param i64)');
add('an unknown function is an import', '1', (W) => W.Module.imports(new W.Module(UNKNOWN, BUILTINS)).length);
const MEMORY = parse('(module (import "wasm:js-string" "length" (memory 1)))');
add('a memory by the name of a builtin', 'false', (W) => W.validate(MEMORY, BUILTINS), [
  'true',
  'V8 looks at functions alone; the memory is then to be imported',
]);

// What the functions do.

const f = (name: StringBuiltin, ...args: unknown[]) => ({
  text: `${name}(${args.map((arg) => (typeof arg === 'string' ? JSON.stringify(arg) : String(arg)))})`,
  run: (W: Loose) => new W.Instance(new W.Module(bytesOf(name, TYPES[name]), BUILTINS), undefined).exports.f(...args),
});
const FAILS = 'throws RuntimeError';
const CALLS: readonly (readonly [ReturnType<typeof f>, string])[] = [
  [f('cast', 'x'), 'x'],
  [f('cast', null), FAILS],
  [f('cast', undefined), FAILS],
  [f('cast', 5), FAILS],
  [f('cast', {}), FAILS],
  [f('test', 'x'), '1'],
  [f('test', ''), '1'],
  [f('test', null), '0'],
  [f('test', 5), '0'],
  [f('test', () => 1), '0'],
  [f('fromCharCode', 65), 'A'],
  [f('fromCharCode', 65 + 65_536), 'A'],
  [f('fromCharCode', -1), '\uffff'],
  [f('fromCodePoint', 0x1f600), '\u{1f600}'],
  [f('fromCodePoint', 0xd800), '\ud800'],
  [f('fromCodePoint', 0x10ffff), '\u{10ffff}'],
  [f('fromCodePoint', 0x110000), FAILS],
  [f('fromCodePoint', -1), FAILS],
  [f('charCodeAt', 'abc', 2), '99'],
  [f('charCodeAt', 'abc', 3), FAILS],
  [f('charCodeAt', 'abc', -1), FAILS],
  [f('charCodeAt', null, 0), FAILS],
  [f('codePointAt', 'a\u{1f600}', 1), '128512'],
  [f('codePointAt', 'a\u{1f600}', 2), '56832'],
  [f('codePointAt', 'a\ud83d', 1), '55357'],
  [f('codePointAt', 'a', 1), FAILS],
  [f('length', 'a\u{1f600}'), '3'],
  [f('length', ''), '0'],
  [f('length', null), FAILS],
  [f('length', Object('x')), FAILS],
  [f('concat', 'ab', 'c'), 'abc'],
  [f('concat', '', ''), ''],
  [f('concat', 'ab', null), FAILS],
  [f('concat', 5, 'ab'), FAILS],
  [f('substring', 'abcdef', 1, 3), 'bc'],
  [f('substring', 'abcdef', 3, 1), ''],
  [f('substring', 'abcdef', 2, -1), 'cdef'],
  [f('substring', 'abcdef', -1, 2), ''],
  [f('substring', 'abcdef', 6, 9), ''],
  [f('substring', 'abcdef', 0, 6), 'abcdef'],
  [f('substring', null, 0, 1), FAILS],
  [f('equals', null, null), '1'],
  [f('equals', 'a', 'a'), '1'],
  [f('equals', 'a', 'b'), '0'],
  [f('equals', 'a', 'ab'), '0'],
  [f('equals', 'a', null), '0'],
  [f('equals', null, 'a'), '0'],
  [f('equals', undefined, undefined), FAILS],
  [f('equals', null, 5), FAILS],
  [f('equals', 5, 5), FAILS],
  [f('compare', 'a', 'b'), '-1'],
  [f('compare', 'b', 'a'), '1'],
  [f('compare', 'a', 'a'), '0'],
  [f('compare', '', 'a'), '-1'],
  [f('compare', '\uffff', '\u{1f600}'), '1'],
  [f('compare', null, 'a'), FAILS],
  [f('compare', 'a', null), FAILS],
  [f('compare', null, null), FAILS],
  [f('fromCharCodeArray', null, 0, 0), FAILS],
  [f('intoCharCodeArray', 'x', null, 0), FAILS],
  [f('intoCharCodeArray', 5, null, 0), FAILS],
];
for (const [{ text, run }, gives] of CALLS) add(text, gives, run);

/** Through an array and back. */
const ARRAYS = parse(`(module
  (type $a (array (mut i16)))
  (import "wasm:js-string" "fromCharCodeArray" (func $from ${TYPES.fromCharCodeArray}))
  (import "wasm:js-string" "intoCharCodeArray" (func $into ${TYPES.intoCharCodeArray}))
  (func (export "f") (param $s externref) (param $size i32) (param $at i32) (param $from i32) (param $to i32) (result externref)
    (local $array (ref $a))
    (local.set $array (array.new_default $a (local.get $size)))
    (drop (call $into (local.get $s) (local.get $array) (local.get $at)))
    (call $from (local.get $array) (local.get $from) (local.get $to))))`);
const THROUGH: readonly (readonly [args: readonly unknown[], gives: string])[] = [
  [['héllo', 5, 0, 0, 5], 'héllo'],
  [['héllo', 5, 0, 1, 3], 'él'],
  [['héllo', 5, 0, 5, 5], ''],
  [['x\uffff', 3, 1, 1, 3], 'x\uffff'],
  [['', 0, 0, 0, 0], ''],
  [['héllo', 5, 1, 0, 5], FAILS],
  [['héllo', 5, -1, 0, 5], FAILS],
  [['héllo', 5, 0, 0, 6], FAILS],
  [['héllo', 5, 0, 3, 2], FAILS],
  [['héllo', 5, 0, -1, 0], FAILS],
  [[null, 5, 0, 0, 5], FAILS],
];
for (const [args, gives] of THROUGH) {
  add(`through an array: ${JSON.stringify(args)}`, gives, (W) =>
    new W.Instance(new W.Module(ARRAYS, BUILTINS)).exports.f(...args),
  );
}

// Options.

const WRONG = bytesOf('length', '(param i64)');
const LISTS: Readonly<Record<string, readonly [options: unknown, isAsked: boolean]>> = {
  none: [undefined, false],
  null: [null, false],
  'a number': [5, false],
  'a function': [() => 1, false],
  'an empty object': [{}, false],
  'the name alone': [{ builtins: 'js-string' }, false],
  'no name': [{ builtins: [] }, false],
  'null for a list': [{ builtins: null }, false],
  'a number for a list': [{ builtins: 5 }, false],
  'another name': [{ builtins: ['js-strings'] }, false],
  'a number in the list': [{ builtins: [5, 'js-string'] }, true],
  'a symbol in the list': [{ builtins: [Symbol()] }, false],
  'the name among others': [{ builtins: ['x', 'js-string', 'y'] }, true],
  'the name twice': [{ builtins: ['js-string', 'js-string'] }, true],
  'a prefix with it': [{ builtins: ['wasm:js-string'] }, false],
  'an inherited list': [Object.create(BUILTINS), true],
};
for (const [name, [options, isAsked]] of Object.entries(LISTS)) {
  add(`options: ${name}`, String(!isAsked), (W) => W.validate(WRONG, options));
}
for (const each of ['builtins', 'importedStringConstants']) {
  add(
    `a getter of ${each} that throws`,
    'throws Error',
    (W) =>
      new W.Module(WRONG, {
        get [each]() {
          throw new Error('mine');
        },
      }),
  );
}
const GIVEN = { 'wasm:js-string': { length: () => 7 } };
const LENGTH = bytesOf('length', TYPES.length);
add('builtins are not read from the imports', '3', (W) =>
  new W.Instance(new W.Module(LENGTH, BUILTINS), GIVEN).exports.f('abc'),
);
add('what was not asked for is', '7', (W) => new W.Instance(new W.Module(LENGTH), GIVEN).exports.f('abc'));
add('the name of a builtin', '0', (W) => new W.Instance(new W.Module(LENGTH, BUILTINS)).exports.f.name);

// Constants.

const constant = (type: string, name = 'hi \\u{e9}') =>
  parse(`(module (import "'" "${name}" (global $g ${type})) (export "g" (global $g)))`);
const CONSTANTS = { importedStringConstants: "'" };
const value =
  (bytes: Uint8Array, options: unknown = CONSTANTS) =>
  (W: Loose) =>
    new W.Instance(new W.Module(bytes, options), {}).exports.g.value;
add('a constant', 'hi é', value(constant('externref')));
add('a constant that is never null', 'hi é', value(constant('(ref extern)')));
add('an empty constant', '', value(constant('externref', '')));
add('a mutable constant', 'throws CompileError', value(constant('(mut externref)')));
add('a constant of a number', 'throws CompileError', value(constant('i32')));
add('a constant of another reference', 'throws CompileError', value(constant('anyref')));
add(
  'a constant among the imports',
  '0',
  (W) => W.Module.imports(new W.Module(constant('externref'), CONSTANTS)).length,
);
add('a function among constants', 'false', (W) => W.validate(parse(`(module (import "'" "f" (func)))`), CONSTANTS));
add('a builtin among constants', 'false', (W) =>
  W.validate(LENGTH, { ...BUILTINS, importedStringConstants: 'wasm:js-string' }),
);
for (const [name, given, is] of [
  ['null', null, false],
  ['undefined', undefined, false],
  ['5', 5, false],
  ['true', true, false],
  ['', '', true],
] as const) {
  add(`constants of ${JSON.stringify(given)}`, is ? '0' : '1', (W) => {
    const bytes = parse(`(module (import "${name}" "x" (global externref)))`);
    return W.Module.imports(new W.Module(bytes, { importedStringConstants: given })).length;
  });
}

export const STRING_CASES: readonly ValueCase[] = cases;
