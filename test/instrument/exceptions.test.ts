/** Exceptions in modules that meter themselves: who catches what, at which count, and what nobody catches. */

import { describe, expect, test } from 'vitest';
import { parse } from '../../src/text.ts';
import { createWebAssembly } from '../../src/webassembly.ts';
import { decode } from '../../wasm/decode.ts';
import { HOST_CALL } from '../../wasm/gas.ts';
import { HostFunction } from '../../wasm/host.ts';
import { funcType } from '../../wasm/types.ts';
import { ENGINES, type EngineKey, type TriangleOptions, trace } from './triangle.ts';

const TAGS = `(tag $none) (tag $i32 (param i32)) (tag $four (param i64 f64 f32 externref))`;
const THROWERS = `(func $throw-none (throw $none)) (func $throw-i32 (param i32) (throw $i32 (local.get 0)))
  (func $deep (param i32) (if (i32.eqz (local.get 0)) (then (throw $i32 (i32.const 7))))
    (call $deep (i32.sub (local.get 0) (i32.const 1))))
  (type $void (func)) (table funcref (elem $throw-none))`;

/** What each engine that has what the module needs says of a function `run` of one parameter; all must say the same. */
function agreed(fields: string, args: readonly number[] = [0], options: TriangleOptions = {}): readonly string[] {
  const bytes = parse(`(module ${TAGS} ${THROWERS} ${fields})`);
  const module = decode(bytes);
  const isNative = WebAssembly.validate(bytes as BufferSource);
  const calls = args.map((arg) => ({ export: 'run', args: [arg] }));
  const found = Object.fromEntries(
    (Object.keys(ENGINES) as EngineKey[])
      .filter((name) => isNative || !name.startsWith('native'))
      .map((name) => [name, trace(ENGINES[name], module, calls, options)]),
  );
  const { interpreter, ...others } = found;
  for (const [name, lines] of Object.entries(others)) expect(lines, name).toEqual(interpreter);
  return (interpreter as string[]).slice(1);
}

