/** Guests that are left natively, and come back in the middle of their calls: as if they had never been away. */

import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { loadFixture, manifest } from '../../fixtures/load.node.ts';
import { PATIENCE } from '../../src/engines/going-on.ts';
import { WARMING } from '../../src/engines/warming.ts';
import { parse } from '../../src/text.ts';
import { decode } from '../../wasm/decode.ts';
import { anyLifeProgram, imports, type LifeCall, type LifeProgram, sequence } from '../life/programs.ts';
import { SEED } from '../property/runner.ts';
import { callable, type LeaveOptions, run } from './leaving.ts';

const RUNS = Number(process.env.FUZZ_RUNS ?? 60);

const patience = { ...PATIENCE };
const warming = { ...WARMING };
beforeEach(() => {
  Object.assign(PATIENCE, { first: 0, units: 0, perByte: 0, perChange: 0 });
  Object.assign(WARMING, { begin: 0, perByte: 0 });
});
afterEach(() => {
  Object.assign(PATIENCE, patience);
  Object.assign(WARMING, warming);
});

/** Calls of a program that are left, each in a run of its own. */
const MOST_LEFT = 8;

async function requireSame(program: LifeProgram, seed: number, options: LeaveOptions = {}): Promise<void> {
  const module = decode(program.bytes);
  const calls = callable(module, program.calls);
  const next = sequence(seed);
  const expected = await run('interpreter', module, calls, options);
  const every = Math.ceil(calls.length / MOST_LEFT);
  for (const [i, gas] of expected.gas.entries()) {
    if (i % every !== (seed >>> 0) % every) continue;
    const mark = BigInt(next()) % (gas + 1n);
    // Some pieces are shorter than what is between two checkpoints.
    for (const piece of [undefined, 1n + (BigInt(next()) % 40n), 1n + (BigInt(next()) % (gas + 1n))]) {
      const seen = await run('native', module, calls, { ...options, ...(piece && { piece }) }, new Map([[i, mark]]));
      expect(seen.lines, `call ${i}, left at ${mark}, pieces of ${piece}`).toEqual(expected.lines);
    }
  }
}

const anyNativeProgram = anyLifeProgram().filter(({ bytes }) => decode(bytes).features.length === 0);

describe('a guest that comes back in the middle of a call ends as one that is interpreted', () => {
  it('random programs', async () => {
    await fc.assert(
      fc.asyncProperty(anyNativeProgram, fc.integer(), (program, seed) => requireSame(program, seed)),
      { numRuns: RUNS, seed: SEED },
    );
  });

  it('random programs that run out of gas', async () => {
    await fc.assert(
      fc.asyncProperty(anyNativeProgram, fc.integer(), async (program, seed) => {
        const module = decode(program.bytes);
        const { gas } = await run('interpreter', module, callable(module, program.calls));
        const used = gas.reduce((sum, one) => sum + one, 0n);
        await requireSame(program, seed, { limits: { gas: 1_000n + (used * BigInt(seed & 0xff)) / 256n } });
      }),
      { numRuns: RUNS / 2, seed: SEED },
    );
  });

  it('random programs whose stack is full early', async () => {
    await fc.assert(
      fc.asyncProperty(anyNativeProgram, fc.integer(), (program, seed) =>
        requireSame(program, seed, { limits: { stackBytes: 700 + (seed & 0x7ff) } }),
      ),
      { numRuns: RUNS / 2, seed: SEED },
    );
  });

  it('random programs whose host functions make them wait', async () => {
    await fc.assert(
      fc.asyncProperty(anyNativeProgram, fc.integer(), async (program, seed) => {
        fc.pre(decode(program.bytes).start === undefined);
        await requireSame(program, seed, { resolve: () => imports((value) => Promise.resolve(value)) });
      }),
      { numRuns: RUNS, seed: SEED },
    );
  });

  it('code that cannot be reached calls what nobody calls', () =>
    requireSame(
      {
        bytes: parse(`(module (func $nobody (param i64) (result f32) (f32.const 1))
          (func (export "run") (param i32) (result i32)
            (loop $l (br_if $l (local.tee 0 (i32.sub (local.get 0) (i32.const 1)))))
            (return (i32.const 7))
            (drop (call $nobody (i64.const 1)))
            (i32.const 8)))`),
        calls: [{ export: 'run', args: [50] }],
      },
      3,
    ));

  const fixtures = manifest.filter(
    ({ kind, name }) => kind === 'exports' && decode(loadFixture(name)).features.length === 0,
  );
  it.each(fixtures.map(({ name }) => name))('%s', async (name) => {
    const fixture = fixtures.find((item) => item.name === name);
    const calls = (fixture?.expect as { calls?: readonly LifeCall[] })?.calls ?? [];
    await requireSame({ bytes: loadFixture(name), calls }, 5);
  });
});

describe('a guest that begins interpreted and goes native somewhere ends as one that is interpreted', () => {
  async function requireSameWarm(program: LifeProgram, seed: number, options: LeaveOptions = {}): Promise<void> {
    const calls = callable(decode(program.bytes), program.calls);
    const expected = await run('interpreter', decode(program.bytes), calls, options);
    for (const units of [0, (seed >>> 0) % 50, (seed >>> 0) % 3_000]) {
      PATIENCE.units = units;
      // What one has made ready, the next would begin with.
      const seen = await run('warming', decode(program.bytes), calls, options);
      expect(seen.lines, `after ${units} units`).toEqual(expected.lines);
    }
  }

  it('constants that nothing has put into a register', () =>
    requireSameWarm(
      {
        bytes: parse(`(module (memory 1 9) (func (export "run") (param i32) (result i32)
          (i32.const 1234567)
          (i64.const 0x123456789abcdef)
          (memory.grow (i32.const 1))
          (memory.grow (i32.const 1))
          i32.add
          i64.extend_i32_u
          i64.add
          i32.wrap_i64
          i32.add))`),
        calls: [{ export: 'run', args: [1] }],
      },
      3,
    ));

  it('random programs', async () => {
    await fc.assert(
      fc.asyncProperty(anyNativeProgram, fc.integer(), (program, seed) => requireSameWarm(program, seed)),
      { numRuns: 2 * RUNS, seed: SEED },
    );
  });

  it('random programs that run out of gas', async () => {
    await fc.assert(
      fc.asyncProperty(anyNativeProgram, fc.integer(), (program, seed) =>
        requireSameWarm(program, seed, { limits: { gas: 1_000n + BigInt(seed & 0x3fff) } }),
      ),
      { numRuns: RUNS, seed: SEED },
    );
  });

  it('random programs whose host functions make them wait', async () => {
    await fc.assert(
      fc.asyncProperty(anyNativeProgram, fc.integer(), async (program, seed) => {
        fc.pre(decode(program.bytes).start === undefined);
        await requireSameWarm(program, seed, { resolve: () => imports((value) => Promise.resolve(value)) });
      }),
      { numRuns: RUNS, seed: SEED },
    );
  });
});
