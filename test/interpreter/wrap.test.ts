/**
 * The gas at hand is a number of 32 bits. Guests here use more than those hold between two checkpoints: by branches that
 * carry a thousand values and are not taken, each of which costs 501 units and takes no time.
 */

import { describe, expect, it } from 'vitest';
import { SETTLE_BELOW } from '../../interpreter/code/isa.ts';
import { GasExhausted } from '../../wasm/errors.ts';
import {
  CARRIED_PER_UNIT,
  ENTRY_COST,
  INSTRUCTION_COST,
  LOCALS_PER_UNIT,
  OTHER_MEMORY_COST,
  REFERENCE_LOCAL_COST,
} from '../../wasm/gas.ts';
import { MODULE_LIMITS, SUM_LIMITS } from '../../wasm/limits.ts';
import { OPCODES } from '../../wasm/opcodes.ts';
import { I32, I64, V128, type ValType } from '../../wasm/types.ts';
import { encodeModule, type Instruction, type ModuleDescription } from '../generate/encode.ts';
import { failureOf, instantiate, MiB } from './engine.ts';

const VALUES = 1_000;
const BRANCHES = 2_200;
/** Units of the branches of one frame. */
const DEAR = BRANCHES * 501;
const DEPTH = 2_000;
/** More than 32 bits hold, signed or not. */
const TOTAL = BigInt(DEAR) * BigInt(DEPTH);

const repeat = (count: number, ...body: Instruction[]): Instruction[] =>
  Array.from({ length: count }, () => body).flat();
const get = (local: number): Instruction => ['local.get', local];
const NOTHING = { params: [], results: [] };

/** Straight code that is one segment after another, none with a checkpoint. */
const dear: Instruction[] = [
  ['block', { params: [], results: new Array<ValType>(VALUES).fill(I32) }],
  ...repeat(VALUES, ['i32.const', 0]),
  ...repeat(BRANCHES, ['i32.const', 0], ['br_if', 0]),
  'end',
  ...repeat(VALUES, 'drop'),
];
const deeper: Instruction[] = [get(0), 'if', get(0), ['i32.const', -1], 'i32.add', ['call', 0], 'end'];

/** Returns of a value: what becomes one instruction with it, what does not, and those of the loop for vectors. */
const RETURNS: readonly (readonly [name: string, result: ValType, value: Instruction[]])[] = [
  ['of 32 bits', I32, [get(0), 'i32.clz']],
  ['of a local', I32, [get(0)]],
  ['of a sum', I32, [get(0), get(0), 'i32.add']],
  ['of a difference', I32, [get(0), get(0), 'i32.sub']],
  [
    'behind a comparison',
    I32,
    ['block', get(0), ['i32.const', DEPTH + 1], 'i32.ge_s', ['br_if', 0], get(0), 'return', 'end', get(0)],
  ],
  ['of 64 bits', I64, [get(0), 'i64.extend_i32_u']],
  ['of a vector', V128, [get(0), 'i8x16.splat']],
  ['of a lane', I32, [get(0), 'i8x16.splat', ['i8x16.extract_lane_u', 0]]],
  ['of two lanes', I64, [get(0), 'i8x16.splat', ['i64x2.extract_lane', 0]]],
];

/** Modules may carry as many values as they have bytes. */
function withRoom(module: ModuleDescription): Uint8Array {
  const bytes = encodeModule(module);
  const padding = BRANCHES * VALUES + VALUES;
  const length = [0, 7, 14, 21].map((shift) => ((padding >> shift) & 0x7f) | (shift < 21 ? 0x80 : 0));
  const room = new Uint8Array(8 + 1 + length.length + padding + bytes.length - 8);
  room.set(bytes.subarray(0, 8));
  // A custom section without a name: its first byte says so.
  room.set([0, ...length], 8);
  room.set(bytes.subarray(8), 8 + 1 + length.length + padding);
  return room;
}

/** Runs code, and catches what it throws. */
const guarded = (...body: Instruction[]): Instruction[] => [
  'block',
  ['try_table', NOTHING, [[2, 0]]],
  ...body,
  'end',
  'end',
];

