/**
 * What the vector loop does for instructions on vectors: the frequent ones. The others are left to vector/.
 *
 * Small lanes are computed a word at a time: `p`, `q` and `r` are the words of the operands at one place. `h` has the sign
 * bits of all lanes, and `k` is how far a sign bit is from the lowest of its lane; a carry into the next lane is kept out
 * by setting or clearing sign bits first. `f` changes sign bits where lanes are signed; `e` inverts. Instructions whose
 * texts are the same share a case, as the loop has to stay small enough to be optimised.
 */

import { bounded } from './bounds.ts';

/** The texts of an instruction's operands. */
interface Operands {
  word(operand: string, offset?: number): string;
  register(operand: string): string;
  low(operand: string): string;
}

/**
 * What instructions that share a case differ in, as bits of `n`: the lanes are of 16 bits, not 8; they are signed; the
 * operands change places; the result is inverted.
 */
export const FLAGS = { wide: 1, signed: 2, exchange: 4, invert: 8 } as const;

/** For a word: statements, the last one an expression. */
type Word = readonly string[];

/** Fills the lanes whose sign bits are set in `m`, which has no other bits. */
const FILLED = '(m - (m >>> k) | m)';
const sum = (p: string, q: string) => `((${p} & ~h) + (${q} & ~h)) ^ ((${p} ^ ${q}) & h)`;
const difference = (p: string, q: string) => `((${p} | h) - (${q} & ~h)) ^ ((${p} ^ ~${q}) & h)`;
/** Fills the lanes where `p` is below `q`, both unsigned; `lo` is their difference. */
const LESS = [`lo = ${difference('p', 'q')};`, 'm = (~p & q | (~p | q) & lo) & h;', `m = ${FILLED};`];
/** The most that has the sign of `p`. */
const MOST = '~h + (p >>> k & h >>> k)';

/** On lanes of 8 or of 16 bits; the operation's signs and flags. */
const LANES: readonly (readonly [operations: Readonly<Record<string, number>>, word: Word])[] = [
  [{ add: 0 }, [sum('p', 'q')]],
  [{ sub: 0 }, [difference('p', 'q')]],
  [{ neg: 0 }, [difference('0', 'p')]],
  [{ abs: 0 }, ['m = p & h;', `m = ${FILLED};`, 'p = p ^ m;', difference('p', 'm')]],
  [{ avgr_u: 0 }, ['(p | q) - ((p ^ q) >>> 1 & ~h)']],
  [{ eq: FLAGS.invert, ne: 0 }, ['p = p ^ q;', 'm = ((p & ~h) + ~h | p) & h;', `${FILLED} ^ e`]],
  [
    {
      lt_u: 0,
      ge_u: FLAGS.invert,
      gt_u: FLAGS.exchange,
      le_u: FLAGS.exchange | FLAGS.invert,
      lt_s: FLAGS.signed,
      ge_s: FLAGS.signed | FLAGS.invert,
      gt_s: FLAGS.signed | FLAGS.exchange,
      le_s: FLAGS.signed | FLAGS.exchange | FLAGS.invert,
    },
    ['p = p ^ f;', 'q = q ^ f;', ...LESS, 'm ^ e'],
  ],
  [
    {
      min_u: 0,
      max_u: FLAGS.invert,
      min_s: FLAGS.signed,
      max_s: FLAGS.signed | FLAGS.invert,
    },
    ['p = p ^ f;', 'q = q ^ f;', ...LESS, 'm = m ^ e;', '(p & m | q & ~m) ^ f'],
  ],
  [{ add_sat_u: 0 }, [`lo = ${sum('p', 'q')};`, 'm = (p & q | (p | q) & ~lo) & h;', `lo | ${FILLED}`]],
  [{ sub_sat_u: 0 }, [...LESS, 'lo & ~m']],
  [
    { add_sat_s: 0 },
    [`lo = ${sum('p', 'q')};`, 'm = ~(p ^ q) & (p ^ lo) & h;', `m = ${FILLED};`, `lo & ~m | ${MOST} & m`],
  ],
  [
    { sub_sat_s: 0 },
    [`lo = ${difference('p', 'q')};`, 'm = (p ^ q) & (p ^ lo) & h;', `m = ${FILLED};`, `lo & ~m | ${MOST} & m`],
  ],
];