/** The same body with the exceptions of old, and with those of release 3.0. */
const BODIES: Readonly<Record<string, string>> = {
  'thrown and caught in a function': `(func (export "run") (param i32) (result i32)
    (try (result i32) (do (throw $i32 (local.get 0))) (catch $none (i32.const -1)) (catch $i32)))`,
  'thrown by what is called, deep down': `(func (export "run") (param i32) (result i32)
    (try (result i32) (do (call $deep (local.get 0)) (i32.const 1)) (catch $i32 (i32.add (i32.const 1)))))`,
  'thrown by what is called through a table': `(func (export "run") (param i32) (result i32)
    (try (result i32) (do (call_indirect (type $void) (local.get 0)) (i32.const 1)) (catch_all (i32.const 2))))`,
  'caught in a loop, again and again': `(func (export "run") (param i32) (result i32) (local $sum i32)
    (loop $again
      (try (do (br_if 0 (i32.and (local.get 0) (i32.const 1))) (call $throw-i32 (local.get 0)))
        (catch $i32 (local.set $sum (i32.add (local.get $sum)))))
      (br_if $again (i32.gt_s (local.tee 0 (i32.sub (local.get 0) (i32.const 1))) (i32.const 0))))
    (local.get $sum))`,
  'thrown again': `(func (export "run") (param i32) (result i32)
    (try (result i32)
      (do (try (do (call $throw-i32 (i32.const 5))) (catch_all (if (local.get 0) (then (rethrow 1))))) (i32.const 1))
      (catch $i32 (i32.add (i32.const 10)))))`,
  'delegated, over a loop and a block': `(func (export "run") (param i32) (result i32)
    (try $outer (result i32)
      (do (try (result i32)
        (do (loop (block (try (do (call $throw-none)) (delegate $outer)))) (i32.const 0))
        (catch_all (i32.const 1))))
      (catch $none (i32.const 2))))`,
  'not caught': `(func (export "run") (param i32) (try (do (throw $none)) (catch $i32 (drop))))`,
  'with a floating-point number that is none': `(func (export "run") (param i32) (result i64)
    (local $a f64) (local $b f32)
    (try (do (throw $four (i64.const 1) (f64.div (f64.const 0) (f64.const 0)) (f32.sqrt (f32.const -1)) (ref.null extern)))
      (catch $four (drop) (local.set $b) (local.set $a) (drop)))
    (i64.xor (i64.reinterpret_f64 (local.get $a)) (i64.extend_i32_u (i32.reinterpret_f32 (local.get $b)))))`,
  'while a NaN waits in a local': `(func (export "run") (param i32) (result i64) (local $a f64)
    (local.set $a (f64.div (f64.const 0) (f64.convert_i32_s (local.get 0))))
    (try (do (call $throw-none) (local.set $a (f64.const 1))) (catch_all))
    (i64.reinterpret_f64 (local.get $a)))`,
  'clauses, of which the second fits': `(func (export "run") (param i32) (result i32)
    (block $i32 (result i32)
      (block $none
        (try_table (catch $none $none) (catch $i32 $i32) (call $deep (local.get 0)))
        (return (i32.const -1)))
      (i32.const -2)))`,
  'clauses around branches of all kinds': `(func (export "run") (param i32) (result i32)
    (block $caught
      (block $out
        (loop $again
          (try_table (catch $none $caught) (catch_all $again)
            (local.set 0 (i32.sub (local.get 0) (i32.const 1)))
            (block (br_table 0 1 $again $out $caught (local.get 0)))
            (try_table (catch_all 0) (br_if $again (i32.eq (local.get 0) (i32.const 9))) (call $throw-i32 (i32.const 1)))
            (br_if $out (i32.lt_s (local.get 0) (i32.const -3)))
            (call $throw-none)
            (return (i32.const 4)))))
      (return (i32.const 5)))
    (i32.const 6))`,
  'clauses that lead to the end of the function': `(func (export "run") (param i32) (result i32)
    (try_table (result i32) (catch $i32 0) (call $deep (local.get 0)) (i32.const 3)))`,
  'a construct with operands and results': `(func (export "run") (param i32) (result i32)
    (i32.const 100)
    (block $caught (result i32)
      (local.get 0) (i32.const 2)
      (try_table (param i32 i32) (result i32 i32) (catch $i32 $caught)
        (br_if 0 (local.get 0)) (drop) (throw $i32))
      (i32.add))
    (i32.add))`,
};

describe.each(Object.entries(BODIES))('%s', (_, body) => {
  const args = [0, 1, 2, 3, 9, 10, 40];

  test('is the same on all engines', () => {
    agreed(body, args);
  });

  test.each([0, 50, 200, 500])('with %i units of gas left after instantiation, and in slices', (rest) => {
    const gas = 1_200n + BigInt(rest);
    agreed(body, args, { limits: { gas } });
    agreed(body, args, { slices: { gas: 0, onSlice: () => undefined } });
    agreed(body, args, { slices: { gas: 17, onSlice: () => undefined }, limits: { gas } });
  });

  test('with little stack', () => {
    for (const stackBytes of [300, 700, 3_000]) agreed(body, [...args, 1_000], { limits: { stackBytes } });
  });
});

/** Tries to catch whatever the first part does, and goes on. */
const catching = (what: string) => `(func $run (export "run") (param i32) (result i32)
  (try (result i32) (do ${what} (i32.const 1)) (catch_all (i32.const 2))))`;

