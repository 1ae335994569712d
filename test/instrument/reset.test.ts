/** Instances of the native engine that were reset, in place where that can be. */

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { whyNotMetered } from '../../instrument/adopted.ts';
import { nativeEngine } from '../../instrument/index.ts';
import { Capability, WasmSandbox } from '../../src/index.ts';
import { parse } from '../../src/text.ts';
import { decode } from '../../wasm/decode.ts';
import type { EngineInstance } from '../../wasm/engine.ts';
import type { WasmModule } from '../../wasm/module.ts';
import { programOptions } from '../life/elsewhere.ts';
import { anyLifeProgram, imports, LIMITS, type LifeProgram } from '../life/programs.ts';
import { SEED } from '../property/runner.ts';
import { describeError, hashOf } from './triangle.ts';

const instantiate = (module: WasmModule) => nativeEngine().instantiate(module, { limits: LIMITS, imports: imports() });

/** All that can be seen from outside, from the start function on. */
function observe(instance: EngineInstance, { calls }: LifeProgram): string[] {
  const lines: string[] = [];
  const note = (what: () => unknown) => {
    let outcome: string;
    try {
      outcome = String(what());
    } catch (error) {
      outcome = describeError(error);
    }
    const { gasUsed, memoryBytes, peakMemoryBytes } = instance.figures();
    const { memory } = instance;
    const bytes = memory?.view(0, memory.byteLength) ?? new Uint8Array();
    lines.push(`${outcome}: gas ${gasUsed}, ${memoryBytes} bytes, at most ${peakMemoryBytes}, ${hashOf(bytes)}`);
  };
  note(() => instance.start());
  for (const { export: name, args } of calls) note(() => instance.call(name, args));
  return lines;
}

test('whatever was done with it, an instance is then a fresh one in all that can be seen', () => {
  let compared = 0;
  fc.assert(
    fc.property(anyLifeProgram(), (program) => {
      const module = decode(program.bytes);
      if (whyNotMetered(module) !== undefined) return;
      const fresh = observe(instantiate(module), program);
      const used = instantiate(module);
      // The second time from what is known of the module by then.
      for (let i = 0; i < 3; i++) {
        expect(observe(used, program)).toEqual(fresh);
        try {
          used.reset?.();
        } catch {
          // What the module cannot begin with, it cannot begin with again.
          return;
        }
      }
      compared++;
    }),
    { numRuns: Number(process.env.FUZZ_RUNS ?? 200), seed: SEED },
  );
  expect(compared).toBeGreaterThan(40);
});

/** Whether a reset of a sandbox has left the guest its memory, which tells that it was in place. */
async function isInPlace(source: string, between: (sandbox: WasmSandbox) => unknown = () => undefined) {
  const sandbox = await WasmSandbox.create({ source, engine: 'native' });
  await sandbox.reset();
  const before = memoryOf(sandbox);
  await between(sandbox);
  await sandbox.reset();
  const isSame = memoryOf(sandbox) === before;
  sandbox.dispose();
  return isSame;
}

interface Inside {
  readonly life: { readonly instance: { readonly guest: { readonly rawMemory: object } } };
}

const memoryOf = (sandbox: WasmSandbox) => (sandbox as unknown as Inside).life.instance.guest.rawMemory;

const COUNTER = `(module (memory (export "memory") 1 4) (global $n (mut i32) (i32.const 5))
  (table funcref (elem $count))
  (func $count (export "count") (result i32) (global.set $n (i32.add (global.get $n) (i32.const 1)))
    (i32.store (i32.const 100) (global.get $n)) (global.get $n))
  (func (export "grow") (result i32) (memory.grow (i32.const 1)))
  (data (i32.const 0) "first"))`;