/** On words; flags as above. */
const WORDS: readonly (readonly [operations: Readonly<Record<string, number>>, word: Word])[] = [
  [{ 'v128.not': 0 }, ['~p']],
  [{ 'v128.and': 0 }, ['p & q']],
  [{ 'v128.andnot': 0 }, ['p & ~q']],
  [{ 'v128.or': 0 }, ['p | q']],
  [{ 'v128.xor': 0 }, ['p ^ q']],
  [{ 'v128.bitselect': 0 }, ['p & r | q & ~r']],
  [{ 'i32x4.add': 0 }, ['p + q']],
  [{ 'i32x4.sub': 0 }, ['p - q']],
  [{ 'i32x4.mul': 0 }, ['Math.imul(p, q)']],
  [{ 'i32x4.neg': 0 }, ['-p']],
  [{ 'i32x4.abs': 0 }, ['p < 0 ? -p : p']],
  [{ 'i32x4.eq': 0, 'i32x4.ne': FLAGS.invert }, ['p === q ? ~e : e']],
  [
    {
      'i32x4.lt_s': 0,
      'i32x4.ge_s': FLAGS.invert,
      'i32x4.gt_s': FLAGS.exchange,
      'i32x4.le_s': FLAGS.exchange | FLAGS.invert,
    },
    ['p < q ? ~e : e'],
  ],
  [
    {
      'i32x4.lt_u': 0,
      'i32x4.ge_u': FLAGS.invert,
      'i32x4.gt_u': FLAGS.exchange,
      'i32x4.le_u': FLAGS.exchange | FLAGS.invert,
    },
    ['p >>> 0 < q >>> 0 ? ~e : e'],
  ],
  [{ 'i32x4.min_s': 0, 'i32x4.max_s': FLAGS.invert }, ['p < q === (e === 0) ? p : q']],
  [{ 'i32x4.min_u': 0, 'i32x4.max_u': FLAGS.invert }, ['p >>> 0 < q >>> 0 === (e === 0) ? p : q']],
  [{ 'i16x8.mul': 0 }, ['Math.imul(p, q) & 0xffff | Math.imul(p >> 16, q >> 16) << 16']],
  [{ 'i32x4.dot_i16x8_s': 0 }, ['Math.imul(p << 16 >> 16, q << 16 >> 16) + Math.imul(p >> 16, q >> 16)']],
  [{ 'i32x4.extadd_pairwise_i16x8_s': 0 }, ['(p << 16 >> 16) + (p >> 16)']],
  [{ 'i32x4.extadd_pairwise_i16x8_u': 0 }, ['(p & 0xffff) + (p >>> 16)']],
  [
    { 'i16x8.extadd_pairwise_i8x16_s': 0 },
    ['(p << 24 >> 24) + (p << 16 >> 24) & 0xffff | (p << 8 >> 24) + (p >> 24) << 16'],
  ],
  [{ 'i16x8.extadd_pairwise_i8x16_u': 0 }, ['(p & 0x00ff00ff) + (p >>> 8 & 0x00ff00ff)']],
  [
    { 'i8x16.popcnt': 0 },
    ['p = p - (p >>> 1 & 0x55555555);', 'p = (p & 0x33333333) + (p >>> 2 & 0x33333333);', 'p + (p >>> 4) & 0x0f0f0f0f'],
  ],
  [{ 'f32x4.abs': 0 }, ['p & 0x7fffffff']],
  [{ 'f32x4.neg': 0 }, ['p ^ 0x80000000']],
];

interface OnWords {
  readonly word: Word;
  readonly flags: number;
}

const ON_WORDS = new Map<string, OnWords>();
for (const [operations, word] of WORDS) {
  for (const [name, flags] of Object.entries(operations)) ON_WORDS.set(name, { word, flags });
}
for (const [operations, word] of LANES) {
  for (const [operation, flags] of Object.entries(operations)) {
    ON_WORDS.set(`i8x16.${operation}`, { word, flags });
    ON_WORDS.set(`i16x8.${operation}`, { word, flags: flags | FLAGS.wide });
  }
}
for (const [operation, flags] of Object.entries({
  lt: 0,
  gt: FLAGS.exchange,
  le: 0,
  ge: FLAGS.exchange,
  eq: 0,
  ne: FLAGS.invert,
})) {
  for (const shape of ['f32x4', 'f64x2']) ON_WORDS.set(`${shape}.${operation}`, { word: [], flags });
}

/** What an instruction differs in from others with the same text. */
export function flagsOf(name: string): number {
  return ON_WORDS.get(name)?.flags ?? 0;
}

