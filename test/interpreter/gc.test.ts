/** What objects count for in the memory budget, and when they stop counting: the same on every run. */

import { describe, expect, it } from 'vitest';
import { GasExhausted, MemoryLimitExceeded, Trap } from '../../wasm/errors.ts';
import {
  ANYREF,
  definedRef,
  EXNREF,
  EXTERNREF,
  F32,
  F64,
  FUNCREF,
  I8,
  I16,
  I32,
  I64,
  type StorageType,
  V128,
} from '../../wasm/types.ts';
import { encodeModule, type Instruction, type ModuleDescription } from '../generate/encode.ts';
import { failureOf, instantiate, LIMITS, MiB, prepare } from './engine.ts';

const KiB = 1024;
/** Types 0 and 1 of the modules below. */
const NODE = 0;
const BYTES = 1;
const NODE_REF = definedRef(NODE, true);
const TYPES: ModuleDescription['types'] = [
  {
    struct: [
      { type: NODE_REF, mutable: true },
      { type: I32, mutable: true },
    ],
  },
  { array: { type: I8, mutable: true } },
];
const NODE_BYTES = 64 + 2 * (48 + 8);
const arrayBytes = (length: number, width: number) => 256 + 8 * Math.ceil((length * width) / 8);

const get = (local: number): Instruction => ['local.get', local];
const set = (local: number): Instruction => ['local.set', local];
const constant = (value: number): Instruction => ['i32.const', value];

/** Does `body` as often as local 0 says. */
const times = (...body: Instruction[]): Instruction[] => [
  ['loop'],
  ...body,
  get(0),
  constant(-1),
  'i32.add',
  ['local.tee', 0],
  ['br_if', 0],
  'end',
];

/** `garbage(n)` makes n arrays of 1000 bytes and forgets them. */
const GARBAGE = {
  params: [I32],
  export: 'garbage',
  body: times(constant(1000), ['array.new_default', BYTES], 'drop'),
} as const;

const figuresOf = (run: () => { figures(): { gasUsed: bigint; memoryBytes: number; peakMemoryBytes: number } }) => {
  const { gasUsed, memoryBytes, peakMemoryBytes } = run().figures();
  return { gasUsed, memoryBytes, peakMemoryBytes };
};

function collectHost(): void {
  const { gc } = globalThis as { gc?: () => void };
  gc?.();
}

