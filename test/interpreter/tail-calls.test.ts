/** Tail calls: of any length in constant weight, whatever they lead to. */

import { describe, expect, it } from 'vitest';
import ours, { createWebAssembly } from '../../src/webassembly.ts';
import type { EngineExecution } from '../../wasm/engine.ts';
import { GasExhausted, StackLimitExceeded, type Trap } from '../../wasm/errors.ts';
import { STACK_WEIGHT } from '../../wasm/gas.ts';
import { HostFunction } from '../../wasm/host.ts';
import { EXTERNREF, F64, FUNCREF, funcType, I32, I64, V128 } from '../../wasm/types.ts';
import { WireReader, WireWriter } from '../../wasm/wire.ts';
import {
  encodeModule,
  type FunctionDescription,
  type Instruction,
  type ModuleDescription,
} from '../generate/encode.ts';
import { failureOf, instantiate } from './engine.ts';

const MANY = 1_000_000;
const COUNTING = { params: [I32, I64], results: [I64] };

const get = (local: number): Instruction => ['local.get', local];
const constant = (value: number): Instruction => ['i32.const', value];

/** Of a function (n, sum): where n is 0 the sum, else n - 1 and sum + 3 to whatever `call` leads to. */
const counting = (...call: Instruction[]): Instruction[] => [
  get(0),
  'i32.eqz',
  ['if', { params: [], results: [] }],
  get(1),
  'return',
  'end',
  get(0),
  constant(1),
  'i32.sub',
  get(1),
  ['i64.const', 3],
  'i64.add',
  ...call,
];

const TABLE: Pick<ModuleDescription, 'tables' | 'elements' | 'types'> = {
  types: [COUNTING],
  tables: [{ min: 4 }],
  elements: [{ offset: [constant(0)], items: [0, 1] }],
};

type Exports = Record<string, (...args: unknown[]) => unknown>;

const exportsOf = (description: ModuleDescription, imports?: object, namespace = ours): Exports =>
  new namespace.Instance(new namespace.Module(encodeModule(description) as BufferSource), imports as never)
    .exports as Exports;

