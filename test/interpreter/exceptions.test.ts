/** Exceptions: who catches them, on whatever way they come, and what nobody in the guest may catch. */

import { describe, expect, it } from 'vitest';
import ours, { createWebAssembly } from '../../src/webassembly.ts';
import {
  CpuTimeoutExceeded,
  GasExhausted,
  HostError,
  MemoryLimitExceeded,
  SecurityViolation,
  StackLimitExceeded,
  Trap,
  UncaughtException,
} from '../../wasm/errors.ts';
import { HOST_CALL } from '../../wasm/gas.ts';
import { GuestExit, HostFunction } from '../../wasm/host.ts';
import { definedRef, EXNREF, EXTERNREF, F64, FUNCREF, funcType, I32, I64, V128 } from '../../wasm/types.ts';
import {
  encodeModule,
  type FunctionDescription,
  type Instruction,
  type ModuleDescription,
} from '../generate/encode.ts';
import { failureOf, instantiate, MiB } from './engine.ts';

const CATCH = 0;
const CATCH_REF = 1;
const CATCH_ALL = 2;
const CATCH_ALL_REF = 3;

const get = (local: number): Instruction => ['local.get', local];
const constant = (value: number): Instruction => ['i32.const', value];
const THROW_7: Instruction[] = [constant(7), ['throw', 0]];

/** Gives what `body` throws with tag 0, an i32, and 1000 where it throws nothing. */
const caught = (...body: Instruction[]): Instruction[] => [
  ['block', { params: [], results: [I32] }],
  ['try_table', { params: [], results: [] }, [[CATCH, 0, 0]]],
  ...body,
  'end',
  constant(1000),
  'end',
];

/** Gives 1 where `body` throws anything, 0 where it does not. */
const caughtAll = (...body: Instruction[]): Instruction[] => [
  ['block', { params: [], results: [] }],
  ['try_table', { params: [], results: [] }, [[CATCH_ALL, 0]]],
  ...body,
  'end',
  constant(0),
  'return',
  'end',
  constant(1),
];

type Exports = Record<string, (...args: unknown[]) => unknown>;

const exportsOf = (description: ModuleDescription, imports?: object, namespace = ours): Exports =>
  new namespace.Instance(new namespace.Module(encodeModule(description) as BufferSource), imports as never)
    .exports as Exports;

const TAG: ModuleDescription['tags'] = [{ params: [I32], export: 'tag' }];
const IMPORTED_TAG = { module: 'm', name: 'tag', tag: [I32] } as const;
const NOTHING = { params: [], results: [] };

