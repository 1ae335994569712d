/** The questions that are asked of guests whose calls are disturbed, whatever is done to them. */

import fc from 'fast-check';
import { it } from 'vitest';
import { loadFixture, manifest } from '../../fixtures/load.node.ts';
import { parse } from '../../src/text.ts';
import { decode } from '../../wasm/decode.ts';
import { imports, type LifeCall, type LifeProgram } from '../life/programs.ts';
import { SEED } from '../property/runner.ts';
import { callable, type LeaveOptions, run } from './leaving.ts';
import { anyNativeProgram } from './native-programs.ts';

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

const TAIL_CALLS = `(module
  (type $f (func (param i32) (result i32)))
  (import "host" "wait" (func $wait (type $f)))
  (memory 1)
  (table funcref (elem $down $other $wait))
  (func $even (type $f) (if (i32.eqz (local.get 0)) (then (return (i32.const 1))))
    (return_call $odd (i32.sub (local.get 0) (i32.const 1))))
  (func $odd (type $f) (local i64 i64 f64) (if (i32.eqz (local.get 0)) (then (return (i32.const 0))))
    (return_call $even (i32.sub (local.get 0) (i32.const 1))))
  (func $down (type $f)
    (if (i32.lt_s (local.get 0) (i32.const 5)) (then (return (local.get 0))))
    (return_call_indirect (type $f) (i32.sub (local.get 0) (i32.const 1)) (i32.and (local.get 0) (i32.const 1))))
  (func $other (type $f)
    (return_call_indirect (type $f) (local.get 0) (i32.and (local.get 0) (i32.const 2))))
  (func $looping (type $f) (local $n i32)
    (loop $l (local.set $n (i32.add (local.get $n) (i32.const 1))) (br_if $l (i32.lt_u (local.get $n) (i32.const 9))))
    (if (i32.eqz (local.get 0)) (then (return_call_indirect (type $f) (local.get $n) (i32.const 2))))
    (return_call $looping (i32.sub (local.get 0) (i32.const 1))))
  (func (export "direct") (param i32) (result i32) (i32.add (i32.const 7) (call $even (local.get 0))))
  (func (export "only") (param i32) (result i32) (return_call $even (local.get 0)))
  (func (export "indirect") (param i32) (result i32) (i32.mul (call $down (local.get 0)) (i32.const 3)))
  (func (export "host") (param i32) (result i32) (local $sum i32)
    (loop $l
      (local.set $sum (i32.add (local.get $sum) (call $looping (local.get 0))))
      (br_if $l (local.tee 0 (i32.sub (local.get 0) (i32.const 1)))))
    (local.get $sum)))`;

/** The same with calls in tail position: direct ones, through a table, and of host functions there. */
export function askOfTailCalls(disturb: Disturb): void {
  const calls = ['direct', 'only', 'indirect', 'host'].map((name) => ({ export: name, args: [13] }));
  it.each<[string, LeaveOptions]>([
    ['whose host functions answer at once', {}],
    ['whose host functions make them wait', { resolve: () => imports((value) => Promise.resolve(value)) }],
    ['whose stack is soon full', { limits: { stackBytes: 300 } }],
  ])('calls in tail position, in guests %s', async (_, options) => {
    for (let seed = 0; seed < 12; seed++) await disturb({ bytes: parse(TAIL_CALLS), calls }, seed, options);
  });
}
