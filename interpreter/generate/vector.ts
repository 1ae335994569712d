/**
 * What the vector loop does for instructions on vectors: the frequent ones. The others are left to vector/.
 *
 * Small lanes are computed a word at a time: `p`, `q` and `r` are the words of the operands at one place. `h` has the sign
 * bits of all lanes, and `k` is how far a sign bit is from the lowest of its lane; a carry into the next lane is kept out
 * by setting or clearing sign bits first. `f` changes sign bits where lanes are signed; `e` inverts. Instructions whose
 * texts are the same share a case, as the loop has to stay small enough to be optimised.
 */

import { bounded } from './bounds.ts';
import type { Site } from './site.ts';
import { type Block, type Expression, name, namesIn, namesUsed } from './syntax.ts';
import { type Computation, code, computation, expression } from './template.ts';

/**
 * What instructions that share a case differ in, as bits of `n`: the lanes are of 16 bits, not 8; they are signed; the
 * operands change places; the result is inverted.
 */
export const FLAGS = { wide: 1, signed: 2, exchange: 4, invert: 8 } as const;

const [P, Q, M, ZERO] = [name('p'), name('q'), name('m'), expression`0`];

/** Fills the lanes whose sign bits are set in `m`, which has no other bits. */
const FILLED = expression`(m - (m >>> k) | m)`;
const sum = (p: Expression, q: Expression) => expression`((${p} & ~h) + (${q} & ~h)) ^ ((${p} ^ ${q}) & h)`;
const difference = (p: Expression, q: Expression) => expression`((${p} | h) - (${q} & ~h)) ^ ((${p} ^ ~${q}) & h)`;
/** Fills the lanes where `p` is below `q`, both unsigned; `lo` is their difference. */
const LESS = code`lo = ${difference(P, Q)}; m = (~p & q | (~p | q) & lo) & h; m = ${FILLED};`;
/** The most that has the sign of `p`. */
const MOST = expression`~h + (p >>> k & h >>> k)`;
const SATURATED = code`m = ${FILLED};`;

/** On lanes of 8 or of 16 bits; the operation's signs and flags. */
const LANES: readonly (readonly [operations: Readonly<Record<string, number>>, word: Computation])[] = [
  [{ add: 0 }, computation`${sum(P, Q)}`],
  [{ sub: 0 }, computation`${difference(P, Q)}`],
  [{ neg: 0 }, computation`${difference(ZERO, P)}`],
  [{ abs: 0 }, computation`m = p & h; m = ${FILLED}; p = p ^ m; ${difference(P, M)}`],
  [{ avgr_u: 0 }, computation`(p | q) - ((p ^ q) >>> 1 & ~h)`],
  [{ eq: FLAGS.invert, ne: 0 }, computation`p = p ^ q; m = ((p & ~h) + ~h | p) & h; ${FILLED} ^ e`],
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
    computation`p = p ^ f; q = q ^ f; ${LESS} m ^ e`,
  ],
  [
    {
      min_u: 0,
      max_u: FLAGS.invert,
      min_s: FLAGS.signed,
      max_s: FLAGS.signed | FLAGS.invert,
    },
    computation`p = p ^ f; q = q ^ f; ${LESS} m = m ^ e; (p & m | q & ~m) ^ f`,
  ],
  [{ add_sat_u: 0 }, computation`lo = ${sum(P, Q)}; m = (p & q | (p | q) & ~lo) & h; lo | ${FILLED}`],
  [{ sub_sat_u: 0 }, computation`${LESS} lo & ~m`],
  [{ add_sat_s: 0 }, computation`lo = ${sum(P, Q)}; m = ~(p ^ q) & (p ^ lo) & h; ${SATURATED} lo & ~m | ${MOST} & m`],
  [
    { sub_sat_s: 0 },
    computation`lo = ${difference(P, Q)}; m = (p ^ q) & (p ^ lo) & h; ${SATURATED} lo & ~m | ${MOST} & m`,
  ],
];

