/** What does not pass between a guest and its host: refused in one way, before it costs anything, on both engines. */

import { describe, expect, test } from 'vitest';
import { Capability, LinkError, UsageError, WasmSandbox } from '../../src/index.ts';
import { WasmSandbox as SyncSandbox } from '../../src/sync.ts';
import {
  ANYREF,
  EQREF,
  EXTERNREF,
  F64,
  FUNCREF,
  I31REF,
  I32,
  I64,
  nonNull,
  V128,
  type ValType,
} from '../../wasm/types.ts';
import { encodeModule, type Instruction, type ModuleDescription } from '../generate/encode.ts';

const ENGINES = ['interpreter', 'native'] as const;
const VECTOR: Instruction = ['v128.const', new Uint8Array(16)];

/** What a call fails with, and what it cost beyond instantiation, by every way there is to make one. */
async function refusals(description: ModuleDescription, args: unknown[], engine: (typeof ENGINES)[number]) {
  const source = encodeModule(description);
  const sandbox = await WasmSandbox.create({ source, engine });
  const sync = SyncSandbox.create({ source, engine });
  const before = sandbox.getResourceStats();
  const failure = async (act: () => unknown) => {
    const error = await (async () => act())().catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(UsageError);
    return (error as UsageError).message;
  };
  const messages = [
    await failure(() => sandbox.call('f', args)),
    await failure(() => sandbox.callWithTimeout('f', args, 1_000)),
    await failure(() => sandbox.callWithAudit('f', args)),
    await failure(() => sync.call('f', args)),
  ];
  if (engine === 'interpreter') messages.push(await failure(() => sandbox.start('f', args)));
  const [batched] = await sandbox.callBatch([{ name: 'f', args }]);
  expect(batched).toMatchObject({ ok: false, error: expect.any(UsageError) });
  const { gasUsed, functionCalls, memoryBytes } = sandbox.getResourceStats();
  expect({ gasUsed, functionCalls, memoryBytes }).toEqual({
    gasUsed: before.gasUsed,
    functionCalls: before.functionCalls,
    memoryBytes: before.memoryBytes,
  });
  expect(sync.getResourceStats().gasUsed).toBe(before.gasUsed);
  expect(new Set(messages).size).toBe(1);
  return { message: messages[0], gasUsed };
}

describe('vectors', () => {
  const cases: Record<string, readonly [ModuleDescription, unknown[]]> = {
    'a result': [{ functions: [{ results: [V128], body: [VECTOR], export: 'f' }] }, []],
    'one of several results': [
      { functions: [{ results: [I32, V128], body: [['i32.const', 1], VECTOR], export: 'f' }] },
      [],
    ],
    'a parameter': [{ functions: [{ params: [V128], body: [], export: 'f' }] }, [0]],
    'a parameter, and too few arguments': [{ functions: [{ params: [I32, V128], body: [], export: 'f' }] }, [1]],
  };

  test.each(Object.entries(cases))('%s: no call', async (_, [description, args]) => {
    const [first, second] = await Promise.all(ENGINES.map((engine) => refusals(description, args, engine)));
    expect(first).toEqual(second);
    expect(first?.message).toMatch(/function "f" is of type .*v128.*vectors do not pass to or from JavaScript/);
  });

  test.each(ENGINES)('of host functions are not linked (%s)', async (engine) => {
    for (const type of [
      { params: [V128], results: [] },
      { params: [], results: [V128] },
    ]) {
      const source = encodeModule({ imports: [{ module: 'env', name: 'h', function: type }] });
      const capabilities = [Capability.hostFunctions('env', { h: () => 0 })];
      await expect(WasmSandbox.create({ source, engine, capabilities })).rejects.toThrow(LinkError);
    }
  });
});

describe('references that are none of the type', () => {
  const taking = (type: ValType): ModuleDescription => ({ functions: [{ params: [type], body: [], export: 'f' }] });

  test.each([
    ['a function of the embedder', () => 1],
    ['undefined', undefined],
    ['a number', 1],
    ['an object', {}],
  ])('for a funcref, %s', async (_, value) => {
    const [first, second] = await Promise.all(ENGINES.map((engine) => refusals(taking(FUNCREF), [value], engine)));
    expect(first).toEqual(second);
    expect(first?.message).toContain("is of type funcref: it must be null or a guest's exported function, not");
  });

  test.each<[what: string, type: ValType, values: unknown[], expected: string]>([
    ['a function', nonNull(FUNCREF), [null, undefined, () => 1], "it must be a guest's exported function, not"],
    ['a value of the embedder', nonNull(EXTERNREF), [null], 'it must be a value, not null'],
    ['any reference of the guest', nonNull(ANYREF), [null], 'it must be a reference of the type'],
    ['what can be compared', EQREF, [{}, 'text'], 'it must be null or a reference of the type'],
    ['a small integer', I31REF, [2 ** 30, 0.5, -0], 'it must be null or a reference of the type'],
    ['a small integer, not null', nonNull(I31REF), [null], 'it must be a reference of the type'],
  ])('for %s', async (_, type, values, expected) => {
    for (const value of values) {
      const { message } = await refusals(taking(type), [value], 'interpreter');
      expect(message).toContain(expected);
      await expect(WasmSandbox.create({ source: encodeModule(taking(type)), engine: 'native' })).rejects.toThrow(
        /cannot be instrumented/,
      );
    }
  });

  test('what fits is passed', async () => {
    for (const [type, value] of [
      [EXTERNREF, undefined],
      [nonNull(EXTERNREF), undefined],
      [I31REF, 5],
      [I31REF, null],
      [ANYREF, 'text'],
      [FUNCREF, null],
    ] as const) {
      const sandbox = await WasmSandbox.create({ source: encodeModule(taking(type)) });
      expect(await sandbox.call('f', [value])).toBeUndefined();
    }
  });

  test.each(ENGINES)("a guest's function is passed back (%s)", async (engine) => {
    const source = encodeModule({
      functions: [
        { results: [FUNCREF], body: [['ref.func', 0]], export: 'give' },
        { params: [FUNCREF], results: [I32], body: [['local.get', 0], 'ref.is_null'], export: 'take' },
      ],
    });
    const sandbox = await WasmSandbox.create({ source, engine });
    const given = await sandbox.call<object>('give');
    expect(await sandbox.call('take', [given])).toBe(0);
  });
});

