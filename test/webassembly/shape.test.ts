/** Details that glue code relies on, on the host's `WebAssembly` and on ours. */

import { describe, expect, test } from 'vitest';
import { parse } from '../../src/text.ts';
import { createWebAssembly, type WebAssemblyNamespace } from '../../src/webassembly.ts';
import { LinkError, RuntimeError, StackLimitExceeded, Trap, WasmSandboxError } from '../../wasm/errors.ts';

const BYTES = parse(`(module (import "a" "f" (func $f)) (memory (export "m") 1) (table (export "t") 1 funcref)
  (global (export "g") i32 (i32.const 1)) (func) (func (export "two") (param i32 i32)) (export "again" (func $f)))`);
const EMPTY = parse('(module)');

describe.each([
  ['host', WebAssembly as unknown as WebAssemblyNamespace],
  ['interpreter', await createWebAssembly()],
  ['native', await createWebAssembly({ engine: 'native' })],
])('on %s', (_, W) => {
  const instance = () => new W.Instance(new W.Module(BYTES), { a: { f: () => undefined } });

  test.each(['CompileError', 'LinkError', 'RuntimeError'] as const)('%s, with and without new', (name) => {
    const Class = W[name] as unknown as { new (message?: string): Error; (message?: string): Error };
    class Sub extends Class {}
    for (const error of [new Class('x'), Class('x'), new Sub('x')]) {
      expect(error).toBeInstanceOf(Class);
      expect([error.name, error.message, String(error)]).toEqual([name, 'x', `${name}: x`]);
    }
    expect(new Sub('x')).toBeInstanceOf(Sub);
    expect(Class().message).toBe('');
  });

  test('what is thrown is of these classes', () => {
    expect(() => new W.Module(new Uint8Array(3))).toThrow(W.CompileError);
    expect(() => new W.Instance(new W.Module(BYTES), { a: {} })).toThrow(W.LinkError);
  });

  test('tags, names, and exports, which are inherited', () => {
    const made = instance();
    const { m, t, g, two, again } = made.exports as Record<string, object & { name: string }>;
    const tags = [W, made, m, t, g].map((each) => Object.prototype.toString.call(each).slice(8, -1));
    expect(tags).toEqual(['', '.Instance', '.Memory', '.Table', '.Global'].map((name) => `WebAssembly${name}`));
    expect([two?.name, again?.name]).toEqual(['2', '0']);
    expect(Object.hasOwn(made, 'exports')).toBe(false);
    expect('exports' in made).toBe(true);
    expect(() => Object.assign(made, { exports: 1 })).toThrow(TypeError);
  });

  test('members can be assigned to', () => {
    const writable = W as unknown as Record<string, unknown>;
    const { instantiate } = W;
    const mine = () => 5;
    writable['instantiate'] = mine;
    expect(W.instantiate).toBe(mine);
    writable['instantiate'] = instantiate;
    expect(Object.keys(W)).not.toContain('Symbol(Symbol.toStringTag)');
  });

  test('null as a size is 0, and undefined as a function none', () => {
    expect(new W.Memory({ initial: null as never }).buffer.byteLength).toBe(0);
    const table = new W.Table({ element: 'anyfunc', initial: null as never });
    expect(table.length).toBe(0);
    expect(table.grow(1)).toBe(0);
    expect(() => table.set(0, undefined)).toThrow(TypeError);
    table.set(0);
    expect(table.get(0)).toBe(null);
    expect(() => new W.Global({ value: 'anyfunc' }, undefined)).toThrow(TypeError);
    expect(new W.Global({ value: 'anyfunc' }).value).toBe(null);
  });

  test('bytes that are detached are no module', () => {
    const bytes = new ArrayBuffer(8);
    structuredClone(bytes, { transfer: [bytes] });
    expect(W.validate(bytes)).toBe(false);
    expect(() => new W.Module(bytes)).toThrow(W.CompileError);
  });

  test.each([
    ['application/wasm', true],
    [' application/wasm ', true],
    ['application/wasm; charset=utf-8', false],
    ['text/plain', false],
    [undefined, false],
  ])('a response of the type %s', async (type, isTaken) => {
    const response = () => new Response(EMPTY.slice(), { headers: type === undefined ? {} : { 'content-type': type } });
    if (isTaken) {
      expect(await W.compileStreaming(response())).toBeInstanceOf(W.Module);
      expect((await W.instantiateStreaming(response())).instance).toBeInstanceOf(W.Instance);
    } else {
      await expect(W.compileStreaming(response())).rejects.toThrow(TypeError);
      await expect(W.instantiateStreaming(response())).rejects.toThrow(TypeError);
    }
  });

  // What glue code tells errors by, and what those who know the library do.
  test('what ends a guest', async () => {
    const bytes = parse(`(module (memory (export "m") 1) (func (export "trap") unreachable)
      (func $deep (export "deep") (call $deep)) (func (export "load") (result i32) (i32.load (i32.const 0))))`);
    const { trap, deep } = new W.Instance(new W.Module(bytes)).exports as Record<string, () => void>;
    const ends = (run: (() => void) | undefined): Error & { code?: string } => {
      try {
        run?.();
      } catch (error) {
        return error as Error;
      }
      throw new Error('nothing was thrown');
    };
    const trapped = ends(trap);
    expect([trapped.name, trapped.message.includes('unreachable')]).toEqual(['RuntimeError', true]);
    expect(String(trapped)).toMatch(/^RuntimeError: /);
    expect(trapped).toBeInstanceOf(W.RuntimeError);
    const full = ends(deep);
    expect([full.name, full.constructor, full.message.includes('Maximum call stack size exceeded')]).toEqual([
      'RangeError',
      RangeError,
      true,
    ]);
    expect(full).toBeInstanceOf(RangeError);
    expect(full).not.toBeInstanceOf(W.RuntimeError);
    if (_ === 'host') return;
    expect(trapped).toBeInstanceOf(Trap);
    expect(trapped).toMatchObject({ code: 'TRAP', kind: 'unreachable' });
    for (const Class of [StackLimitExceeded, RuntimeError, WasmSandboxError]) expect(full).toBeInstanceOf(Class);
    for (const Class of [Trap, LinkError]) expect(full).not.toBeInstanceOf(Class);
    expect(full).toMatchObject({
      code: 'STACK_LIMIT',
      frames: expect.any(Array),
      resources: { gasUsed: expect.anything() },
    });
    expect(WasmSandboxError.from(JSON.parse(JSON.stringify(full)))).toBeInstanceOf(StackLimitExceeded);
    expect(new RangeError('mine')).not.toBeInstanceOf(StackLimitExceeded);
  });
});