/** All end every frame of a deep recursion with the dear code; function 1 begins it, and catches what is left. */
const WAYS: [
  name: string,
  body: Instruction[],
  begin: Instruction[],
  more?: { readonly tags?: ModuleDescription['tags']; readonly results?: readonly ValType[] },
][] = [
  ['returns', [...deeper, ...dear], [get(0), ['call', 0]]],
  [
    'exceptions',
    [
      ...guarded(get(0), 'i32.eqz', 'if', ['throw', 0], 'end', get(0), ['i32.const', -1], 'i32.add', ['call', 0]),
      ...dear,
      ['throw', 0],
    ],
    guarded(get(0), ['call', 0]),
    { tags: [{ params: [] }] },
  ],
  ...RETURNS.map(([name, result, value]): (typeof WAYS)[number] => [
    `returns ${name}`,
    [...deeper.slice(0, -1), 'drop', 'end', ...dear, ...value],
    [get(0), ['call', 0], 'drop'],
    { results: [result] },
  ]),
];

describe.each(WAYS)('frames that end dearly, by %s', (_, body, begin, { tags = [], results = [] } = {}) => {
  const params = [I32];
  const bytes = withRoom({
    tags,
    functions: [
      { params, results, body },
      { params, export: 'run', body: begin },
    ],
  });
  const fresh = (gas?: bigint) => instantiate(bytes, { gas, stackBytes: 64 * MiB });

  function used(depth: number, gas?: bigint): { total: bigint; failure: unknown } {
    const instance = fresh(gas);
    let failure: unknown;
    try {
      instance.call('run', [depth]);
    } catch (error) {
      failure = error;
    }
    return { total: instance.figures().gasUsed, failure };
  }

  const one = used(1).total;
  const each = used(2).total - one;
  const total = one + each * BigInt(DEPTH - 1);

  it('are counted to the unit', () => {
    expect(total).toBeGreaterThan(TOTAL);
    expect(TOTAL).toBeGreaterThan(2n ** 31n);
    expect(used(DEPTH, total)).toEqual({ total, failure: undefined });
  });

  it('end the guest where the limit was passed on the way', () => {
    // The second is passed so early that what is overdrawn is itself more than 31 bits hold.
    for (const limit of [total / 2n, 10_000_000n]) {
      const { total: counted, failure } = used(DEPTH, limit);
      expect(failure).toBeInstanceOf(GasExhausted);
      expect(counted).toBe(total);
    }
  });
});

describe('one way through a function', () => {
  /** Bytes of the shortest encoding. */
  const shortest = ({ code, immediates }: (typeof OPCODES)[number]) =>
    (code > 0xff ? 2 : 1) + (immediates === 'none' ? 0 : 1);
  const perByte = OPCODES.map((row, i) => {
    const isStore = row.immediates === 'memarg';
    const writesLocal = row.mnemonic === 'local.set' || row.mnemonic === 'local.tee';
    const more = isStore ? OTHER_MEMORY_COST : writesLocal ? REFERENCE_LOCAL_COST : 0;
    return ((INSTRUCTION_COST[i] as number) + more) / shortest(row);
  });

  it('never charges what 32 bits do not hold', () => {
    const { functionBytes, moduleBytes, locals, results } = MODULE_LIMITS;
    const { base, perByte: values } = SUM_LIMITS.carriedValues;
    const instructions = functionBytes * Math.max(...perByte);
    const carried = (base + values * moduleBytes) / CARRIED_PER_UNIT;
    const entry = ENTRY_COST + (2 * locals) / LOCALS_PER_UNIT + results;
    expect(instructions + carried + entry).toBeLessThan(2 ** 30);
    expect(SETTLE_BELOW - 2 ** 30).toBeGreaterThan(-(2 ** 31));
  });
});

it('a host that asks for a slice of nothing gets the same count', () => {
  const bytes = withRoom({ functions: [{ params: [I32], export: 'run', body: [...deeper, ...dear] }] });
  const instance = instantiate(bytes, { stackBytes: 64 * MiB, slices: { gas: 1, onSlice: () => undefined } });
  const whole = instantiate(bytes, { stackBytes: 64 * MiB });
  instance.call('run', [100]);
  whole.call('run', [100]);
  expect(instance.figures().gasUsed).toBe(whole.figures().gasUsed);
  expect(failureOf(() => instantiate(bytes, { gas: 1n }))).toBeInstanceOf(GasExhausted);
});
