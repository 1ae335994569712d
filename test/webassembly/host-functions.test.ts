/**
 * Who pays for a function of the host's that one instance has from another: the instance whose code calls it, by
 * whatever way it had it, on both engines.
 */

import { describe, expect, it } from 'vitest';
import { createMeteredNamespace } from '../../instrument/namespace.ts';
import { createWebAssembly } from '../../src/webassembly.ts';
import { HOST_CALL } from '../../wasm/gas.ts';
import { EXTERNREF, FUNCREF, I32 } from '../../wasm/types.ts';
import { encodeModule, type ImportDescription, type Instruction, type ModuleDescription } from '../generate/encode.ts';

const NOTHING = { params: [], results: [] };
const HOST: ImportDescription = { module: 'e', name: 'f', function: NOTHING };
const run = (...body: Instruction[]) => ({ body, export: 'run' });
const table = { tables: [{ min: 1, export: 't' }] };
const zero: Instruction = ['i32.const', 0];
const through: Instruction[] = [zero, ['call_indirect', NOTHING]];

/** Imports a function and exports it: what glue code makes to put a function of its own into a table. */
const LITTLE = encodeModule({ imports: [HOST], exports: [{ name: 'f', kind: 'function', index: 0 }] });
const REFERENCE: ImportDescription = { module: 'e', name: 'g', global: { type: FUNCREF } };

type Ends = 'interpreter only';
/** How `run` of the second instance reaches `f` of the first. */
const WAYS: [name: string, module: ModuleDescription, only?: Ends][] = [
  ['an import', { imports: [HOST], functions: [run(['call', 0])] }],
  ['a table that the host writes to', { ...table, functions: [run(...through)] }],
  [
    'a table of its own',
    { imports: [HOST], ...table, functions: [run(...through)], elements: [{ offset: [zero], items: [0] }] },
  ],
  [
    'a reference to its import',
    {
      imports: [HOST],
      tables: [{ min: 1, export: 't' }],
      functions: [run(zero, ['ref.func', 0], ['table.set', 0], ...through)],
      elements: [{ declarative: true, items: [0] }],
    },
  ],
  [
    'a global with a reference',
    {
      imports: [REFERENCE],
      ...table,
      functions: [run(zero, ['global.get', 0], ['table.set', 0], ...through)],
    },
  ],
  [
    'a table that another instance fills',
    { imports: [{ module: 'e', name: 't', table: { min: 1 } }], functions: [run(...through)] },
  ],
  [
    'call_ref',
    {
      types: [NOTHING],
      imports: [HOST],
      functions: [run(['ref.func', 0], ['call_ref', 0])],
      elements: [{ declarative: true, items: [0] }],
    },
    'interpreter only',
  ],
  ['return_call', { imports: [HOST], functions: [run(['return_call', 0])] }, 'interpreter only'],
  ['return_call_indirect', { ...table, functions: [run(zero, ['return_call_indirect', NOTHING])] }, 'interpreter only'],
  [
    'return_call_ref',
    {
      types: [NOTHING],
      imports: [HOST],
      functions: [run(['ref.func', 0], ['return_call_ref', 0])],
      elements: [{ declarative: true, items: [0] }],
    },
    'interpreter only',
  ],
];

/** Fills the table that it has with what it imports. */
const FILLER = encodeModule({
  imports: [HOST],
  tables: [{ min: 1, export: 't' }],
  elements: [{ offset: [zero], items: [0] }],
});

interface Exports {
  readonly f: () => void;
  readonly run: () => void;
  readonly t?: { set(index: number, value: unknown): void };
}

const isFilled = ({ imports = [] }: ModuleDescription) => imports.some(({ name }) => name === 't');

/** Instances of all modules, and what of their gas a run takes. */
async function link(engine: 'interpreter' | 'native', module: ModuleDescription, host: () => void, gasLimit?: bigint) {
  const W = await createWebAssembly({ engine, perInstance: true, ...(gasLimit !== undefined && { gasLimit }) });
  const make = (bytes: Uint8Array, imports: object = {}) =>
    new W.Instance(new W.Module(bytes as Uint8Array<ArrayBuffer>), { e: imports } as never);
  const first = make(LITTLE, { f: host });
  // Twice, as what is passed on may be passed on again.
  const little = make(LITTLE, { f: (first.exports as unknown as Exports).f });
  const { f } = little.exports as unknown as Exports;
  const filled = isFilled(module) ? make(FILLER, { f }) : undefined;
  const second = make(encodeModule(module), { f, g: f, t: (filled?.exports as unknown as Exports)?.t });
  const exports = second.exports as unknown as Exports;
  exports.t?.set(0, f);
  const others = [first, little, ...(filled === undefined ? [] : [filled])];
  const gas = () => [second, ...others].map((instance) => W.stats(instance).gasUsed);
  return { W, second, f, run: exports.run, gas };
}

