/** The questions that are asked of guests whose calls are disturbed, whatever is done to them. */

import fc from 'fast-check';
import { it } from 'vitest';
import { loadFixture, manifest } from '../../fixtures/load.node.ts';
import { decode } from '../../wasm/decode.ts';
import { anyLifeProgram, imports, type LifeCall, type LifeProgram } from '../life/programs.ts';
import { SEED } from '../property/runner.ts';
import { callable, type LeaveOptions, run } from './leaving.ts';

/** Programs that can be left where they run natively. */
export const anyNativeProgram = anyLifeProgram().filter(({ bytes }) => decode(bytes).features.length === 0);

/** Fixtures that export functions, with calls of these. */
export const nativeFixtures: readonly { readonly name: string; readonly calls: readonly LifeCall[] }[] =
  manifest.flatMap(({ kind, name, expect: expected }) =>
    kind === 'exports' && decode(loadFixture(name)).features.length === 0
      ? [{ name, calls: (expected as { calls?: readonly LifeCall[] }).calls ?? [] }]
      : [],
  );

/** Disturbs runs of a program, and expects them to end as one does that nobody disturbs. */
type Disturb = (program: LifeProgram, seed: number, options?: LeaveOptions) => Promise<void>;

/** Tests with random programs. @param runs how many of each */
export function askOfRandomPrograms(runs: number, disturb: Disturb): void {
  const ask = (question: string, numRuns: number, check: Disturb) =>
    it(question, async () => {
      const property = fc.asyncProperty(anyNativeProgram, fc.integer(), (program, seed) => check(program, seed));
      await fc.assert(property, { numRuns, seed: SEED });
    });

  ask('random programs', runs, disturb);

  ask('random programs that run out of gas', runs / 2, async (program, seed) => {
    const module = decode(program.bytes);
    const { gas } = await run('interpreter', module, callable(module, program.calls));
    const used = gas.reduce((sum, one) => sum + one, 0n);
    await disturb(program, seed, { limits: { gas: 1_000n + (used * BigInt(seed & 0xff)) / 256n } });
  });

  ask('random programs whose stack is full early', runs / 2, (program, seed) =>
    disturb(program, seed, { limits: { stackBytes: 700 + (seed & 0x7ff) } }),
  );

  ask('random programs whose host functions make them wait', runs, async (program, seed) => {
    const module = decode(program.bytes);
    fc.pre(module.start === undefined);
    const calls = callable(module, program.calls);
    await disturb({ ...program, calls }, seed, { resolve: () => imports((value) => Promise.resolve(value)) });
  });
}

/** The same with the calls of each fixture. */
export function askOfFixtures(disturb: Disturb): void {
  it.each(nativeFixtures.map(({ name, calls }) => [name, calls] as const))('%s', (name, calls) =>
    disturb({ bytes: loadFixture(name), calls }, 5),
  );
}
