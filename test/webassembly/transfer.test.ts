import { inspect } from 'node:util';
import { describe, expect, test } from 'vitest';
import { parse } from '../../src/text.ts';
import { createWebAssembly } from '../../src/webassembly.ts';

const BYTES = parse('(module (func (export "f") (result i32) (i32.const 42)))');

describe.each(['interpreter', 'native'] as const)('modules on %s', (engine) => {
  test('are not cloned or posted, with a word on what to do', async () => {
    const { Module } = await createWebAssembly({ engine });
    const module = new Module(BYTES);
    const { port1 } = new MessageChannel();
    const ways = [
      () => structuredClone(module),
      () => structuredClone({ deep: [module] }),
      () => port1.postMessage(module),
      () => port1.postMessage({ module }),
    ];
    for (const way of ways) {
      expect(way).toThrow(/send Module\.toTransferable\(module\)/);
      expect(way).toThrow(expect.objectContaining({ name: 'DataCloneError' }));
    }
    port1.close();
    expect(inspect(module)).toContain('Module');
  });

  test('travel as bytes', async () => {
    const { Module, Instance } = await createWebAssembly({ engine });
    const module = new Module(BYTES);
    const sent = Module.toTransferable(module);
    const got = structuredClone(sent, { transfer: [sent] });
    expect(sent.byteLength).toBe(0);
    const { f } = new Instance(Module.fromTransferable(got)).exports as { f(): number };
    expect(f()).toBe(42);
    // What was sent is a copy: the module, and what it gives the next time, are whole.
    expect(new Uint8Array(Module.toTransferable(module))).toEqual(new Uint8Array(BYTES));
    expect((new Instance(module).exports as { f(): number }).f()).toBe(42);
  });

  test('nothing else is taken for one', async () => {
    const { Module, CompileError } = await createWebAssembly({ engine });
    expect(() => Module.toTransferable({} as never)).toThrow(TypeError);
    expect(() => Module.fromTransferable({} as never)).toThrow(TypeError);
    expect(() => Module.fromTransferable(new ArrayBuffer(8))).toThrow(CompileError);
  });
});