describe('a million tail calls', () => {
  const ways: Record<string, [Instruction[], Instruction[]]> = {
    'to itself': [[['return_call', 0]], []],
    'to each other': [[['return_call', 1]], [['return_call', 0]]],
    'through a table': [
      [constant(1), ['return_call_indirect', COUNTING]],
      [constant(0), ['return_call_indirect', COUNTING]],
    ],
    'through references': [
      [
        ['ref.func', 1],
        ['return_call_ref', 0],
      ],
      [
        ['ref.func', 0],
        ['return_call_ref', 0],
      ],
    ],
  };

  it.each(Object.entries(ways))('%s take the room of one', (_name, [first, second]) => {
    const functions: FunctionDescription[] = [
      { ...COUNTING, export: 'run', body: counting(...first) },
      { ...COUNTING, body: second.length === 0 ? [get(1)] : counting(...second) },
    ];
    const instance = instantiate(encodeModule({ ...TABLE, functions }), { stackBytes: 200 });
    expect(instance.call('run', [MANY, 0n])).toEqual([3n * BigInt(MANY)]);
    const before = instance.figures().gasUsed;
    instance.call('run', [1000, 0n]);
    const thousand = instance.figures().gasUsed - before;
    instance.call('run', [2000, 0n]);
    const twoThousand = instance.figures().gasUsed - before - thousand;
    instance.call('run', [3000, 0n]);
    expect(instance.figures().gasUsed - before - thousand - twoThousand).toBe(2n * twoThousand - thousand);
  });

  it.each(Object.entries(ways))('%s are continued from a snapshot, at every checkpoint', (_name, [first, second]) => {
    const functions: FunctionDescription[] = [
      { ...COUNTING, body: counting(...first) },
      { ...COUNTING, body: second.length === 0 ? [get(1)] : counting(...second) },
      { params: [], results: [I64], export: 'run', body: [constant(5), ['i64.const', 0], ['call', 0]] },
    ];
    // In the table so that there may be references to them, whichever way is taken.
    const bytes = encodeModule({ ...TABLE, functions });
    const left = instantiate(bytes);
    const execution = left.begin?.('run', []) as EngineExecution;
    let stops = 0;
    for (; execution.advance(0n) === 'paused'; stops++) {
      const image = new WireWriter();
      left.capture?.(execution, 'write').write(image);
      const resumed = instantiate(bytes).install?.(new WireReader(image.written));
      expect(resumed?.advance()).toBe('done');
      expect(resumed?.results).toEqual([15n]);
    }
    expect(stops).toBeGreaterThan(4);
  });

  it.each([1, 2, 3])('among %d instances take the room of one, and pay each for its own', async (count) => {
    const limited = await createWebAssembly({ stackLimit: 400, gasLimit: 100_000_000 });
    const table = new limited.Table({ element: 'anyfunc', initial: count });
    const instances = Array.from({ length: count }, (_, i) => {
      const description: ModuleDescription = {
        imports: [{ module: 'm', name: 'table', table: { min: count } }],
        functions: [
          { ...COUNTING, export: 'run', body: counting(constant((i + 1) % count), ['return_call_indirect', COUNTING]) },
        ],
      };
      const module = new limited.Module(encodeModule(description) as BufferSource);
      const instance = new limited.Instance(module, { m: { table } } as never);
      table.set(i, instance.exports.run);
      return instance;
    });
    const steps = 300_000;
    const run = (instances[0] as (typeof instances)[number]).exports.run as (n: number, sum: bigint) => bigint;
    expect(run(steps, 0n)).toBe(3n * BigInt(steps));
    const gas = instances.map((instance) => Number(limited.stats(instance).gasUsed));
    for (const used of gas) expect(used / (gas[0] as number)).toBeCloseTo(1, 2);
  });

  it('among instances go on after the one that called has returned elsewhere', () => {
    // `a.run` calls `b.relay`, which tail calls `c.double`; what follows in `a` must find its own frame again.
    const c = exportsOf({
      functions: [{ params: [I32], results: [I32], export: 'double', body: [get(0), constant(2), 'i32.mul'] }],
    });
    const b = exportsOf(
      {
        imports: [{ module: 'c', name: 'double', function: { params: [I32], results: [I32] } }],
        functions: [{ params: [I32], results: [I32], export: 'relay', body: [get(0), ['return_call', 0]] }],
      },
      { c },
    );
    const a = exportsOf(
      {
        imports: [{ module: 'b', name: 'relay', function: { params: [I32], results: [I32] } }],
        functions: [
          {
            params: [I32],
            results: [I32],
            export: 'run',
            body: [get(0), constant(1000), get(0), ['call', 0], 'i32.add', 'i32.add'],
          },
          { params: [I32], results: [I32], export: 'tail', body: [get(0), ['return_call', 0]] },
        ],
      },
      { b },
    );
    for (let i = 0; i < 100; i++) {
      expect(a.run?.(i)).toBe(1000 + 3 * i);
      expect(a.tail?.(i)).toBe(2 * i);
      expect(b.relay?.(i)).toBe(2 * i);
    }
  });
});

describe('the stack limit', () => {
  const weightOf = (slots: number) => STACK_WEIGHT.frame + slots * STACK_WEIGHT.slot;

  it('is for the larger of the frames that take turns', () => {
    const bytes = encodeModule({
      functions: [
        { params: [I32], results: [I32], export: 'run', body: [get(0), ['return_call', 1]] },
        { params: [I32], results: [I32], locals: new Array<number>(20).fill(I64), body: [get(0)] },
      ],
    });
    const enough = weightOf(1 + 20 + 1);
    expect(instantiate(bytes, { stackBytes: enough }).call('run', [5])).toEqual([5]);
    const error = failureOf(() => instantiate(bytes, { stackBytes: enough - 1 }).call('run', [5]));
    expect(error).toBeInstanceOf(StackLimitExceeded);
  });

  it('counts the frames below', () => {
    const bytes = encodeModule({
      functions: [
        {
          params: [I32],
          results: [I32],
          export: 'run',
          body: [
            get(0),
            ['if', { params: [], results: [I32] }],
            get(0),
            constant(1),
            'i32.sub',
            ['call', 0],
            'else',
            constant(50),
            ['call', 1],
            'end',
          ],
        },
        {
          params: [I32],
          results: [I32],
          body: [
            get(0),
            'i32.eqz',
            ['if', { params: [], results: [] }],
            constant(9),
            'return',
            'end',
            get(0),
            constant(1),
            'i32.sub',
            ['return_call', 1],
          ],
        },
      ],
    });
    const run = (stackBytes: number) => instantiate(bytes, { stackBytes }).call('run', [10]);
    let enough = 100;
    for (let low = 100, high = 10_000; low < high; ) {
      enough = (low + high) >> 1;
      try {
        run(enough);
        high = enough;
      } catch (error) {
        expect(error).toBeInstanceOf(StackLimitExceeded);
        low = enough + 1;
      }
      enough = low;
    }
    // Eleven frames of a parameter and two operands, and one of the other.
    expect(enough).toBe(11 * weightOf(3) + weightOf(3));
  });
});

