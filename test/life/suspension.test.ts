import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { loadFixture, manifest } from '../../fixtures/load.node.ts';
import { decode } from '../../wasm/decode.ts';
import { UsageError } from '../../wasm/errors.ts';
import { SEED } from '../property/runner.ts';
import {
  anyLifeProgram,
  begin,
  imports,
  instantiate,
  type LifeProgram,
  sequence,
  stepping,
  trace,
  whole,
} from './programs.ts';

const RUNS = Number(process.env.FUZZ_RUNS ?? 150);

/** Steps of all sizes, small ones above all. */
function gasSteps(seed: number): () => bigint {
  const next = sequence(seed);
  return () => {
    const number = next();
    return BigInt(number % [1, 3, 20, 300, 5_000][number % 5]!);
  };
}

describe('stepping changes nothing that can be seen', () => {
  it('of random programs', async () => {
    await fc.assert(
      fc.asyncProperty(anyLifeProgram(), fc.integer(), async (program, seed) => {
        expect(await trace(program, stepping(gasSteps(seed)))).toEqual(await trace(program, whole));
      }),
      { numRuns: RUNS, seed: SEED },
    );
  });

  it('of random programs whose host functions make them wait', async () => {
    const make = (module: ReturnType<typeof decode>) =>
      instantiate(
        module,
        imports((value) => Promise.resolve(value)),
      );
    await fc.assert(
      fc.asyncProperty(anyLifeProgram(), fc.integer(), async (program, seed) => {
        const expected = await trace(program, whole);
        // The start function cannot wait.
        fc.pre(!expected[0]?.startsWith('start') && decode(program.bytes).start === undefined);
        expect(await trace(program, stepping(gasSteps(seed)), make)).toEqual(expected);
      }),
      { numRuns: RUNS, seed: SEED },
    );
  });

  const programs = manifest.filter((fixture) => fixture.kind === 'exports');
  it.each(programs.map(({ name }) => name))('of %s', async (name) => {
    const fixture = programs.find((item) => item.name === name)!;
    const program: LifeProgram = { bytes: loadFixture(name), calls: fixture.expect.calls };
    const next = sequence(7);
    expect(
      await trace(
        program,
        stepping(() => BigInt(next() % 40_000)),
      ),
    ).toEqual(await trace(program, whole));
  });
});

describe('a step', () => {
  const spin = () => {
    const instance = instantiate(decode(loadFixture('spin')));
    instance.start();
    return instance;
  };

  it('ends at the first checkpoint behind what it was given, always the same one', () => {
    const marks = [1, 2].map(() => {
      const instance = spin();
      const execution = begin(instance, { export: 'run', args: [] });
      return [0n, 1n, 10n, 999n, 300_000n, 0n].map((gas) => {
        expect(execution.advance(gas)).toBe('paused');
        return instance.figures().gasUsed;
      });
    });
    expect(marks[1]).toEqual(marks[0]);
    const [zero, one, ten] = marks[0] as bigint[];
    // A turn of the loop costs one unit.
    expect(one! - zero!).toBe(2n);
    expect(ten! - one!).toBe(11n);
  });

  it('keeps others out until the call has ended, or was given up', () => {
    const instance = spin();
    const execution = begin(instance, { export: 'run', args: [] });
    execution.advance(5n);
    expect(() => instance.call('run', [])).toThrow(/is paused; call it again/);
    const error = new UsageError('enough');
    expect(execution.abort(error)).toBe(error);
    expect(error.resources?.gasUsed).toBe(instance.figures().gasUsed);
    expect(() => execution.advance()).toThrow(/has ended/);
    expect(begin(instance, { export: 'run', args: [] }).advance(1n)).toBe('paused');
  });

  it('cannot be taken inside of itself', () => {
    const bytes = loadFixture('fib');
    const instance = instantiate(decode(bytes));
    const execution = begin(instance, { export: 'run', args: [5] });
    while (execution.advance(3n) === 'paused');
    expect(execution.results).toEqual([5]);
    expect(() => execution.advance()).toThrow(/has ended/);
  });
});