/** On words; flags as above. */
const WORDS: readonly (readonly [operations: Readonly<Record<string, number>>, word: Computation])[] = [
  [{ 'v128.not': 0 }, computation`~p`],
  [{ 'v128.and': 0 }, computation`p & q`],
  [{ 'v128.andnot': 0 }, computation`p & ~q`],
  [{ 'v128.or': 0 }, computation`p | q`],
  [{ 'v128.xor': 0 }, computation`p ^ q`],
  [{ 'v128.bitselect': 0 }, computation`p & r | q & ~r`],
  [{ 'i32x4.add': 0 }, computation`p + q`],
  [{ 'i32x4.sub': 0 }, computation`p - q`],
  [{ 'i32x4.mul': 0 }, computation`Math.imul(p, q)`],
  [{ 'i32x4.neg': 0 }, computation`-p`],
  [{ 'i32x4.abs': 0 }, computation`p < 0 ? -p : p`],
  [{ 'i32x4.eq': 0, 'i32x4.ne': FLAGS.invert }, computation`p === q ? ~e : e`],
  [
    {
      'i32x4.lt_s': 0,
      'i32x4.ge_s': FLAGS.invert,
      'i32x4.gt_s': FLAGS.exchange,
      'i32x4.le_s': FLAGS.exchange | FLAGS.invert,
    },
    computation`p < q ? ~e : e`,
  ],
  [
    {
      'i32x4.lt_u': 0,
      'i32x4.ge_u': FLAGS.invert,
      'i32x4.gt_u': FLAGS.exchange,
      'i32x4.le_u': FLAGS.exchange | FLAGS.invert,
    },
    computation`p >>> 0 < q >>> 0 ? ~e : e`,
  ],
  [{ 'i32x4.min_s': 0, 'i32x4.max_s': FLAGS.invert }, computation`p < q === (e === 0) ? p : q`],
  [{ 'i32x4.min_u': 0, 'i32x4.max_u': FLAGS.invert }, computation`p >>> 0 < q >>> 0 === (e === 0) ? p : q`],
  [{ 'i16x8.mul': 0 }, computation`Math.imul(p, q) & 0xffff | Math.imul(p >> 16, q >> 16) << 16`],
  [{ 'i32x4.dot_i16x8_s': 0 }, computation`Math.imul(p << 16 >> 16, q << 16 >> 16) + Math.imul(p >> 16, q >> 16)`],
  [{ 'i32x4.extadd_pairwise_i16x8_s': 0 }, computation`(p << 16 >> 16) + (p >> 16)`],
  [{ 'i32x4.extadd_pairwise_i16x8_u': 0 }, computation`(p & 0xffff) + (p >>> 16)`],
  [
    { 'i16x8.extadd_pairwise_i8x16_s': 0 },
    computation`(p << 24 >> 24) + (p << 16 >> 24) & 0xffff | (p << 8 >> 24) + (p >> 24) << 16`,
  ],
  [{ 'i16x8.extadd_pairwise_i8x16_u': 0 }, computation`(p & 0x00ff00ff) + (p >>> 8 & 0x00ff00ff)`],
  [
    { 'i8x16.popcnt': 0 },
    computation`
      p = p - (p >>> 1 & 0x55555555);
      p = (p & 0x33333333) + (p >>> 2 & 0x33333333);
      p + (p >>> 4) & 0x0f0f0f0f`,
  ],
  [{ 'f32x4.abs': 0 }, computation`p & 0x7fffffff`],
  [{ 'f32x4.neg': 0 }, computation`p ^ 0x80000000`],
];

interface OnWords {
  /** None where lanes are floats. */
  readonly word: Computation | undefined;
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
  for (const shape of ['f32x4', 'f64x2']) ON_WORDS.set(`${shape}.${operation}`, { word: undefined, flags });
}

/** What an instruction differs in from others with the same text. */
export function flagsOf(name: string): number {
  return ON_WORDS.get(name)?.flags ?? 0;
}

/** Sets what a word uses beside the operands. */
function settings({ before, result }: Computation): Block {
  const names = new Set([...namesUsed(before), ...namesIn(result)]);
  const where = (used: string, block: Block) => (names.has(used) ? block : []);
  const usesFlags = ['e', 'f', 'h'].some((one) => names.has(one));
  return [
    ...(usesFlags ? code`n = FLAGS[C[pc]];` : []),
    ...where(
      'e',
      code`
        if ((n & ${FLAGS.exchange}) !== 0) { m = s; s = t; t = m; }
        e = (n & ${FLAGS.invert}) !== 0 ? -1 : 0;`,
    ),
    ...where('h', code`h = (n & ${FLAGS.wide}) !== 0 ? 0x80008000 | 0 : 0x80808080 | 0;`),
    ...where('k', code`k = (n & ${FLAGS.wide}) !== 0 ? 15 : 7;`),
    ...where('f', code`f = (n & ${FLAGS.signed}) !== 0 ? h : 0;`),
  ];
}