const ENGINES = ['interpreter', 'native'] as const;
const CASES = WAYS.flatMap(([name, module, only]) =>
  ENGINES.filter((engine) => only === undefined || engine === 'interpreter').map(
    (engine) => [name, engine, module] as const,
  ),
);

describe('a host function that instances pass on', () => {
  it.each(CASES)('by %s, on %s, is paid for by who calls it', async (_, engine, module) => {
    let calls = 0;
    const { run, gas } = await link(engine, module, () => calls++);
    const before = gas();
    run();
    run();
    const [spent, ...others] = gas().map((now, i) => now - (before[i] as bigint));
    expect(calls).toBe(2);
    expect(others.every((units) => units === 0n)).toBe(true);
    expect(Number(spent)).toBeGreaterThan(2 * HOST_CALL.base);
    expect(Number(spent)).toBeLessThan(2 * HOST_CALL.base + 120);
  });

  it.each(WAYS.filter(([, , only]) => only === undefined))(
    'by %s costs the same on both engines',
    async (_, module) => {
      const [one, other] = await Promise.all(
        ENGINES.map(async (engine) => {
          const { run, gas } = await link(engine, module, () => undefined);
          run();
          return gas();
        }),
      );
      expect(one).toEqual(other);
    },
  );

  it.each(CASES)('by %s, on %s, ends who called it where it throws', async (_, engine, module) => {
    let isBroken = true;
    const { run, gas, W, second } = await link(engine, module, () => {
      if (isBroken) throw new Error('broken');
    });
    expect(run).toThrow('broken');
    const used = gas();
    isBroken = false;
    // It is nobody's failure any more.
    run();
    expect(gas().slice(1)).toEqual(used.slice(1));
    expect(W.stats(second).gasUsed).toBeGreaterThan(used[0] as bigint);
  });

  // The instance that fills the table needs more gas than is left then.
  const own = CASES.filter(([, , module]) => !isFilled(module));
  it.each(own)('by %s, on %s, runs out of the caller’s gas', async (_, engine, module) => {
    const { gas: all, run: first } = await link(engine, module, () => undefined);
    first();
    const [end] = all() as [bigint];
    const failures: unknown[] = [];
    for (const limit of [end - BigInt(HOST_CALL.base), end - 1n, end]) {
      const { run, gas } = await link(engine, module, () => undefined, limit);
      const others = gas().slice(1);
      let failure: unknown;
      try {
        run();
      } catch (error) {
        failure = (error as { code: string }).code;
      }
      failures.push(failure);
      expect(gas().slice(1)).toEqual(others);
      expect(gas()[0]).toBeLessThanOrEqual(limit);
    }
    expect(failures).toEqual(['GAS_EXHAUSTED', 'GAS_EXHAUSTED', undefined]);
  });

  it.each(ENGINES)('on %s costs nobody anything where the host calls it', async (engine) => {
    let calls = 0;
    const { f, gas } = await link(engine, WAYS[0]?.[1] as ModuleDescription, () => calls++);
    const before = gas();
    f();
    expect(gas()).toEqual(before);
    expect(calls).toBe(1);
  });

  it.each(ENGINES)('on %s is paid for by each of two that call in turn, one inside the other', async (engine) => {
    const inner = { ...table, functions: [run(...through)] };
    let depth = 0;
    const W = await createWebAssembly({ engine, perInstance: true });
    const make = (bytes: Uint8Array, imports: object = {}) =>
      new W.Instance(new W.Module(bytes as Uint8Array<ArrayBuffer>), { e: imports } as never);
    const instances: Exports[] = [];
    // The first calls the function, which calls the second, which calls it again: then it is the first's turn once more.
    const little = make(LITTLE, {
      f: () => {
        if (depth++ === 0) instances[1]?.run();
      },
    });
    const { f } = little.exports as unknown as Exports;
    const twice = { ...table, functions: [run(...through, ...through)] };
    const made = [make(encodeModule(twice)), make(encodeModule(inner))];
    for (const instance of made) {
      const exports = instance.exports as unknown as Exports;
      exports.t?.set(0, f);
      instances.push(exports);
    }
    const before = made.map((instance) => W.stats(instance).gasUsed);
    instances[0]?.run();
    const spent = made.map((instance, i) => Number(W.stats(instance).gasUsed - (before[i] as bigint)));
    expect(depth).toBe(3);
    expect(spent.map((units) => Math.floor(units / HOST_CALL.base))).toEqual([2, 1]);
  });
});

