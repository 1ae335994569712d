/** 64-bit memories and tables, whose addresses trap where they do not fit, and several memories beside one another. */

import { describe, expect, it } from 'vitest';
import ours from '../../src/webassembly.ts';
import { MemoryLimitExceeded, Trap } from '../../wasm/errors.ts';
import { GROWTH_COST } from '../../wasm/gas.ts';
import { accessBytes, OPCODES, type Opcode } from '../../wasm/opcodes.ts';
import { F32, F64, FUNCREF, I32, I64, V128, type ValType } from '../../wasm/types.ts';
import { encodeModule, type FunctionDescription, type Immediate, type Instruction } from '../generate/encode.ts';
import { failureOf, instantiate, MiB } from './engine.ts';

const get = (local: number): Instruction => ['local.get', local];
const constant = (value: number): Instruction => ['i32.const', value];
const wide = (value: number | bigint): Instruction => ['i64.const', value];

const TYPE: Readonly<Record<string, ValType>> = { i: I32, l: I64, f: F32, d: F64, v: V128 };
const PAGE = 65_536n;

/** Addresses that are none, however they are cut to 32 or to 53 bits. */
const BEYOND = [
  2n ** 32n,
  2n ** 32n + 8n,
  2n ** 33n,
  2n ** 48n,
  2n ** 53n,
  2n ** 53n + 1n,
  2n ** 53n + 2n,
  2n ** 63n,
  2n ** 63n + 8n,
  2n ** 64n - 2n ** 32n,
  2n ** 64n - 16n,
  2n ** 64n - 8n,
  2n ** 64n - 1n,
];

const ACCESSES = OPCODES.filter(({ immediates, gas }) => immediates.startsWith('memarg') && gas !== 'atomic');

/** Executes an access to a memory at the address in local 0, and drops what it gives. */
function access(row: Opcode, offset: number | bigint, memory = 0): Instruction[] {
  const [, ...values] = row.params;
  const zeros: Instruction[] = values.map((letter) => {
    const type = TYPE[letter] as ValType;
    if (type === V128) return ['v128.const', new Uint8Array(16)];
    return [{ [I32]: 'i32.const', [I64]: 'i64.const', [F32]: 'f32.const', [F64]: 'f64.const' }[type], 0] as Instruction;
  });
  const immediates: Immediate[] = [{ offset, memory }, ...(row.immediates === 'memarg lane' ? [0] : [])];
  return [get(0), ...zeros, [row.mnemonic, ...immediates], ...(row.results === '' ? [] : (['drop'] as const))];
}

const isTrap = (run: () => unknown, kind: string) => {
  const error = failureOf(run);
  expect(error).toBeInstanceOf(Trap);
  expect((error as Trap).kind).toBe(kind);
};

describe('accesses to a 64-bit memory', () => {
  const OFFSETS = [0n, 8n, 2n ** 31n, 2n ** 32n - 1n, 2n ** 32n, 2n ** 53n + 1n, 2n ** 63n, 2n ** 64n - 1n];
  const bytes = encodeModule({
    memories: [{ min: 1, is64: true }],
    functions: ACCESSES.flatMap((row, i) =>
      OFFSETS.map((offset, k) => ({ params: [I64], export: `${i} ${k}`, body: access(row, offset) })),
    ),
  });
  const instance = instantiate(bytes);

  it.each(ACCESSES.map((row, i) => [row.mnemonic, row, i] as const))('%s', (_name, row, i) => {
    const size = BigInt(accessBytes(row));
    const call = (address: bigint, k: number) => instance.call(`${i} ${k}`, [BigInt.asIntN(64, address)]);
    for (const address of [0n, 1n, PAGE - size]) call(address, 0);
    for (const address of [PAGE - size + 1n, PAGE, ...BEYOND]) isTrap(() => call(address, 0), 'memory-out-of-bounds');
    call(PAGE - size - 8n, 1);
    for (const address of [PAGE - size - 7n, ...BEYOND]) isTrap(() => call(address, 1), 'memory-out-of-bounds');
    // Nor does the sum of address and offset wrap.
    for (let k = 2; k < OFFSETS.length; k++) {
      const offset = OFFSETS[k] as bigint;
      for (const address of [0n, 1n, 2n ** 64n - offset, 2n ** 64n - offset + 8n, 2n ** 32n - offset, ...BEYOND]) {
        isTrap(() => call(address, k), 'memory-out-of-bounds');
      }
    }
  });
});