/** Shifts of lanes by `n`: what is computed once, and the word. */
const SHIFTS: Record<string, readonly [bits: number, once: Block, word: Computation]> = {
  'i32x4.shl': [32, [], computation`p << n`],
  'i32x4.shr_s': [32, [], computation`p >> n`],
  'i32x4.shr_u': [32, [], computation`p >>> n`],
  'i16x8.shl': [16, code`m = Math.imul(0xffff << n & 0xffff, 0x10001);`, computation`p << n & m`],
  'i16x8.shr_u': [16, code`m = Math.imul(0xffff >>> n, 0x10001);`, computation`p >>> n & m`],
  'i16x8.shr_s': [16, [], computation`p << 16 >> 16 >> n & 0xffff | p >> n & 0xffff0000`],
  'i8x16.shl': [8, code`m = Math.imul(0xff << n & 0xff, 0x01010101);`, computation`p << n & m`],
  'i8x16.shr_s': [
    8,
    code`m = Math.imul(0xff >>> n, 0x01010101); k = 0xff << 8 - n & 0xff;`,
    computation`p >>> n & m | Math.imul(p >>> 7 & 0x01010101, k)`,
  ],
  'i8x16.shr_u': [8, code`m = Math.imul(0xff >>> n, 0x01010101);`, computation`p >>> n & m`],
};

/** Arithmetic on lanes of floats. */
const FLOATS: Record<string, Expression> = {
  add: expression`x + y`,
  sub: expression`x - y`,
  mul: expression`x * y`,
  div: expression`x / y`,
  min: expression`Math.min(x, y)`,
  max: expression`Math.max(x, y)`,
  sqrt: expression`Math.sqrt(x)`,
};
const EQUAL = expression`x === y ? ~e : e`;
const BELOW = expression`x < y ? -1 : e`;
const NOT_ABOVE = expression`x <= y ? -1 : e`;
const FLOAT_COMPARISONS: Record<string, Expression> = {
  eq: EQUAL,
  ne: EQUAL,
  lt: BELOW,
  gt: BELOW,
  le: NOT_ABOVE,
  ge: NOT_ABOVE,
};

/** The two words that a word of a half becomes when that is widened. */
const WIDENINGS: Record<string, (p: Expression) => readonly Expression[]> = {
  '8_u': (p) => [
    expression`${p} & 0xff | ${p} << 8 & 0xff0000`,
    expression`${p} >>> 16 & 0xff | ${p} >>> 8 & 0xff0000`,
  ],
  '8_s': (p) => [
    expression`${p} << 24 >> 24 & 0xffff | ${p} << 16 >> 24 << 16`,
    expression`${p} << 8 >> 24 & 0xffff | ${p} >> 24 << 16`,
  ],
  '16_u': (p) => [expression`${p} & 0xffff`, expression`${p} >>> 16`],
  '16_s': (p) => [expression`${p} << 16 >> 16`, expression`${p} >> 16`],
  '32_u': (p) => [p, ZERO],
  '32_s': (p) => [p, expression`${p} >> 31`],
};

const HEADS: readonly (readonly [operand: string, variable: string])[] = [
  ['a', 's'],
  ['b', 't'],
  ['c', 'u'],
];

/** The place of one of the words from a place in a variable on. */
const place = (from: string, i: number) => (i === 0 ? name(from) : expression`${name(from)} + ${i} | 0`);
const at = (register: string, i: number) => expression`R[${place(register, i)}]`;

const result = (c: Site) => code`d = ${c.register('result')};`;

/** The registers of the operands: `d` for the result, and `s`, `t`, `u` for `a`, `b`, `c`. */
function heads(c: Site, arity: number): Block {
  const sources = HEADS.slice(0, arity);
  return [...sources.flatMap(([operand, to]) => code`${name(to)} = ${c.register(operand)};`), ...result(c)];
}

