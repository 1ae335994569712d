import { parse } from '@bytecodealliance/jco-transpile/wasm-tools';
import { describe, expect, test } from 'vitest';
import { loadFixture } from '../../fixtures/load.node.ts';
import { checkStructure } from '../../src/component/structure.ts';
import { type GenerateOptions, transpilerOf } from '../../src/component/transpiler.ts';
import { Component } from '../../src/component.node.ts';
import { CompileError, LinkError, UsageError, WasmSandboxError } from '../../wasm/errors.ts';
import { ENGINES, HOST, PROGRAM, TYPED } from './components.ts';

const refusal = (bytes: Uint8Array) =>
  Component.create(bytes, { imports: HOST, gasLimit: 1_000_000 }).then(
    () => undefined,
    (error: unknown) => error,
  );

/** What a component says that names are put into, if they get there. */
const PLANTED = 'componentWasHere';

describe('names that would be code', () => {
  const planted = `'];globalThis.${PLANTED}=1;['`;
  test.each([
    [
      'an export',
      `(core module $m (func (export "${planted}") (result i32) i32.const 7))
      (core instance $i (instantiate $m))
      (func (export "run") (result u32) (canon lift (core func $i "${planted}")))`,
    ],
    [
      'an import',
      `(import "f" (func $f))
      (core func $lowered (canon lower (func $f)))
      (core module $m (import "a" "${planted}" (func)))
      (core instance (instantiate $m (with "a" (instance (export "${planted}" (func $lowered))))))`,
    ],
    [
      'the module of an import',
      `(import "f" (func $f))
      (core func $lowered (canon lower (func $f)))
      (core module $m (import "${planted}" "a" (func)))
      (core instance (instantiate $m (with "${planted}" (instance (export "a" (func $lowered))))))`,
    ],
    [
      'an import with a line of its own',
      `(import "f" (func $f))
      (core func $lowered (canon lower (func $f)))
      (core module $m (import "a" "\\\\\\n" (func)))
      (core instance (instantiate $m (with "a" (instance (export "\\\\\\n" (func $lowered))))))`,
    ],
  ])('in %s are refused', async (_, body) => {
    const bytes = await parse(`(component ${body})`);
    const error = (await refusal(bytes)) as CompileError;
    expect(error).toBeInstanceOf(CompileError);
    expect(error.message).toContain('no quotes');
    expect(PLANTED in globalThis).toBe(false);
  });

  test.each(["url=<https://x/'+globalThis>", 'integrity=<sha256-x>'])('%s is no name that is taken', async (name) => {
    const bytes = await parse(`(component (import "${name}" (func)))`).catch(() => undefined);
    if (bytes !== undefined) expect(await refusal(bytes)).toBeInstanceOf(WasmSandboxError);
  });
});

test('components that instantiate one another without end in sight are refused at once', async () => {
  let text =
    '(component $c0 (core module $m (func (export "f"))) (core instance $i (instantiate $m)) (func (export "f") (canon lift (core func $i "f"))))';
  for (let i = 1; i <= 24; i++) {
    text = `(component $c${i} ${text} (instance (instantiate $c${i - 1})) (instance (instantiate $c${i - 1})))`;
  }
  const bytes = await parse(`(component ${text} (instance (instantiate $c24)))`);
  expect(() => checkStructure(bytes)).toThrow(/more than 10000 functions/);
});

describe('core instances, of which a component in it makes many', () => {
  const CORE = '(core module $m (global i32 (i32.const 0)) (global i32 (i32.const 0)))';
  const nested = (inner: number, outer: number) =>
    parse(
      `(component (component $c ${CORE} ${'(core instance (instantiate $m))'.repeat(inner)})
        ${'(instance (instantiate $c))'.repeat(outer)})`,
    );

  test('are refused at once where they are out of proportion', async () => {
    const bytes = await nested(1_000, 1_000);
    expect(bytes.length).toBeLessThan(7_000);
    expect(() => checkStructure(bytes)).toThrow(/more than 50000 items beyond its \d+ bytes/);
  });

  test.each(ENGINES)('have a limit of their own (%s)', async (engine) => {
    const failure = await Component.create(await nested(101, 100), { engine }).catch((error: unknown) => error);
    expect(failure).toMatchObject({ code: 'MEMORY_LIMIT', message: expect.stringContaining('more than 10000 inst') });
  });

  test.each(ENGINES)('count for what they hold, but for the first of a module (%s)', async (engine) => {
    const memories = [1, 2, 50].map(async (count) => {
      const { stats } = await Component.create(await nested(count, 1), { engine });
      return stats.memoryBytes;
    });
    expect(await Promise.all(memories)).toEqual([0, 2 * 128, 49 * 2 * 128]);
    const failure = await Component.create(await nested(50, 1), { engine, memoryLimit: 10_000 }).catch(
      (error: unknown) => error,
    );
    expect(failure).toMatchObject({ code: 'MEMORY_LIMIT' });
  });
});

test('components within one another are, beyond a depth', async () => {
  let text = '';
  for (let i = 0; i < 40; i++) text = `(component ${text})`;
  const bytes = await parse(text);
  expect(() => checkStructure(bytes)).toThrow(CompileError);
});

test('a component that waits by itself is refused', async () => {
  const bytes = await parse('(component (core func (canon waitable-set.new)))');
  expect(() => checkStructure(bytes)).toThrow(/async/);
});

test('other bytes are no component', async () => {
  expect(await refusal(loadFixture('fib'))).toMatchObject({
    code: 'COMPILE',
    message: expect.stringContaining('core module'),
  });
  expect(await refusal(new Uint8Array([1, 2, 3]))).toBeInstanceOf(CompileError);
});

test('nothing but an error comes of a component that is cut off', async () => {
  for (let length = 0; length < TYPED.length; length += 61) {
    const error = await refusal(TYPED.subarray(0, length));
    // What is left of it may be a component by itself.
    if (error !== undefined) expect(error, `${length} bytes`).toBeInstanceOf(WasmSandboxError);
  }
});

test('nor of one that is damaged, and others are transpiled afterwards', async () => {
  let state = 7;
  const next = (below: number) => {
    state = Math.imul(state, 1_103_515_245) + 12_345;
    return (state >>> 8) % below;
  };
  for (let i = 0; i < 60; i++) {
    const bytes = (i % 2 === 0 ? TYPED : PROGRAM).slice();
    for (let left = 1 + next(3); left > 0; left--) bytes[8 + next(bytes.length - 8)] = next(256);
    const error = await refusal(bytes);
    if (error !== undefined) expect(error, `number ${i}: ${error}`).toBeInstanceOf(WasmSandboxError);
  }
  expect(await refusal(TYPED)).toBeUndefined();
  expect(await refusal(PROGRAM)).not.toBeInstanceOf(LinkError);
});

test('where it has no thread, the transpiler says that it has failed for good', async () => {
  const generated = { files: [], imports: [], exports: [] };
  const answers = [
    () => generated,
    () => {
      throw Object.assign(new Error('a result'), { payload: 'no component' });
    },
    () => {
      throw new Error('unreachable');
    },
    () => generated,
  ];
  const { generate } = await transpilerOf({
    $init: Promise.resolve(),
    generate: () => (answers.shift() as () => never)(),
  });
  const options = {} as GenerateOptions;
  expect(generate(TYPED, options)).toBe(generated);
  expect(() => generate(TYPED, options)).toThrow('a result');
  expect(() => generate(TYPED, options)).toThrow('unreachable');
  expect(() => generate(TYPED, options)).toThrow(UsageError);
  expect(() => generate(TYPED, options)).toThrow(/transpile what is not yours ahead of time/);
});