describe('objects in the memory budget', () => {
  const module = encodeModule({
    types: TYPES,
    memories: [{ min: 0, export: 'memory' }],
    tables: [{ element: ANYREF, min: 0 }],
    globals: [{ type: NODE_REF, mutable: true, init: [['ref.null', NODE_REF]] }],
    functions: [
      GARBAGE,
      {
        params: [I32],
        export: 'list',
        body: times(['global.get', 0], get(0), ['struct.new', NODE], ['global.set', 0]),
      },
      {
        params: [I32],
        results: [I32],
        export: 'grow',
        body: [get(0), ['memory.grow', 0]],
      },
      {
        params: [I32],
        results: [I32],
        export: 'growTable',
        body: [['ref.null', ANYREF], get(0), ['table.grow', 0]],
      },
      {
        export: 'forget',
        body: [
          ['ref.null', NODE_REF],
          ['global.set', 0],
        ],
      },
      {
        params: [I32],
        export: 'ring',
        locals: [NODE_REF],
        body: times(
          ['struct.new_default', NODE],
          ['local.tee', 1],
          get(1),
          ['struct.set', NODE, 0],
          constant(200),
          ['array.new_default', BYTES],
          'drop',
        ),
      },
      {
        results: [I32],
        export: 'length',
        locals: [NODE_REF, I32],
        body: [
          ['global.get', 0],
          set(0),
          ['block'],
          ['loop'],
          get(0),
          'ref.is_null',
          ['br_if', 1],
          get(1),
          constant(1),
          'i32.add',
          set(1),
          get(0),
          ['struct.get', NODE, 0],
          set(0),
          ['br', 0],
          'end',
          'end',
          get(1),
        ],
      },
    ],
  });

  it('does not fill up with garbage', () => {
    const runs = [1, 2].map((round) =>
      figuresOf(() => {
        const instance = instantiate(module, { memoryBytes: 64 * KiB });
        instance.call('garbage', [20_000]);
        if (round === 2) collectHost();
        instance.call('garbage', [20_000]);
        return instance;
      }),
    );
    expect(runs[1]).toEqual(runs[0]);
    expect(runs[0]?.peakMemoryBytes).toBeLessThanOrEqual(64 * KiB);
    expect(runs[0]?.memoryBytes).toBeGreaterThan(0);
  });

  it('does not fill up with rings', () => {
    const instance = instantiate(module, { memoryBytes: 64 * KiB });
    instance.call('ring', [20_000]);
    expect(instance.figures().peakMemoryBytes).toBeLessThanOrEqual(64 * KiB);
  });

  it.each([0, 3])('ends a list that grows at the same node, whatever was garbage before (%d MB)', (garbage) => {
    const lengths = [1, 2].map((round) => {
      const instance = instantiate(module, { memoryBytes: 100 * NODE_BYTES + 10 });
      if (garbage > 0) {
        const other = instantiate(module, { memoryBytes: MiB });
        other.call('garbage', [garbage * 1000]);
      }
      instance.call('list', [40]);
      if (round === 2) collectHost();
      const error = failureOf(() => instance.call('list', [1000])) as MemoryLimitExceeded;
      expect(error).toBeInstanceOf(MemoryLimitExceeded);
      expect(error.message).toMatch(/^Memory limit exceeded: no room for another object/);
      expect(error.resources?.memoryBytes).toBe(100 * NODE_BYTES);
      expect(instance.call('length', [])).toEqual([100]);
      return instance.figures().gasUsed;
    });
    expect(lengths[1]).toBe(lengths[0]);
  });

  it.each<[string, readonly StorageType[], number]>([
    ['nothing', [], 64],
    ['an i32', [I32], 64 + 48 + 8],
    ['an i8 and an i16', [I8, I16], 64 + 48 + 2 * 8],
    ['an f64', [F64], 64 + 48 + 2 * 8],
    ['a vector', [V128], 64 + 48 + 4 * 8],
    ['references', [EXTERNREF, NODE_REF], 64 + 48 + 2 * 8],
    ['a reference between numbers', [I64, EXTERNREF, F32], 64 + 2 * 48 + 4 * 8],
  ])('counts what a host without compressed pointers takes for a struct of %s', (_, types, bytes) => {
    const struct = { struct: types.map((type) => ({ type, mutable: true })) };
    const made = encodeModule({
      types: [...(TYPES ?? []), struct],
      functions: [{ export: 'make', body: [['struct.new_default', 2], 'drop'] }],
    });
    const instance = instantiate(made, { memoryBytes: bytes });
    instance.call('make', []);
    expect(instance.figures().memoryBytes).toBe(bytes);
    expect(failureOf(() => instantiate(made, { memoryBytes: bytes - 1 }).call('make', []))).toBeInstanceOf(
      MemoryLimitExceeded,
    );
  });

  it('goes on after a list was given up', () => {
    const instance = instantiate(module, { memoryBytes: 100 * NODE_BYTES });
    for (let round = 0; round < 5; round++) {
      expect(failureOf(() => instance.call('list', [1000]))).toBeInstanceOf(MemoryLimitExceeded);
      instance.call('forget', []);
    }
    instance.call('list', [100]);
    expect(instance.figures().memoryBytes).toBe(100 * NODE_BYTES);
  });

  it('holds memories, tables and objects together', () => {
    const instance = instantiate(module, { memoryBytes: 64 * KiB + 800 + 10 * NODE_BYTES });
    instance.call('list', [10]);
    expect(instance.call('growTable', [100])).toEqual([0]);
    expect(instance.call('grow', [1])).toEqual([0]);
    expect(instance.figures().memoryBytes).toBe(64 * KiB + 800 + 10 * NODE_BYTES);
    expect(instance.call('growTable', [1])).toEqual([-1]);
    expect(failureOf(() => instance.call('list', [1]))).toBeInstanceOf(MemoryLimitExceeded);
    instance.call('forget', []);
    // Growth makes no room: garbage counts until an object is wanted.
    expect(instance.call('grow', [1])).toEqual([-1]);
    instance.call('list', [10]);
    expect(instance.figures().memoryBytes).toBe(64 * KiB + 800 + 10 * NODE_BYTES);
    expect(instance.call('growTable', [1])).toEqual([-1]);
  });

  it('keeps the peak, and forgets all at a reset', () => {
    const instance = instantiate(module, { memoryBytes: 8 * MiB });
    instance.call('list', [10_000]);
    instance.call('forget', []);
    instance.call('garbage', [3_000]);
    const { memoryBytes, peakMemoryBytes } = instance.figures();
    expect(peakMemoryBytes).toBeGreaterThan(10_000 * NODE_BYTES);
    expect(memoryBytes).toBeLessThan(peakMemoryBytes);
    instance.reset?.();
    expect(instance.figures()).toMatchObject({ memoryBytes: 0, peakMemoryBytes: 0 });
    instance.start();
    expect(instance.call('length', [])).toEqual([0]);
    instance.call('list', [40_000]);
    expect(instance.figures().memoryBytes).toBe(40_000 * NODE_BYTES);
  });

  it('is the same after a reset as in the beginning', () => {
    const run = (instance: ReturnType<typeof instantiate>) => {
      instance.call('list', [3_000]);
      instance.call('garbage', [2_000]);
      instance.call('forget', []);
      instance.call('garbage', [2_000]);
      return instance.figures();
    };
    const instance = instantiate(module, { memoryBytes: MiB });
    const first = run(instance);
    instance.reset?.();
    instance.start();
    expect(run(instance)).toEqual(first);
  });

  it('has very long lists traced without recursion', () => {
    const instance = instantiate(module, { memoryBytes: 60 * MiB });
    instance.call('list', [300_000]);
    // Two traces at least, as so much has been made since the last.
    instance.call('garbage', [70_000]);
    expect(instance.call('length', [])).toEqual([300_000]);
    expect(instance.figures().memoryBytes).toBeGreaterThanOrEqual(300_000 * NODE_BYTES);
  });

  it('charges the same under every limit that is never reached', () => {
    const gas = [4 * MiB, 40 * MiB, LIMITS.memoryBytes].map((memoryBytes) => {
      const instance = instantiate(module, { memoryBytes });
      instance.call('list', [10_000]);
      instance.call('garbage', [2_000]);
      instance.call('forget', []);
      return instance.figures().gasUsed;
    });
    expect(new Set(gas).size).toBe(1);
  });

  it('charges for making room, more where more is in use', () => {
    const cost = (nodes: number) => {
      const instance = instantiate(module, { memoryBytes: 200 * KiB });
      instance.call('list', [nodes]);
      const before = instance.figures().gasUsed;
      instance.call('garbage', [1_000]);
      return instance.figures().gasUsed - before;
    };
    const room = instantiate(module);
    const before = room.figures().gasUsed;
    room.call('garbage', [1_000]);
    const free = room.figures().gasUsed - before;
    expect(cost(100)).toBeGreaterThan(free);
    expect(cost(1_000)).toBeGreaterThan(cost(100));
  });

  it('ends a guest whose gas does not suffice to make room', () => {
    const run = (gas: bigint | undefined) => {
      const instance = instantiate(module, { memoryBytes: 970 * NODE_BYTES + 4_000, gas });
      const error = (() => {
        try {
          instance.call('list', [970]);
          instance.call('garbage', [10]);
          return undefined;
        } catch (caught) {
          return caught;
        }
      })();
      return { error, gas: instance.figures().gasUsed };
    };
    const whole = run(undefined);
    expect(whole.error).toBeUndefined();
    expect(run(whole.gas).error).toBeUndefined();
    for (let limit = whole.gas - 1n; limit > whole.gas - 60_000n; limit -= 4_999n) {
      const short = run(limit);
      expect(short.error).toBeInstanceOf(GasExhausted);
      expect(short.gas).toBeLessThanOrEqual(whole.gas);
      expect(run(limit).gas).toBe(short.gas);
    }
  });
});

