/** What the guests of docs/guests.md are called with, made for it or not, and what has to come of it in every language. */

import fc from 'fast-check';
import { encodeNpy } from '../../src/ndarray.ts';

const utf8 = (text: string) => new TextEncoder().encode(text);
const float64 = (...numbers: number[]) => new Uint8Array(Float64Array.from(numbers).buffer);
const matrix = (shape: number[], ...elements: number[]) => encodeNpy({ data: Float64Array.from(elements), shape });
const bytes = (...parts: Uint8Array[]) => Uint8Array.from(parts.flatMap((part) => [...part]));

/** A file whose header says what it likes, in front of as many zeros. */
function file(header: string, zeros = 0): Uint8Array {
  const head = utf8(header);
  return bytes(
    utf8('\x93NUMPY').slice(1),
    Uint8Array.of(1, 0, head.length & 255, head.length >> 8),
    head,
    new Uint8Array(zeros),
  );
}
const saying = (descr: string, fortran: string, shape: string, zeros = 0) =>
  file(`{'descr': '${descr}', 'fortran_order': ${fortran}, 'shape': ${shape}, }\n`, zeros);

const two = matrix([2, 2], 1, 2, 3, 4);
const HEADER = 'name,price,quantity\n';
const MATRIX = (which: string) => `the ${which} matrix is no .npy file that can be read`;
const NUMBER = (line: number, what: string) => `line ${line}: the ${what} is no whole number of up to 6 digits`;

/** What a function is given, and the output, or why it says that it failed. */
export type Case = readonly [name: string, what: string, input: Uint8Array, expected: Uint8Array | string];