/** Declarations of what a word uses beside the operands. */
function settings(word: Word): string[] {
  const uses = (name: string) => word.some((line) => new RegExp(`\\b${name}\\b`).test(line));
  const lines: string[] = [];
  if (uses('e') || uses('f') || uses('h')) lines.push('n = FLAGS[C[pc]];');
  if (uses('e'))
    lines.push(
      `if ((n & ${FLAGS.exchange}) !== 0) { m = s; s = t; t = m; }`,
      `e = (n & ${FLAGS.invert}) !== 0 ? -1 : 0;`,
    );
  if (uses('h')) lines.push(`h = (n & ${FLAGS.wide}) !== 0 ? 0x80008000 | 0 : 0x80808080 | 0;`);
  if (uses('k')) lines.push(`k = (n & ${FLAGS.wide}) !== 0 ? 15 : 7;`);
  if (uses('f')) lines.push(`f = (n & ${FLAGS.signed}) !== 0 ? h : 0;`);
  return lines;
}

/** Shifts of lanes by `n`: what is computed once, and the word. */
const SHIFTS: Record<string, readonly [bits: number, once: string, word: string]> = {
  'i32x4.shl': [32, '', 'p << n'],
  'i32x4.shr_s': [32, '', 'p >> n'],
  'i32x4.shr_u': [32, '', 'p >>> n'],
  'i16x8.shl': [16, 'm = Math.imul(0xffff << n & 0xffff, 0x10001);', 'p << n & m'],
  'i16x8.shr_u': [16, 'm = Math.imul(0xffff >>> n, 0x10001);', 'p >>> n & m'],
  'i16x8.shr_s': [16, '', 'p << 16 >> 16 >> n & 0xffff | p >> n & 0xffff0000'],
  'i8x16.shl': [8, 'm = Math.imul(0xff << n & 0xff, 0x01010101);', 'p << n & m'],
  'i8x16.shr_s': [
    8,
    'm = Math.imul(0xff >>> n, 0x01010101); k = 0xff << 8 - n & 0xff;',
    'p >>> n & m | Math.imul(p >>> 7 & 0x01010101, k)',
  ],
  'i8x16.shr_u': [8, 'm = Math.imul(0xff >>> n, 0x01010101);', 'p >>> n & m'],
};

/** Arithmetic on lanes of floats, on `p` and `q` as numbers. */
const FLOATS: Record<string, string> = {
  add: 'p + q',
  sub: 'p - q',
  mul: 'p * q',
  div: 'p / q',
  min: 'Math.min(p, q)',
  max: 'Math.max(p, q)',
  sqrt: 'Math.sqrt(p)',
};
const FLOAT_COMPARISONS: Record<string, string> = {
  eq: 'x === y ? ~e : e',
  ne: 'x === y ? ~e : e',
  lt: 'x < y ? -1 : e',
  gt: 'x < y ? -1 : e',
  le: 'x <= y ? -1 : e',
  ge: 'x <= y ? -1 : e',
};

/** The words of a widened vector, from the two words `p` and `q` of a half. */
const WIDENINGS: Record<string, readonly string[]> = {
  '8_u': ['p & 0xff | p << 8 & 0xff0000', 'p >>> 16 & 0xff | p >>> 8 & 0xff0000'],
  '8_s': ['p << 24 >> 24 & 0xffff | p << 16 >> 24 << 16', 'p << 8 >> 24 & 0xffff | p >> 24 << 16'],
  '16_u': ['p & 0xffff', 'p >>> 16'],
  '16_s': ['p << 16 >> 16', 'p >> 16'],
  '32_u': ['p', '0'],
  '32_s': ['p', 'p >> 31'],
};

const HEADS: readonly (readonly [operand: string, name: string])[] = [
  ['a', 's'],
  ['b', 't'],
  ['c', 'u'],
];

const place = (register: string, i: number) => (i === 0 ? register : `${register} + ${i} | 0`);
const at = (register: string, i: number) => `R[${place(register, i)}]`;

/** The registers of the operands: `d` for the result, and `s`, `t`, `u` for `a`, `b`, `c`. */
function heads(c: Operands, arity: number): string[] {
  return [
    ...HEADS.slice(0, arity).map(([operand, name]) => `${name} = ${c.register(operand)};`),
    `d = ${c.register('result')};`,
  ];
}