const READS = [code`p = R[s + i | 0];`, code`q = R[t + i | 0];`, code`r = R[u + i | 0];`];

/** For each of the four words, in turn. */
function eachWord(arity: number, word: Computation): Block {
  return code`
    for (i = 0; i < 4; i = i + 1 | 0) {
      ${READS.slice(0, arity).flat()}
      ${word.before}
      R[d + i | 0] = ${word.result};
    }`;
}

/** Puts words into `d`. */
const put = (...words: readonly Expression[]) => words.flatMap((word, i) => code`${at('d', i)} = ${word};`);

function floats(c: Site, mnemonic: string, arity: number): Block | undefined {
  const [shape, operation = ''] = mnemonic.split('.');
  const isDouble = shape === 'f64x2';
  if (!isDouble && shape !== 'f32x4') return undefined;
  const lane = (register: string) =>
    isDouble ? expression`F64[(${name(register)} >> 1) + i | 0]` : expression`F32[${name(register)} + i | 0]`;
  const comparison = FLOAT_COMPARISONS[operation];
  const value = comparison ?? FLOATS[operation];
  if (value === undefined) return undefined;
  const each = (block: Block) => code`
    ${heads(c, arity)}
    ${comparison === undefined ? [] : settings({ before: [], result: comparison })}
    for (i = 0; i < ${isDouble ? 2 : 4}; i = i + 1 | 0) {
      x = ${lane('s')};
      ${arity > 1 ? code`y = ${lane('t')};` : []}
      ${block}
    }`;
  if (comparison !== undefined) {
    if (!isDouble) return each(code`R[d + i | 0] = ${value};`);
    return each(code`lo = ${value}; m = d + i + i | 0; R[m] = lo; R[m + 1 | 0] = lo;`);
  }
  const canonical = isDouble
    ? code`m = d + i + i | 0; R[m] = 0; R[m + 1 | 0] = 0x7ff80000;`
    : code`R[d + i | 0] = 0x7fc00000;`;
  return each(code`x = ${value}; if (x === x) ${lane('d')} = x; else { ${canonical} }`);
}

/** Widens the words `p` and `q`, and puts the result into `d`. */
function widen(kind: string): Block {
  const words = WIDENINGS[kind] as (p: Expression) => readonly Expression[];
  return put(...words(P), ...words(Q));
}

const INDICES = [0, 1, 2, 3];

function memory(c: Site, mnemonic: string, out: Block): Block | undefined {
  const check = (bytes: number) => bounded(bytes, c.low('base'), c.word('offset'), out);
  const read = (i: number) => expression`V.getInt32(${place('ea', 4 * i)}, true)`;
  const splat = (bytes: number, value: Expression) =>
    code`${check(bytes)} p = ${value}; ${result(c)} ${put(P, P, P, P)}`;
  const pair = () => code`p = ${read(0)}; q = ${read(1)}; ${result(c)}`;
  const widening = /^v128\.load(\d+)x\d_([su])$/.exec(mnemonic);
  if (widening !== null) return code`${check(8)} ${pair()} ${widen(`${widening[1]}_${widening[2]}`)}`;
  switch (mnemonic) {
    case 'v128.load':
      return code`${check(16)} ${result(c)} ${put(...INDICES.map(read))}`;
    case 'v128.store':
      return code`
        ${check(16)}
        s = ${c.register('a')};
        if ((ea & 3) === 0) {
          at = ea >> 2;
          ${INDICES.flatMap((i) => code`I32[${place('at', i)}] = ${at('s', i)};`)}
        } else {
          for (i = 0; i < 16; i = i + 1 | 0) U8[ea + i | 0] = R[s + (i >> 2) | 0] >> (i << 3);
        }`;
    case 'v128.load8_splat':
      return splat(1, expression`Math.imul(U8[ea], 0x01010101)`);
    case 'v128.load16_splat':
      return splat(2, expression`Math.imul(V.getUint16(ea, true), 0x10001)`);
    case 'v128.load32_splat':
      return splat(4, read(0));
    case 'v128.load64_splat':
      return code`${check(8)} ${pair()} ${put(P, Q, P, Q)}`;
    case 'v128.load32_zero':
      return code`${check(4)} ${result(c)} ${put(read(0), ZERO, ZERO, ZERO)}`;
    case 'v128.load64_zero':
      return code`${check(8)} ${result(c)} ${put(read(0), read(1), ZERO, ZERO)}`;
    default:
      return undefined;
  }
}

