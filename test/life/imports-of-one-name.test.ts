/** Imports that go by one name, each of its own type: a host finds each of them by asking for the name again. */

import { describe, expect, it } from 'vitest';
import { Capability, type SandboxOptions, WasmSandbox } from '../../src/index.ts';
import { parse } from '../../src/text.ts';
import { createWebAssembly } from '../../src/webassembly.ts';

const NAMESAKES = parse(`(module
  (import "env" "same" (func $a (param i32) (result i32)))
  (import "env" "same" (func $b (param i64) (result i64)))
  (import "env" "other" (func $o (param f32) (result f32)))
  (import "env" "same" (func $c (param f32) (result f32)))
  (import "env" "same" (func $d (param i64) (result i64)))
  (func (export "a") (result i32) (call $a (i32.const 5)))
  (func (export "b") (result i64) (call $b (i64.const 6)))
  (func (export "c") (result f32) (f32.add (call $o (f32.const 1)) (call $c (f32.const 1.5))))
  (func (export "d") (result i64) (call $d (i64.const 7))))`);
const RESULTS = [5, 6n, 2.5, 7n];

const WAITING: readonly Partial<SandboxOptions>[] = [
  { engine: 'interpreter' },
  { engine: 'native', leavable: true },
  { engine: 'auto' },
];

async function all(options: Partial<SandboxOptions>, same: (value: unknown) => unknown) {
  const functions = { same, other: (value: unknown) => value } as never;
  const capabilities = [Capability.hostFunctions('env', functions)];
  const sandbox = await WasmSandbox.create({ source: NAMESAKES, capabilities, ...options });
  const results: unknown[] = [];
  for (const name of ['a', 'b', 'c', 'd']) results.push(await sandbox.call(name));
  return { results, gas: sandbox.getResourceStats().gasUsed };
}

describe.each([...WAITING, { engine: 'native' } as const])('imports of one name on %o', (options) => {
  it('are each of their own type, and cost what they cost elsewhere', async () => {
    const { gas } = await all({ engine: 'interpreter' }, (value) => value);
    expect(await all(options, (value) => value)).toEqual({ results: RESULTS, gas });
  });
});

describe.each(WAITING)('imports of one name on %o', (options) => {
  it('are waited for', async () => {
    const { gas } = await all({ engine: 'interpreter' }, (value) => value);
    const late = (value: unknown) => Promise.resolve(value);
    expect(await all(options, late)).toEqual({ results: RESULTS, gas });
  });
});

describe.each(['interpreter', 'native'] as const)('imports of one name in a namespace of the %s', (engine) => {
  it('are what the name gives each time it is asked for', async () => {
    const namespace = await createWebAssembly({ engine });
    let asked = 0;
    const env = {
      get same() {
        const number = ++asked;
        return (value: number | bigint) => (typeof value === 'bigint' ? value * BigInt(number) : value * number);
      },
      other: (value: number) => value,
    };
    const { instance } = await namespace.instantiate(NAMESAKES as BufferSource, { env });
    const exports = instance.exports as Record<string, () => unknown>;
    expect(['a', 'b', 'c', 'd'].map((name) => exports[name]?.())).toEqual([5, 12n, 5.5, 28n]);
    expect(asked).toBe(4);
  });
});