/** For each of the four words, in turn. */
function eachWord(arity: number, word: Word): string[] {
  const reads = ['p = R[s + i | 0];', 'q = R[t + i | 0];', 'r = R[u + i | 0];'].slice(0, arity);
  return [
    'for (i = 0; i < 4; i = i + 1 | 0) {',
    ...[...reads, ...word.slice(0, -1), `R[d + i | 0] = ${word.at(-1)};`].map((line) => `  ${line}`),
    '}',
  ];
}

/** Puts words into `d`. */
const put = (words: readonly string[]) => words.map((word, i) => `${at('d', i)} = ${word};`);

function floats(c: Operands, name: string, arity: number): string[] | undefined {
  const [shape, operation = ''] = name.split('.');
  const isDouble = shape === 'f64x2';
  if (!isDouble && shape !== 'f32x4') return undefined;
  const read = (register: string) => (isDouble ? `F64[(${register} >> 1) + i | 0]` : `F32[${register} + i | 0]`);
  const reads = [`x = ${read('s')};`, `y = ${read('t')};`].slice(0, arity);
  const comparison = FLOAT_COMPARISONS[operation];
  const text = comparison ?? FLOATS[operation]?.replace(/\bp\b/, 'x').replace(/\bq\b/, 'y');
  if (text === undefined) return undefined;
  const each = (lines: readonly string[]) => [
    ...heads(c, arity),
    ...(comparison === undefined ? [] : settings([text])),
    `for (i = 0; i < ${isDouble ? 2 : 4}; i = i + 1 | 0) {`,
    ...[...reads, ...lines].map((line) => `  ${line}`),
    '}',
  ];
  if (comparison !== undefined) {
    return each(
      isDouble
        ? [`lo = ${text};`, 'm = d + i + i | 0;', 'R[m] = lo;', 'R[m + 1 | 0] = lo;']
        : [`R[d + i | 0] = ${text};`],
    );
  }
  return each([
    `x = ${text};`,
    `if (x === x) ${isDouble ? 'F64[(d >> 1) + i | 0]' : 'F32[d + i | 0]'} = x;`,
    isDouble ? 'else { m = d + i + i | 0; R[m] = 0; R[m + 1 | 0] = 0x7ff80000; }' : 'else R[d + i | 0] = 0x7fc00000;',
  ]);
}

/** Widens the words `p` and `q`, and puts the result into `d`. */
function widen(kind: string): string[] {
  const words = WIDENINGS[kind] as readonly string[];
  return put([...words, ...words.map((word) => word.replaceAll('p', 'q'))]);
}

function memory(c: Operands, name: string, out: string): string[] | undefined {
  const check = (bytes: number) => bounded(bytes, c.low('base'), c.word('offset'), out);
  const read = (i: number) => `V.getInt32(${i === 0 ? 'ea' : `ea + ${4 * i} | 0`}, true)`;
  const d = () => `d = ${c.register('result')};`;
  const splat = (bytes: number, value: string) => [...check(bytes), `p = ${value};`, d(), ...put(['p', 'p', 'p', 'p'])];
  const pair = () => [`p = ${read(0)};`, `q = ${read(1)};`, d()];
  const widening = /^v128\.load(\d+)x\d_([su])$/.exec(name);
  if (widening !== null) return [...check(8), ...pair(), ...widen(`${widening[1]}_${widening[2]}`)];
  switch (name) {
    case 'v128.load':
      return [...check(16), d(), ...put([0, 1, 2, 3].map(read))];
    case 'v128.store':
      return [
        ...check(16),
        `s = ${c.register('a')};`,
        'if ((ea & 3) === 0) {',
        '  at = ea >> 2;',
        ...[0, 1, 2, 3].map((i) => `  I32[${place('at', i)}] = ${at('s', i)};`),
        '} else {',
        '  for (i = 0; i < 16; i = i + 1 | 0) U8[ea + i | 0] = R[s + (i >> 2) | 0] >> (i << 3);',
        '}',
      ];
    case 'v128.load8_splat':
      return splat(1, 'Math.imul(U8[ea], 0x01010101)');
    case 'v128.load16_splat':
      return splat(2, 'Math.imul(V.getUint16(ea, true), 0x10001)');
    case 'v128.load32_splat':
      return splat(4, read(0));
    case 'v128.load64_splat':
      return [...check(8), ...pair(), ...put(['p', 'q', 'p', 'q'])];
    case 'v128.load32_zero':
      return [...check(4), d(), ...put([read(0), '0', '0', '0'])];
    case 'v128.load64_zero':
      return [...check(8), d(), ...put([read(0), read(1), '0', '0'])];
    default:
      return undefined;
  }
}