describe('nobody catches', () => {
  test.each([
    ['traps', '(unreachable)', /trap unreachable/],
    ['what divides by zero', '(drop (i32.div_s (i32.const 1) (i32.const 0)))', /divide-by-zero/],
    ['accesses out of bounds', '(drop (call $run (call_indirect (result i32) (i32.const 5))))', /undefined-element/],
    ['gas that is used up', '(loop (br 0))', /GAS_EXHAUSTED/],
    ['a stack that is full', '(drop (call $run (i32.const 0)))', /STACK_LIMIT/],
  ])('%s', (_, what, expected) => {
    const options = { limits: { gas: 200_000n } };
    const [first, second] = agreed(catching(what), [0, 0], options);
    expect(first).toMatch(expected);
    expect(second).toMatch(expected);
    agreed(catching(what), [0], { ...options, slices: { gas: 100, onSlice: () => undefined } });
  });

  test('what ends a host function, nor the end of time', () => {
    const fails = () => () =>
      new HostFunction(funcType([], []), HOST_CALL, () => {
        throw new Error('no');
      });
    const body = `(import "env" "fail" (func $fail)) ${catching('(call $fail)')}`;
    expect(agreedImporting(body, fails)[0]).toMatch(/HOST/);
    const late = new RangeError('late');
    const slices = {
      gas: 0,
      onSlice: () => {
        throw late;
      },
    };
    expect(agreed(catching('(loop (br 0))'), [0], { slices })[0]).toMatch(/late/);
  });
});

function agreedImporting(fields: string, imports: NonNullable<TriangleOptions['imports']>): readonly string[] {
  const module = decode(parse(`(module ${fields})`));
  const [reference, ...others] = (Object.keys(ENGINES) as EngineKey[]).map((name) =>
    trace(ENGINES[name], module, [{ export: 'run', args: [0] }], { imports }),
  );
  for (const lines of others) expect(lines).toEqual(reference);
  return (reference as string[]).slice(1);
}

test('stack that was left by an exception can be used again', () => {
  const body = `(func $down (param i32) (result i32)
      (if (result i32) (local.get 0) (then (i32.add (i32.const 1) (call $down (i32.sub (local.get 0) (i32.const 1)))))
        (else (throw $i32 (i32.const 3)))))
    (func (export "run") (param $times i32) (result i32) (local $sum i32)
      (loop $again
        (local.set $sum (i32.add (local.get $sum)
          (try (result i32) (do (call $down (i32.const 100))) (catch $i32))))
        (br_if $again (local.tee $times (i32.sub (local.get $times) (i32.const 1)))))
      (local.get $sum))`;
  const [line] = agreed(body, [50], { limits: { stackBytes: 20_000 } });
  expect(line).toMatch(/\[150\]/);
  expect(agreed(body, [50], { limits: { stackBytes: 10_000 } })[0]).toMatch(/STACK_LIMIT/);
});

test('exceptions of more than four values are left to the interpreter', () => {
  const bytes = parse('(module (tag (param i32 i32 i32 i32 i32)))');
  const options = { limits: { gas: undefined, memoryBytes: 1, stackBytes: 1 }, imports: () => undefined };
  const native = ENGINES['native on the instrumented module'];
  expect(() => native.instantiate(decode(bytes), options)).toThrow('more than 4 values');
});

const ENGINE_NAMES = ['interpreter', 'native', 'auto'] as const;
type Exports = Record<string, (...args: unknown[]) => unknown>;