describe('in place', () => {
  test('where nothing but memory and globals can have changed', async () => {
    expect(await isInPlace(COUNTER)).toBe(true);
    expect(await isInPlace(COUNTER, (sandbox) => sandbox.call('count'))).toBe(true);
    expect(await isInPlace(COUNTER, (sandbox) => sandbox.memory.write(0, new Uint8Array(65_536)))).toBe(true);
  });

  test('not after a growth, nor where somebody may keep a view', async () => {
    expect(await isInPlace(COUNTER, (sandbox) => sandbox.call('grow'))).toBe(false);
    expect(await isInPlace(COUNTER, (sandbox) => sandbox.memory.view(0, 8))).toBe(false);
  });

  test('not where a table or a passive segment may have changed', async () => {
    const withTable = COUNTER.replace(
      '(func (export "grow")',
      '(func (table.set (i32.const 0) (ref.null func))) (func (export "grow")',
    );
    expect(await isInPlace(withTable)).toBe(false);
    expect(await isInPlace(COUNTER.replace('(data (i32.const 0) "first")', '(data "first")'))).toBe(false);
    expect(await isInPlace(COUNTER.replace('(table funcref', '(table (export "table") funcref'))).toBe(false);
  });

  test('not where a global is a reference to a function, a vector, or a NaN with bits of its own', async () => {
    for (const global of ['funcref (ref.func $count)', 'v128 (v128.const i64x2 1 2)', 'f64 (f64.const nan:0x123)']) {
      const [type, init] = global.split(/ (?=\()/) as [string, string];
      const source = COUNTER.replace('(table funcref', `(global (mut ${type}) ${init}) (table funcref`);
      expect(await isInPlace(source), global).toBe(false);
    }
  });

  test('also twice in a row, before anything has run', () => {
    const instance = instantiate(decode(parse(COUNTER.replace('(data', '(data $passive "x") (data'))));
    instance.start();
    for (let i = 0; i < 3; i++) {
      instance.reset?.();
      instance.reset?.();
      instance.start();
      expect(instance.call('count', [])).toEqual([6]);
    }
  });

  test('with figures, contents and limits of a fresh one', async () => {
    const sandbox = await WasmSandbox.create({ source: COUNTER, engine: 'native', gasLimit: 10_000 });
    const { gasUsed } = sandbox.getResourceStats();
    for (let i = 0; i < 4; i++) {
      expect(await sandbox.call('count')).toBe(6);
      expect(sandbox.memory.readString(0, 5)).toBe('first');
      if (i > 1) sandbox.memory.write(0, Uint8Array.of(1, 2, 3));
      await sandbox.reset();
      expect(sandbox.getResourceStats()).toMatchObject({ gasUsed, memoryBytes: 65_536 + 8, growthRefused: false });
      expect(sandbox.memory.read(96, 8)).toEqual(new Uint8Array(8));
    }
  });

  test('after the gas was used up, and after a trap', async () => {
    const source = `(module (memory 1) (global $n (mut i64) (i64.const 0))
      (func (export "spin") (loop (global.set $n (i64.add (global.get $n) (i64.const 1))) (br 0)))
      (func (export "trap") unreachable) (func (export "n") (result i64) (global.get $n)))`;
    const sandbox = await WasmSandbox.create({ source, engine: 'native', gasLimit: 100_000 });
    for (let i = 0; i < 3; i++) {
      await expect(sandbox.call('spin')).rejects.toMatchObject({ code: 'GAS_EXHAUSTED' });
      await expect(sandbox.call('n')).rejects.toMatchObject({ code: 'GAS_EXHAUSTED' });
      await sandbox.reset();
      expect(await sandbox.call('n')).toBe(0n);
      await expect(sandbox.call('trap')).rejects.toMatchObject({ kind: 'unreachable' });
      await sandbox.reset();
    }
  });

  test('programs run as in a fresh sandbox', async () => {
    for (const [fixture, ...args] of [
      ['hello', 'one'],
      ['json', '50'],
      ['files', 'cat', '/in.txt'],
    ] as const) {
      const options = { ...programOptions(fixture, args), engine: 'native' } as const;
      const sandbox = await WasmSandbox.create(options);
      const first = { ...(await sandbox.run()), gas: sandbox.getResourceStats().gasUsed };
      for (let i = 0; i < 3; i++) {
        await sandbox.reset();
        expect({ ...(await sandbox.run()), gas: sandbox.getResourceStats().gasUsed }).toEqual(first);
      }
    }
  });

  test('a host function that keeps the memory beyond its call reaches nothing of the next', async () => {
    const kept: Uint8Array[] = [];
    const functions = {
      see: {
        params: [],
        results: [],
        call: (caller) => void kept.push(caller.memory?.view(0, 8) as Uint8Array),
      },
    } as const satisfies Parameters<typeof Capability.hostFunctions>[1];
    const source = `(module (import "env" "see" (func $see)) (memory (export "memory") 1) (data (i32.const 0) "secret!!")
      (func (export "run") (call $see)))`;
    const sandbox = await WasmSandbox.create({
      source: parse(source),
      engine: 'native',
      capabilities: [Capability.hostFunctions('env', functions)],
    });
    for (let i = 0; i < 3; i++) {
      await sandbox.call('run');
      await sandbox.reset();
      kept.at(-1)?.fill(0);
      expect(sandbox.memory.readString(0, 8)).toBe('secret!!');
    }
  });
});