describe('arguments', () => {
  it('may exchange places with the parameters', () => {
    const params = [I32, I32, I32, I32, I32];
    const bytes = encodeModule({
      functions: [
        {
          params,
          results: params.slice(1),
          export: 'run',
          body: [
            get(0),
            'i32.eqz',
            ['if', { params: [], results: [] }],
            get(1),
            get(2),
            get(3),
            get(4),
            'return',
            'end',
            get(0),
            constant(1),
            'i32.sub',
            get(4),
            get(1),
            get(2),
            get(3),
            ['return_call', 0],
          ],
        },
      ],
    });
    const instance = instantiate(bytes);
    expect(instance.call('run', [0, 1, 2, 3, 4])).toEqual([1, 2, 3, 4]);
    expect(instance.call('run', [1, 1, 2, 3, 4])).toEqual([4, 1, 2, 3]);
    expect(instance.call('run', [4001, 1, 2, 3, 4])).toEqual([4, 1, 2, 3]);
  });

  it('may be more or fewer than the parameters, of every type', () => {
    const vector = Uint8Array.from({ length: 16 }, (_, i) => i + 1);
    const many = [I32, V128, F64, EXTERNREF, V128, I64, FUNCREF];
    const results = [EXTERNREF, I64, F64, I64, I32, I32];
    const bytes = encodeModule({
      functions: [
        {
          params: [EXTERNREF],
          results,
          export: 'run',
          body: [
            constant(7),
            ['v128.const', vector],
            ['f64.const', 1.5],
            get(0),
            ['v128.const', vector.slice().reverse()],
            ['i64.const', -1n],
            ['ref.func', 0],
            ['return_call', 1],
          ],
        },
        {
          params: many,
          results,
          body: [
            get(3),
            get(1),
            ['i64x2.extract_lane', 0],
            get(2),
            get(4),
            ['i64x2.extract_lane', 1],
            get(0),
            get(6),
            'ref.is_null',
            ['return_call', 2],
          ],
        },
        { params: results, results, body: results.map((_, i) => get(i)) },
      ],
      elements: [{ declarative: true, items: [0] }],
    });
    const object = {};
    const instance = instantiate(bytes);
    for (let i = 0; i < 3; i++) {
      expect(instance.call('run', [object])).toEqual([
        object,
        0x0807_0605_0403_0201n,
        1.5,
        0x0102_0304_0506_0708n,
        7,
        0,
      ]);
    }
  });

  it('find locals behind them that are zero and null', () => {
    const bytes = encodeModule({
      functions: [
        {
          results: [I32, I64],
          export: 'run',
          locals: [I64, I64, FUNCREF, FUNCREF],
          body: [
            ['i64.const', -1],
            ['local.set', 0],
            ['i64.const', -1],
            ['local.set', 1],
            ['ref.func', 0],
            ['local.set', 2],
            ['ref.func', 0],
            ['local.set', 3],
            constant(5),
            ['return_call', 1],
          ],
        },
        {
          params: [I32],
          results: [I32, I64],
          locals: [I64, FUNCREF, FUNCREF],
          body: [get(2), 'ref.is_null', get(3), 'ref.is_null', 'i32.add', get(1)],
        },
      ],
      elements: [{ declarative: true, items: [0] }],
    });
    expect(instantiate(bytes).call('run', [])).toEqual([2, 0n]);
  });
});

