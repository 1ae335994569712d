/** The stack limit is reached before the engine's own stack is full, however the engine compiles. */

import { setFlagsFromString } from 'node:v8';
import { afterEach, describe, expect, test } from 'vitest';
import { decode } from '../../wasm/decode.ts';
import { DEFAULT_LIMITS } from '../../wasm/limits.ts';
import { F64, I32, I64, V128, type ValType } from '../../wasm/types.ts';
import { encodeModule, type Instruction, type ModuleDescription } from '../generate/encode.ts';
import { MAKERS } from './random.ts';
import { ENGINES, trace } from './triangle.ts';

const NATIVE = ENGINES['native on the instrumented module'];

/** Modes of V8, each with what turns it off again. */
const MODES: Readonly<Record<string, readonly [on: readonly string[], off: readonly string[]]>> = {
  'as it is': [[], []],
  'without optimisation': [['--liftoff-only'], ['--no-liftoff-only']],
  'optimised from the start': [
    ['--no-liftoff', '--no-wasm-dynamic-tiering'],
    ['--liftoff', '--wasm-dynamic-tiering'],
  ],
};

afterEach(() => {
  for (const [, off] of Object.values(MODES)) for (const flag of off) setFlagsFromString(flag);
});

const repeat = <T>(count: number, item: (i: number) => T): T[] => Array.from({ length: count }, (_, i) => item(i));

/** A function that calls itself, with so many locals that are in use before the call and after it. */
function recursive(type: ValType, locals: number, params: number): ModuleDescription {
  const name = type === I32 ? 'i32' : type === I64 ? 'i64' : 'f64';
  const add = `${name}.add` as 'i64.add';
  const values: Instruction[] = repeat(params, (i) => ['local.get', i]);
  return {
    memories: [{ min: 1 }],
    functions: [
      {
        params: repeat(params, () => type),
        results: [type],
        locals: repeat(locals, () => type),
        body: [
          ...repeat(locals, (i): Instruction[] => [
            ['i32.const', 8 * i],
            [`${name}.load` as 'i64.load', {}],
            ['local.set', params + i],
          ]).flat(),
          ...values,
          ['call', 0],
          ...repeat(locals, (i): Instruction[] => [['local.get', params + i], add]).flat(),
        ],
      },
      {
        results: [type],
        body: [...repeat(params, (): Instruction => [`${name}.const` as 'i64.const', 1]), ['call', 0]],
        export: 'run',
      },
    ],
  };
}

/** The sum of products of the parameter with as many constants. */
function products(count: number): Instruction[] {
  return [
    ['i64.const', 0],
    ...repeat(count, (i): Instruction[] => [['local.get', 0], ['i64.const', 3 + 2 * i], 'i64.mul', 'i64.xor']).flat(),
  ];
}

const frames: Readonly<Record<string, ModuleDescription>> = {
  'nothing at all': { functions: [{ body: [['call', 0]], export: 'run' }] },
  'two locals': recursive(I32, 2, 1),
  'ten integers': recursive(I64, 10, 0),
  'a hundred floats': recursive(F64, 100, 3),
  'three thousand integers': recursive(I64, 3_000, 1),
  'three thousand floats': recursive(F64, 3_000, 0),
  'five hundred parameters': recursive(I64, 5, 500),
  'a thousand vectors': {
    memories: [{ min: 1 }],
    functions: [
      {
        locals: repeat(1_000, () => V128),
        body: [
          ...repeat(1_000, (i): Instruction[] => [
            ['i32.const', 16 * i],
            ['v128.load', {}],
            ['local.set', i],
          ]).flat(),
          ['call', 0],
          ...repeat(1_000, (i): Instruction[] => [
            ['i32.const', 16 * i],
            ['local.get', i],
            ['v128.store', {}],
          ]).flat(),
        ],
        export: 'run',
      },
    ],
  },
  'values that an optimiser keeps over the call': {
    functions: [
      {
        params: [I64],
        results: [I64],
        body: [...products(400), ['call', 0], ...products(400), 'i64.add'],
      },
      {
        results: [I64],
        body: [
          ['i64.const', 7],
          ['call', 0],
        ],
        export: 'run',
      },
    ],
  },
};

describe.each(Object.entries(MODES))('%s', (mode, [on]) => {
  test.each(Object.entries(frames))('a frame of %s', (_, description) => {
    for (const flag of on) setFlagsFromString(flag);
    // V8 knows modules it has compiled before by their bytes.
    const custom = [{ name: 'mode', bytes: new TextEncoder().encode(mode) }];
    const module = decode(
      encodeModule({ ...description, custom, types: [{ params: repeat(mode.length, () => I32), results: [] }] }),
    );
    const calls = repeat(3, () => ({ export: 'run', args: [] }));
    const limits = { stackBytes: DEFAULT_LIMITS.stackBytes };
    const found = trace(NATIVE, module, calls, { limits });
    expect(found[1]).toMatch(/STACK_LIMIT/);
    expect(found).toEqual(trace(ENGINES.interpreter, module, calls, { limits }));
  });
});

test('recursion through a host function ends at the same depth on all', () => {
  const bytes = encodeModule({
    imports: [{ module: 'host', name: 'again', function: { params: [], results: [] } }],
    functions: [{ body: [['call', 0]], export: 'run' }],
  });
  const outcomes = Object.values(MAKERS).map((make) => {
    const limits = { gas: undefined, memoryBytes: 1 << 20, stackBytes: DEFAULT_LIMITS.stackBytes };
    const namespace = make({ limits }) as unknown as typeof WebAssembly & {
      stats(instance: object): { readonly gasUsed: bigint };
    };
    let depth = 0;
    const again = () => {
      depth++;
      (instance.exports as { run: () => void }).run();
    };
    const instance: WebAssembly.Instance = new namespace.Instance(new namespace.Module(bytes.slice()), {
      host: { again },
    });
    let error: unknown;
    try {
      (instance.exports as { run: () => void }).run();
    } catch (thrown) {
      error = thrown;
    }
    expect(error).toMatchObject({ code: 'STACK_LIMIT', message: expect.stringContaining('100 calls') });
    return { depth, gas: namespace.stats(instance).gasUsed };
  });
  expect(outcomes[0]?.depth).toBe(100);
  for (const outcome of outcomes) expect(outcome).toEqual(outcomes[0]);
});