const COPY = INDICES.flatMap((i) => code`${at('d', i)} = ${at('s', i)};`);

/** The rest, one by one. */
const OTHERS: Record<string, (c: Site) => Block> = {
  'copy.v128': (c) => code`s = ${c.register('source')}; ${result(c)} ${COPY}`,
  'select.v128': (c) => code`
    s = fp + (${c.low('condition')} !== 0 ? ${c.word('first')} : ${c.word('second')}) | 0;
    ${result(c)}
    ${COPY}`,
  'v128.const': (c) => code`${result(c)} ${put(...INDICES.map((i) => c.word('bytes', i)))}`,
  'v128.any_true': (c) => code`
    s = ${c.register('a')};
    ${c.low('result')} = (R[s] | ${at('s', 1)} | ${at('s', 2)} | ${at('s', 3)}) !== 0 ? 1 : 0;`,
  'i8x16.splat': (c) => splat(c, expression`Math.imul(${c.low('a')} & 0xff, 0x01010101)`),
  'i16x8.splat': (c) => splat(c, expression`Math.imul(${c.low('a')} & 0xffff, 0x10001)`),
  'i32x4.splat': (c) => splat(c, c.low('a')),
  'f32x4.splat': (c) => splat(c, c.low('a')),
  'i64x2.splat': splat64,
  'f64x2.splat': splat64,
  'i8x16.extract_lane_s': (c) => extract(c, 8, true),
  'i8x16.extract_lane_u': (c) => extract(c, 8, false),
  'i16x8.extract_lane_s': (c) => extract(c, 16, true),
  'i16x8.extract_lane_u': (c) => extract(c, 16, false),
  'i32x4.extract_lane': extract32,
  'f32x4.extract_lane': extract32,
  'i64x2.extract_lane': extract64,
  'f64x2.extract_lane': extract64,
  'i32x4.replace_lane': replace,
  'f32x4.replace_lane': replace,
  'i8x16.bitmask': (c) => bits(c, expression`p >>> 7 & 1 | p >>> 14 & 2 | p >>> 21 & 4 | p >>> 28 & 8`, 4),
  'i16x8.bitmask': (c) => bits(c, expression`p >>> 15 & 1 | p >>> 30 & 2`, 2),
  'i32x4.bitmask': (c) => bits(c, expression`p >>> 31`, 1),
  'i8x16.all_true': (c) => allTrue(c, expression`((p & 0x7f7f7f7f) + 0x7f7f7f7f | p | 0x7f7f7f7f) !== -1`),
  'i16x8.all_true': (c) => allTrue(c, expression`((p & 0x7fff7fff) + 0x7fff7fff | p | 0x7fff7fff) !== -1`),
  'i32x4.all_true': (c) => allTrue(c, expression`p === 0`),
  'i8x16.shuffle': (c) => code`
    ${heads(c, 2)}
    for (i = 0; i < 4; i = i + 1 | 0) { LANES[i] = R[s + i | 0]; LANES[i + 4 | 0] = R[t + i | 0]; }
    for (i = 0; i < 4; i = i + 1 | 0) {
      m = ${c.wordBehind('bytes', name('i'))};
      R[d + i | 0] =
        BYTES[m & 31] | BYTES[m >> 8 & 31] << 8 | BYTES[m >> 16 & 31] << 16 | BYTES[m >> 24 & 31] << 24;
    }`,
  'f32x4.convert_i32x4_s': (c) => code`
    ${heads(c, 1)}
    for (i = 0; i < 4; i = i + 1 | 0) F32[d + i | 0] = R[s + i | 0];`,
  'f32x4.convert_i32x4_u': (c) => code`
    ${heads(c, 1)}
    for (i = 0; i < 4; i = i + 1 | 0) F32[d + i | 0] = R[s + i | 0] >>> 0;`,
  'i64x2.add': (c) =>
    pairs(c, expression`p + q`, expression`R[s + i + 1 | 0] + R[t + i + 1 | 0] + (lo >>> 0 < p >>> 0 ? 1 : 0)`),
  'i64x2.sub': (c) =>
    pairs(c, expression`p - q`, expression`R[s + i + 1 | 0] - R[t + i + 1 | 0] - (p >>> 0 < q >>> 0 ? 1 : 0)`),
};

