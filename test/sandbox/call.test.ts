import { describe, expect, test } from 'vitest';
import { loadFixture, manifest } from '../../fixtures/load.node.ts';
import { Capability, HostError, Trap, UsageError, WasmSandbox } from '../../src/index.ts';
import type { ValType } from '../../wasm/types.ts';
import {
  ADD,
  assemble,
  CALLS_HOST,
  COUNTER,
  EXTERNREF,
  F32,
  F64,
  FUNCREF,
  I32,
  I64,
  identity,
  locals,
} from './modules.ts';

describe('values go in and come out', () => {
  const cases: [type: ValType, given: unknown, received: unknown][] = [
    [I32, 0, 0],
    [I32, -(2 ** 31), -(2 ** 31)],
    [I32, 2 ** 32 - 1, -1],
    [I32, -0, 0],
    [I64, 5, 5n],
    [I64, -(2 ** 53) + 1, -(2n ** 53n) + 1n],
    [I64, 2n ** 63n - 1n, 2n ** 63n - 1n],
    [I64, 2n ** 64n - 1n, -1n],
    [I64, -(2n ** 63n), -(2n ** 63n)],
    [F32, 0.1, Math.fround(0.1)],
    [F32, Number.NaN, Number.NaN],
    [F64, -0, -0],
    [F64, Number.NEGATIVE_INFINITY, Number.NEGATIVE_INFINITY],
    [FUNCREF, null, null],
    [EXTERNREF as ValType, 'a text', 'a text'],
    [EXTERNREF as ValType, null, null],
    [EXTERNREF as ValType, undefined, undefined],
  ];

  test.each(cases)('type 0x%x: %s', async (type, given, received) => {
    const sandbox = await WasmSandbox.fromBytes(identity(type));
    expect(await sandbox.call('identity', [given])).toBe(received);
  });

  test('nothing, one, several', async () => {
    const sandbox = await WasmSandbox.fromBytes(
      assemble({
        functions: [
          { name: 'none', type: [[], []], code: [] },
          { name: 'one', type: [[I32], [I32]], code: locals(1) },
          {
            name: 'two',
            type: [
              [I32, I64],
              [I64, I32],
            ],
            code: [0x20, 1, 0x20, 0],
          },
        ],
      }),
    );
    expect(await sandbox.call('none')).toBeUndefined();
    expect(await sandbox.call('one', [7])).toBe(7);
    expect(await sandbox.call('two', [7, 8n])).toEqual([8n, 7]);
  });
});

describe('arguments that do not fit', () => {
  test.each<[type: ValType, given: unknown, message: RegExp]>([
    [I32, 2 ** 32, /argument 1 of function "identity" is of type i32: it must be an integer of .*, not 4294967296/],
    [I32, 1.5, /not 1\.5/],
    [I32, Number.NaN, /not NaN/],
    [I32, '5', /not "5"/],
    [I32, 5n, /not 5n/],
    [I32, undefined, /not undefined/],
    [I64, 2n ** 64n, /type i64: it must be a bigint of .*, not 18446744073709551616n/],
    [I64, 2 ** 53, /not 9007199254740992/],
    [F64, 5n, /type f64: it must be a number, not 5n/],
    [F32, '1', /type f32/],
    [FUNCREF, {}, /type funcref: it must be null or .*, not an object/],
  ])('type 0x%x: %s', async (type, given, message) => {
    const sandbox = await WasmSandbox.fromBytes(identity(type));
    const call = sandbox.call('identity', [given]);
    await expect(call).rejects.toBeInstanceOf(UsageError);
    await expect(call).rejects.toThrow(message);
    expect(sandbox.getResourceStats().functionCalls).toBe(0);
  });

  test('too few, too many, none at all', async () => {
    const sandbox = await WasmSandbox.fromBytes(ADD);
    await expect(sandbox.call('add', [1])).rejects.toThrow('function "add" takes 2 (i32, i32), but 1 were passed');
    await expect(sandbox.call('add', [1, 2, 3])).rejects.toThrow('but 3 were passed');
    await expect(sandbox.call('add', 5 as never)).rejects.toThrow('the arguments must be an array, not 5');
    await expect(sandbox.call(undefined as never)).rejects.toThrow('the name of a function must be a string');
  });
});

