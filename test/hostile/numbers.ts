/** Classes of failure of other engines in computing: addresses, shifts, sizes. */

import { accessBytes, type Mnemonic, OPCODES, type Opcode } from '../../wasm/opcodes.ts';
import { EXTERNREF, FUNCREF, I32 } from '../../wasm/types.ts';
import { encodeModule, type Instruction, type ModuleDescription } from '../generate/encode.ts';
import type { Hostile } from './outcome.ts';

const OUT_OF_BOUNDS = { trap: 'memory-out-of-bounds' } as const;

function one(name: string, body: Instruction[], more: Partial<Hostile> & { readonly module?: ModuleDescription } = {}) {
  const { module, ...rest } = more;
  const source = encodeModule({ ...module, functions: [{ results: [I32], body, export: 'run' }] });
  return { name, options: { source, memoryLimit: 4 * 1024 * 1024 }, calls: [['run']], ...rest } as Hostile;
}

const CONSTANTS: Readonly<Record<string, Instruction>> = {
  i: ['i32.const', 1],
  l: ['i64.const', 1],
  f: ['f32.const', 1],
  d: ['f64.const', 1],
  v: ['v128.const', new Uint8Array(16)],
};
const memory: ModuleDescription = { memories: [{ min: 1, max: 1 }] };

/** An access whose address the instructions leave on the stack. */
function accessAt({ mnemonic, results, params, immediates }: Opcode, address: Instruction[], offset: number) {
  const lane = immediates === 'memarg lane' ? [0] : [];
  const access = [mnemonic, { offset, align: 0 }, ...lane] as unknown as Instruction;
  const value = params.length > 1 ? [CONSTANTS[params[1] as string] as Instruction] : [];
  const rest: Instruction[] = results === '' ? [] : ['drop'];
  return [...address, ...value, access, ...rest, ['i32.const', 7] as Instruction];
}

/** An effective address is a sum of 33 bits, of an address that has wrapped at 32 already. */
const addresses: Hostile[] = OPCODES.filter(
  ({ immediates, gas }) => immediates.startsWith('memarg') && gas !== 'atomic',
).flatMap((row) => {
  const size = accessBytes(row);
  const at = (what: string, address: Instruction[], offset: number, ending: Hostile['ending']) =>
    one(`${row.mnemonic} ${what}`, accessAt(row, address, offset), { module: memory, ...(ending && { ending }) });
  return [
    at('at an address that a shift made 0', [['i32.const', 1 << 31], ['i32.const', 1], 'i32.shl'], 0, { results: 7 }),
    at('whose offset would wrap it into the memory', [['i32.const', -1]], 1, OUT_OF_BOUNDS),
    at('at the highest offset', [['i32.const', 0]], 0xffff_ffff, OUT_OF_BOUNDS),
    at('a byte beyond the end', [['i32.const', 65_536 - size + 1]], 0, OUT_OF_BOUNDS),
    at('at the very end', [['i32.const', 65_536 - size]], 0, { results: 7 }),
  ];
});

const SHIFTS = ['shl', 'shr_s', 'shr_u'] as const;
const WIDTHS = { i32: 32, i64: 64 } as const;

/** Counts are taken modulo the width, by constants as by values. */
const scalarShifts: Hostile[] = Object.entries(WIDTHS).flatMap(([type, width]) =>
  [...SHIFTS, 'rotl', 'rotr'].flatMap((shift) =>
    [width, width + 1, 2 * width + 3, -1].map((count) => {
      const constant = (n: number) => [`${type}.const`, n] as unknown as Instruction;
      const shifted = (by: number): Instruction[] => [constant(-81), constant(by), `${type}.${shift}` as Mnemonic];
      const modulo = ((count % width) + width) % width;
      const body: Instruction[] = [...shifted(count), ...shifted(modulo), `${type}.eq` as Mnemonic];
      return one(`${type}.${shift} by ${count}`, body, { ending: { results: 1 } });
    }),
  ),
);