describe('a guest’s exception', () => {
  const functions: FunctionDescription[] = [
    { body: THROW_7 },
    { body: [['call', 0]] },
    { body: [constant(0), ['call_indirect', NOTHING]] },
    {
      body: [
        ['ref.func', 1],
        ['call_ref', 0],
      ],
    },
    { body: [['return_call', 1]] },
    { body: [constant(0), ['return_call_indirect', NOTHING]] },
    {
      body: [
        ['ref.func', 1],
        ['return_call_ref', 0],
      ],
    },
    {
      params: [I32],
      body: [get(0), ['if', NOTHING], get(0), constant(1), 'i32.sub', ['call', 7], 'else', ['call', 0], 'end'],
    },
  ];
  const calls: Record<string, Instruction[]> = {
    'thrown in the same function': THROW_7,
    'of a function called': [['call', 0]],
    'of a function of a function': [['call', 1]],
    'of a table’s function': [['call', 2]],
    'of a reference’s function': [['call', 3]],
    'of a tail call': [['call', 4]],
    'of a tail call through a table': [['call', 5]],
    'of a tail call through a reference': [['call', 6]],
    'from a thousand frames inside': [constant(1000), ['call', 7]],
  };

  it.each(Object.entries(calls))('%s is caught', (_name, body) => {
    const instance = instantiate(
      encodeModule({
        types: [NOTHING],
        tags: TAG,
        functions: [...functions, { results: [I32], export: 'run', body: caught(...body) }],
        tables: [{ min: 1 }],
        elements: [{ offset: [constant(0)], items: [1] }],
      }),
    );
    expect(instance.call('run', [])).toEqual([7]);
    const before = instance.figures().gasUsed;
    instance.call('run', []);
    const once = instance.figures().gasUsed - before;
    instance.call('run', []);
    expect(instance.figures().gasUsed - before).toBe(2n * once);
  });

  it('goes to the innermost clause with its tag, in order, and past those without', () => {
    const instance = instantiate(
      encodeModule({
        tags: [{ params: [] }, { params: [] }, { params: [] }],
        functions: [
          {
            params: [I32],
            body: [get(0), ['br_if', 0], ['throw', 0]],
          },
          {
            params: [I32],
            results: [I32],
            export: 'run',
            body: [
              // Labels, from the innermost: 0 the body's own, then d, c, b, a.
              ['block', NOTHING],
              ['block', NOTHING],
              ['block', NOTHING],
              ['block', NOTHING],
              [
                'try_table',
                NOTHING,
                [
                  [CATCH, 1, 0],
                  [CATCH_ALL, 3],
                ],
              ],
              ['try_table', NOTHING, []],
              [
                'try_table',
                NOTHING,
                [
                  [CATCH, 0, 3],
                  [CATCH, 0, 4],
                ],
              ],
              ['block', NOTHING],
              ['block', NOTHING],
              ['block', NOTHING],
              get(0),
              ['br_table', [0, 1], 2],
              'end',
              ['throw', 0],
              'end',
              ['throw', 1],
              'end',
              ['throw', 2],
              'end',
              'end',
              'end',
              'end',
              constant(11),
              'return',
              'end',
              constant(10),
              'return',
              'end',
              constant(12),
              'return',
              'end',
              constant(13),
            ],
          },
        ],
      }),
    );
    expect([0, 1, 2].map((tag) => instance.call('run', [tag])[0])).toEqual([10, 11, 13]);
  });

  it('is not caught behind the end of a body, nor before its beginning', () => {
    const body = (before: Instruction[], inside: Instruction[], behind: Instruction[]): Instruction[] => [
      ['block', NOTHING],
      ...before,
      ['try_table', NOTHING, [[CATCH_ALL, 0]]],
      ...inside,
      'end',
      ...behind,
      constant(0),
      'return',
      'end',
      constant(1),
    ];
    const run = (...parts: [Instruction[], Instruction[], Instruction[]]) => {
      const instance = instantiate(
        encodeModule({
          tags: TAG,
          functions: [{ body: THROW_7 }, { results: [I32], export: 'run', body: body(...parts) }],
        }),
      );
      return instance.call('run', []);
    };
    const call: Instruction[] = [['call', 0]];
    expect(run([], call, [])).toEqual([1]);
    expect(run([], ['nop'], [])).toEqual([0]);
    expect(() => run(call, [], [])).toThrow(UncaughtException);
    expect(() => run([], [], call)).toThrow(UncaughtException);
  });

  it('keeps its values: numbers to the bit, vectors, references', () => {
    const params = [I32, I64, F64, V128, FUNCREF, EXTERNREF];
    const vector = Uint8Array.from({ length: 16 }, (_, i) => 16 * i + 1);
    const instance = instantiate(
      encodeModule({
        tags: [{ params }],
        functions: [
          {
            params: [EXTERNREF],
            results: [I32, I64, I64, I64, EXTERNREF, I32],
            export: 'run',
            locals: [I32, I64, F64, V128, FUNCREF, EXTERNREF],
            body: [
              ['block', { params: [], results: params }],
              ['try_table', NOTHING, [[CATCH, 0, 0]]],
              constant(-5),
              ['i64.const', -6n],
              ['f64.const', { bits: 0x7ff4_0000_0000_1234n }],
              ['v128.const', vector],
              ['ref.func', 0],
              get(0),
              ['throw', 0],
              'end',
              'unreachable',
              'end',
              ['local.set', 6],
              ['local.set', 5],
              ['local.set', 4],
              ['local.set', 3],
              ['local.set', 2],
              ['local.set', 1],
              get(1),
              get(2),
              get(3),
              'i64.reinterpret_f64',
              get(4),
              ['i64x2.extract_lane', 1],
              get(6),
              get(5),
              'ref.is_null',
            ],
          },
        ],
        elements: [{ declarative: true, items: [0] }],
      }),
    );
    const object = {};
    const high = new DataView(vector.buffer).getBigInt64(8, true);
    expect(instance.call('run', [object])).toEqual([-5, -6n, 0x7ff4_0000_0000_1234n, high, object, 0]);
  });

  it('is the same when it is thrown again, through as many frames as there are', () => {
    // `again(n)` throws, n times catches by reference and throws again, each in a frame of its own.
    const { again, tag } = exportsOf({
      tags: TAG,
      functions: [
        {
          params: [I32],
          export: 'again',
          body: [
            get(0),
            'i32.eqz',
            ['if', NOTHING],
            ...THROW_7,
            'end',
            ['block', { params: [], results: [EXNREF | 0x100] }],
            ['try_table', NOTHING, [[CATCH_ALL_REF, 0]]],
            get(0),
            constant(1),
            'i32.sub',
            ['call', 0],
            'end',
            'return',
            'end',
            'throw_ref',
          ],
        },
      ],
    });
    const error = failureOf(() => again?.(100)) as WebAssembly.Exception;
    expect(error).toBeInstanceOf(ours.Exception);
    expect(error.getArg(tag as never, 0)).toBe(7);
    expect(failureOf(() => again?.(100))).not.toBe(error);
  });

  it('of a null reference is a trap', () => {
    const instance = instantiate(
      encodeModule({
        functions: [{ results: [I32], export: 'run', body: caughtAll(['ref.null', EXNREF], 'throw_ref') }],
      }),
    );
    expect(failureOf(() => instance.call('run', []))).toMatchObject({ kind: 'null-reference' });
  });
});