describe('a memory whose buffer was transferred', () => {
  const bytes = parse(`(module (import "m" "f" (func $f)) (memory (export "memory") 1 2) (data (i32.const 0) "x")
    (func (export "load") (result i32) (i32.load8_u (i32.const 0)))
    (func (export "call") (result i32) (call $f) (i32.load8_u (i32.const 0)))
    (func (export "grow") (result i32) (memory.grow (i32.const 1))))`);
  const take = (memory: unknown) => {
    const { buffer } = memory as WebAssembly.Memory;
    structuredClone(buffer, { transfer: [buffer] });
  };

  test('is refused', async () => {
    const W = await createWebAssembly();
    const made = () => {
      const imports = { m: { f: () => take(exports['memory']) } };
      const exports = new W.Instance(new W.Module(bytes), imports).exports as Readonly<
        Record<string, (() => number) & WebAssembly.Memory>
      >;
      return exports;
    };
    const refused = /^the buffer of a memory has been transferred/;
    const { memory, load, grow } = made();
    expect(load?.()).toBe(120);
    take(memory);
    expect(load).toThrow(refused);
    expect(grow).toThrow(refused);
    expect(() => memory?.grow(1)).toThrow(refused);
    expect(() => memory?.buffer).toThrow(refused);
    expect(made().call).toThrow(refused);
  });

  test('also behind another instance', async () => {
    const W = await createWebAssembly();
    const { exports: between } = new W.Instance(
      new W.Module(parse('(module (import "m" "f" (func $f)) (func (export "f") (call $f)))')),
      { m: { f: () => take(exports['memory']) } },
    );
    const { exports } = new W.Instance(new W.Module(bytes), { m: between as never });
    expect(exports['call']).toThrow(/^the buffer of a memory has been transferred/);
  });

  test('an empty one loses nothing', async () => {
    const W = await createWebAssembly();
    const memory = new W.Memory({ initial: 0, maximum: 1 });
    take(memory);
    expect(memory.grow(1)).toBe(0);
    expect(memory.buffer.byteLength).toBe(65_536);
  });

  test('does not happen natively', async () => {
    const W = await createWebAssembly({ engine: 'native' });
    const { exports } = new W.Instance(new W.Module(bytes), { m: { f: () => undefined } });
    const { memory, load } = exports as unknown as { memory: WebAssembly.Memory; load(): number };
    try {
      take(memory);
    } catch {
      // Newer hosts forbid it, older ones copy.
    }
    expect(load()).toBe(120);
  });
});
