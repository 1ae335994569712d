/** Natively running guests that are left in the middle of their calls, and go on interpreted. */

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { loadFixture, manifest } from '../../fixtures/load.node.ts';
import { parse } from '../../src/text.ts';
import { decode } from '../../wasm/decode.ts';
import type { ImportResolver } from '../../wasm/engine.ts';
import { HostFunction, type WasmValue } from '../../wasm/host.ts';
import type { WasmModule } from '../../wasm/module.ts';
import { typeOfFunction } from '../../wasm/module.ts';
import { V128 } from '../../wasm/types.ts';
import { imports, type LifeCall, type LifeProgram, sequence } from '../life/programs.ts';
import { SEED } from '../property/runner.ts';
import { callable, type LeaveOptions, leftBytes, run } from './leaving.ts';
import { anyNativeProgram } from './native-programs.ts';
import { askOfFixtures, askOfRandomPrograms, askOfTailCalls } from './undisturbed.ts';

const RUNS = Number(process.env.FUZZ_RUNS ?? 80);

/** Vectors do not pass between guest and host. */
function possible(module: WasmModule, calls: readonly LifeCall[]): LifeCall[] {
  return calls.filter((call) => {
    const { params, results } = typeOfFunction(module, module.exportsByName.get(call.export)?.index ?? 0);
    return ![...params, ...results].includes(V128);
  });
}

/** Calls of a program that are left, each in a run of its own. */
const MOST_LEFT = 12;

/** Calls left at the first checkpoint, at some other ones, and never. */
async function requireSame(program: LifeProgram, seed: number, options: LeaveOptions = {}, others = 2): Promise<void> {
  const module = decode(program.bytes);
  const calls = possible(module, program.calls);
  const next = sequence(seed);
  const expected = await run('interpreter', module, calls, options);
  expect((await run('native', module, calls, options)).lines).toEqual(expected.lines);
  const every = Math.ceil(calls.length / MOST_LEFT);
  for (const [i, gas] of expected.gas.entries()) {
    if (i % every !== (seed >>> 0) % every) continue;
    const marks = [0n, ...Array.from({ length: others }, () => BigInt(next()) % (gas + 1n))];
    for (const mark of marks) {
      const seen = await run('native', module, calls, options, new Map([[i, mark]]));
      expect(seen.lines, `call ${i}, left at ${mark}`).toEqual(expected.lines);
    }
  }
}

describe('a guest that is left where it runs natively ends as one that is interpreted', () => {
  askOfRandomPrograms(RUNS, requireSame);
  askOfFixtures((program, seed) => requireSame(program, seed, {}, 3));
  askOfTailCalls(requireSame);

  async function requireSameReset(
    bytes: Uint8Array,
    calls: readonly LifeCall[],
    seed: number,
    options: LeaveOptions,
  ): Promise<void> {
    const module = decode(bytes);
    const next = sequence(seed);
    const expected = await run('interpreter', module, calls, { ...options, resets: true });
    const marks = expected.gas.map((gas, i) => [i, BigInt(next()) % (gas + 1n)] as const);
    const seen = await run('native', module, calls, { ...options, resets: true }, new Map(marks));
    expect(seen.lines).toEqual(expected.lines);
  }

  const promised = { resolve: () => imports((value) => Promise.resolve(value)) };

  it('one that leaves something everywhere, and is reset before each call', async () => {
    const bytes = parse(`(module
      (import "host" "f0" (func $host (param i32) (result i32)))
      (memory 1 4) (data (i32.const 8) "at first")
      (table $t 4 funcref) (elem (i32.const 1) func $one $two)
      (global $count (mut i64) (i64.const 5)) (global $mean (mut f64) (f64.const 0.5))
      (type $f (func (result i32)))
      (func $one (result i32) (i32.const 1)) (func $two (result i32) (i32.const 2))
      (func (export "run") (param $n i32) (result i32) (local $sum i32)
        (if (i32.and (local.get $n) (i32.const 1)) (then (drop (memory.grow (i32.const 1)))))
        (loop $l
          (i32.store (i32.mul (local.get $n) (i32.const 4)) (i32.add (i32.load (i32.const 8)) (local.get $n)))
          (global.set $count (i64.add (global.get $count) (i64.load (i32.const 16))))
          (global.set $mean (f64.mul (global.get $mean) (f64.const 1.5)))
          (local.set $sum (i32.add (local.get $sum) (call $host (local.get $n))))
          (local.set $sum (i32.add (local.get $sum)
            (call_indirect $t (type $f) (i32.add (i32.const 1) (i32.and (local.get $n) (i32.const 1))))))
          (br_if $l (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))
        (i32.add (local.get $sum) (i32.wrap_i64 (global.get $count)))))`);
    // A memory of which somebody may have kept views is not used again.
    const hosts = [true, false].map((waits) => ({
      resolve: (): ImportResolver => (_module, _name, type) =>
        new HostFunction(
          type,
          { base: 3, perByte: 0 },
          (_caller, [value]) => (waits ? Promise.resolve(value) : value) as WasmValue,
          { keepsViews: false },
        ),
    }));
    const calls = [6, 4, 5, 4, 4, 2, 7, 8, 2, 12].map((n) => ({ export: 'run', args: [n] }));
    for (let seed = 0; seed < 40; seed++) {
      const host = hosts[seed % 2];
      await requireSameReset(bytes, calls, seed, { ...host });
      await requireSameReset(bytes, calls, seed, { ...host, limits: { gas: 3_000n, memoryBytes: 2 ** 17 } });
    }
  });

  it('random programs that are reset before each call', async () => {
    const program = anyNativeProgram.filter(({ bytes }) => decode(bytes).start === undefined);
    await fc.assert(
      fc.asyncProperty(program, fc.integer(), async ({ bytes, calls }, seed) => {
        const own = callable(decode(bytes), calls);
        await requireSameReset(bytes, [...own, ...own].slice(0, 2 * MOST_LEFT), seed, seed % 2 === 0 ? promised : {});
      }),
      { numRuns: RUNS, seed: SEED },
    );
  });
});