describe('what nobody catches', () => {
  const bytes = encodeModule({
    tags: TAG,
    functions: [
      { body: THROW_7 },
      { export: 'run', body: [['call', 0]] },
      {
        export: 'again',
        body: [
          ['block', { params: [], results: [EXNREF | 0x100] }],
          ['try_table', NOTHING, [[CATCH_ALL_REF, 0]]],
          ['call', 0],
          'end',
          'return',
          'end',
          'throw_ref',
        ],
      },
    ],
  });

  it('comes out of the engine as UncaughtException, with place and figures', () => {
    const instance = instantiate(bytes);
    const error = failureOf(() => instance.call('run', [])) as UncaughtException;
    expect(error).toBeInstanceOf(UncaughtException);
    expect(error).toMatchObject({ code: 'EXCEPTION', functionIndex: 0 });
    expect(error.message).toMatch(/^uncaught exception \(function 0, offset 0x/);
    expect(error.resources?.gasUsed).toBe(instance.figures().gasUsed);
    const rethrown = failureOf(() => instance.call('again', [])) as UncaughtException;
    expect(rethrown).toMatchObject({ code: 'EXCEPTION', functionIndex: 2 });
  });

  it('costs the same every time, and leaves the guest as it was', () => {
    const instance = instantiate(bytes);
    const costs = [1, 2, 3].map(() => {
      const before = instance.figures().gasUsed;
      failureOf(() => instance.call('run', []));
      return instance.figures().gasUsed - before;
    });
    // Entry and call of the first function, entry, constant and throw of the other.
    expect(costs).toEqual([4n + 4n + 4n + 64n + 8n, 84n, 84n]);
  });

  it('comes out of the namespace as its Exception', () => {
    const { run, tag } = exportsOf({ tags: TAG, functions: [{ export: 'run', body: THROW_7 }] });
    const error = failureOf(() => run?.()) as WebAssembly.Exception;
    expect(error).toBeInstanceOf(ours.Exception);
    expect(error.is(tag as never)).toBe(true);
    expect(error.is(new ours.Tag({ parameters: ['i32'] }) as never)).toBe(false);
    expect(error.getArg(tag as never, 0)).toBe(7);
  });

  it('ends a start function too', () => {
    const start = { tags: TAG, functions: [{ body: THROW_7 }], start: 0 };
    expect(failureOf(() => instantiate(encodeModule(start)))).toMatchObject({ code: 'EXCEPTION' });
    expect(failureOf(() => exportsOf(start))).toBeInstanceOf(ours.Exception);
  });

  it('passes a start function that catches it', () => {
    const { state } = exportsOf({
      tags: TAG,
      globals: [{ type: I32, mutable: true, init: [constant(0)], export: 'state' }],
      functions: [{ body: THROW_7 }, { body: [...caught(['call', 0]), ['global.set', 0]] }],
      start: 1,
    });
    expect((state as never as { value: number }).value).toBe(7);
  });
});

describe('across instances', () => {
  const owner = () =>
    exportsOf({
      tags: TAG,
      functions: [
        { export: 'throw', body: THROW_7 },
        { params: [I32], export: 'throwing', body: [get(0), ['throw', 0]] },
      ],
    });

  it('is caught by who has the same tag, and by catch_all', () => {
    const m = owner();
    const user = exportsOf(
      {
        imports: [IMPORTED_TAG, { module: 'm', name: 'throw', function: NOTHING }],
        functions: [
          { results: [I32], export: 'tagged', body: caught(['call', 0]) },
          { results: [I32], export: 'all', body: caughtAll(['call', 0]) },
          { results: [I32], export: 'tail', body: caught(['call', 4]) },
          { body: [['return_call', 0]] },
        ],
      },
      { m },
    );
    expect(user.tagged?.()).toBe(7);
    expect(user.all?.()).toBe(1);
    expect(user.tail?.()).toBe(7);
  });

  it('is not caught by another tag of the same type', () => {
    const m = owner();
    const user = exportsOf(
      {
        imports: [{ module: 'm', name: 'throw', function: NOTHING }],
        tags: [{ params: [I32] }],
        functions: [{ results: [I32], export: 'run', body: caught(['call', 0]) }],
      },
      { m },
    );
    const error = failureOf(() => user.run?.()) as WebAssembly.Exception;
    expect(error.is(m.tag as never)).toBe(true);
  });

  it('is caught between instances that call one another', () => {
    // `down(n)` of one calls `down(n - 1)` of the other, and so on; in the end one of them throws.
    const table = new ours.Table({ element: 'anyfunc', initial: 2 });
    const m = { tag: new ours.Tag({ parameters: ['i32'] }), table };
    const down = (other: number): ModuleDescription => ({
      imports: [IMPORTED_TAG, { module: 'm', name: 'table', table: { min: 2 } }],
      functions: [
        {
          params: [I32],
          export: 'down',
          body: [
            get(0),
            'i32.eqz',
            ['if', NOTHING],
            ...THROW_7,
            'end',
            get(0),
            constant(1),
            'i32.sub',
            constant(other),
            ['call_indirect', { params: [I32], results: [] }],
          ],
        },
        { params: [I32], results: [I32], export: 'run', body: caught(get(0), ['call', 0]) },
      ],
    });
    const first = exportsOf(down(1), { m });
    const second = exportsOf(down(0), { m });
    table.set(0, first.down);
    table.set(1, second.down);
    for (const depth of [0, 1, 2, 3, 100]) expect(first.run?.(depth)).toBe(7);
    expect(failureOf(() => second.down?.(51))).toBeInstanceOf(ours.Exception);
    expect(second.run?.(100)).toBe(7);
  });

  it('counts each instance’s gas by itself', async () => {
    const limited = await createWebAssembly({ gasLimit: 1_000_000, perInstance: true });
    const make = (description: ModuleDescription, imports?: object) =>
      new limited.Instance(new limited.Module(encodeModule(description) as BufferSource), imports as never);
    const m = make({ tags: TAG, functions: [{ export: 'throw', body: THROW_7 }] });
    const user = make(
      {
        imports: [IMPORTED_TAG, { module: 'm', name: 'throw', function: NOTHING }],
        functions: [{ results: [I32], export: 'run', body: caught(['call', 0]) }],
      },
      { m: m.exports },
    );
    const used = () => [m, user].map((instance) => limited.stats(instance).gasUsed) as [bigint, bigint];
    const before = used();
    for (let i = 0; i < 10; i++) (user.exports as Exports).run?.();
    const after = used();
    expect(after[0] - before[0]).toBe(10n * 76n);
    expect((after[1] - before[1]) % 10n).toBe(0n);
    expect(after[1] - before[1]).toBeGreaterThan(0n);
  });
});

describe('through host functions', () => {
  const guest = (f: () => unknown, namespace = ours): Exports =>
    exportsOf(
      {
        imports: [
          { module: 'm', name: 'jsTag', tag: [EXTERNREF] },
          { module: 'm', name: 'f', function: NOTHING },
        ],
        tags: TAG,
        functions: [
          { export: 'throw', body: [constant(7), ['throw', 1]] },
          { export: 'call', body: [['call', 0]] },
          { results: [I32], export: 'all', body: caughtAll(['call', 0]) },
          {
            results: [I32],
            export: 'tagged',
            body: [
              ['block', { params: [], results: [I32] }],
              ['try_table', NOTHING, [[CATCH, 1, 0]]],
              ['call', 0],
              'end',
              constant(1000),
              'end',
            ],
          },
          {
            results: [EXTERNREF],
            export: 'js',
            body: [
              ['block', { params: [], results: [EXTERNREF] }],
              ['try_table', NOTHING, [[CATCH, 0, 0]]],
              ['call', 0],
              'end',
              ['ref.null', EXTERNREF],
              'end',
            ],
          },
          { export: 'tail', body: [['return_call', 0]] },
          { results: [I32], export: 'tailCaught', body: caughtAll(['call', 6]) },
          {
            export: 'again',
            body: [
              ['block', { params: [], results: [EXNREF | 0x100] }],
              ['try_table', NOTHING, [[CATCH_ALL_REF, 0]]],
              ['call', 0],
              'end',
              'return',
              'end',
              'throw_ref',
            ],
          },
        ],
      },
      { m: { jsTag: namespace.JSTag, f } },
      namespace,
    );

  it('a guest’s exception comes back to the guest as itself', () => {
    const g: Exports = guest(() => g.throw?.());
    expect(g.tagged?.()).toBe(7);
    expect(g.all?.()).toBe(1);
    expect(g.tailCaught?.()).toBe(1);
    let seen: unknown;
    const watched: Exports = guest(() => {
      try {
        watched.throw?.();
      } catch (error) {
        seen = error;
        throw error;
      }
    });
    expect(failureOf(() => watched.call?.())).toBe(seen);
    expect(failureOf(() => watched.again?.())).toBe(seen);
    expect(seen).toBeInstanceOf(ours.Exception);
  });

  it.each([
    ['an error', new Error('mine')],
    ['a string', 'text'],
    ['undefined', undefined],
    ['null', null],
    ['an object', {}],
    ['a number', 5],
    ['a symbol', Symbol('s')],
  ])('%s of the host’s is caught by JSTag and catch_all, and is itself when nobody does', (_name, value) => {
    const g = guest(() => {
      throw value;
    });
    expect(g.js?.()).toBe(value);
    expect(g.all?.()).toBe(1);
    expect(g.tailCaught?.()).toBe(1);
    for (const name of ['call', 'again', 'tail', 'tagged']) {
      try {
        g[name]?.();
        expect.unreachable();
      } catch (error) {
        expect(error).toBe(value);
      }
    }
  });

  it('an exception that the embedder made is one of the guest’s', () => {
    const tag = new ours.Tag({ parameters: ['i32'] });
    const exception = new ours.Exception(tag, [9]);
    const user = exportsOf(
      {
        imports: [IMPORTED_TAG, { module: 'm', name: 'f', function: NOTHING }],
        functions: [
          { results: [I32], export: 'run', body: caught(['call', 0]) },
          { export: 'call', body: [['call', 0]] },
        ],
      },
      {
        m: {
          tag,
          f() {
            throw exception;
          },
        },
      },
    );
    expect(user.run?.()).toBe(9);
    expect(failureOf(() => user.call?.())).toBe(exception);
  });

  it('ends every frame between, guest and host in turn', () => {
    let depth = 0;
    const g: Exports = guest(() => {
      if (++depth === 20) throw new Error('deep');
      g.call?.();
    });
    expect(g.all?.()).toBe(1);
    expect(depth).toBe(20);
    depth = 0;
    expect(() => g.call?.()).toThrow('deep');
  });

  it('a trap in between cannot be caught, and what the host makes of it can', () => {
    const trapping = exportsOf({ functions: [{ export: 'trap', body: ['unreachable'] }] });
    const g = guest(() => trapping.trap?.());
    for (const name of ['all', 'js', 'tailCaught']) expect(() => g[name]?.()).toThrow(Trap);
    const wrapping = guest(() => {
      try {
        trapping.trap?.();
      } catch {
        throw new Error('translated');
      }
    });
    expect(wrapping.all?.()).toBe(1);
  });
});

describe('what the guest cannot catch', () => {
  const bytes = encodeModule({
    imports: [{ module: 'env', name: 'f', function: NOTHING }],
    tags: TAG,
    types: [NOTHING, { array: { type: I64, mutable: true } }],
    memories: [{ min: 1 }],
    functions: [
      // Five bodies inside one another, over three frames, and a tail call.
      {
        params: [I32],
        body: [
          ['block', NOTHING],
          ['block', NOTHING],
          ['block', NOTHING],
          ['block', NOTHING],
          ['block', NOTHING],
          ['block', NOTHING],
          get(0),
          ['br_table', [0, 1, 2, 3, 4], 5],
          'end',
          ['call', 0],
          'return',
          'end',
          'unreachable',
          'end',
          ['loop'],
          ['br', 0],
          'end',
          'end',
          constant(20_000_000),
          ['array.new_default', 1],
          'drop',
          'return',
          'end',
          get(0),
          ['call', 1],
          'return',
          'end',
          constant(-1),
          ['i32.load'],
          'drop',
        ],
      },
      { params: [I32], body: [get(0), ['return_call', 1]] },
      { params: [I32], results: [I32], body: caughtAll(get(0), ['call', 2]) },
      {
        params: [I32],
        results: [I32],
        export: 'run',
        body: [
          ['block', NOTHING],
          ['block', { params: [], results: [EXNREF | 0x100] }],
          [
            'try_table',
            NOTHING,
            [
              [CATCH_ALL_REF, 0],
              [CATCH_ALL, 1],
            ],
          ],
          ['try_table', NOTHING, [[CATCH_ALL, 2]]],
          get(0),
          ['call', 3],
          'drop',
          'end',
          'end',
          constant(0),
          'return',
          'end',
          'drop',
          'end',
          constant(1),
        ],
      },
    ],
  });
  const host = (call: () => unknown) => () => new HostFunction(funcType([], []), { base: 10, perByte: 0 }, call);
  const throwing = (error: unknown) =>
    host(() => {
      throw error;
    });
  const CALLS_HOST = 0;

  const ends: Record<string, [options: Parameters<typeof instantiate>[1], argument: number, expected: unknown]> = {
    HostError: [{ imports: throwing(new Error('x')) }, CALLS_HOST, HostError],
    SecurityViolation: [{ imports: throwing(new SecurityViolation('no')) }, CALLS_HOST, SecurityViolation],
    GuestExit: [{ imports: throwing(new GuestExit(3)) }, CALLS_HOST, GuestExit],
    CpuTimeoutExceeded: [{ imports: throwing(new CpuTimeoutExceeded('late')) }, CALLS_HOST, CpuTimeoutExceeded],
    'a trap': [{}, 1, Trap],
    GasExhausted: [{ gas: 100_000n }, 2, GasExhausted],
    MemoryLimitExceeded: [{ memoryBytes: MiB }, 3, MemoryLimitExceeded],
    StackLimitExceeded: [{ stackBytes: 10_000 }, 4, StackLimitExceeded],
    'an access out of bounds': [{}, 5, Trap],
  };

  it.each(Object.entries(ends))('%s', (_name, [options = {}, argument, expected]) => {
    const instance = instantiate(bytes, { imports: host(() => undefined), ...options });
    expect(failureOf(() => instance.call('run', [argument]))).toBeInstanceOf(expected);
  });

  it('but it goes on where nothing ends it', () => {
    expect(instantiate(bytes, { imports: host(() => undefined) }).call('run', [0])).toEqual([0]);
  });
});

describe('loops that throw', () => {
  const catching = (thrower: Instruction): FunctionDescription => ({
    export: 'run',
    body: [
      ['loop'],
      ['block', NOTHING],
      ['try_table', NOTHING, [[CATCH_ALL, 0]]],
      thrower,
      'end',
      'end',
      ['br', 0],
      'end',
    ],
  });
  const loops: Record<string, FunctionDescription[]> = {
    'and catch in one function': [catching(['throw', 1])],
    'in a function called': [catching(['call', 2]), { body: [['throw', 1]] }],
    'in the host': [catching(['call', 0])],
    'in the host, called in tail position': [catching(['call', 2]), { body: [['return_call', 0]] }],
    'again what they have caught': [
      {
        export: 'run',
        locals: [EXNREF],
        body: [
          ['block', { params: [], results: [EXNREF | 0x100] }],
          ['try_table', NOTHING, [[CATCH_ALL_REF, 0]]],
          ['throw', 1],
          'end',
          'unreachable',
          'end',
          ['local.set', 0],
          ['loop'],
          ['block', { params: [], results: [EXNREF | 0x100] }],
          ['try_table', NOTHING, [[CATCH_ALL_REF, 0]]],
          get(0),
          'throw_ref',
          'end',
          'unreachable',
          'end',
          ['local.set', 0],
          ['br', 0],
          'end',
        ],
      },
    ],
    'and call themselves in the clause': [
      {
        export: 'run',
        body: [
          ['block', NOTHING],
          ['try_table', NOTHING, [[CATCH_ALL, 0]]],
          ['throw', 1],
          'end',
          'end',
          ['return_call', 1],
        ],
      },
    ],
  };

  it.each(Object.entries(loops))('%s run out of gas, always at the same count', async (_name, functions) => {
    const counts = [];
    for (const thrown of [undefined, 1, new Error('mine')]) {
      const limited = await createWebAssembly({ gasLimit: 50_000, memoryLimit: MiB });
      const instance = new limited.Instance(
        new limited.Module(
          encodeModule({
            imports: [
              { module: 'm', name: 'f', function: NOTHING },
              { module: 'm', name: 'tag', tag: [] },
            ],
            tags: [{ params: [] }],
            functions,
          }) as BufferSource,
        ),
        {
          m: {
            tag: new limited.Tag({ parameters: [] }),
            f() {
              throw thrown;
            },
          },
        },
      );
      expect(failureOf(instance.exports.run as () => void)).toBeInstanceOf(GasExhausted);
      counts.push(limited.stats(instance).gasUsed);
    }
    // The charge for a call of the host that was refused is not in it.
    expect(counts[0]).toBeGreaterThan(BigInt(50_000 - HOST_CALL.base - 50));
    expect(counts[0]).toBeLessThan(50_200n);
    expect(new Set(counts).size).toBe(1);
  });

  it('do not fill the memory, where nobody keeps what is thrown', () => {
    const instance = instantiate(
      encodeModule({
        tags: [{ params: [I64, I64, I64] }],
        functions: [
          {
            params: [I32],
            export: 'run',
            body: [
              ['loop'],
              ['block', { params: [], results: [I64, I64, I64] }],
              ['try_table', NOTHING, [[CATCH, 0, 0]]],
              ['i64.const', 1],
              ['i64.const', 2],
              ['i64.const', 3],
              ['throw', 0],
              'end',
              'unreachable',
              'end',
              'drop',
              'drop',
              'drop',
              get(0),
              constant(-1),
              'i32.add',
              ['local.tee', 0],
              ['br_if', 0],
              'end',
            ],
          },
        ],
      }),
      { memoryBytes: 10_000 },
    );
    instance.call('run', [5_000]);
    expect(instance.figures().peakMemoryBytes).toBeLessThanOrEqual(10_000);
  });

  it('end in MemoryLimitExceeded where the guest keeps them, always at the same one', () => {
    const counts = [1, 2].map(() => {
      const instance = instantiate(
        encodeModule({
          tags: [{ params: [EXNREF] }],
          functions: [
            {
              export: 'run',
              locals: [EXNREF],
              body: [
                ['loop'],
                ['block', { params: [], results: [EXNREF | 0x100] }],
                ['try_table', NOTHING, [[CATCH_ALL_REF, 0]]],
                get(0),
                ['throw', 0],
                'end',
                'unreachable',
                'end',
                ['local.set', 0],
                ['br', 0],
                'end',
              ],
            },
          ],
        }),
        { memoryBytes: 160 * 1000 + 50 },
      );
      const error = failureOf(() => instance.call('run', [])) as MemoryLimitExceeded;
      expect(error).toBeInstanceOf(MemoryLimitExceeded);
      expect(error.resources?.memoryBytes).toBe(160 * 1000);
      return instance.figures().gasUsed;
    });
    expect(counts[1]).toBe(counts[0]);
  });
});

describe('functions with very many bodies of try_table', () => {
  it('catch in the right one', () => {
    // Body i throws i, and only its own clause has the label that gives 1000 + i.
    const COUNT = 2_000;
    const nested: Instruction[] = Array.from({ length: COUNT }, (_, i): Instruction[] => [
      get(0),
      constant(i),
      'i32.eq',
      ['if', NOTHING],
      ['block', { params: [], results: [I32] }],
      ['try_table', NOTHING, [[CATCH, 0, 0]]],
      ['try_table', NOTHING, [[CATCH, 1, 1]]],
      constant(i),
      ['throw', 0],
      'end',
      'end',
      'unreachable',
      'end',
      constant(1000),
      'i32.add',
      'return',
      'end',
    ]).flat();
    const instance = instantiate(
      encodeModule({
        tags: [{ params: [I32] }, { params: [I32] }],
        functions: [{ params: [I32], results: [I32], export: 'run', body: [...nested, constant(-1)] }],
      }),
    );
    for (const i of [0, 1, 2, 999, COUNT - 1]) expect(instance.call('run', [i])).toEqual([1000 + i]);
    expect(instance.call('run', [COUNT])).toEqual([-1]);
  });

  it('inside one another catch in the innermost that fits', () => {
    const DEPTH = 1_000;
    const instance = instantiate(
      encodeModule({
        tags: [{ params: [] }, { params: [] }],
        functions: [
          {
            results: [I32],
            export: 'run',
            body: [
              ['block', NOTHING],
              ['try_table', NOTHING, [[CATCH_ALL, 0]]],
              ...Array.from({ length: DEPTH }, (): Instruction => ['try_table', NOTHING, [[CATCH, 1, 0]]]),
              ['throw', 0],
              ...Array.from({ length: DEPTH + 1 }, (): Instruction => 'end'),
              constant(0),
              'return',
              'end',
              constant(1),
            ],
          },
        ],
      }),
    );
    expect(instance.call('run', [])).toEqual([1]);
  });
});

describe('traps in nested calls', () => {
  it('leave the outer guest on its own memory', () => {
    const inner: ModuleDescription = {
      imports: [{ module: 'm', name: 'f', function: NOTHING }],
      memories: [{ min: 1 }, { min: 1 }],
      data: [
        { offset: [constant(0)], bytes: [11] },
        { memory: 1, offset: [constant(0)], bytes: [22] },
      ],
      functions: [
        { export: 'trap', body: [constant(-1), ['i32.load', { memory: 1 }], 'drop'] },
        {
          results: [I32, I32],
          export: 'run',
          body: [['call', 0], constant(0), ['i32.load8_u'], constant(0), ['i32.load8_u', { memory: 1 }]],
        },
      ],
    };
    const g: Exports = exportsOf(inner, {
      m: {
        f() {
          expect(() => g.trap?.()).toThrow(Trap);
        },
      },
    });
    expect(g.run?.()).toEqual([11, 22]);
  });
});

describe('rejected promises of host functions', () => {
  it('end the guest’s call: they are no exceptions of its own', async () => {
    const instance = instantiate(
      encodeModule({
        imports: [{ module: 'env', name: 'f', function: NOTHING }],
        functions: [{ results: [I32], export: 'run', body: caughtAll(['call', 0]) }],
      }),
      {
        imports: () =>
          new HostFunction(funcType([], []), { base: 1, perByte: 0 }, () => Promise.reject(new Error('x'))),
      },
    );
    await expect(instance.callAsync('run', [])).rejects.toBeInstanceOf(HostError);
  });

  it('are caught where they are exceptions of the guest’s', async () => {
    const thrower = instantiate(encodeModule({ tags: TAG, functions: [{ export: 'run', body: THROW_7 }] }));
    const exception = failureOf(() => thrower.call('run', [])) as UncaughtException;
    for (const body of [caughtAll(['call', 0]), [...caughtAll(['call', 2])]]) {
      const instance = instantiate(
        encodeModule({
          imports: [{ module: 'env', name: 'f', function: NOTHING }],
          functions: [{ results: [I32], export: 'run', body }, { body: [['return_call', 0]] }],
        }),
        { imports: () => new HostFunction(funcType([], []), { base: 1, perByte: 0 }, () => Promise.reject(exception)) },
      );
      expect(await instance.callAsync('run', [])).toEqual([1]);
      expect(await instance.callAsync('run', [])).toEqual([1]);
    }
  });
});

describe('exceptions that hold exceptions', () => {
  it('are caught in turn, from the outside in', () => {
    const REF = EXNREF | 0x100;
    const instance = instantiate(
      encodeModule({
        tags: [{ params: [I32] }, { params: [EXNREF] }],
        types: [NOTHING, { struct: [{ type: EXNREF }] }],
        functions: [
          {
            results: [I32],
            export: 'run',
            locals: [definedRef(1, true), EXNREF],
            body: [
              ['block', { params: [], results: [REF] }],
              ['try_table', NOTHING, [[CATCH_ALL_REF, 0]]],
              ...THROW_7,
              'end',
              'unreachable',
              'end',
              ['struct.new', 1],
              ['local.set', 0],
              ['block', { params: [], results: [EXNREF] }],
              ['block', { params: [], results: [EXNREF, REF] }],
              ['try_table', NOTHING, [[CATCH_REF, 1, 0]]],
              get(0),
              ['struct.get', 1, 0],
              ['throw', 1],
              'end',
              'unreachable',
              'end',
              'drop',
              'end',
              ['local.set', 1],
              ...caught(get(1), 'throw_ref'),
            ],
          },
        ],
      }).slice(),
    );
    expect(instance.call('run', [])).toEqual([7]);
  });
});