const LANES = { i8x16: 8, i16x8: 16, i32x4: 32, i64x2: 64 } as const;
const vectorShifts: Hostile[] = Object.entries(LANES).flatMap(([shape, width]) =>
  SHIFTS.flatMap((shift) =>
    [width, width + 1, 33, 64, -1].map((count) => {
      const vector: Instruction = ['v128.const', Uint8Array.from({ length: 16 }, (_, i) => 0x91 ^ (i * 37))];
      const shifted = (by: number): Instruction[] => [vector, ['i32.const', by], `${shape}.${shift}` as Mnemonic];
      const modulo = ((count % width) + width) % width;
      const body: Instruction[] = [...shifted(count), ...shifted(modulo), 'i8x16.eq', 'i8x16.all_true'];
      return one(`${shape}.${shift} by ${count}`, body, { ending: { results: 1 } });
    }),
  ),
);

/** What takes the same operand twice, or an index beyond all lanes. */
const vectors: Hostile[] = [
  ...(['v128.bitselect'] as const).map((mnemonic) => {
    const same: Instruction = ['v128.const', new Uint8Array(16).fill(0xa5)];
    return one(`${mnemonic} of one vector`, [same, same, same, mnemonic, same, 'i8x16.eq', 'i8x16.all_true'], {
      ending: { results: 1 },
    });
  }),
  one(
    'i8x16.swizzle by indices that are too high',
    [
      ['v128.const', new Uint8Array(16).fill(9)],
      ['v128.const', new Uint8Array(16).fill(0xf0)],
      'i8x16.swizzle',
      'v128.any_true',
    ],
    { ending: { results: 0 } },
  ),
];

const HUGE = [65_535, 65_536, 0x7fff_ffff, -(2 ** 31), -1];
const growths: Hostile[] = [
  ...HUGE.map((pages) =>
    one(
      `memory.grow by ${pages} pages`,
      [
        ['i32.const', pages],
        ['memory.grow', 0],
      ],
      {
        module: { memories: [{ min: 1 }] },
        ending: { results: -1 },
      },
    ),
  ),
  ...HUGE.map((pages) =>
    one(
      `an access behind a growth by ${pages} pages that failed`,
      [['i32.const', pages], ['memory.grow', 0], 'drop', ['i32.const', 65_536], ['i32.load', {}]],
      { module: { memories: [{ min: 1 }] }, ending: OUT_OF_BOUNDS },
    ),
  ),
  ...[FUNCREF, EXTERNREF].flatMap((element) =>
    [10_000_001, 0x7fff_ffff, -(2 ** 31), -1].map((delta) =>
      one(
        `table.grow by ${delta} of ${element === FUNCREF ? 'functions' : "the host's"}`,
        [
          ['ref.null', element],
          ['i32.const', delta],
          ['table.grow', 0],
        ],
        { module: { tables: [{ min: 1, element }] }, ending: { results: -1 } },
      ),
    ),
  ),
];

/** Segments that are gone are empty. */
const segments: Hostile[] = (
  [
    ['memory.init', 'data.drop', OUT_OF_BOUNDS],
    ['table.init', 'elem.drop', { trap: 'table-out-of-bounds' }],
  ] as const
).flatMap(([init, drop, trap]) =>
  [0, 1, -1].map((length) =>
    one(
      `${init} of ${length} behind ${drop}`,
      [
        [drop, 0] as Instruction,
        ['i32.const', 0],
        ['i32.const', 0],
        ['i32.const', length],
        [init, 0, 0] as Instruction,
        ['i32.const', 7],
      ],
      {
        module: {
          memories: [{ min: 1 }],
          tables: [{ min: 4 }],
          data: [{ bytes: [1, 2, 3] }],
          elements: [{ items: [0] }],
        },
        ending: length === 0 ? { results: 7 } : trap,
      },
    ),
  ),
);

/** Conversions of what no integer is. */
const conversions: Hostile[] = OPCODES.filter(({ mnemonic }) => /^i(32|64)\.trunc_f/.test(mnemonic)).flatMap((row) =>
  [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, 2 ** 70].map((number) => {
    const operand = [row.params === 'f' ? 'f32.const' : 'f64.const', number] as unknown as Instruction;
    const trap = Number.isNaN(number) ? 'invalid-conversion' : 'integer-overflow';
    const body: Instruction[] = [operand, row.mnemonic, 'drop', ['i32.const', 0]];
    return one(`${row.mnemonic} of ${number}`, body, { ending: { trap } });
  }),
);

export const NUMBERS: readonly Hostile[] = [
  ...addresses,
  ...scalarShifts,
  ...vectorShifts,
  ...vectors,
  ...growths,
  ...segments,
  ...conversions,
];
