/** One suite for the host's `WebAssembly` and for ours: what passes on the first is known to be asked rightly. */

import { describe, expect, it } from 'vitest';
import { loadFixture } from '../../fixtures/load.node.ts';
import ours, { createWebAssembly, type WebAssemblyNamespace } from '../../src/webassembly.ts';
import { EXTERNREF, F32, FUNCREF, I32, I64, type ValType } from '../../wasm/types.ts';
import { encodeModule } from '../generate/encode.ts';
import { PROBES } from '../spec/probes.ts';

const native = WebAssembly as unknown as WebAssemblyNamespace;

/** Imports a function, and passes its arguments on to it. */
function passing(params: ValType[], results: ValType[]): Uint8Array {
  return encodeModule({
    imports: [{ module: 'env', name: 'f', function: { params, results } }],
    functions: [
      { params, results, export: 'g', body: [...params.map((_, i) => ['local.get', i] as const), ['call', 0]] },
    ],
  });
}

describe.each([
  ['host', native],
  ['interpreter', ours],
  ['interpreter without metering', await createWebAssembly({ metering: false })],
])('WebAssembly of the %s', (_name, WebAssembly) => {
  const instantiate = (bytes: Uint8Array, imports?: object) =>
    new WebAssembly.Instance(new WebAssembly.Module(bytes), imports as never);
  const exported = (bytes: Uint8Array, imports?: object) =>
    instantiate(bytes, imports).exports as Record<string, (...args: unknown[]) => unknown>;

  it('describes modules', () => {
    const module = new WebAssembly.Module(passing([I32], [I32]));
    expect(WebAssembly.Module.imports(module)).toEqual([{ module: 'env', name: 'f', kind: 'function' }]);
    expect(WebAssembly.Module.exports(module)).toEqual([{ name: 'g', kind: 'function' }]);
    expect(WebAssembly.Module.customSections(module, 'none')).toEqual([]);
    expect(Object.prototype.toString.call(module)).toBe('[object WebAssembly.Module]');
  });

  it('validates', () => {
    expect(WebAssembly.validate(loadFixture('fib'))).toBe(true);
    expect(WebAssembly.validate(new Uint8Array([1, 2, 3]))).toBe(false);
    expect(() => WebAssembly.validate('no bytes' as never)).toThrow(TypeError);
    expect(() => new WebAssembly.Module(new Uint8Array([0, 0x61]))).toThrow(WebAssembly.CompileError);
  });

  // As loaders of languages do, which give up where the answer is no.
  it.each(['legacy-exceptions', 'exceptions', 'simd', 'gc'] as const)('says to a probe that there is %s', (feature) => {
    expect(ours.validate(PROBES[feature])).toBe(true);
  });

  it('instantiates from bytes and from modules', async () => {
    const { module, instance } = await WebAssembly.instantiate(loadFixture('fib'));
    expect(module).toBeInstanceOf(WebAssembly.Module);
    expect((instance.exports as { run(n: number): number }).run(10)).toBe(55);
    expect(await WebAssembly.instantiate(module)).toBeInstanceOf(WebAssembly.Instance);
    await expect(WebAssembly.instantiate(new Uint8Array(3))).rejects.toBeInstanceOf(WebAssembly.CompileError);
  });

  it('freezes exports, and names functions by their index', () => {
    const { exports } = instantiate(loadFixture('fib'));
    expect(Object.isFrozen(exports)).toBe(true);
    expect(Object.getPrototypeOf(exports)).toBe(null);
    const run = exports.run as (n: number) => number;
    expect(run.name).toMatch(/^\d+$/);
    expect(run.length).toBe(1);
    expect(() => new (run as never as new () => object)()).toThrow(TypeError);
  });

  it('converts arguments and results', () => {
    const seen: unknown[] = [];
    const f = (value: unknown) => {
      seen.push(value);
      return value;
    };
    const of = (type: ValType) => exported(passing([type], [type]), { env: { f } }).g as (value?: unknown) => unknown;
    expect(of(I32)(2 ** 32 + 7)).toBe(7);
    expect(of(I32)('12')).toBe(12);
    expect(of(I32)()).toBe(0);
    expect(of(I64)(-1n)).toBe(-1n);
    expect(of(I64)(2n ** 64n + 5n)).toBe(5n);
    expect(() => of(I64)(5)).toThrow(TypeError);
    expect(() => of(I32)(5n)).toThrow(TypeError);
    expect(of(F32)(0.1)).toBe(Math.fround(0.1));
    expect(of(F32)(Number.NaN)).toBe(Number.NaN);
    const object = {};
    expect(of(EXTERNREF)(object)).toBe(object);
    expect(of(EXTERNREF)(undefined)).toBe(undefined);
    expect(of(EXTERNREF)(null)).toBe(null);
    expect(of(FUNCREF)(null)).toBe(null);
    expect(() => of(FUNCREF)(() => 1)).toThrow(TypeError);
    expect(seen).toContain(object);
  });

  it('passes functions of guests through references as themselves', () => {
    const { run } = exported(loadFixture('fib'));
    const g = exported(passing([FUNCREF], [FUNCREF]), { env: { f: (value: unknown) => value } }).g as (
      f: unknown,
    ) => unknown;
    expect(g(run)).toBe(run);
  });

  it('takes and gives several results', () => {
    const g = exported(passing([I32, I64], [I32, I64]), { env: { f: (a: number, b: bigint) => [a + 1, b + 1n] } })
      .g as (...args: unknown[]) => unknown;
    expect(g(1, 2n)).toEqual([2, 3n]);
    const wrong = exported(passing([], [I32, I32]), { env: { f: () => [1] } }).g as () => unknown;
    expect(wrong).toThrow(TypeError);
  });

  it('lets what a host function throws through', () => {
    const error = new Error('mine');
    const g = exported(passing([], []), {
      env: {
        f() {
          throw error;
        },
      },
    }).g as () => void;
    expect(g).toThrow(error);
  });

  it('refuses imports that do not fit', () => {
    const bytes = passing([], []);
    expect(() => instantiate(bytes)).toThrow(TypeError);
    expect(() => instantiate(bytes, {})).toThrow(TypeError);
    expect(() => instantiate(bytes, { env: {} })).toThrow(WebAssembly.LinkError);
    expect(() => instantiate(bytes, { env: { f: 1 } })).toThrow(WebAssembly.LinkError);
    const { run } = exported(loadFixture('fib'));
    expect(() => instantiate(bytes, { env: { f: run } })).toThrow(WebAssembly.LinkError);
  });

  it('keeps a memory and its buffer in step', () => {
    const memory = new WebAssembly.Memory({ initial: 1, maximum: 3 });
    const before = memory.buffer;
    expect(memory.buffer).toBe(before);
    expect(before.byteLength).toBe(65536);
    new Uint8Array(before)[5] = 42;
    expect(memory.grow(1)).toBe(1);
    expect(before.byteLength).toBe(0);
    expect(memory.buffer.byteLength).toBe(131072);
    expect(new Uint8Array(memory.buffer)[5]).toBe(42);
    expect(() => memory.grow(2)).toThrow(RangeError);
    expect(() => new WebAssembly.Memory({ initial: 2, maximum: 1 })).toThrow(RangeError);
    expect(() => new WebAssembly.Memory({} as never)).toThrow(TypeError);
    expect(() => WebAssembly.Memory.prototype.grow.call({} as never, 1)).toThrow(TypeError);
  });

  it('grows an empty memory without touching any other', () => {
    const first = new WebAssembly.Memory({ initial: 0 });
    const second = new WebAssembly.Memory({ initial: 0 });
    const { buffer } = first;
    expect(second.buffer).not.toBe(buffer);
    expect(first.grow(1)).toBe(0);
    expect(second.buffer.byteLength).toBe(0);
    expect(second.grow(1)).toBe(0);
    expect(new Uint8Array(second.buffer)[0]).toBe(0);
    expect(exported(loadFixture('fib')).run?.(10)).toBe(55);
  });

  it('detaches the buffer when the guest grows its memory', () => {
    const { memory, grow } = exported(
      encodeModule({
        memories: [{ min: 1, export: 'memory' }],
        functions: [
          {
            params: [I32],
            results: [I32],
            export: 'grow',
            body: [
              ['local.get', 0],
              ['memory.grow', 0],
            ],
          },
        ],
      }),
    ) as never as { memory: WebAssembly.Memory; grow(n: number): number };
    const { buffer } = memory;
    expect(grow(1)).toBe(1);
    expect(buffer.byteLength).toBe(0);
    expect(memory.buffer.byteLength).toBe(131072);
  });

  it('keeps tables', () => {
    const { run } = exported(loadFixture('fib'));
    const table = new WebAssembly.Table({ element: 'anyfunc', initial: 2, maximum: 4 });
    expect(table.length).toBe(2);
    expect(table.get(0)).toBe(null);
    table.set(0, run);
    expect(table.get(0)).toBe(run);
    expect(() => table.get(2)).toThrow(RangeError);
    expect(() => table.set(0, () => 1)).toThrow(TypeError);
    expect(table.grow(1, run)).toBe(2);
    expect(table.get(2)).toBe(run);
    expect(() => table.grow(2)).toThrow(RangeError);
    table.set(0);
    expect(table.get(0)).toBe(null);
    const extern = new WebAssembly.Table({ element: 'externref', initial: 1 }, 'x');
    expect(extern.get(0)).toBe('x');
    extern.set(0);
    expect(extern.get(0)).toBe(undefined);
  });

  it('keeps globals', () => {
    const global = new WebAssembly.Global({ value: 'i64', mutable: true }, 5n);
    expect(global.value).toBe(5n);
    global.value = -1n;
    expect(global.valueOf()).toBe(-1n);
    expect(() => {
      global.value = 1;
    }).toThrow(TypeError);
    const constant = new WebAssembly.Global({ value: 'f32' }, 0.1);
    expect(constant.value).toBe(Math.fround(0.1));
    expect(() => {
      constant.value = 1;
    }).toThrow(TypeError);
    expect(new WebAssembly.Global({ value: 'i32' }).value).toBe(0);
  });

  it('shares mutable globals, memories and tables between instances', () => {
    const owner = encodeModule({
      globals: [{ type: I32, mutable: true, init: [['i32.const', 1]], export: 'n' }],
      functions: [{ params: [], results: [I32], export: 'get', body: [['global.get', 0]] }],
    });
    const user = encodeModule({
      imports: [{ module: 'owner', name: 'n', global: { type: I32, mutable: true } }],
      functions: [
        {
          params: [],
          results: [],
          export: 'add',
          body: [['global.get', 0], ['i32.const', 41], 'i32.add', ['global.set', 0]],
        },
      ],
    });
    const one = exported(owner);
    const two = exported(user, { owner: one });
    (two.add as () => void)();
    expect((one.get as () => number)()).toBe(42);
    expect((one.n as never as { value: number }).value).toBe(42);
  });

  it('traps with a RuntimeError', () => {
    const { unreachable } = exported(loadFixture('traps')) as { unreachable: () => void };
    expect(unreachable).toThrow(WebAssembly.RuntimeError);
  });

  it('has the namespace’s own shape', () => {
    expect(Object.prototype.toString.call(WebAssembly)).toBe('[object WebAssembly]');
    for (const name of [
      'Module',
      'Instance',
      'Memory',
      'Table',
      'Global',
      'CompileError',
      'LinkError',
      'RuntimeError',
    ] as const) {
      expect(WebAssembly[name], name).toBeTypeOf('function');
    }
    expect(new WebAssembly.RuntimeError('x').message).toBe('x');
    expect(() => (WebAssembly.Module as never as () => void)()).toThrow(TypeError);
  });
});

