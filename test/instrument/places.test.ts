/** Errors of guests that run natively say where they were, as those of the interpreter do. */

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { nativeEngine } from '../../instrument/index.ts';
import { interpreter } from '../../interpreter/index.ts';
import { PATIENCE } from '../../src/engines/going-on.ts';
import { leavableEngine } from '../../src/engines/leavable.ts';
import { parse } from '../../src/text.ts';
import { decode } from '../../wasm/decode.ts';
import type { Engine, InstanceLimits } from '../../wasm/engine.ts';
import { RuntimeError } from '../../wasm/errors.ts';
import type { WasmModule } from '../../wasm/module.ts';
import { typeOfFunction } from '../../wasm/module.ts';
import { V128 } from '../../wasm/types.ts';
import { anyLifeProgram, imports, LIMITS, type LifeCall } from '../life/programs.ts';
import { SEED } from '../property/runner.ts';
import { nativeFeatures } from '../spec/probes.ts';

const RUNS = Number(process.env.FUZZ_RUNS ?? 60);
const hasNatively = (feature: string) => (nativeFeatures as readonly string[]).includes(feature);
/** What sandboxes have: without it, what ends a guest stands where nobody can tell from where it came. */
const SLICES = { gas: 2 ** 24, onSlice: () => undefined };
const ENGINES = { native: nativeEngine(), leavable: leavableEngine() } as const;

/** What an error says of where it was made; of a call that ends as it should, nothing. */
function placeOf(engine: Engine, module: WasmModule, calls: readonly LifeCall[], limits: Partial<InstanceLimits>) {
  const instance = engine.instantiate(module, { limits: { ...LIMITS, ...limits }, imports: imports(), slices: SLICES });
  const places: string[] = [];
  try {
    instance.start();
  } catch (error) {
    return [said(error)];
  }
  for (const call of calls) {
    try {
      instance.call(call.export, call.args);
      places.push('ended');
    } catch (error) {
      places.push(said(error));
    }
  }
  return places;
}

function said(error: unknown): string {
  if (!(error instanceof RuntimeError)) return 'refused';
  const { code, functionIndex, functionName, offset, frames, message } = error;
  return `${code} ${functionIndex} ${functionName} ${offset} ${frames[0]?.codeOffset} ${message}`;
}

function requireSame(bytes: Uint8Array, given: readonly LifeCall[], limits: Partial<InstanceLimits> = {}): void {
  const module = decode(bytes);
  const calls = given.filter((call) => {
    const { params, results } = typeOfFunction(module, module.exportsByName.get(call.export)?.index ?? 0);
    return ![...params, ...results].includes(V128);
  });
  const expected = placeOf(interpreter, module, calls, limits);
  for (const [name, engine] of Object.entries(ENGINES)) {
    if (module.features.some((feature) => name === 'leavable' || !hasNatively(feature))) continue;
    expect(placeOf(engine, module, calls, limits), name).toEqual(expected);
  }
}

/** Each function traps in another way. */
const TRAPS = `(module (memory 1) (table 2 funcref) (type $t (func))
  (func $inner (param i32) (result i32) (i32.load (local.get 0)))
  (func (export "load") (param i32) (result i32) nop (i32.add (i32.const 1) (call $inner (i32.const -1))))
  (func (export "unreachable") (param i32) (loop (br_if 0 (local.tee 0 (i32.sub (local.get 0) (i32.const 1)))) unreachable))
  (func (export "divide") (param i32) (result i32) (i32.div_s (i32.const 1) (i32.sub (local.get 0) (local.get 0))))
  (func (export "convert") (param i32) (result i32) (i32.trunc_f64_s (f64.div (f64.const 0) (f64.const 0))))
  (func (export "convert_f32") (param i32) (result i64) (i64.trunc_f32_u (f32.const 1e30)))
  (func (export "indirect") (param i32) nop (call_indirect (type $t) (i32.const 7)))
  (func (export "null") (param i32) (call_indirect (type $t) (i32.const 1)))
  (func (export "fill") (param i32) (memory.fill (i32.const 65530) (i32.const 0) (i32.const 100)))
  (func (export "table") (param i32) (table.set (i32.const 9) (ref.null func)))
  (func $deep (export "deep") (param i32) (result i32) (i32.add (i32.const 1) (call $deep (local.get 0))))
  (func (export "spin") (param i32) (loop $l nop (br $l))))`;

describe('an error of a native guest says where it was', () => {
  it.each(['load', 'unreachable', 'divide', 'convert', 'convert_f32', 'indirect', 'null', 'fill', 'table', 'deep'])(
    '%s',
    (name) => requireSame(parse(TRAPS), [{ export: name, args: [3] }]),
  );

  it('and what it may mean', () => {
    const text = `(module (memory 1) (global (mut i32) (i32.const 66560)) (func (export "run") (param i32)
      (global.set 0 (i32.sub (i32.const 0) (local.get 0))) (i32.store (global.get 0) (i32.const 1))))`;
    requireSame(parse(text), [{ export: 'run', args: [16] }]);
  });

  it('where it runs out of gas', () => requireSame(parse(TRAPS), [{ export: 'spin', args: [3] }], { gas: 100_000n }));

  it('in the middle of a call that came back from where it was interpreted', () => {
    const patience = { ...PATIENCE };
    Object.assign(PATIENCE, { first: 0, again: 0, units: 0, perByte: 0, perChange: 0 });
    try {
      const text = `(module (memory 1)
        (func $inner (param i32) (result i32) nop (i32.load (i32.mul (local.get 0) (i32.const 4000))))
        (func $outer (param $n i32) (result i32) (local $x i32)
          (loop $l
            (local.set $x (i32.add (call $inner (local.get $x)) (i32.add (local.get $x) (i32.const 1))))
            (br_if $l (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))
          (local.get $x))
        (func (export "run") (param i32) (result i32) (i32.add (i32.const 1) (call $outer (local.get 0)))))`;
      const ends = [interpreter, leavableEngine()].map((engine) => {
        const module = decode(parse(text));
        const instance = engine.instantiate(module, { limits: LIMITS, imports: imports(), slices: SLICES });
        instance.start();
        const execution = instance.begin?.('run', [100]);
        try {
          let stop = execution?.advance(100n);
          while (stop !== 'done') stop = execution?.advance();
          return 'ended';
        } catch (error) {
          return said(error);
        }
      });
      expect(ends[1]).toBe(ends[0]);
      expect(ends[0]).toContain('TRAP 0');
    } finally {
      Object.assign(PATIENCE, patience);
    }
  });

  it('random programs', () => {
    fc.assert(
      fc.property(anyLifeProgram(), ({ bytes, calls }) => requireSame(bytes, calls)),
      { numRuns: RUNS, seed: SEED },
    );
  });

  it('random programs that run out of gas', () => {
    fc.assert(
      fc.property(anyLifeProgram(), fc.integer({ min: 0, max: 5_000 }), ({ bytes, calls }, more) => {
        const { gasUsed } = interpreter.instantiate(decode(bytes), { limits: LIMITS, imports: imports() });
        requireSame(bytes, calls, { gas: gasUsed + BigInt(more) });
      }),
      { numRuns: RUNS, seed: SEED },
    );
  });
});