describe('what is held', () => {
  /** Each keeps one array of 40,000 bytes somewhere, makes garbage, and looks at it again. */
  const LENGTH = 40_000;
  const KEPT = arrayBytes(LENGTH, 1);
  const ARRAY = definedRef(BYTES, true);
  const make: Instruction[] = [constant(LENGTH), ['array.new_default', BYTES]];
  const garbage: Instruction[] = [constant(3_000), ['call', 0]];
  const check: Instruction[] = ['array.len'];

  const holders: Record<string, { body: Instruction[]; more?: Partial<ModuleDescription>; locals?: number[] }> = {
    'in a global': {
      body: [...make, ['global.set', 0], ...garbage, ['global.get', 0], ...check],
      more: { globals: [{ type: ARRAY, mutable: true, init: [['ref.null', ARRAY]] }] },
    },
    'in a table': {
      body: [constant(3), ...make, ['table.set', 0], ...garbage, constant(3), ['table.get', 0], ...check],
      more: { tables: [{ element: ARRAY, min: 10 }] },
    },
    'in a local': { body: [...make, set(0), ...garbage, get(0), ...check], locals: [ARRAY] },
    'as an operand of an outer frame': { body: [...make, ...garbage, ...check] },
    'as an operand of a frame far out': {
      body: [...make, constant(500), ['call', 2], ...check],
      more: {
        functions: [
          {
            params: [I32],
            body: [
              get(0),
              ['if', { params: [], results: [] }],
              get(0),
              constant(-1),
              'i32.add',
              ['call', 2],
              'else',
              ...garbage,
              'end',
            ],
          },
        ],
      },
    },
    'in a field of a field': {
      body: [
        ...make,
        ['struct.new', 2],
        ['struct.new', 3],
        set(0),
        ...garbage,
        get(0),
        ['struct.get', 3, 0],
        ['struct.get', 2, 0],
        ...check,
      ],
      locals: [definedRef(3, true)],
    },
    'in an array of references': {
      body: [
        ...make,
        constant(100),
        ['array.new', 4],
        set(0),
        ...garbage,
        get(0),
        constant(99),
        ['array.get', 4],
        ['ref.cast', ARRAY],
        ...check,
      ],
      locals: [definedRef(4, true)],
    },
    'in the payload of an exception': {
      body: [
        ['block', { params: [], results: [ARRAY, EXNREF | 0x100] }],
        ['try_table', { params: [], results: [] }, [[1, 0, 0]]],
        ...make,
        ['throw', 0],
        'end',
        'unreachable',
        'end',
        set(0),
        'drop',
        ...garbage,
        ['block', { params: [], results: [ARRAY] }],
        ['try_table', { params: [], results: [] }, [[0, 0, 0]]],
        get(0),
        'throw_ref',
        'end',
        'unreachable',
        'end',
        ...check,
      ],
      locals: [EXNREF],
      more: { tags: [{ params: [ARRAY] }] },
    },
    'as an external reference': {
      body: [...make, 'extern.convert_any', ...garbage, 'any.convert_extern', ['ref.cast', ARRAY], ...check],
    },
  };

  const moduleOf = ({ body, more = {}, locals = [] }: (typeof holders)[string]) =>
    encodeModule({
      ...more,
      types: [
        ...(TYPES ?? []),
        { struct: [{ type: ARRAY, mutable: true }] },
        { struct: [{ type: definedRef(2, true) }] },
        { array: { type: ANYREF, mutable: true } },
      ],
      functions: [GARBAGE, { results: [I32], export: 'run', locals, body }, ...(more.functions ?? [])],
    });

  it.each(Object.entries(holders))('%s counts', (_name, holder) => {
    const instance = instantiate(moduleOf(holder), { memoryBytes: 60_000 });
    expect(instance.call('run', [])).toEqual([LENGTH]);
    expect(instance.figures().memoryBytes).toBeGreaterThanOrEqual(KEPT);
    // Two of them never fit, so it was not forgotten either.
    const doubled = instantiate(
      moduleOf({
        ...holder,
        body: [...make, ...holder.body, set(1), 'drop', get(1)],
        locals: [...(holder.locals ?? [ARRAY]), I32],
      }),
      { memoryBytes: 60_000 },
    );
    expect(failureOf(() => doubled.call('run', []))).toBeInstanceOf(MemoryLimitExceeded);
  });

  it('in an element segment, until it is dropped', () => {
    const bytes = encodeModule({
      types: TYPES,
      functions: [
        GARBAGE,
        { export: 'drop', body: [['elem.drop', 0]] },
        {
          export: 'make',
          results: [I32],
          body: [...make, 'array.len'],
        },
      ],
      elements: [{ type: ARRAY, items: [make] }],
    });
    const instance = instantiate(bytes, { memoryBytes: 60_000 });
    expect(instance.figures().memoryBytes).toBe(KEPT);
    expect(failureOf(() => instance.call('make', []))).toBeInstanceOf(MemoryLimitExceeded);
    instance.call('garbage', [100]);
    expect(failureOf(() => instance.call('make', []))).toBeInstanceOf(MemoryLimitExceeded);
    instance.call('drop', []);
    expect(instance.call('make', [])).toEqual([LENGTH]);
  });

  it('not after the function has returned', () => {
    const bytes = moduleOf({ body: [...make, 'drop', constant(1)] });
    const instance = instantiate(bytes, { memoryBytes: 60_000 });
    for (let i = 0; i < 50; i++) expect(instance.call('run', [])).toEqual([1]);
  });
});