const copy = ['R[d] = R[s];', ...[1, 2, 3].map((i) => `${at('d', i)} = ${at('s', i)};`)];

/** The rest, one by one. */
const OTHERS: Record<string, (c: Operands) => string[]> = {
  'copy.v128': (c) => [`s = ${c.register('source')};`, `d = ${c.register('result')};`, ...copy],
  'select.v128': (c) => [
    `s = fp + (${c.low('condition')} !== 0 ? ${c.word('first')} : ${c.word('second')}) | 0;`,
    `d = ${c.register('result')};`,
    ...copy,
  ],
  'v128.const': (c) => [`d = ${c.register('result')};`, ...put([0, 1, 2, 3].map((i) => c.word('bytes', i)))],
  'v128.any_true': (c) => [
    `s = ${c.register('a')};`,
    `${c.low('result')} = (R[s] | ${at('s', 1)} | ${at('s', 2)} | ${at('s', 3)}) !== 0 ? 1 : 0;`,
  ],
  'i8x16.splat': (c) => splat(c, `Math.imul(${c.low('a')} & 0xff, 0x01010101)`),
  'i16x8.splat': (c) => splat(c, `Math.imul(${c.low('a')} & 0xffff, 0x10001)`),
  'i32x4.splat': (c) => splat(c, c.low('a')),
  'f32x4.splat': (c) => splat(c, c.low('a')),
  'i64x2.splat': splat64,
  'f64x2.splat': splat64,
  'i8x16.extract_lane_s': (c) => extract(c, 8, '>>'),
  'i8x16.extract_lane_u': (c) => extract(c, 8, '>>>'),
  'i16x8.extract_lane_s': (c) => extract(c, 16, '>>'),
  'i16x8.extract_lane_u': (c) => extract(c, 16, '>>>'),
  'i32x4.extract_lane': (c) => [`${c.low('result')} = R[(${c.register('a')}) + ${c.word('lane')} | 0];`],
  'f32x4.extract_lane': (c) => [`${c.low('result')} = R[(${c.register('a')}) + ${c.word('lane')} | 0];`],
  'i64x2.extract_lane': extract64,
  'f64x2.extract_lane': extract64,
  'i32x4.replace_lane': (c) => replace(c, 'p'),
  'f32x4.replace_lane': (c) => replace(c, 'p'),
  'i8x16.bitmask': (c) => bits(c, ['p >>> 7 & 1', 'p >>> 14 & 2', 'p >>> 21 & 4', 'p >>> 28 & 8'].join(' | '), 4),
  'i16x8.bitmask': (c) => bits(c, 'p >>> 15 & 1 | p >>> 30 & 2', 2),
  'i32x4.bitmask': (c) => bits(c, 'p >>> 31', 1),
  'i8x16.all_true': (c) => allTrue(c, '((p & 0x7f7f7f7f) + 0x7f7f7f7f | p | 0x7f7f7f7f) !== -1'),
  'i16x8.all_true': (c) => allTrue(c, '((p & 0x7fff7fff) + 0x7fff7fff | p | 0x7fff7fff) !== -1'),
  'i32x4.all_true': (c) => allTrue(c, 'p === 0'),
  'i8x16.shuffle': (c) => [
    ...heads(c, 2),
    'for (i = 0; i < 4; i = i + 1 | 0) { LANES[i] = R[s + i | 0]; LANES[i + 4 | 0] = R[t + i | 0]; }',
    'for (i = 0; i < 4; i = i + 1 | 0) {',
    `  m = ${c.word('bytes').replace(' | 0', ' + i | 0')};`,
    '  R[d + i | 0] = BYTES[m & 31] | BYTES[m >> 8 & 31] << 8 | BYTES[m >> 16 & 31] << 16 | BYTES[m >> 24 & 31] << 24;',
    '}',
  ],
  'f32x4.convert_i32x4_s': (c) => [...heads(c, 1), 'for (i = 0; i < 4; i = i + 1 | 0) F32[d + i | 0] = R[s + i | 0];'],
  'f32x4.convert_i32x4_u': (c) => [
    ...heads(c, 1),
    'for (i = 0; i < 4; i = i + 1 | 0) F32[d + i | 0] = R[s + i | 0] >>> 0;',
  ],
  'i64x2.add': (c) => pairs(c, ['p + q', 'R[s + i + 1 | 0] + R[t + i + 1 | 0] + (lo >>> 0 < p >>> 0 ? 1 : 0)']),
  'i64x2.sub': (c) => pairs(c, ['p - q', 'R[s + i + 1 | 0] - R[t + i + 1 | 0] - (p >>> 0 < q >>> 0 ? 1 : 0)']),
};