function splat(c: Site, value: Expression): Block {
  return code`p = ${value}; ${result(c)} ${put(P, P, P, P)}`;
}

function splat64(c: Site): Block {
  return code`${heads(c, 1)} p = R[s]; q = R[s + 1 | 0]; ${put(P, Q, P, Q)}`;
}

function extract(c: Site, width: 8 | 16, isSigned: boolean): Block {
  const perWord = 32 / width;
  const unused = 32 - width;
  const topmost = expression`p << (${unused} - (m & ${perWord - 1}) * ${width})`;
  return code`
    m = ${c.word('lane')};
    p = R[(${c.register('a')}) + (m >> ${perWord === 4 ? 2 : 1}) | 0];
    ${c.low('result')} = ${isSigned ? expression`${topmost} >> ${unused}` : expression`${topmost} >>> ${unused}`};`;
}

function extract32(c: Site): Block {
  return code`${c.low('result')} = R[(${c.register('a')}) + ${c.word('lane')} | 0];`;
}

function extract64(c: Site): Block {
  return code`
    s = (${c.register('a')}) + 2 * ${c.word('lane')} | 0;
    ${result(c)}
    p = R[s];
    R[d + 1 | 0] = R[s + 1 | 0];
    R[d] = p;`;
}

function replace(c: Site): Block {
  return code`p = ${c.low('b')}; ${heads(c, 1)} ${COPY} R[d + ${c.word('lane')} | 0] = p;`;
}

/** Collects bits from the words, `count` from each. */
function bits(c: Site, word: Expression, count: number): Block {
  const place = count === 1 ? name('i') : expression`i * ${count}`;
  return code`
    s = ${c.register('a')};
    m = 0;
    for (i = 0; i < 4; i = i + 1 | 0) { p = R[s + i | 0]; m = m | (${word}) << ${place}; }
    ${c.low('result')} = m;`;
}

function allTrue(c: Site, hasZero: Expression): Block {
  return code`
    s = ${c.register('a')};
    m = 1;
    for (i = 0; i < 4; i = i + 1 | 0) { p = R[s + i | 0]; if (${hasZero}) m = 0; }
    ${c.low('result')} = m;`;
}

function pairs(c: Site, low: Expression, high: Expression): Block {
  return code`
    ${heads(c, 2)}
    for (i = 0; i < 4; i = i + 2 | 0) {
      p = R[s + i | 0];
      q = R[t + i | 0];
      lo = ${low} | 0;
      m = ${high};
      R[d + i | 0] = lo;
      R[d + i + 1 | 0] = m;
    }`;
}

/**
 * What an instruction does; undefined for those that the vector loop leaves to others.
 * @param out what ends the loop where an access is out of bounds
 */
export function vectorBody(mnemonic: string, arity: number, c: Site, out: Block): Block | undefined {
  const float = floats(c, mnemonic, arity);
  if (float !== undefined) return float;
  const word = ON_WORDS.get(mnemonic)?.word;
  if (word !== undefined) return [...heads(c, arity), ...settings(word), ...eachWord(arity, word)];
  const shift = SHIFTS[mnemonic];
  if (shift !== undefined) {
    const [width, once, shifted] = shift;
    return code`n = ${c.low('b')} & ${width - 1}; ${once} ${heads(c, 1)} ${eachWord(1, shifted)}`;
  }
  const widening = /^i(?:16x8|32x4|64x2)\.extend_(low|high)_i(\d+)x\d+_([su])$/.exec(mnemonic);
  if (widening !== null) {
    const first = widening[1] === 'low' ? 0 : 2;
    const reads = code`p = ${at('s', first)}; q = ${at('s', first + 1)};`;
    return [...heads(c, 1), ...reads, ...widen(`${widening[2]}_${widening[3]}`)];
  }
  return OTHERS[mnemonic]?.(c) ?? memory(c, mnemonic, out);
}
