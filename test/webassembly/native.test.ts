import { describe, expect, test } from 'vitest';
import { createWebAssembly } from '../../src/webassembly.ts';
import { I32 } from '../../wasm/types.ts';
import { encodeModule } from '../generate/encode.ts';

const ADD_ONE = encodeModule({
  functions: [{ params: [I32], results: [I32], body: [['local.get', 0], ['i32.const', 1], 'i32.add'], export: 'f' }],
});
const FOREVER = encodeModule({ functions: [{ body: ['loop', ['br', 0], 'end'], export: 'f' }] });
const TWO_MEMORIES = encodeModule({ memories: [{ min: 1 }, { min: 1 }] });

type Exports = { readonly f: (...args: unknown[]) => unknown };

describe.each(['interpreter', 'native', 'auto'] as const)('a namespace on %s', (engine) => {
  test('has the shape of WebAssembly', async () => {
    const namespace = await createWebAssembly({ engine, gasLimit: 1_000n });
    const { module, instance } = await namespace.instantiate(ADD_ONE);
    expect((instance.exports as Exports).f(4)).toBe(5);
    expect(namespace.stats(instance).gasUsed).toBe(133n);
    expect(namespace.Module.exports(module)).toEqual([{ name: 'f', kind: 'function' }]);
    expect(new namespace.Instance(await namespace.compile(ADD_ONE)).exports.f).toBeTypeOf('function');
    expect(namespace.validate(ADD_ONE.subarray(0, 20))).toBe(false);
  });

  test('ends a guest at the same unit', async () => {
    const namespace = await createWebAssembly({ engine, gasLimit: 1_000n });
    const { instance } = await namespace.instantiate(FOREVER);
    expect(() => (instance.exports as Exports).f()).toThrow('Gas limit exceeded');
    expect(namespace.stats(instance).gasUsed).toBe(1_001n);
  });
});

test('an engine that is none', async () => {
  await expect(createWebAssembly({ engine: 'v8' as never })).rejects.toThrow(/'interpreter', 'native' or 'auto'/);
});

test('modules that the native engine cannot meter are refused by name', async () => {
  const namespace = await createWebAssembly({ engine: 'native' });
  await expect(namespace.instantiate(TWO_MEMORIES)).rejects.toThrow(/multi-memory/);
});