describe('limits of a namespace', () => {
  it('are exact, for each instance by itself', async () => {
    const limited = await createWebAssembly({ gasLimit: 10_000, perInstance: true });
    const module = new limited.Module(loadFixture('fib'));
    const first = new limited.Instance(module);
    expect(() => (first.exports.run as (n: number) => number)(30)).toThrow(/^Gas limit exceeded/);
    const second = new limited.Instance(module);
    expect((second.exports.run as (n: number) => number)(5)).toBe(5);
    expect(limited.stats(first).gasUsed).toBeGreaterThan(10_000n);
    expect(limited.stats(second).gasUsed).toBeLessThan(1_000n);
  });

  it('gives a guest nothing that import objects inherit', () => {
    const bytes = loadFixture('catch-names');
    const imports = { env: {}, ['__proto__']: {} };
    expect(() => new ours.Instance(new ours.Module(bytes), imports as never)).toThrow(ours.LinkError);
  });

  it('stops a call after its time', async () => {
    const limited = await createWebAssembly({ timeout: 5 });
    const { exports } = new limited.Instance(new limited.Module(loadFixture('spin')));
    expect(exports.run).toThrow(/^CPU timeout exceeded/);
  });

  it('stops what is not metered too, and keeps its memory and stack small', async () => {
    const limited = await createWebAssembly({ metering: false, timeout: 5, memoryLimit: 65_536, stackLimit: 4_096 });
    const make = (bytes: Uint8Array) => new limited.Instance(new limited.Module(bytes));
    const { exports } = make(
      encodeModule({
        memories: [{ min: 1 }],
        functions: [
          { export: 'spin', body: ['loop', ['br', 0], 'end'] },
          { export: 'recurse', body: [['call', 1]] },
          { export: 'forever', body: [['return_call', 2]] },
          { export: 'grow', results: [I32], body: [['i32.const', 1], 'memory.grow'] },
        ],
      }),
    ) as { exports: Record<string, () => unknown> };
    expect(exports.spin).toThrow(/^CPU timeout exceeded/);
    expect(exports.recurse).toThrow(/^Stack limit exceeded/);
    expect(exports.forever).toThrow(/^CPU timeout exceeded/);
    expect(exports.grow?.()).toBe(-1);
  });

  it('counts no gas where none is asked for', async () => {
    const limited = await createWebAssembly({ metering: false });
    const { instance } = await limited.instantiate(loadFixture('fib'));
    expect((instance.exports.run as (n: number) => number)(20)).toBe(6_765);
    expect(limited.stats(instance)).toMatchObject({ gasUsed: 0n, gasLimit: undefined });
    await expect(createWebAssembly({ metering: false, engine: 'auto' })).resolves.toBeDefined();
    await expect(createWebAssembly({ metering: false, engine: 'native' })).rejects.toMatchObject({ code: 'USAGE' });
    await expect(createWebAssembly({ metering: false, gasLimit: 1n })).rejects.toMatchObject({ code: 'USAGE' });
    await expect(createWebAssembly({ metering: 0 as never })).rejects.toMatchObject({ code: 'USAGE' });
  });

  it('refuses options that are none', async () => {
    await expect(createWebAssembly({ gasLimit: -1 })).rejects.toMatchObject({ code: 'USAGE' });
    await expect(createWebAssembly({ gasLimit: 1.5 })).rejects.toMatchObject({ code: 'USAGE' });
    await expect(createWebAssembly({ engine: 'quantum' as never })).rejects.toMatchObject({ code: 'USAGE' });
  });
});

it('JSTag is of the class of each namespace', async () => {
  const [one, other] = [await createWebAssembly(), await createWebAssembly()];
  expect(one.JSTag).toBeInstanceOf(one.Tag);
  expect(other.JSTag).toBeInstanceOf(other.Tag);
});