describe('bulk operations on 64-bit memories and tables', () => {
  const memory = (memory: number): FunctionDescription[] => [
    {
      params: [I64, I64, I64],
      export: `fill${memory}`,
      body: [get(0), get(1), 'i32.wrap_i64', get(2), ['memory.fill', memory]],
    },
    {
      params: [I64, I64, I64],
      export: `copy${memory}`,
      body: [get(0), get(1), get(2), ['memory.copy', memory, memory]],
    },
    {
      params: [I64, I64, I64],
      export: `init${memory}`,
      body: [get(0), get(1), 'i32.wrap_i64', get(2), 'i32.wrap_i64', ['memory.init', 0, memory]],
    },
    { params: [I64], results: [I64], export: `grow${memory}`, body: [get(0), ['memory.grow', memory]] },
    { results: [I64], export: `size${memory}`, body: [['memory.size', memory]] },
  ];
  const bytes = encodeModule({
    memories: [{ min: 1, max: 10, is64: true }, { min: 1 }, { min: 1, max: 2n ** 48n, is64: true }],
    tables: [{ min: 10, max: 100, is64: true }, { min: 10 }, { min: 10, is64: true }],
    data: [{ bytes: new Uint8Array(100).fill(7) }],
    elements: [{ items: [0, 0, 0, 0, 0] }],
    functions: [
      ...memory(0),
      ...memory(2),
      // Between the widths: the length is as wide as the narrower of both.
      {
        params: [I64, I64, I32],
        export: 'copyTo64',
        body: [get(0), get(1), 'i32.wrap_i64', get(2), ['memory.copy', 0, 1]],
      },
      {
        params: [I64, I64, I32],
        export: 'copyFrom64',
        body: [get(0), 'i32.wrap_i64', get(1), get(2), ['memory.copy', 1, 0]],
      },
      {
        params: [I64, I64, I64],
        export: 'tableFill',
        body: [get(0), ['ref.null', FUNCREF], get(2), ['table.fill', 0]],
      },
      { params: [I64, I64, I64], export: 'tableCopy', body: [get(0), get(1), get(2), ['table.copy', 0, 2]] },
      {
        params: [I64, I64, I32],
        export: 'tableCopyTo64',
        body: [get(0), get(1), 'i32.wrap_i64', get(2), ['table.copy', 0, 1]],
      },
      {
        params: [I64, I64, I32],
        export: 'tableCopyFrom64',
        body: [get(0), 'i32.wrap_i64', get(1), get(2), ['table.copy', 1, 0]],
      },
      {
        params: [I64, I64, I64],
        export: 'tableInit',
        body: [get(0), get(1), 'i32.wrap_i64', get(2), 'i32.wrap_i64', ['table.init', 0, 0]],
      },
      { params: [I64], results: [FUNCREF], export: 'tableGet', body: [get(0), ['table.get', 0]] },
      { params: [I64], export: 'tableSet', body: [get(0), ['ref.null', FUNCREF], ['table.set', 0]] },
      { params: [I64], results: [I64], export: 'tableGrow', body: [['ref.null', FUNCREF], get(0), ['table.grow', 0]] },
      { results: [I64], export: 'tableSize', body: [['table.size', 0]] },
      { params: [I64], export: 'callIndirect', body: [get(0), ['call_indirect', { params: [], results: [] }]] },
      {
        params: [I64],
        export: 'tailCallIndirect',
        body: [get(0), ['return_call_indirect', { params: [], results: [] }]],
      },
    ],
  });
  const signed = (value: bigint) => BigInt.asIntN(64, value);

  it.each(['fill0', 'copy0', 'fill2', 'copy2', 'tableFill', 'tableCopy'])(
    '%s traps beyond the end, and does not wrap',
    (name) => {
      const instance = instantiate(bytes);
      const kind = name.startsWith('table') ? 'table-out-of-bounds' : 'memory-out-of-bounds';
      const end = name.startsWith('table') ? 10n : PAGE;
      instance.call(name, [0n, 0n, end]);
      instance.call(
        name,
        [end, end, 0n].map((value, i) => (name.includes('ill') && i === 1 ? 0n : value)),
      );
      for (const far of BEYOND.map(signed)) {
        isTrap(() => instance.call(name, [far, 0n, 0n]), kind);
        isTrap(() => instance.call(name, [0n, 0n, far]), kind);
        isTrap(() => instance.call(name, [far, 0n, signed(-far)]), kind);
        isTrap(() => instance.call(name, [far, 0n, signed(1n - far)]), kind);
        if (name.includes('opy')) isTrap(() => instance.call(name, [0n, far, 0n]), kind);
      }
    },
  );

  it.each(['init0', 'init2', 'tableInit'])('%s traps beyond the end', (name) => {
    const instance = instantiate(bytes);
    const kind = name === 'tableInit' ? 'table-out-of-bounds' : 'memory-out-of-bounds';
    instance.call(name, [1n, 0n, 5n]);
    for (const far of BEYOND.map(signed)) {
      isTrap(() => instance.call(name, [far, 0n, 0n]), kind);
      isTrap(() => instance.call(name, [far, 0n, 5n]), kind);
    }
  });

  it.each(['copyTo64', 'copyFrom64', 'tableCopyTo64', 'tableCopyFrom64'])('%s', (name) => {
    const instance = instantiate(bytes);
    const kind = name.startsWith('table') ? 'table-out-of-bounds' : 'memory-out-of-bounds';
    instance.call(name, [0n, 0n, 10]);
    for (const far of BEYOND.map(signed)) {
      const [to, from] = name.endsWith('To64') ? [far, 0n] : [0n, far];
      isTrap(() => instance.call(name, [to, from, 0]), kind);
      isTrap(() => instance.call(name, [to, from, 1]), kind);
    }
    isTrap(() => instance.call(name, [0n, 0n, -1]), kind);
  });

  it('accesses to a table’s element trap', () => {
    const instance = instantiate(bytes);
    instance.call('tableGet', [9n]);
    for (const far of [10n, ...BEYOND.map(signed)]) {
      isTrap(() => instance.call('tableGet', [far]), 'table-out-of-bounds');
      isTrap(() => instance.call('tableSet', [far]), 'table-out-of-bounds');
      isTrap(() => instance.call('callIndirect', [far]), 'undefined-element');
      isTrap(() => instance.call('tailCallIndirect', [far]), 'undefined-element');
    }
    isTrap(() => instance.call('callIndirect', [9n]), 'uninitialized-element');
  });

  it.each(['grow0', 'grow2', 'tableGrow'])('%s gives -1 in 64 bits where it fails', (name) => {
    const instance = instantiate(bytes);
    const gas = () => instance.figures().gasUsed;
    for (const far of [101n, ...BEYOND.map(signed)].slice(name === 'grow2' ? 1 : 0)) {
      const before = gas();
      expect(instance.call(name, [far])).toEqual([-1n]);
      expect(gas() - before).toBeLessThan(BigInt(GROWTH_COST + 100));
    }
    const size = instance.call(name.replace('grow', 'size').replace('Grow', 'Size'), [])[0];
    expect(instance.call(name, [1n])).toEqual([size]);
    expect(instance.call(name, [0n])).toEqual([(size as bigint) + 1n]);
  });
});

