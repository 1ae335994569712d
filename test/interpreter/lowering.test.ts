import { describe, expect, it } from 'vitest';
import { interpreter } from '../../interpreter/index.ts';
import { moduleBytes } from '../../wasm/account.ts';
import { decode } from '../../wasm/decode.ts';
import { MemoryLimitExceeded, Trap } from '../../wasm/errors.ts';
import { STEP_BYTES } from '../../wasm/steps.ts';
import { F64, I32, I64, V128 } from '../../wasm/types.ts';
import { encodeModule, type Instruction } from '../generate/encode.ts';
import { failureOf, instantiate, LIMITS } from './engine.ts';

const repeat = (count: number, ...body: Instruction[]): Instruction[] =>
  Array.from({ length: count }, () => body).flat();
/** Adds one to its parameter, again and again: 7 bytes each. */
const additions = (count: number) => repeat(count, ['local.get', 0], ['i32.const', 1], 'i32.add', ['local.set', 0]);
const long = (count: number) =>
  encodeModule({
    functions: [
      { params: [I32], results: [I32], body: [...additions(count), ['local.get', 0]], export: 'long' },
      {
        params: [I32],
        results: [I32],
        body: [
          ['local.get', 0],
          ['call', 0],
        ],
        export: 'caller',
      },
      { results: [I32], body: [['i32.const', 7]], export: 'short' },
    ],
  });
const NOTHING = { params: [], results: [] };
/** More than twelve steps. */
const COUNT = 30_000;
const STEPS = Math.floor((7 * COUNT) / STEP_BYTES);

describe('a long function is lowered in steps', () => {
  it.each(['long', 'caller'])('between which the clock is looked at (%s)', (name) => {
    let looks = 0;
    const slices = { gas: 2 ** 30, onSlice: () => ++looks };
    const instance = instantiate(long(COUNT), { slices });
    expect(instance.call(name, [1])).toEqual([1 + COUNT]);
    expect(looks).toBeGreaterThanOrEqual(STEPS);
    looks = 0;
    expect(instance.call(name, [2])).toEqual([2 + COUNT]);
    expect(looks).toBe(0);
  });

  it('and goes on where it was ended', () => {
    let looks = 0;
    let last = 3;
    const onSlice = () => {
      if (++looks === last) throw new RangeError('enough');
    };
    const instance = instantiate(long(COUNT), { slices: { gas: 2 ** 30, onSlice } });
    const before = instance.figures().gasUsed;
    expect(failureOf(() => instance.call('caller', [1]))).toBeInstanceOf(RangeError);
    // What was lowered half is ended first: its words are where others would go.
    last = 5;
    expect(failureOf(() => instance.call('short', []))).toBeInstanceOf(RangeError);
    expect(instance.figures().gasUsed - before).toBeLessThan(20n);
    expect(instance.call('short', [])).toEqual([7]);
    const soFar = looks;
    expect(instance.call('caller', [1])).toEqual([1 + COUNT]);
    expect(looks).toBe(soFar);
  });

  it.each(['long', 'caller'])('and the guest is left between them (%s)', (name) => {
    const undisturbed = instantiate(long(COUNT));
    undisturbed.call(name, [1]);
    const instance = instantiate(long(COUNT), { slices: { gas: 2 ** 30, onSlice: () => true } });
    const execution = instance.begin?.(name, [1]);
    let left = 0;
    while (execution?.advance() === 'paused') left++;
    expect(left).toBeGreaterThanOrEqual(STEPS);
    expect(execution?.results).toEqual([1 + COUNT]);
    expect(instance.figures()).toEqual(undisturbed.figures());
  });

  it.each(['long', 'caller'])('an image of it can be taken meanwhile (%s)', (name) => {
    const options = { slices: { gas: 2 ** 30, onSlice: () => true } };
    const instance = instantiate(long(COUNT), options);
    const execution = instance.begin?.(name, [1]);
    expect(execution?.advance()).toBe('paused');
    const image = instance.capture?.(execution, 'copy') as NonNullable<
      ReturnType<NonNullable<typeof instance.capture>>
    >;
    const other = interpreter.instantiate(decode(long(COUNT)), { limits: LIMITS, imports: () => undefined });
    const resumed = other.install?.(image);
    expect(resumed?.advance()).toBe('done');
    expect(resumed?.results).toEqual([1 + COUNT]);
    while (execution?.advance() === 'paused');
    expect(instance.figures()).toEqual(other.figures());
  });
});