describe('unknown exports', () => {
  test.each([
    ['ad', 'the module exports no function "ad"; did you mean "add"?'],
    ['ADD', 'the module exports no function "ADD"; did you mean "add"?'],
    ['multiply', 'the module exports no function "multiply"; it exports "add"'],
    ['toString', 'the module exports no function "toString"; it exports "add"'],
    ['__proto__', 'the module exports no function "__proto__"; it exports "add"'],
  ])('%s', async (name, message) => {
    const sandbox = await WasmSandbox.fromBytes(ADD);
    await expect(sandbox.call(name)).rejects.toThrow(message);
  });

  test('an export that is no function', async () => {
    const sandbox = await WasmSandbox.fromBytes(COUNTER);
    await expect(sandbox.call('memory')).rejects.toThrow('the export "memory" is a memory, not a function');
  });

  test("the guest's names are bounded and cannot write to a terminal", async () => {
    const names = [
      '\u001b[31mred',
      '\u202eevil',
      `long${'g'.repeat(90_000)}`,
      ...Array.from({ length: 500 }, (_, i) => `f${i}`),
    ];
    const functions = names.map((name) => ({ name, type: [[], []] as const, code: [] }));
    const sandbox = await WasmSandbox.fromBytes(assemble({ functions }));
    const error = await sandbox.call('zzzzzz').catch((caught: unknown) => caught);
    const { message } = error as UsageError;
    expect(message).toContain('"\\u001b[31mred", "\\u202eevil", "longggg');
    expect(message).toContain('and 499 more');
    expect(message.length).toBeLessThan(400);
    expect(message).not.toMatch(/[\p{Cc}\p{Cf}]/u);
  });

  test('the list of exports, with types', async () => {
    const sandbox = await WasmSandbox.fromBytes(COUNTER);
    expect(sandbox.exports).toEqual([
      { name: 'fail', kind: 'function', params: [], results: [] },
      { name: 'count', kind: 'function', params: [], results: ['i32'] },
      { name: 'memory', kind: 'memory' },
    ]);
  });
});

describe('what ends a call', () => {
  test('a trap: with kind, place and figures; the instance goes on with the memory it left', async () => {
    const module = assemble({
      memory: 1,
      functions: [
        {
          name: 'fail',
          type: [[], []],
          code: [0x41, 0, 0x41, 0, 0x28, 2, 0, 0x41, 1, 0x6a, 0x36, 2, 0, 0x00],
        },
        { name: 'count', type: [[], [I32]], code: [0x41, 0, 0x28, 2, 0] },
      ],
    });
    const sandbox = await WasmSandbox.fromBytes(module);
    for (const calls of [1, 2]) {
      const before = sandbox.getResourceStats().gasUsed;
      const error = await sandbox.call('fail').catch((caught: unknown) => caught);
      expect(error).toBeInstanceOf(Trap);
      expect(error).toMatchObject({ code: 'TRAP', kind: 'unreachable', functionName: 'fail', functionIndex: 0 });
      const { resources } = error as Trap;
      expect(resources?.gasUsed).toBeGreaterThan(before);
      expect(resources).toMatchObject({ gasUsed: sandbox.getResourceStats().gasUsed, memoryBytes: 65_536 });
      expect(await sandbox.call('count')).toBe(calls);
    }
    expect(sandbox.getResourceStats().functionCalls).toBe(4);
  });

  test('what a host function throws, as the cause of a HostError', async () => {
    const cause = new RangeError('no such row');
    const host = () => {
      throw cause;
    };
    const sandbox = await WasmSandbox.fromBytes(CALLS_HOST, {
      capabilities: [Capability.hostFunctions('env', { host })],
    });
    const error = await sandbox.call('call', [1]).catch((caught: unknown) => caught);
    expect(error).toBeInstanceOf(HostError);
    expect(error).toMatchObject({ cause, resources: { gasLimit: undefined } });
    expect((error as HostError).message).toMatch(/env\.host.*no such row/);
  });

  test('even a usage error carries the figures', async () => {
    const sandbox = await WasmSandbox.fromBytes(ADD, { gasLimit: 1_000 });
    await expect(sandbox.call('nope')).rejects.toMatchObject({ resources: { gasLimit: 1_000n } });
  });
});

describe('the fixtures', () => {
  test.each(manifest.filter(({ kind }) => kind !== 'wasi'))('$name gives what it should', async (fixture) => {
    if (fixture.kind === 'wasi' || fixture.name === 'simd') return;
    const calls = fixture.expect?.calls ?? [];
    if (calls.length === 0) return;
    const sandbox = await WasmSandbox.fromBytes(loadFixture(fixture.name));
    for (const { export: name, args, result, trap } of calls) {
      const call = sandbox.call(name, args);
      if (trap === undefined) expect(await call).toEqual(result);
      else await expect(call).rejects.toThrow(trap);
    }
  });
});
