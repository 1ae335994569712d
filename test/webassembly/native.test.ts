import { describe, expect, test } from 'vitest';
import { createWebAssembly } from '../../src/webassembly.ts';
import { FUNCREF, I32, V128, type ValType } from '../../wasm/types.ts';
import { encodeModule, type Instruction, type ModuleDescription } from '../generate/encode.ts';

const ADD_ONE = encodeModule({
  functions: [{ params: [I32], results: [I32], body: [['local.get', 0], ['i32.const', 1], 'i32.add'], export: 'f' }],
});
const FOREVER = encodeModule({ functions: [{ body: ['loop', ['br', 0], 'end'], export: 'f' }] });
const TWO_MEMORIES = encodeModule({ memories: [{ min: 1 }, { min: 1 }] });

type Namespace = Awaited<ReturnType<typeof createWebAssembly>>;
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

  test.each([
    [
      'Memory',
      65_536,
      32_767,
      (W: Namespace, initial: number, maximum?: number) =>
        new W.Memory({ initial, ...(maximum !== undefined && { maximum }) }),
    ],
    [
      'Table',
      8,
      10_000_000,
      (W: Namespace, initial: number, maximum?: number) =>
        new W.Table({ element: 'externref', initial, ...(maximum !== undefined && { maximum }) }),
    ],
  ] as const)(
    'a %s of the embedder is within the limit, from the start and when it grows',
    async (_, bytes, highest, make) => {
      const W = await createWebAssembly({ engine, memoryLimit: 10 * bytes, perInstance: true });
      expect(() => make(W, 11)).toThrow(/^Memory limit exceeded/);
      const whole = make(W, 10);
      expect(whole.grow(0)).toBe(10);
      expect(() => whole.grow(1)).toThrow(/^Memory limit exceeded/);
      const growing = make(W, 1);
      expect([growing.grow(4), growing.grow(5)]).toEqual([1, 5]);
      expect(() => growing.grow(1)).toThrow(/^Memory limit exceeded/);
      const bounded = make(W, 2, 4);
      expect(() => bounded.grow(3)).toThrow(RangeError);
      expect(bounded.grow(2)).toBe(2);
      const wide = await createWebAssembly({ engine, memoryLimit: 2 ** 40, perInstance: true });
      expect(() => make(wide, 1).grow(highest)).toThrow(/^Memory limit exceeded/);
    },
  );
});

test.each(['interpreter', 'native'] as const)(
  'what is imported counts where it was made, and grows there: on %s',
  async (engine) => {
    const W = await createWebAssembly({ engine, memoryLimit: 10 * 65_536, perInstance: true });
    const memory = new W.Memory({ initial: 6, maximum: 9 });
    const table = new W.Table({ element: 'anyfunc', initial: 3, maximum: 5 });
    const grow = (...body: Instruction[]) => ({ params: [I32], results: [I32], body });
    const { instance } = await W.instantiate(
      encodeModule({
        imports: [
          { module: 'm', name: 'memory', memory: { min: 5 } },
          { module: 'm', name: 'table', table: { min: 2 } },
        ],
        functions: [
          { ...grow(['local.get', 0], 'memory.grow'), export: 'memory' },
          { ...grow(['ref.null', FUNCREF], ['local.get', 0], ['table.grow', 0]), export: 'table' },
        ],
      }),
      { m: { memory, table } },
    );
    const exports = instance.exports as Record<'memory' | 'table', (delta: number) => number>;
    expect([exports.memory(4), exports.memory(2), exports.memory(1)]).toEqual([-1, 6, 8]);
    expect([exports.table(3), exports.table(2)]).toEqual([-1, 3]);
    expect([memory.buffer.byteLength, table.length]).toEqual([9 * 65_536, 5]);
    expect(W.stats(instance)).toMatchObject({ memoryBytes: 0, peakMemoryBytes: 0 });
  },
);

describe('functions of vectors', () => {
  const vector: Instruction = ['v128.const', new Uint8Array(16)];
  const imported = (params: ValType[], results: ValType[], more: ModuleDescription) =>
    ({ imports: [{ module: 'm', name: 'h', function: { params, results } }], ...more }) satisfies ModuleDescription;
  const cases: Record<string, ModuleDescription> = {
    'a result': { functions: [{ results: [V128], body: [vector], export: 'f' }] },
    'a parameter': { functions: [{ params: [V128], body: [], export: 'f' }] },
    'a parameter of the host': imported([V128], [], { functions: [{ body: [vector, ['call', 0]], export: 'f' }] }),
    'a result of the host': imported([], [V128], { functions: [{ body: [['call', 0], 'drop'], export: 'f' }] }),
    'a result of the host, through a table': imported([], [V128], {
      tables: [{ min: 1 }],
      elements: [{ offset: [['i32.const', 0]], items: [0] }],
      functions: [
        {
          body: [['i32.const', 0], ['call_indirect', { params: [], results: [V128] }, 0], 'drop'],
          export: 'f',
        },
      ],
    }),
    'an import that is exported': imported([], [V128], { exports: [{ name: 'f', kind: 'function', index: 0 }] }),
  };

  test.each(Object.entries(cases))('%s: refused on both engines at the same gas', async (_, description) => {
    const used = [];
    for (const engine of ['interpreter', 'native'] as const) {
      const namespace = await createWebAssembly({ engine });
      let calls = 0;
      const { instance } = await namespace.instantiate(encodeModule(description), { m: { h: () => calls++ } });
      expect(() => (instance.exports as Exports).f()).toThrow(TypeError);
      expect(calls).toBe(0);
      used.push(namespace.stats(instance).gasUsed);
    }
    expect(used[0]).toBe(used[1]);
  });
});

test('an engine that is none', async () => {
  await expect(createWebAssembly({ engine: 'v8' as never })).rejects.toThrow(/'interpreter', 'native' or 'auto'/);
});

test('modules that the native engine cannot meter are refused by name', async () => {
  const namespace = await createWebAssembly({ engine: 'native' });
  await expect(namespace.instantiate(TWO_MEMORIES)).rejects.toThrow(/multi-memory/);
});