describe('results of host functions', () => {
  const broken = {
    valueOf() {
      throw new Error('boom');
    },
  };
  function* numbers(...values: unknown[]) {
    yield* values;
  }
  const cases: [what: string, results: ValType[], value: () => unknown, message: RegExp][] = [
    ['a number for an i64', [I64], () => 5, /Cannot convert 5 to a BigInt/],
    ['a symbol for an i32', [I32], () => Symbol('s'), /Symbol/],
    ['a bigint for an f64', [F64], () => 5n, /BigInt/],
    ['what cannot be converted', [I32], () => broken, /boom/],
    ['a function of the embedder for a funcref', [FUNCREF], () => () => 1, /a function is no funcref/],
    ['nothing for a funcref', [FUNCREF], () => undefined, /undefined is no funcref/],
    ['a number for two results', [I32, I32], () => 5, /iterable/],
    ['one value for two results', [I32, I32], () => [1], /2 results expected, 1 returned/],
    ['three values for two results', [I32, I32], () => numbers(1, 2, 3), /2 results expected, 3 returned/],
    ['a wrong one of two results', [I32, I64], () => [1, 2], /Cannot convert 2 to a BigInt/],
  ];

  test.each(cases)('%s: refused on both engines at the same gas', async (_, results, value, message) => {
    const source = encodeModule({
      imports: [{ module: 'env', name: 'h', function: { params: [], results } }],
      functions: [{ results, body: [['call', 0]], export: 'f' }],
      exports: [{ name: 'direct', kind: 'function', index: 0 }],
    });
    for (const name of ['f', 'direct']) {
      const figures = [];
      for (const record of [false, true]) {
        for (const engine of ENGINES) {
          const capabilities = [Capability.hostFunctions('env', { h: value })];
          const sandbox = await WasmSandbox.create({ source, engine, capabilities, record });
          const error = await sandbox.call(name).catch((reason: unknown) => reason);
          expect(error).toBeInstanceOf(UsageError);
          expect((error as UsageError).message).toMatch(message);
          expect((error as UsageError).message).toContain(
            'host function "env.h" returned what the guest cannot be given',
          );
          figures.push((error as UsageError).resources?.gasUsed, sandbox.getResourceStats().gasUsed);
        }
      }
      expect(new Set(figures).size).toBe(1);
    }
  });

  test('null for what is not null, at once and later', async () => {
    const type = nonNull(EXTERNREF);
    const source = encodeModule({
      imports: [{ module: 'env', name: 'h', function: { params: [], results: [type] } }],
      functions: [{ body: [['call', 0], 'drop'], export: 'f' }],
    });
    for (const h of [() => null, async () => null]) {
      const sandbox = await WasmSandbox.create({ source, capabilities: [Capability.hostFunctions('env', { h })] });
      await expect(sandbox.call('f')).rejects.toThrow(UsageError);
      await expect(sandbox.call('f')).rejects.toThrow('null is no (ref extern)');
    }
  });

  test.each(ENGINES)('several come from any iterable, read once, also while recorded (%s)', async (engine) => {
    const source = encodeModule({
      imports: [{ module: 'env', name: 'h', function: { params: [], results: [I32, I64] } }],
      functions: [{ results: [I32, I64], body: [['call', 0]], export: 'f' }],
    });
    for (const record of [false, true]) {
      const capabilities = [Capability.hostFunctions('env', { h: () => numbers(1, 2n) })];
      const sandbox = await WasmSandbox.create({ source, engine, capabilities, record });
      expect(await sandbox.call('f')).toEqual([1, 2n]);
    }
  });

  test.each(ENGINES)('code that converts them runs once (%s)', async (engine) => {
    let runs = 0;
    const value = { valueOf: () => ++runs };
    const source = encodeModule({
      imports: [{ module: 'env', name: 'h', function: { params: [], results: [I32] } }],
      functions: [{ results: [I32], body: [['call', 0]], export: 'f' }],
    });
    const capabilities = [Capability.hostFunctions('env', { h: () => value })];
    const sandbox = await WasmSandbox.create({ source, engine, capabilities });
    expect(await sandbox.call('f')).toBe(1);
    expect(runs).toBe(1);
  });
});
