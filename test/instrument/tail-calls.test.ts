/** Calls in tail position, natively: the room of one frame, and the gas and weight of all. */

import { describe, expect, test } from 'vitest';
import { parse } from '../../src/text.ts';
import { createWebAssembly } from '../../src/webassembly.ts';
import { decode } from '../../wasm/decode.ts';
import { HOST_CALL } from '../../wasm/gas.ts';
import { HostFunction } from '../../wasm/host.ts';
import { funcType, I32 } from '../../wasm/types.ts';
import { nativeFeatures } from '../spec/probes.ts';
import { type TriangleOptions, traces } from './triangle.ts';

function agreed(fields: string, args: readonly number[], options: TriangleOptions = {}): readonly string[] {
  const module = decode(parse(`(module ${fields})`));
  const calls = args.map((arg) => ({ export: 'run', args: [arg] }));
  const { interpreter, ...others } = traces(module, calls, options);
  for (const [name, lines] of Object.entries(others)) expect(lines, name).toEqual(interpreter);
  return interpreter.slice(1);
}

const DIRECT = `(func $even (param i32) (result i32)
    (if (i32.eqz (local.get 0)) (then (return (i32.const 1)))) (return_call $odd (i32.sub (local.get 0) (i32.const 1))))
  (func $odd (param i32) (result i32) (local i64 i64 f64)
    (if (i32.eqz (local.get 0)) (then (return (i32.const 0)))) (return_call $even (i32.sub (local.get 0) (i32.const 1))))
  (func (export "run") (param i32) (result i32) (return_call $even (local.get 0)))`;
const INDIRECT = `(type $f (func (param i32) (result i32))) (table funcref (elem $down $other))
  (func $down (param i32) (result i32)
    (if (i32.lt_s (local.get 0) (i32.const 5)) (then (return (local.get 0))))
    (return_call_indirect (type $f) (i32.sub (local.get 0) (i32.const 1)) (i32.and (local.get 0) (i32.const 1))))
  (func $other (param i32) (result i32)
    (return_call_indirect (type $f) (local.get 0) (i32.and (local.get 0) (i32.const 2))))
  (func (export "run") (param i32) (result i32) (i32.add (i32.const 1) (call $down (local.get 0))))`;
const CAUGHT = `(tag $t (param i32))
  (func $throw (param i32) (throw $t (local.get 0)))
  (func $leaves (param i32) (try (do (return_call $throw (local.get 0))) (catch_all)))
  (func (export "run") (param i32) (result i32)
    (try (result i32) (do (call $leaves (local.get 0)) (i32.const -1)) (catch $t)))`;
const WAITING_NAN = `(func $bits (param f64) (result i64) (i64.reinterpret_f64 (local.get 0)))
  (func (export "run") (param i32) (result i64)
    (return_call $bits (f64.div (f64.const 0) (f64.convert_i32_s (local.get 0)))))`;

describe.skipIf(!nativeFeatures.includes('tail-calls'))('calls in tail position', () => {
  test.each([
    ['direct', DIRECT, [0, 1, 7, 100_000]],
    ['through a table, and where there is no element', INDIRECT, [4, 12, 9, 2_001, 3]],
    ['out of a construct that catches', CAUGHT, [3]],
    ['with a NaN that waits', WAITING_NAN, [0]],
  ])('%s', (_, fields, args) => {
    agreed(fields, args);
    for (const stackBytes of [200, 400, 700]) agreed(fields, args, { limits: { stackBytes } });
    agreed(fields, args, { slices: { gas: 7, onSlice: () => undefined } });
    for (const gas of [900n, 1_500n, 3_000n]) agreed(fields, args, { limits: { gas } });
  });

  test('take the room of one', () => {
    expect(agreed(DIRECT, [1_000_000], { limits: { stackBytes: 700 } })[0]).toMatch(/\[1\]/);
  });

  test('of host functions, which are called at the depth of the caller', () => {
    const fields = `(import "env" "f" (func $f (param i32) (result i32)))
      (func (export "run") (param i32) (result i32) (local i64 i64) (return_call $f (local.get 0)))`;
    const imports = () => () =>
      new HostFunction(funcType([I32], [I32]), HOST_CALL, (_, [value]) => (value as number) + 1);
    expect(agreed(fields, [41], { imports })[0]).toMatch(/\[42\]/);
  });

  test('of what may be of another instance are left to the interpreter', async () => {
    const open = `(module (type $f (func)) (table (export "t") 1 funcref)
      (func (export "run") (return_call_indirect (type $f) (i32.const 0))))`;
    const first = '(module (func (export "f") (param i32) (result i32) (return_call 0 (local.get 0))))';
    const second = `(module (import "a" "f" (func $f (param i32) (result i32)))
      (func (export "run") (param i32) (result i32) (return_call $f (local.get 0))))`;
    const plain = '(module (func (export "f") (param i32) (result i32) (local.get 0)))';
    const native = await createWebAssembly({ engine: 'native' });
    const make = (namespace: typeof native, text: string, a?: object) =>
      new namespace.Instance(new namespace.Module(parse(text)), a === undefined ? {} : ({ a } as never));
    expect(() => make(native, open)).toThrow('tail position');
    expect(() => make(native, second, make(native, first).exports)).toThrow('tail position');
    const { exports } = make(native, second, make(native, plain).exports);
    expect((exports['run'] as (value: number) => number)(6)).toBe(6);
    const auto = await createWebAssembly({ engine: 'auto' });
    for (const instance of [make(auto, open), make(auto, second, make(auto, first).exports)]) {
      expect(auto.stats(instance)).toMatchObject({ engine: 'interpreter' });
      expect(auto.stats(instance).engineReason).toMatch('tail position');
    }
  });
});