describe('arrays', () => {
  const types: ModuleDescription['types'] = [I8, I16, I32, I64, V128, ANYREF, FUNCREF].map((type) => ({
    array: { type, mutable: true },
  }));
  const WIDTHS = [1, 2, 4, 8, 16, 8, 8];
  const module = encodeModule({
    types,
    functions: types.map((_, type) => ({
      params: [I32],
      results: [I32],
      export: `make${type}`,
      body: [get(0), ['array.new_default', type], 'array.len'],
    })),
  });

  it.each(WIDTHS.map((width, type) => [type, width]))('of type %d count for their bytes', (type, width) => {
    for (const length of [0, 1, 7, 8, 9, 1000]) {
      const bytes = arrayBytes(length, width);
      expect(instantiate(module, { memoryBytes: bytes }).call(`make${type}`, [length])).toEqual([length]);
      const short = instantiate(module, { memoryBytes: bytes - 1 });
      expect(failureOf(() => short.call(`make${type}`, [length]))).toBeInstanceOf(MemoryLimitExceeded);
      expect(short.figures().memoryBytes).toBe(0);
    }
  });

  it.each(types.map((_, type) => type))('of type %d and of a length beyond all bounds are refused', (type) => {
    for (const memoryBytes of [MiB, 2 ** 30, 2 ** 50]) {
      const instance = instantiate(module, { memoryBytes });
      for (const length of [2 ** 31 - 1, 2 ** 31, 2 ** 32 - 1]) {
        expect(failureOf(() => instance.call(`make${type}`, [length]))).toBeInstanceOf(MemoryLimitExceeded);
      }
      expect(instance.figures().memoryBytes).toBe(0);
      expect(instance.call(`make${type}`, [10])).toEqual([10]);
    }
  });

  it('are paid for before they are made', () => {
    const cost = (length: number, gas?: bigint) => {
      const instance = instantiate(module, { memoryBytes: 2 ** 30, gas });
      const before = instance.figures().gasUsed;
      try {
        instance.call('make0', [length]);
      } catch (error) {
        expect(error).toBeInstanceOf(GasExhausted);
        expect(instance.figures().memoryBytes).toBe(0);
      }
      return instance.figures().gasUsed - before;
    };
    expect(cost(8_000_000) - cost(0)).toBe(1_000_000n);
    expect(cost(2 ** 31 - 1, 1_000_000n)).toBeLessThan(1_000n);
  });

  it('of references longer than what JavaScript makes at once are quick to make', () => {
    const instance = instantiate(module, { memoryBytes: 2 ** 30 });
    expect(instance.call('make5', [2 ** 24 + 1])).toEqual([2 ** 24 + 1]);
  });

  describe('from segments', () => {
    const bytes = encodeModule({
      types: [{ array: { type: I32, mutable: true } }, { array: { type: FUNCREF, mutable: true } }],
      data: [{ bytes: new Uint8Array(64).fill(1) }],
      elements: [{ items: [0, 0, 0] }],
      dataCount: 1,
      functions: [
        {
          params: [I32, I32],
          results: [I32],
          export: 'data',
          body: [get(0), get(1), ['array.new_data', 0, 0], 'array.len'],
        },
        {
          params: [I32, I32],
          results: [I32],
          export: 'elements',
          body: [get(0), get(1), ['array.new_elem', 1, 0], 'array.len'],
        },
        {
          params: [I32, I32, I32],
          export: 'initData',
          body: [constant(4), ['array.new_default', 0], get(0), get(1), get(2), ['array.init_data', 0, 0]],
        },
        {
          params: [I32, I32, I32],
          export: 'initElements',
          body: [constant(4), ['array.new_default', 1], get(0), get(1), get(2), ['array.init_elem', 1, 0]],
        },
      ],
    });
    const HUGE = [2 ** 30, 2 ** 31 - 1, 2 ** 31, 2 ** 32 - 1];

    it('trap where the segment ends, however long they would be', () => {
      const instance = instantiate(bytes, { memoryBytes: 2 ** 50 });
      expect(instance.call('data', [0, 16])).toEqual([16]);
      expect(instance.call('elements', [1, 2])).toEqual([2]);
      for (const huge of HUGE) {
        for (const [start, length] of [
          [0, huge],
          [huge, 0],
          [huge, huge],
        ]) {
          const kindOf = (name: string) => (failureOf(() => instance.call(name, [start, length])) as Trap).kind;
          expect(kindOf('data')).toBe('memory-out-of-bounds');
          expect(kindOf('elements')).toBe('table-out-of-bounds');
        }
        for (const [target, source, length] of [
          [0, 0, huge],
          [0, huge, 1],
          [huge, 0, 1],
          [huge, huge, huge],
        ]) {
          for (const name of ['initData', 'initElements']) {
            expect(failureOf(() => instance.call(name, [target, source, length]))).toBeInstanceOf(Trap);
          }
        }
      }
    });

    it('have their limit checked before they trap', () => {
      const free = instantiate(bytes);
      const before = free.figures().gasUsed;
      expect(failureOf(() => free.call('data', [100, 1]))).toBeInstanceOf(Trap);
      const instance = instantiate(bytes, { gas: free.figures().gasUsed - 1n });
      expect(free.figures().gasUsed).toBeGreaterThan(before);
      expect(failureOf(() => instance.call('data', [100, 1]))).toBeInstanceOf(GasExhausted);
    });
  });

  it('are filled, whatever their elements are', () => {
    const widths = [I8, I16, I32, I64] as const;
    const bytes = encodeModule({
      types: widths.map((type) => ({ array: { type, mutable: true } })),
      functions: widths.flatMap((type, index) => {
        const value: Instruction = type === I64 ? ['i64.const', 0x1122334455667788n] : ['i32.const', 0x55667788];
        const read: Instruction = type === I8 || type === I16 ? ['array.get_u', index] : ['array.get', index];
        const results = [type === I64 ? I64 : I32];
        return [
          {
            params: [I32, I32, I32],
            results,
            export: `fill${index}`,
            locals: [definedRef(index, true)],
            body: [
              constant(100),
              ['array.new_default', index],
              ['local.tee', 3],
              get(0),
              value,
              get(1),
              ['array.fill', index],
              get(3),
              get(2),
              read,
            ] as Instruction[],
          },
          {
            params: [I32, I32],
            results,
            export: `new${index}`,
            body: [value, get(0), ['array.new', index], get(1), read] as Instruction[],
          },
        ];
      }),
    });
    const instance = instantiate(bytes);
    const values = [0x88, 0x7788, 0x55667788, 0x1122334455667788n];
    values.forEach((value, index) => {
      const zero = typeof value === 'bigint' ? 0n : 0;
      const at = (start: number, length: number, place: number) =>
        instance.call(`fill${index}`, [start, length, place])[0];
      for (const [start, length] of [
        [0, 100],
        [3, 5],
        [99, 1],
        [7, 64],
        [100, 0],
        [50, 0],
      ] as const) {
        for (const place of [0, start - 1, start, start + length - 1, start + length, 99]) {
          if (place < 0 || place > 99) continue;
          expect(at(start, length, place)).toBe(place >= start && place < start + length ? value : zero);
        }
      }
      for (const length of [1, 2, 3, 100]) expect(instance.call(`new${index}`, [length, length - 1])).toEqual([value]);
    });
  });
});