describe('a snapshot of a guest that was left natively has the bytes of one that was interpreted', () => {
  function requireSameBytes(program: LifeProgram, seed: number, most: number): void {
    const module = decode(program.bytes);
    const next = sequence(seed);
    for (const call of possible(module, program.calls).slice(0, 3)) {
      const marks = [0n, 10n, ...Array.from({ length: 4 }, () => BigInt(next() % most))];
      expect(leftBytes('native', module, call, marks), `${marks}`).toEqual(
        leftBytes('interpreter', module, call, marks),
      );
    }
  }

  it('random programs', () => {
    fc.assert(
      fc.property(anyNativeProgram, fc.integer(), (program, seed) => requireSameBytes(program, seed, 3_000)),
      { numRuns: RUNS, seed: SEED },
    );
  });

  it.each(['fib', 'sort', 'bulk', 'json', 'matmul', 'indirect', 'recurse'])('%s', (name) => {
    const fixture = manifest.find((item) => item.name === name);
    const calls = (fixture?.expect as { calls?: readonly LifeCall[] })?.calls ?? [];
    requireSameBytes({ bytes: loadFixture(name), calls }, 3, 20_000);
  });
});

describe('a NaN whose bits nobody has looked at yet is that of the interpreter where the guest is left', () => {
  const program = `(module
    (global $zero (mut f64) (f64.const 0)) (global $zero32 (mut f32) (f32.const 0))
    (func $spin (param i32) (loop $l
      (local.set 0 (i32.sub (local.get 0) (i32.const 1))) (br_if $l (i32.gt_s (local.get 0) (i32.const 0)))))
    (func (export "local") (param i32) (result i64) (local $x f64) (local $y f64)
      (local.set $x (f64.div (global.get $zero) (global.get $zero)))
      (loop $l
        (local.set $y (f64.add (local.get $x) (f64.const 1)))
        (br_if $l (local.tee 0 (i32.sub (local.get 0) (i32.const 1)))))
      (if (result i64) (i32.const 1) (then (i64.reinterpret_f64 (local.get $x))) (else (i64.reinterpret_f64 (local.get $y)))))
    (func (export "single") (param i32) (result i32) (local $x f32)
      (local.set $x (f32.div (global.get $zero32) (global.get $zero32)))
      (call $spin (local.get 0))
      (i32.reinterpret_f32 (local.get $x)))
    (func (export "operand") (param i32) (result i64)
      (f64.div (global.get $zero) (global.get $zero))
      (call $spin (local.get 0))
      (f64.add (f64.const 1))
      i64.reinterpret_f64)
    (func (export "vector") (param i32) (result i64) (local $x v128)
      (local.set $x (f64x2.div (f64x2.splat (global.get $zero)) (f64x2.splat (global.get $zero))))
      (f64x2.neg (local.get $x))
      (call $spin (local.get 0))
      (f64x2.extract_lane 1)
      i64.reinterpret_f64
      (i64x2.extract_lane 0 (local.get $x))
      i64.add)
    (func (export "moved") (param i32) (result i64) (local $x f64)
      (local.set $x (f64.reinterpret_i64 (i64.const 0x7ff4000000000001)))
      (call $spin (local.get 0))
      (i64.reinterpret_f64 (local.get $x))))`;

  it.each(['local', 'single', 'operand', 'vector', 'moved'])('%s', (name) =>
    requireSame({ bytes: parse(program), calls: [{ export: name, args: [30] }] }, 1, {}, 20),
  );

  it('in snapshots', () => {
    const module = decode(parse(program));
    for (const name of ['local', 'single', 'operand', 'vector', 'moved']) {
      const call = { export: name, args: [30] };
      const marks = Array.from({ length: 20 }, (_, i) => BigInt(17 * i));
      expect(leftBytes('native', module, call, marks), name).toEqual(leftBytes('interpreter', module, call, marks));
    }
  });
});