function splat(c: Operands, value: string): string[] {
  return [`p = ${value};`, `d = ${c.register('result')};`, ...put(['p', 'p', 'p', 'p'])];
}

function splat64(c: Operands): string[] {
  return [...heads(c, 1), 'p = R[s];', 'q = R[s + 1 | 0];', ...put(['p', 'q', 'p', 'q'])];
}

function extract(c: Operands, width: 8 | 16, shift: string): string[] {
  const perWord = 32 / width;
  return [
    `m = ${c.word('lane')};`,
    `p = R[(${c.register('a')}) + (m >> ${perWord === 4 ? 2 : 1}) | 0];`,
    `${c.low('result')} = p << (${32 - width} - (m & ${perWord - 1}) * ${width}) ${shift} ${32 - width};`,
  ];
}

function extract64(c: Operands): string[] {
  return [
    `s = (${c.register('a')}) + 2 * ${c.word('lane')} | 0;`,
    `d = ${c.register('result')};`,
    'p = R[s];',
    'R[d + 1 | 0] = R[s + 1 | 0];',
    'R[d] = p;',
  ];
}

function replace(c: Operands, value: string): string[] {
  return [`p = ${c.low('b')};`, ...heads(c, 1), ...copy, `R[d + ${c.word('lane')} | 0] = ${value};`];
}

/** Collects bits from the words, `count` from each. */
function bits(c: Operands, word: string, count: number): string[] {
  return [
    `s = ${c.register('a')};`,
    'm = 0;',
    `for (i = 0; i < 4; i = i + 1 | 0) { p = R[s + i | 0]; m = m | (${word}) << ${count === 1 ? 'i' : `i * ${count}`}; }`,
    `${c.low('result')} = m;`,
  ];
}

function allTrue(c: Operands, hasZero: string): string[] {
  return [
    `s = ${c.register('a')};`,
    'm = 1;',
    `for (i = 0; i < 4; i = i + 1 | 0) { p = R[s + i | 0]; if (${hasZero}) m = 0; }`,
    `${c.low('result')} = m;`,
  ];
}

function pairs(c: Operands, [low, high]: readonly [string, string]): string[] {
  return [
    ...heads(c, 2),
    'for (i = 0; i < 4; i = i + 2 | 0) {',
    '  p = R[s + i | 0];',
    '  q = R[t + i | 0];',
    `  lo = ${low} | 0;`,
    `  m = ${high};`,
    '  R[d + i | 0] = lo;',
    '  R[d + i + 1 | 0] = m;',
    '}',
  ];
}

/**
 * The lines for an instruction; undefined for those that the vector loop leaves to others.
 * @param out what ends the loop where an access is out of bounds
 */
export function vectorBody(name: string, arity: number, c: Operands, out: string): string[] | undefined {
  const float = floats(c, name, arity);
  if (float !== undefined) return float;
  const word = ON_WORDS.get(name)?.word;
  if (word !== undefined) return [...heads(c, arity), ...settings(word), ...eachWord(arity, word)];
  const shift = SHIFTS[name];
  if (shift !== undefined) {
    const [width, once, text] = shift;
    const count = `n = ${c.low('b')} & ${width - 1};`;
    return [count, ...(once === '' ? [] : [once]), ...heads(c, 1), ...eachWord(1, [text])];
  }
  const widening = /^i(?:16x8|32x4|64x2)\.extend_(low|high)_i(\d+)x\d+_([su])$/.exec(name);
  if (widening !== null) {
    const first = widening[1] === 'low' ? 0 : 2;
    const reads = [`p = ${at('s', first)};`, `q = ${at('s', first + 1)};`];
    return [...heads(c, 1), ...reads, ...widen(`${widening[2]}_${widening[3]}`)];
  }
  return OTHERS[name]?.(c) ?? memory(c, name, out);
}

/** Variables that the texts above assign. */
export const VECTOR_VARIABLES: readonly string[] = [...'studpqrnmiehfk', 'lo', 'at'];
