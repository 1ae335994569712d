/** Runs properties with fast-check, so that tests and long runs report the same things in the same words. */

import fc from 'fast-check';

/** Something that must hold of every value. */
export interface Property<T> {
  readonly name: string;
  /** Runs within `npm test`, unless FUZZ_RUNS says another number. */
  readonly runs: number;
  readonly arbitrary: fc.Arbitrary<T>;
  /** @throws an error that says what does not hold, or gives a promise that is rejected with it */
  readonly check: (value: T) => void | Promise<void>;
  /** The value as JSON, to be kept with the tests. */
  readonly keep: (value: T, note: string) => unknown;
}

export interface Failure {
  /** For a person: what failed, and how to run it again. */
  readonly message: string;
  /** What {@link Property.keep} made of the value, shrunk. */
  readonly kept: unknown;
}

export interface RunOptions {
  readonly runs: number;
  readonly seed: number;
}

/**
 * One for the process: FUZZ_SEED, or always the same, so that a test that fails does so because of what was changed. New
 * cases are what scripts/fuzz.ts is for.
 */
export const SEED = Number(process.env.FUZZ_SEED ?? 20_251_129);

/** A new one each time. */
export const anySeed = (): number => Math.floor(Math.random() * 0x7fff_ffff);

/** Undefined where the property held in every run. */
export async function runProperty<T>(property: Property<T>, { runs, seed }: RunOptions): Promise<Failure | undefined> {
  const check = async (value: T): Promise<void> => property.check(value);
  const details = await fc.check(fc.asyncProperty(property.arbitrary, check), { numRuns: runs, seed });
  if (!details.failed) return undefined;
  const { errorInstance, numRuns, numShrinks } = details;
  const what = errorInstance instanceof Error ? errorInstance.message : String(errorInstance);
  const value = details.counterexample?.[0];
  const kept = value === undefined ? undefined : property.keep(value, what);
  return {
    message: [
      `${property.name}: ${what}`,
      `run ${numRuns} of seed ${seed}, shrunk ${numShrinks} times; again: FUZZ_SEED=${seed} FUZZ_RUNS=${runs}`,
      JSON.stringify(kept),
      ...(errorInstance instanceof Error && errorInstance.stack !== undefined ? [errorInstance.stack] : []),
    ].join('\n'),
    kept,
  };
}

/** For tests: prints the seed, is rejected where the property does not hold. */
export async function assertProperty<T>(property: Property<T>): Promise<void> {
  const options = { runs: Number(process.env.FUZZ_RUNS ?? property.runs), seed: SEED };
  console.log(`${property.name}: ${options.runs} runs, seed ${options.seed}`);
  const failure = await runProperty(property, options);
  if (failure !== undefined) throw new Error(failure.message);
}