describe('thousands of short functions are lowered', () => {
  const count = 20_000;
  const bytes = encodeModule({
    functions: [
      ...Array.from({ length: count }, () => ({ ...NOTHING, body: [] })),
      { ...NOTHING, body: Array.from({ length: count }, (_, i): Instruction => ['call', i]), export: 'all' },
    ],
  });
  /** Some 100 bytes of code each. */
  const LEAST_LOOKS = 5;

  it('with looks at the clock among them', () => {
    let looks = 0;
    const slices = { gas: 2 ** 30, onSlice: () => ++looks };
    const instance = instantiate(bytes, { slices });
    instance.call('all', []);
    expect(looks).toBeGreaterThan(LEAST_LOOKS);
    looks = 0;
    instance.call('all', []);
    expect(looks).toBe(0);
  });

  it('and the guest is left among them', () => {
    const undisturbed = instantiate(bytes);
    undisturbed.call('all', []);
    const instance = instantiate(bytes, { slices: { gas: 2 ** 30, onSlice: () => true } });
    const execution = instance.begin?.('all', []);
    let left = 0;
    while (execution?.advance() === 'paused') left++;
    expect(left).toBeGreaterThan(LEAST_LOOKS);
    expect(instance.figures()).toEqual(undisturbed.figures());
  });
});

describe('code is bounded', () => {
  it('by what the module may hold outside its instances', () => {
    const module = decode(long(COUNT));
    const limits = { ...LIMITS, codeBytes: moduleBytes(module) + 100_000 };
    const instance = interpreter.instantiate(module, { limits, imports: () => undefined });
    const error = failureOf(() => instance.call('long', [1]));
    expect(error).toBeInstanceOf(MemoryLimitExceeded);
    expect((error as Error).message).toMatch(
      /would take \d+ as code, and may hold \d+ outside of its instances; raise codeLimit/,
    );
    // Nothing of it was kept, and what fits can be called.
    expect(instance.call('short', [])).toEqual([7]);
    expect(interpreter.codeBytes?.(module)).toBeLessThanOrEqual(100_000);
  });

  it.each<[string, number, Instruction[]]>([
    ['eqz', 50_000, [['i32.const', 0], ...repeat(50_000, 'i32.eqz'), 'drop']],
    ['additions', 70_000, additions(10_000)],
    ['clauses that never catch', 180_000, [['try_table', NOTHING, Array(60_000).fill([0, 0, 0])], 'end']],
  ])('to a few words for each byte: %s', (_, bytes, body) => {
    const functions = [{ params: [I32], body, export: 'run' }];
    const module = decode(encodeModule({ tags: [{ params: [] }], functions }));
    interpreter.instantiate(module, { limits: LIMITS, imports: () => undefined }).call('run', [0]);
    expect(interpreter.codeBytes?.(module)).toBeLessThan(30 * bytes);
  });
});

describe('a trap in a long function', () => {
  it.each([100, COUNT])('says where it was, and finds that out once (%i additions)', (count) => {
    const body: Instruction[] = [...additions(count), ['local.get', 0], ['if'], 'unreachable', 'end'];
    const bytes = encodeModule({ functions: [{ params: [I32], body, export: 'run' }] });
    const module = decode(bytes);
    const instance = interpreter.instantiate(module, { limits: LIMITS, imports: () => undefined });
    const trap = failureOf(() => instance.call('run', [0])) as Trap;
    expect(trap).toBeInstanceOf(Trap);
    // The body ends with `unreachable`, two ends, and nothing else.
    expect(trap.offset).toBe(bytes.lastIndexOf(0x00));
    const codeBytes = interpreter.codeBytes?.(module);
    expect((failureOf(() => instance.call('run', [0])) as Trap).offset).toBe(trap.offset);
    expect(interpreter.codeBytes?.(module)).toBe(codeBytes);
  });
});

it('finds locals behind thousands of others, of any width', () => {
  const locals = [...Array(3_000).fill(I64), V128, ...Array(200).fill(I32), V128, F64];
  const run: Instruction[] = [
    ['i32.const', 5],
    ['local.set', 3_100],
    ['i64.const', 7],
    ['local.set', 2_999],
    ['i32.const', 9],
    'i32x4.splat',
    ['local.set', 3_201],
    ['f64.const', 11],
    ['local.set', 3_202],
    ['local.get', 3_000],
    ['i32x4.extract_lane', 3],
    ['local.get', 3_201],
    ['i32x4.extract_lane', 3],
    ['local.get', 3_202],
    ['local.get', 2_999],
    ['local.get', 3_100],
    ['local.get', 0],
  ];
  const results = [I32, I32, F64, I64, I32, I64];
  const module = encodeModule({ functions: [{ results, locals, body: run, export: 'run' }] });
  expect(instantiate(module).call('run', [])).toEqual([0, 9, 11, 7n, 5, 0n]);
});