export const CASES: readonly Case[] = [
  ['add', 'two numbers', float64(1.5, -2.25), float64(-0.75)],
  ['add', 'numbers that round', float64(0.1, 0.2), float64(0.1 + 0.2)],
  ['add', 'the largest', float64(Number.MAX_VALUE, Number.MAX_VALUE), float64(Number.POSITIVE_INFINITY)],
  ...[0, 8, 15, 17, 24].map(
    (size): Case => ['add', `${size} bytes`, new Uint8Array(size), 'two float64 are wanted, 16 bytes'],
  ),

  ...[
    '',
    'World',
    'Zoë',
    'e\u0301',
    '👩‍👩‍👧',
    '🦜'.repeat(20),
    'a\0b',
    '\ufeff名前',
    '\u{10ffff}\ufffd',
    'x'.repeat(500),
  ].map((name): Case => ['greet', JSON.stringify(name.slice(0, 9)), utf8(name), utf8(`Hello, ${name}!`)]),
  ...['80', 'c3', 'c080', 'e08080', 'eda080', 'f0808080', 'f4908080', 'f8', 'ff', '61e282', 'c328', 'f09f9f'].map(
    (hex): Case => ['greet', hex, Uint8Array.from(Buffer.from(hex, 'hex')), 'the name is no UTF-8'],
  ),

  ['multiply', 'two matrices', bytes(two, matrix([2, 1], 5, 6)), matrix([2, 1], 17, 39)],
  ['multiply', 'rows by columns', bytes(matrix([1, 3], 1, 2, 3), matrix([3, 1], 4, 5, 6)), matrix([1, 1], 32)],
  ['multiply', 'columns by rows', bytes(matrix([2, 1], 1, 2), matrix([1, 2], 0.5, -3)), matrix([2, 2], 0.5, -3, 1, -6)],
  ['multiply', 'nothing between', bytes(matrix([2, 0]), matrix([0, 2])), matrix([2, 2], 0, 0, 0, 0)],
  ['multiply', 'no rows', bytes(matrix([0, 2]), two), matrix([0, 2])],
  ['multiply', 'a header without spaces', bytes(saying('<f8', 'False', '(1,0,)'), matrix([0, 1])), matrix([1, 1], 0)],
  ['multiply', 'no bytes', bytes(), MATRIX('first')],
  ['multiply', 'text', utf8('1 2\n3 4\n and more'), MATRIX('first')],
  ['multiply', 'one file', two, MATRIX('second')],
  ['multiply', 'a file cut in its header', two.slice(0, 100), MATRIX('first')],
  ['multiply', 'a file cut in its elements', two.slice(0, -1), MATRIX('first')],
  ['multiply', 'a second one cut', bytes(two, two.slice(0, -8)), MATRIX('second')],
  ['multiply', 'something behind', bytes(two, two, utf8('!')), 'there is something behind the second matrix'],
  ['multiply', 'those that do not fit', bytes(two, matrix([3, 1], 1, 2, 3)), 'the matrices do not fit'],
  ['multiply', 'vectors', bytes(matrix([2], 1, 2), matrix([2], 3, 4)), 'two matrices of float64 are wanted'],
  ['multiply', 'a number', bytes(matrix([], 1), two), 'two matrices of float64 are wanted'],
  ['multiply', 'integers', bytes(saying('<i8', 'False', '(1, 1)', 8), two), 'two matrices of float64 are wanted'],
  ['multiply', 'bytes', bytes(saying('|u1', 'False', '(2, 2)', 4), two), 'two matrices of float64 are wanted'],
  ...[
    saying('>f8', 'False', '(1, 1)', 8),
    saying('<f8', 'True', '(1, 1)', 8),
    saying('<f16', 'False', '(1, 1)', 16),
    saying('<f0', 'False', '(1, 1)'),
    saying('<f9', 'False', '(1, 1)', 9),
    saying('O', 'False', '(1, 1)', 8),
    saying('<f8', 'False', '(1, -1)', 8),
    saying('<f8', 'False', '(1, x)', 8),
    saying('<f8', 'False', '(1,,1)', 8),
    saying('<f8', 'False', '(,)', 8),
    saying('<f8', 'False', '(1, 1', 8),
    saying('<f8', 'False', '(1000000000, 0)'),
    saying('<f8', 'False', '(536870912, 1)'),
    saying('<f8', 'False', '(65536, 65536)'),
    saying('<f8', 'False', '(65536, 65536, 65536, 65536)', 8),
    saying('<f8', 'False', '(1, 1, 1, 1, 1, 1, 1, 1, 1)', 8),
    file(''),
    file("{'descr': '"),
    file("{'shape': ("),
    bytes(two.slice(0, 6), Uint8Array.of(2, 0, 255, 255), two.slice(10)),
    bytes(two.slice(0, 8), Uint8Array.of(255, 255), two.slice(10)),
  ].map((first, i): Case => ['multiply', `header ${i}`, bytes(first, two), MATRIX('first')]),
  ...[
    [999_999_999, 999_999_999],
    [65_536, 65_536],
    [100_001, 1],
  ].map(
    ([rows, columns]): Case => [
      'multiply',
      `nothing between ${rows} rows and ${columns} columns`,
      bytes(saying('<f8', 'False', `(${rows}, 0)`), saying('<f8', 'False', `(0, ${columns})`)),
      'the product has more than 100000 elements',
    ],
  ),
  [
    'multiply',
    'rows without columns',
    bytes(saying('<f8', 'False', '(999999999, 0)'), matrix([0, 0])),
    matrix([999_999_999, 0]),
  ],

  [
    'process',
    'a table',
    utf8(`${HEADER}apple,50,3\nZoë’s 🥧,1250,2\n free ,000000,999999\n`),
    utf8('name,price,quantity,total\napple,50,3,150\nZoë’s 🥧,1250,2,2500\n free ,000000,999999,0\n,,,2650\n'),
  ],
  ['process', 'no last line feed', utf8(`${HEADER}a,1,1`), utf8('name,price,quantity,total\na,1,1,1\n,,,1\n')],
  [
    'process',
    'a sum beyond 32 bits',
    utf8(HEADER + 'x,999999,999999\n'.repeat(9)),
    utf8(`name,price,quantity,total\n${'x,999999,999999,999998000001\n'.repeat(9)},,,8999982000009\n`),
  ],
  ...[
    '',
    '\n',
    'name,price\n',
    'name,price,quantity,total\n',
    '\ufeffname,price,quantity\n',
    'name,price,quantity\r\n',
  ].map(
    (table): Case => ['process', JSON.stringify(table), utf8(table), 'line 1: the columns are not name,price,quantity'],
  ),
  ...[HEADER, HEADER.trim()].map((table): Case => ['process', 'no rows', utf8(table), 'the table has no rows']),
  ['process', 'no UTF-8', bytes(utf8(HEADER), Uint8Array.of(0xff), utf8(',1,1\n')), 'the table is no UTF-8'],
  ...[
    ['\n', 'line 2: there is no name'],
    [',1,1\n', 'line 2: there is no name'],
    ['a,1,1\n\n', 'line 3: there is no name'],
    ['a\n', NUMBER(2, 'price')],
    ['a,,1\n', NUMBER(2, 'price')],
    ['a,-1,1\n', NUMBER(2, 'price')],
    ['a,1000000,1\n', NUMBER(2, 'price')],
    ['a,1.5,1\n', NUMBER(2, 'price')],
    ['a,٣,1\n', NUMBER(2, 'price')],
    ['a,1\n', NUMBER(2, 'quantity')],
    ['a,1,1,1\n', NUMBER(2, 'quantity')],
    ['a,1,1\r\n', NUMBER(2, 'quantity')],
    ['a,1, 1\n', NUMBER(2, 'quantity')],
    [`${'a,1,1\n'.repeat(9)}a,1,1\0`, NUMBER(11, 'quantity')],
  ].map(([rows = '', message = '']): Case => ['process', JSON.stringify(rows.slice(-9)), utf8(HEADER + rows), message]),

  ['fail', 'whatever it is given', utf8('x'), 'no luck today, señor 🦜'],
  ['add', 'after all of that', float64(1, 2), float64(3)],
];

