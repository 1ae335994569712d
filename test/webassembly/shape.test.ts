/** Details that glue code relies on, on the host's `WebAssembly` and on ours. */

import { describe, expect, test } from 'vitest';
import { parse } from '../../src/text.ts';
import { createWebAssembly, type WebAssemblyNamespace } from '../../src/webassembly.ts';

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
});
