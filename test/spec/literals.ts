/** The constants and result patterns of a script. */

import { floatBits } from './floats.ts';
import type { List, Sexpr } from './sexpr.ts';
import { failAt } from './sexpr.ts';
import type { NanPattern, NumberPattern, NumberType, Pattern, RefKind, RefPattern, SpecValue } from './values.ts';
import { HIERARCHIES } from './values.ts';

type LaneType = 'i8' | 'i16' | 'i32' | 'i64' | 'f32' | 'f64';

const LANE_BITS = { i8: 8, i16: 16, i32: 32, i64: 64, f32: 32, f64: 64 } as const satisfies Record<LaneType, number>;

const SHAPES: Readonly<Record<string, LaneType>> = {
  i8x16: 'i8',
  i16x8: 'i16',
  i32x4: 'i32',
  i64x2: 'i64',
  f32x4: 'f32',
  f64x2: 'f64',
};

const SCALARS: Readonly<Record<string, Exclude<NumberType, 'v128'>>> = {
  'i32.const': 'i32',
  'i64.const': 'i64',
  'f32.const': 'f32',
  'f64.const': 'f64',
};

const REF_KINDS: Readonly<Record<string, RefPattern['kind']>> = {
  'ref.extern': 'extern',
  'ref.host': 'host',
  'ref.func': 'func',
  'ref.i31': 'i31',
  'ref.struct': 'struct',
  'ref.array': 'array',
  'ref.exn': 'exn',
  'ref.eq': 'eq',
  'ref.any': 'any',
};

/** The text of an atom. */
export function atomText(node: Sexpr | undefined, parent: Sexpr): string {
  return node?.kind === 'atom' ? node.text : failAt(node ?? parent, 'expected a word or number');
}

/** A list's items, and its first word. */
export function form(node: Sexpr): { readonly list: List; readonly head: string } {
  if (node.kind !== 'list') failAt(node, 'expected a list');
  return { list: node, head: atomText(node.items[0], node) };
}

/**
 * An integer literal as unsigned bits.
 * @throws Error when it is malformed or does not fit, signed or unsigned.
 */
export function integerBits(literal: string, width: number): bigint {
  const match = /^([+-]?)(0x[0-9a-f]+|\d+)$/i.exec(literal.replaceAll('_', ''));
  if (!match) throw new Error(`not an integer: ${literal}`);
  const magnitude = BigInt(match[2]!);
  const negative = match[1] === '-';
  if (magnitude > (negative ? 1n << BigInt(width - 1) : (1n << BigInt(width)) - 1n)) {
    throw new Error(`integer of more than ${width} bits: ${literal}`);
  }
  return BigInt.asUintN(width, negative ? -magnitude : magnitude);
}

function isNanPattern(text: string): text is NanPattern {
  return text === 'nan:canonical' || text === 'nan:arithmetic';
}

function readLane(text: string, type: LaneType): bigint | NanPattern {
  if (type !== 'f32' && type !== 'f64') return integerBits(text, LANE_BITS[type]);
  return isNanPattern(text) ? text : floatBits(text, type);
}

function readNumber(type: NumberType, laneType: LaneType, literals: readonly string[]): NumberPattern {
  return { type, laneBits: LANE_BITS[laneType], lanes: literals.map((text) => readLane(text, laneType)) };
}

/** An expected result: a constant, a NaN class, a kind of reference, or a choice of these. */
export function readPattern(node: Sexpr): Pattern {
  const { list, head } = form(node);
  const rest = list.items.slice(1);
  if (head === 'either') return { type: 'either', options: rest.map(readPattern) };

  const words = rest.map((item) => atomText(item, node));
  const scalar = SCALARS[head];
  if (scalar) {
    if (words.length !== 1) failAt(node, `${head} takes one number`);
    return readNumber(scalar, scalar, words);
  }
  if (head === 'v128.const') {
    const lane = SHAPES[words[0] ?? ''] ?? failAt(node, 'unknown vector shape');
    if ((words.length - 1) * LANE_BITS[lane] !== 128) failAt(node, 'wrong number of lanes');
    return readNumber('v128', lane, words.slice(1));
  }
  if (head === 'ref.null') {
    const heap = words[0];
    if (heap === undefined) return { type: 'ref', kind: 'null' };
    return { type: 'ref', kind: 'null', hierarchy: HIERARCHIES[heap] ?? failAt(node, `unknown heap type ${heap}`) };
  }
  const kind = REF_KINDS[head] ?? failAt(node, `unknown result ${head}`);
  return { type: 'ref', kind, id: words[0] === undefined ? undefined : Number(integerBits(words[0], 32)) };
}

const ARGUMENT_KINDS: readonly RefPattern['kind'][] = ['null', 'extern', 'host'] satisfies RefKind[];

/** An argument: a pattern that one value alone matches. */
export function readValue(node: Sexpr): SpecValue {
  const pattern = readPattern(node);
  if (pattern.type === 'either') failAt(node, 'not a constant');
  if (pattern.type === 'ref') {
    const { kind, id, hierarchy } = pattern;
    if (!ARGUMENT_KINDS.includes(kind) || (kind === 'null' ? hierarchy : id) === undefined)
      failAt(node, 'not a constant');
    return { type: 'ref', kind: kind as RefKind, id, hierarchy };
  }
  let bits = 0n;
  for (const lane of pattern.lanes.toReversed()) {
    if (typeof lane !== 'bigint') failAt(node, 'not a constant');
    bits = (bits << BigInt(pattern.laneBits)) | lane;
  }
  return { type: pattern.type, bits };
}