describe.each(ENGINE_NAMES)('in a namespace, %s', async (engine) => {
  const namespace = await createWebAssembly({ engine });
  const { Module, Instance, Tag, Exception, RuntimeError, stats } = namespace;
  const make = (text: string, imports: object = {}) =>
    new Instance(new Module(parse(`(module ${text})`)), imports as never) as unknown as { exports: Exports };
  const GUEST = `(import "env" "call" (func $call)) (tag $t (export "tag") (param i32 externref))
    (func (export "throw") (param i32 externref) (throw $t (local.get 0) (local.get 1)))
    (func (export "catch") (result i32)
      (try (result i32) (do (call $call) (i32.const 0)) (catch $t (drop)) (catch_all (i32.const -1))))`;

  test('what a guest throws comes out as an exception, and goes in again', () => {
    let thrown: unknown;
    const { exports } = make(GUEST, {
      env: {
        call() {
          throw thrown;
        },
      },
    });
    const tag = exports['tag'] as unknown as InstanceType<typeof Tag>;
    expect(tag).toBeInstanceOf(Tag);
    try {
      exports['throw']?.(5, 'a text');
    } catch (error) {
      thrown = error;
    }
    const exception = thrown as InstanceType<typeof Exception>;
    expect(exception).toBeInstanceOf(Exception);
    expect([exception.is(tag), exception.getArg(tag, 0), exception.getArg(tag, 1)]).toEqual([true, 5, 'a text']);
    expect(exports['catch']?.()).toBe(5);
  });

  test('guests catch what host functions throw, but for the errors that end guests', () => {
    let thrown: unknown;
    const { exports } = make(GUEST, {
      env: {
        call() {
          throw thrown;
        },
      },
    });
    for (const error of [
      new Error('any'),
      'a text',
      undefined,
      new RangeError('Maximum call stack size'),
      new RuntimeError('abort'),
    ]) {
      thrown = error;
      expect(exports['catch']?.()).toBe(-1);
    }
    const { exports: trapping } = make('(func (export "f") (unreachable))');
    thrown = undefined;
    try {
      trapping['f']?.();
    } catch (error) {
      thrown = error;
    }
    expect(() => exports['catch']?.()).toThrow('unreachable');
    expect(() => exports['catch']?.()).toThrow('unreachable');
  });

  test('what nobody catches comes out as it was thrown, and the guest can be called again', () => {
    const error = new WebAssembly.RuntimeError('unreachable');
    const instance = make(
      `${GUEST.replace('(export "tag")', '')} (func (export "pass") (try (do (call $call)) (catch $t (drop) (drop))))`,
      {
        env: {
          call() {
            throw error;
          },
        },
      },
    );
    const { exports } = instance;
    expect(() => exports['pass']?.()).toThrow(error);
    expect(exports['catch']?.()).toBe(-1);
    if (engine === 'auto') expect(stats(instance as never)).toMatchObject({ engine: 'native' });
  });

  test('exceptions pass through instances, and cost the same', async () => {
    const gas: bigint[] = [];
    for (const of of ENGINE_NAMES) {
      const { Module, Instance, stats } = await createWebAssembly({ engine: of });
      const make = (text: string, imports: object = {}) =>
        new Instance(new Module(parse(`(module ${text})`)), imports as never) as unknown as { exports: Exports };
      const thrower = make(
        '(tag (export "tag") (param i32)) (func (export "throw") (param i32) (throw 0 (local.get 0)))',
      );
      const between = make(
        '(import "a" "throw" (func $f (param i32))) (func (export "throw") (param i32) (call $f (local.get 0)))',
        {
          a: thrower.exports,
        },
      );
      const catcher = make(
        `(import "a" "tag" (tag $t (param i32))) (import "b" "throw" (func $f (param i32)))
         (func (export "run") (param i32) (result i32)
           (try (result i32) (do (call $f (local.get 0)) (i32.const 0)) (catch $t) (catch_all (i32.const -1))))`,
        { a: thrower.exports, b: between.exports },
      );
      expect(catcher.exports['run']?.(77)).toBe(77);
      gas.push(stats().gasUsed);
    }
    expect(new Set(gas).size).toBe(1);
  });

  test('tags and exceptions can be made', () => {
    const tag = new Tag({ parameters: ['i32', 'f64'] });
    const exception = new Exception(tag, [4, 2.5]);
    const { exports } = make(
      `(import "env" "tag" (tag $t (param i32 f64))) (import "env" "call" (func $call))
       (func (export "run") (result i32)
         (try (result i32) (do (call $call) (i32.const 0)) (catch $t (i32.trunc_f64_s) (i32.add))))`,
      {
        env: {
          tag,
          call() {
            throw exception;
          },
        },
      },
    );
    expect(exports['run']?.()).toBe(6);
    expect(() => new Exception(tag, [1])).toThrow(TypeError);
    expect(() => exception.getArg(new Tag({ parameters: [] }), 0)).toThrow(TypeError);
    expect(() => exception.getArg(tag, 2)).toThrow(RangeError);
    expect(() => new (Tag as never as new (value: unknown) => unknown)(null)).toThrow(TypeError);
  });
});