describe('tail calls to host functions', () => {
  const module = (more: FunctionDescription[] = []): Uint8Array =>
    encodeModule({
      imports: [{ module: 'env', name: 'f', function: COUNTING }],
      functions: [
        { ...COUNTING, export: 'run', body: [get(0), get(1), ['return_call', 0]] },
        { ...COUNTING, export: 'inner', body: [get(0), get(1), ['call', 1], ['i64.const', 100], 'i64.add'] },
        { ...COUNTING, export: 'table', body: [get(0), get(1), constant(0), ['return_call_indirect', COUNTING]] },
        ...more,
      ],
      tables: [{ min: 1 }],
      elements: [{ offset: [constant(0)], items: [0] }],
    });
  const host = (call: (n: number, sum: bigint) => unknown) => () =>
    new HostFunction(funcType([I32, I64], [I64]), { base: 10, perByte: 0 }, (_caller, [n, sum]) =>
      call(n as number, sum as bigint),
    );

  it('return to whoever called', () => {
    const instance = instantiate(module(), { imports: host((n, sum) => BigInt(n) + sum) });
    expect(instance.call('run', [1, 2n])).toEqual([3n]);
    expect(instance.call('inner', [1, 2n])).toEqual([103n]);
    expect(instance.call('table', [1, 2n])).toEqual([3n]);
  });

  it('wait for promises', async () => {
    const instance = instantiate(module(), { imports: host(async (n, sum) => BigInt(n) + sum) });
    expect(await instance.callAsync('run', [1, 2n])).toEqual([3n]);
    expect(await instance.callAsync('inner', [1, 2n])).toEqual([103n]);
  });

  it('cost as much as calls', () => {
    const cost = (body: Instruction[]) => {
      const instance = instantiate(module([{ ...COUNTING, export: 'this', body }]), { imports: host(() => 0n) });
      const before = instance.figures().gasUsed;
      instance.call('this', [1, 2n]);
      return instance.figures().gasUsed - before;
    };
    expect(cost([get(0), get(1), ['return_call', 0]])).toBe(cost([get(0), get(1), ['call', 0]]));
  });

  it('may call the guest again, which tail calls again', () => {
    let depth = 0;
    const instance = instantiate(module(), {
      imports: host((n, sum) => {
        depth = Math.max(depth, n);
        return n === 20 ? sum : (instance.call('run', [n + 1, sum + 1n])[0] as bigint);
      }),
    });
    expect(instance.call('inner', [0, 0n])).toEqual([120n]);
    expect(depth).toBe(20);
  });
});

describe('tail calls that fail', () => {
  it('trap as calls do', () => {
    const bytes = encodeModule({
      types: [COUNTING],
      tables: [{ min: 2 }],
      elements: [{ offset: [constant(1)], items: [0] }],
      functions: [
        { body: [] },
        {
          params: [I32],
          results: [I64],
          export: 'run',
          body: [constant(0), ['i64.const', 0], get(0), ['return_call_indirect', COUNTING]],
        },
        {
          results: [I64],
          export: 'null',
          body: [constant(0), ['i64.const', 0], ['ref.null', (0 << 10) | 0x200], ['return_call_ref', 0]],
        },
      ],
    });
    const instance = instantiate(bytes);
    const kindOf = (name: string, ...args: number[]) => (failureOf(() => instance.call(name, args)) as Trap).kind;
    expect(kindOf('run', 0)).toBe('uninitialized-element');
    expect(kindOf('run', 1)).toBe('indirect-call-type-mismatch');
    expect(kindOf('run', 2)).toBe('undefined-element');
    expect(kindOf('null')).toBe('null-reference');
  });

  it('stop when gas runs out, always at the same count', () => {
    const bytes = encodeModule({ functions: [{ export: 'run', body: [['return_call', 0]] }] });
    const counts = [undefined, { gas: 1, onSlice: () => undefined }].map((slices) => {
      const instance = instantiate(bytes, { gas: 100_000n, ...(slices && { slices }) });
      expect(failureOf(() => instance.call('run', []))).toBeInstanceOf(GasExhausted);
      return instance.figures().gasUsed;
    });
    expect(counts[0]).toBeGreaterThan(100_000n);
    expect(counts[1]).toBe(counts[0]);
  });
});