/** Up to so many of these, one behind the other: texts, or bytes in hex. */
const row = (most: number, texts: string, hex = ''): fc.Arbitrary<Uint8Array> => {
  const pieces = [...texts.split('|').map(utf8), ...hex.split('|').map((byte) => Buffer.from(byte, 'hex'))];
  return fc.array(fc.constantFrom(...pieces), { maxLength: most }).map((all) => bytes(...all));
};

const spoilt = (file: Uint8Array): fc.Arbitrary<Uint8Array> =>
  fc.array(fc.tuple(fc.nat(127), fc.nat(255)), { maxLength: 1 }).map((changes) => {
    const copy = file.slice();
    for (const [at, byte] of changes) copy[at] = byte;
    return copy;
  });

const often = (usual: string, characters: string): fc.Arbitrary<string> => {
  const rare = fc.string({ unit: fc.constantFrom(...characters), maxLength: 9 });
  return fc.oneof({ weight: 6, arbitrary: fc.constant(usual) }, { weight: 1, arbitrary: rare });
};

const headers = fc
  .tuple(often('<f8', "<|=>fiU18'"), often('False', 'FalseTru'), often('1, 2', '(),, 0123'))
  .map(([descr, fortran, shape]) => saying(descr, fortran, `(${shape})`, 16));

/** Inputs of any kind for each function that looks at what is in them. */
export const INPUTS: Readonly<Record<string, fc.Arbitrary<Uint8Array>>> = {
  greet: fc.oneof(
    row(9, 'a|\0|é|€|🦜|\u{10ffff}'),
    row(4, 'a|é|€|🦜', '80|bf|c2|e0a0|ed9f|eda0|ee80|f48f|f490|f09080|ff'),
  ),
  multiply: fc
    .tuple(fc.oneof(spoilt(two), headers), fc.oneof(spoilt(two), headers), fc.nat(9))
    .map(([a, b, cut]) => bytes(a, b).slice(0, cut === 0 ? -1 : undefined)),
  process: fc
    .tuple(
      fc.constantFrom(HEADER, HEADER, HEADER, ''),
      row(4, 'a,1,2\n|é,999999,999999\n|,|b,7,0|\n|7654321|\r|"|1,1\n'),
    )
    .map(([header, rows]) => bytes(utf8(header), rows)),
};