describe('what a 64-bit memory or table may declare', () => {
  it('is refused where it does not fit the budget, and may have any maximum', () => {
    for (const min of [2n ** 31n, 2n ** 40n, 2n ** 48n]) {
      const bytes = encodeModule({ memories: [{ min, is64: true }] });
      expect(failureOf(() => instantiate(bytes))).toBeInstanceOf(MemoryLimitExceeded);
      expect(failureOf(() => instantiate(bytes, { memoryBytes: 2 ** 52 }))).toBeInstanceOf(MemoryLimitExceeded);
      instantiate(encodeModule({ memories: [{ min: 1, max: min, is64: true }] }));
    }
    for (const max of [2n ** 32n, 2n ** 53n + 1n, 2n ** 64n - 1n]) {
      instantiate(encodeModule({ tables: [{ min: 1, max, is64: true }] }));
    }
  });

  it('is initialised where its segments say, or traps', () => {
    const at = (offset: bigint) =>
      encodeModule({
        memories: [{ min: 1, is64: true, export: 'memory' }],
        data: [{ offset: [wide(offset)], bytes: [1, 2, 3] }],
      });
    instantiate(at(PAGE - 3n));
    for (const offset of [PAGE - 2n, ...BEYOND]) {
      isTrap(() => instantiate(at(BigInt.asIntN(64, offset))), 'memory-out-of-bounds');
    }
    const tableAt = (offset: bigint) =>
      encodeModule({
        functions: [{ body: [] }],
        tables: [{ min: 5, is64: true }],
        elements: [{ offset: [wide(offset)], items: [0] }],
      });
    instantiate(tableAt(4n));
    for (const offset of [5n, ...BEYOND])
      isTrap(() => instantiate(tableAt(BigInt.asIntN(64, offset))), 'table-out-of-bounds');
  });
});