/** A host as JavaScriptCore is: the functions in its tables have no names. */
const NAMELESS = {
  ...Object.fromEntries(Object.getOwnPropertyNames(WebAssembly).map((name) => [name, Reflect.get(WebAssembly, name)])),
  Instance: class extends WebAssembly.Instance {
    constructor(module: WebAssembly.Module, imports?: WebAssembly.Imports) {
      super(module, imports);
      for (const value of Object.values(this.exports)) {
        if (!(value instanceof WebAssembly.Table)) continue;
        for (let i = 0; i < value.length; i++) Object.defineProperty(value.get(i) ?? {}, 'name', { value: '' });
      }
    }
  },
} as unknown as typeof WebAssembly;

describe.each([
  ['by their numbers', WebAssembly],
  ['not at all', NAMELESS],
])('where the engine names functions %s', (_, host) => {
  it('a host function that was only in a table is paid for by who calls it', () => {
    const limits = { gas: undefined, memoryBytes: 2 ** 20, stackBytes: 2 ** 18 };
    const W = createMeteredNamespace(host, { limits });
    const make = (module: ModuleDescription, f: unknown) =>
      new W.Instance(new W.Module(encodeModule(module) as Uint8Array<ArrayBuffer>), { e: { f, g: f } } as never);
    const calls: string[] = [];
    const filler = make(
      {
        imports: [HOST, { ...HOST, name: 'g' }],
        tables: [{ min: 3, export: 't' }],
        functions: [{ body: [] }],
        elements: [{ offset: [zero], items: [1, 0, 2] }],
      },
      () => calls.push('called'),
    );
    const { t } = filler.exports as unknown as { t: WebAssembly.Table };
    const [g, f, own] = [t.get(0), t.get(1), t.get(2)];
    expect([t.get(0) === g, f === g]).toEqual([true, false]);
    const caller = make({ imports: [HOST], functions: [run(['call', 0])] }, f);
    const other = make({ imports: [HOST], functions: [run(['call', 0])] }, own);
    const gas = () => [filler, caller, other].map((instance) => Number(W.stats(instance).gasUsed));
    const before = gas();
    for (const instance of [caller, other]) (instance.exports as unknown as Exports).run();
    const spent = gas().map((units, i) => units - (before[i] as number));
    expect(calls).toEqual(['called']);
    expect(spent[1]).toBeGreaterThan(HOST_CALL.base);
    // Its own function is paid for by the one whose it is.
    expect(spent[0]).toBeLessThan(HOST_CALL.base);
    expect(spent[2]).toBeLessThan(HOST_CALL.base);
  });
});

it('references to values of the host’s stay what they are beside the meter’s', async () => {
  const W = await createWebAssembly({ engine: 'native', perInstance: true });
  const module = encodeModule({
    imports: [
      { module: 'e', name: 'v', global: { type: EXTERNREF } },
      { module: 'e', name: 'f', function: { params: [EXTERNREF], results: [I32] } },
    ],
    globals: [{ type: EXTERNREF, mutable: true, init: [['global.get', 0]], export: 'own' }],
    functions: [
      {
        results: [I32],
        export: 'run',
        body: [
          ['global.get', 1],
          ['call', 0],
        ],
      },
    ],
  });
  const value = {};
  const seen: unknown[] = [];
  const imports = { e: { v: value, f: (given: unknown) => seen.push(given) } };
  const { exports } = new W.Instance(new W.Module(module as Uint8Array<ArrayBuffer>), imports as never);
  expect((exports['run'] as () => number)()).toBe(1);
  expect(seen).toEqual([value]);
  expect((exports['own'] as { value: unknown }).value).toBe(value);
});
