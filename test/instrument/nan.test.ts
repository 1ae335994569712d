/** NaN is canonical wherever its bits can be seen, and only there where the specification leaves them open. */

import { describe, expect, test } from 'vitest';
import { decode } from '../../wasm/decode.ts';
import { F32, F64, I32, I64, V128, type ValType } from '../../wasm/types.ts';
import { encodeModule, type Instruction } from '../generate/encode.ts';
import { ENGINES, trace } from './triangle.ts';

const SIGNALLING: Instruction = ['f64.const', { bits: 0xfff4_0000_0000_1234n }];
const SIGNALLING_32: Instruction = ['f32.const', { bits: 0xffa0_1234 }];
const LANES_32: Instruction = ['v128.const', [1, 0, 0xa0, 0xff, 0, 0, 0xc0, 0xff, 0, 0, 0x80, 0x3f, 2, 0, 0x80, 0x7f]];
const ONE: Instruction = ['f64.const', 1];

interface Case {
  readonly locals?: readonly ValType[];
  /** Leaves a value of the type. */
  readonly body: readonly Instruction[];
  readonly type: ValType;
}

/** A NaN of the engine's choosing. */
const SUM: readonly Instruction[] = [SIGNALLING, ONE, 'f64.add'];
const many = (count: number, item: (i: number) => readonly Instruction[]): Instruction[] =>
  Array.from({ length: count }, (_, i) => item(i)).flat();
/** The bits of so many locals, all in one. */
const allBits = (count: number): Instruction[] => [
  ['i64.const', 0],
  ...many(count, (i) => [['local.get', i], 'i64.reinterpret_f64', 'i64.xor']),
  'f64.reinterpret_i64',
];
/** More of each than the analysis follows. */
const TOO_MANY = 121;