describe('several memories', () => {
  const COUNT = 3;
  const store = (memory: number): FunctionDescription[] => [
    { params: [I32, I32], export: `store${memory}`, body: [get(0), get(1), ['i32.store', { memory }]] },
    { params: [I32], results: [I32], export: `load${memory}`, body: [get(0), ['i32.load', { memory }]] },
    {
      params: [I32, I32],
      export: `add${memory}`,
      body: [get(0), get(0), ['i32.load', { memory }], get(1), 'i32.add', ['i32.store', { memory, offset: 4 }]],
    },
    { params: [I32], results: [I32], export: `grow${memory}`, body: [get(0), ['memory.grow', memory]] },
    { results: [I32], export: `size${memory}`, body: [['memory.size', memory]] },
    { params: [I32, I32, I32], export: `fill${memory}`, body: [get(0), get(1), get(2), ['memory.fill', memory]] },
    { params: [I32, I32, I32], export: `init${memory}`, body: [get(0), get(1), get(2), ['memory.init', 3, memory]] },
  ];
  const copies = [0, 1, 2].flatMap((to) =>
    [0, 1, 2].map((from) => ({
      params: [I32, I32, I32],
      export: `copy${to}${from}`,
      body: [get(0), get(1), get(2), ['memory.copy', to, from]] as Instruction[],
    })),
  );
  const module = encodeModule({
    memories: Array.from({ length: COUNT }, (_, i) => ({ min: 1, export: `m${i}` })),
    data: [
      ...[0, 1, 2].map((memory) => ({ memory, offset: [constant(16)], bytes: [memory + 1, 0, 0, 0] })),
      { bytes: [9, 9, 9, 9] },
    ],
    functions: [...[0, 1, 2].flatMap(store), ...copies],
  });

  it('are initialised, read and written each by itself', () => {
    const instance = instantiate(module);
    for (const memory of [0, 1, 2]) {
      expect(instance.call(`load${memory}`, [16])).toEqual([memory + 1]);
      instance.call(`store${memory}`, [100, 1000 + memory]);
      instance.call(`add${memory}`, [100, 5]);
    }
    for (const memory of [0, 1, 2]) {
      expect(instance.call(`load${memory}`, [100])).toEqual([1000 + memory]);
      expect(instance.call(`load${memory}`, [104])).toEqual([1005 + memory]);
    }
  });

  it('are filled, initialised and copied each by itself', () => {
    const instance = instantiate(module);
    for (const memory of [0, 1, 2]) {
      instance.call(`fill${memory}`, [200 + 8 * memory, memory + 1, 4]);
      instance.call(`init${memory}`, [300 + 8 * memory, 0, 4]);
    }
    for (const memory of [0, 1, 2]) {
      for (const other of [0, 1, 2]) {
        const isIt = other === memory;
        expect(instance.call(`load${memory}`, [200 + 8 * other])).toEqual([isIt ? 0x01010101 * (memory + 1) : 0]);
        expect(instance.call(`load${memory}`, [300 + 8 * other])).toEqual([isIt ? 0x09090909 : 0]);
      }
    }
    for (const to of [0, 1, 2]) {
      for (const from of [0, 1, 2]) {
        instance.call(`store${from}`, [400, 10 * to + from]);
        instance.call(`copy${to}${from}`, [500, 400, 4]);
        expect(instance.call(`load${to}`, [500])).toEqual([10 * to + from]);
      }
    }
  });

  it('grow and end each by itself', () => {
    const instance = instantiate(module);
    const sizes = () => [0, 1, 2].map((memory) => instance.call(`size${memory}`, [])[0]);
    expect(instance.call('grow1', [2])).toEqual([1]);
    expect(instance.call('grow2', [1])).toEqual([1]);
    expect(sizes()).toEqual([1, 3, 2]);
    instance.call('store1', [3 * 65_536 - 4, 5]);
    for (const memory of [0, 1, 2]) {
      const end = 65_536 * (sizes()[memory] as number);
      isTrap(() => instance.call(`load${memory}`, [end - 3]), 'memory-out-of-bounds');
      isTrap(() => instance.call(`store${memory}`, [end - 3, 0]), 'memory-out-of-bounds');
      isTrap(() => instance.call(`fill${memory}`, [end - 3, 0, 4]), 'memory-out-of-bounds');
      isTrap(() => instance.call(`init${memory}`, [end - 3, 0, 4]), 'memory-out-of-bounds');
      for (const other of [0, 1, 2]) {
        isTrap(() => instance.call(`copy${memory}${other}`, [end - 3, 0, 4]), 'memory-out-of-bounds');
        isTrap(() => instance.call(`copy${other}${memory}`, [0, end - 3, 4]), 'memory-out-of-bounds');
      }
    }
    expect(instance.call('load1', [3 * 65_536 - 4])).toEqual([5]);
    expect(instance.call('load0', [16])).toEqual([1]);
  });

  it('share one budget', () => {
    const instance = instantiate(module, { memoryBytes: MiB });
    expect(instance.figures().memoryBytes).toBe(3 * 65_536);
    expect(instance.call('grow0', [10])).toEqual([1]);
    expect(instance.call('grow1', [4])).toEqual([-1]);
    expect(instance.call('grow1', [3])).toEqual([1]);
    expect(instance.call('grow2', [1])).toEqual([-1]);
  });

  it('take vectors', () => {
    const bytes = encodeModule({
      memories: [{ min: 1 }, { min: 1, is64: true }],
      functions: [
        {
          results: [I64, I64, I64],
          export: 'run',
          body: [
            wide(8),
            ['v128.const', Uint8Array.from({ length: 16 }, (_, i) => i + 1)],
            ['v128.store', { memory: 1, offset: 8 }],
            constant(16),
            wide(16),
            ['v128.load8x8_u', { memory: 1 }],
            ['v128.store', {}],
            wide(16),
            ['v128.load64_zero', { memory: 1 }],
            ['i64x2.extract_lane', 0],
            constant(16),
            ['v128.load', {}],
            ['i64x2.extract_lane', 1],
            constant(0),
            wide(16),
            ['v128.const', new Uint8Array(16)],
            ['v128.load8_lane', { memory: 1 }, 3],
            ['v128.store32_lane', {}, 0],
            constant(0),
            ['i64.load', {}],
          ],
        },
        { params: [I64], export: 'load', body: [get(0), ['v128.load', { memory: 1 }], 'drop'] },
        { results: [I32], export: 'first', body: [constant(16), ['i32.load', {}]] },
      ],
    });
    const instance = instantiate(bytes);
    expect(instance.call('run', [])).toEqual([0x0807060504030201n, 0x0008000700060005n, 0x01000000n]);
    isTrap(() => instance.call('load', [PAGE - 15n]), 'memory-out-of-bounds');
    // Accesses after a trap go where they say.
    expect(instance.call('first', [])).toEqual([0x00020001]);
  });

  it('are imported and exported, one of them by two', () => {
    type Exports = Record<string, unknown>;
    const exportsOf = (description: Parameters<typeof encodeModule>[0], imports?: object): Exports =>
      new ours.Instance(new ours.Module(encodeModule(description) as BufferSource), imports as never).exports;
    const owner = exportsOf({
      memories: [
        { min: 1, export: 'a' },
        { min: 2, export: 'b' },
      ],
    });
    const user = exportsOf(
      {
        imports: [
          { module: 'owner', name: 'b', memory: { min: 1 } },
          { module: 'owner', name: 'a', memory: { min: 1 } },
          { module: 'owner', name: 'b', memory: { min: 2 } },
        ],
        memories: [{ min: 4, export: 'own' }],
        exports: [{ name: 'again', kind: 'memory', index: 2 }],
        functions: [
          {
            results: [I32],
            export: 'run',
            body: [
              constant(0),
              constant(11),
              ['i32.store', {}],
              constant(4),
              constant(22),
              ['i32.store', { memory: 1 }],
              constant(1),
              ['memory.grow', 2],
              'drop',
              constant(4),
              constant(0),
              constant(4),
              ['memory.copy', 3, 2],
              constant(4),
              ['i32.load', { memory: 3 }],
              ['memory.size', 0],
              constant(100),
              'i32.mul',
              'i32.add',
            ],
          },
        ],
      },
      { owner },
    );
    const words = (memory: unknown) => new Int32Array((memory as WebAssembly.Memory).buffer);
    expect((user.run as () => number)()).toBe(311);
    expect(user.again).toBe(owner.b);
    expect([words(owner.b)[0], words(owner.a)[1], words(user.own)[1]]).toEqual([11, 22, 11]);
    expect(words(owner.b).byteLength).toBe(3 * 65_536);
  });
});