describe('objects of constant expressions', () => {
  const array = (length: number): Instruction[] => [constant(length), ['array.new_default', 0]];
  const ARRAY = definedRef(0, true);
  const types: ModuleDescription['types'] = [{ array: { type: I64, mutable: true } }];
  const inGlobal = (init: Instruction[]): ModuleDescription => ({ types, globals: [{ type: ARRAY, init }] });
  const places: Record<string, (init: Instruction[]) => ModuleDescription> = {
    'a global': inGlobal,
    'a table': (init) => ({ types, tables: [{ element: ARRAY, min: 1, init }] }),
    'an element segment': (init) => ({ types, elements: [{ type: ARRAY, items: [init] }] }),
    'a declarative segment': (init) => ({ types, elements: [{ declarative: true, type: ARRAY, items: [init] }] }),
  };

  it.each(Object.entries(places))('are counted and paid for in %s', (_name, moduleWith) => {
    const [small, large] = [1, 100_001].map((length) => prepare(encodeModule(moduleWith(array(length)))).figures());
    expect(Number(large?.gasUsed) - Number(small?.gasUsed)).toBe(100_000);
    expect((large?.memoryBytes ?? 0) - (small?.memoryBytes ?? 0)).toBe(800_000);
  });

  it.each(Object.entries(places))('are bounded in %s', (_name, moduleWith) => {
    for (const length of [MiB, 2 ** 31 - 1, -1]) {
      const bytes = encodeModule(moduleWith(array(length)));
      const error = failureOf(() => prepare(bytes, { memoryBytes: MiB })) as MemoryLimitExceeded;
      expect(error).toBeInstanceOf(MemoryLimitExceeded);
      expect(error.resources?.memoryBytes).toBeLessThanOrEqual(MiB);
      expect(failureOf(() => prepare(bytes, { gas: 10_000n }))).toBeInstanceOf(GasExhausted);
    }
    expect(failureOf(() => prepare(encodeModule(moduleWith(array(-1))), { memoryBytes: 2 ** 50 }))).toBeInstanceOf(
      MemoryLimitExceeded,
    );
  });

  it('cannot multiply themselves', () => {
    // Each global makes an array of a million references to the one before.
    const globals = Array.from({ length: 50 }, (_, i) => ({
      type: definedRef(0, true),
      init: (i === 0
        ? [['ref.null', ANYREF]]
        : [['global.get', i - 1], constant(1_000_000), ['array.new', 0]]) as Instruction[],
    }));
    globals.splice(0, 1, { type: ANYREF, init: [['ref.null', ANYREF]] });
    const bytes = encodeModule({ types: [{ array: { type: ANYREF, mutable: true } }], globals });
    expect(failureOf(() => prepare(bytes))).toBeInstanceOf(MemoryLimitExceeded);
    expect(failureOf(() => prepare(bytes, { gas: 5_000_000n }))).toBeInstanceOf(GasExhausted);
  });

  it('are made again at a reset, and count once', () => {
    const instance = prepare(encodeModule(inGlobal(array(1000))));
    const before = instance.figures();
    for (let i = 0; i < 3; i++) instance.reset?.();
    expect(instance.figures()).toEqual(before);
  });
});