const cases: Readonly<Record<string, Case>> = {
  'a sum': { type: F64, body: [SIGNALLING, ONE, 'f64.add'] },
  'a sum of sums': { type: F64, body: [SIGNALLING, ONE, 'f64.add', ONE, 'f64.add'] },
  'a sum, negated': { type: F64, body: [SIGNALLING, ONE, 'f64.add', 'f64.neg'] },
  'a constant, negated': { type: F64, body: [SIGNALLING, 'f64.neg'] },
  'a constant as it is': { type: F64, body: [SIGNALLING] },
  'a sign taken from a sum': { type: F64, body: [ONE, SIGNALLING, ONE, 'f64.add', 'f64.copysign'] },
  'a narrowed one': { type: F32, body: [SIGNALLING, 'f32.demote_f64'] },
  'a widened one': { type: F64, body: [SIGNALLING_32, 'f64.promote_f32'] },
  'a quotient of zeros': { type: F32, body: [['f32.const', 0], ['f32.const', 0], 'f32.div'] },
  'the root of -1': { type: F64, body: [['f64.const', -1], 'f64.sqrt'] },
  'the least of a NaN and one': { type: F64, body: [SIGNALLING, ONE, 'f64.min'] },
  'a sum in a local': {
    type: F64,
    locals: [F64],
    body: [SIGNALLING, ONE, 'f64.add', ['local.set', 0], ['local.get', 0]],
  },
  'a constant over a sum in a local': {
    type: F64,
    locals: [F64],
    body: [SIGNALLING, ONE, 'f64.add', ['local.set', 0], SIGNALLING, ['local.set', 0], ['local.get', 0]],
  },
  'a sum through two locals': {
    type: F64,
    locals: [F64, F64],
    body: [SIGNALLING, ONE, 'f64.mul', ['local.tee', 0], ['local.set', 1], ['local.get', 1], 'f64.neg'],
  },
  'a selected sum': {
    type: F64,
    body: [SIGNALLING, ONE, 'f64.add', SIGNALLING, ['i32.const', 1], 'select'],
  },
  'a selected constant': {
    type: F64,
    body: [SIGNALLING, ONE, 'f64.add', SIGNALLING, ['i32.const', 0], 'select'],
  },
  'one of two sums': { type: F64, body: [...SUM, SIGNALLING, ONE, 'f64.sub', ['i32.const', 0], 'select'] },
  'one of two sums, computed with': {
    type: F64,
    body: [...SUM, SIGNALLING, ['i32.const', 1], 'select', ONE, 'f64.mul'],
  },
  'a local that held something else before': {
    type: F64,
    locals: [F64, F64],
    body: [
      SIGNALLING,
      ['local.set', 0],
      ['local.get', 0],
      ['local.set', 1],
      ...SUM,
      ['local.tee', 0],
      ['local.get', 0],
      'f64.mul',
      ['local.set', 0],
      ...allBits(2),
    ],
  },
  'a local that holds something else afterwards': {
    type: F64,
    locals: [F64, I64],
    body: [
      ...SUM,
      ['local.set', 0],
      ['local.get', 0],
      'i64.reinterpret_f64',
      ['local.set', 1],
      SIGNALLING,
      ['local.set', 0],
      ['local.get', 0],
      'i64.reinterpret_f64',
      ['local.get', 1],
      'i64.xor',
      'f64.reinterpret_i64',
    ],
  },
  'a sum in one arm, a constant in the other': {
    type: F64,
    locals: [F64],
    body: [
      ['i32.const', 1],
      'if',
      ...SUM,
      ['local.set', 0],
      'else',
      SIGNALLING,
      ['local.set', 0],
      'end',
      ['local.get', 0],
    ],
  },
  'a constant in one arm, a sum in the other': {
    type: F64,
    locals: [F64],
    body: [
      ['i32.const', 0],
      'if',
      SIGNALLING,
      ['local.set', 0],
      'else',
      ...SUM,
      ['local.set', 0],
      'end',
      ['local.get', 0],
    ],
  },
  'a sum that comes round a loop': {
    type: F64,
    locals: [F64, I32],
    body: [
      'loop',
      ['local.get', 0],
      SIGNALLING,
      'f64.add',
      ['local.set', 0],
      ['local.get', 1],
      ['i32.const', 1],
      'i32.add',
      ['local.tee', 1],
      ['i32.const', 3],
      'i32.lt_u',
      ['br_if', 0],
      'end',
      ['local.get', 0],
    ],
  },
  'a constant that comes round a loop': {
    type: F64,
    locals: [F64, F64, I32],
    body: [
      'loop',
      ['local.get', 0],
      ['local.set', 1],
      SIGNALLING,
      ['local.set', 0],
      ['local.get', 2],
      ['i32.const', 1],
      'i32.add',
      ['local.tee', 2],
      ['i32.const', 2],
      'i32.lt_u',
      ['br_if', 0],
      ...SUM,
      ['local.set', 0],
      'end',
      ...allBits(2),
    ],
  },
  'a sum that a branch leaves behind': {
    type: F64,
    body: [['block', F64], ...SUM, ['i32.const', 0], ['br_if', 0], ONE, 'f64.mul', 'end'],
  },
  'sums in locals, over more branches than are followed': {
    type: F64,
    locals: Array<ValType>(TOO_MANY).fill(F64),
    body: [
      ...many(TOO_MANY, (i) => [...SUM, ['local.set', i]]),
      'block',
      ...many(TOO_MANY, () => [
        ['i32.const', 0],
        ['br_if', 0],
      ]),
      'end',
      ...allBits(TOO_MANY),
    ],
  },
  'a constant that passes through more locals than are followed': {
    type: F64,
    locals: [...Array<ValType>(TOO_MANY).fill(F64), I32],
    body: [
      'loop',
      ...many(TOO_MANY - 1, (i): Instruction[] => [
        ['local.get', TOO_MANY - 2 - i],
        ['local.set', TOO_MANY - 1 - i],
      ]),
      SIGNALLING,
      ['local.set', 0],
      ['local.get', TOO_MANY],
      ['i32.const', 1],
      'i32.add',
      ['local.tee', TOO_MANY],
      ['i32.const', 2 * TOO_MANY],
      'i32.lt_u',
      ['br_if', 0],
      'end',
      ...allBits(TOO_MANY),
    ],
  },
  'a sum out of a block': { type: F64, body: [['block', F64], SIGNALLING, ONE, 'f64.add', 'end'] },
  lanes: { type: V128, body: [LANES_32, LANES_32, 'f32x4.add'] },
  'lanes, computed with as others': { type: V128, body: [LANES_32, LANES_32, 'f32x4.mul', LANES_32, 'f64x2.add'] },
  'lanes, negated': { type: V128, body: [LANES_32, LANES_32, 'f32x4.sub', 'f32x4.neg'] },
  'lanes in a local': {
    type: V128,
    locals: [V128],
    body: [LANES_32, LANES_32, 'f32x4.add', ['local.set', 0], ['local.get', 0]],
  },
  'lanes in a local of another shape': {
    type: V128,
    locals: [V128, V128],
    body: [LANES_32, 'f32x4.sqrt', ['local.tee', 0], LANES_32, 'f64x2.add', ['local.set', 0], ['local.get', 0]],
  },
  'narrowed lanes': { type: V128, body: [LANES_32, 'f64x2.promote_low_f32x4', 'f32x4.demote_f64x2_zero'] },
};

/** The value as integers, in whose bits nothing is lost. */
function bits({ body, type, locals = [] }: Case): {
  results: ValType[];
  locals: readonly ValType[];
  body: Instruction[];
} {
  if (type === F32) return { results: [I32], locals, body: [...body, 'i32.reinterpret_f32'] };
  if (type === F64) return { results: [I64], locals, body: [...body, 'i64.reinterpret_f64'] };
  const place = locals.length;
  const lanes: Instruction[] = [
    ['local.set', place],
    ['local.get', place],
    ['i64x2.extract_lane', 0],
    ['local.get', place],
    ['i64x2.extract_lane', 1],
  ];
  return { results: [I64, I64], locals: [...locals, V128], body: [...body, ...lanes] };
}

describe.each(Object.entries(cases))('%s', (_, item) => {
  test('has the same bits everywhere', () => {
    const module = decode(encodeModule({ functions: [{ ...bits(item), export: 'run' }] }));
    const calls = [{ export: 'run', args: [] }];
    const [expected, ...others] = Object.values(ENGINES).map((engine) => trace(engine, module, calls));
    for (const other of others) expect(other).toEqual(expected);
    // Not all of them at once zero, or an error.
    expect(expected?.[1]).toMatch(/^run\(\): \[-?\d{4,}/);
  });
});
