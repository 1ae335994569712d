/** Classes of failure of other engines in bulk work: what fails is paid for as if it were done, or is done the wrong way. */

import { definedRef, FUNCREF, I32, I64 } from '../../wasm/types.ts';
import { encodeModule, type Instruction, type ModuleDescription } from '../generate/encode.ts';
import { type Hostile, onlyOn } from './outcome.ts';

const PAGE = 65_536;
const OUT_OF_BOUNDS = { trap: 'memory-out-of-bounds' } as const;
const BEYOND_THE_TABLE = { trap: 'table-out-of-bounds' } as const;
const BEYOND_THE_ARRAY = { trap: 'array-out-of-bounds' } as const;

const LENGTHS = [PAGE + 1, 0x7fff_ffff, -(2 ** 31), -1];
const LENGTHS_OF_64_BITS = [2n ** 16n + 1n, 2n ** 31n, 2n ** 32n, 2n ** 53n, 2n ** 63n, 2n ** 64n - 1n];

const i32 = (value: number): Instruction => ['i32.const', value];
const i64 = (value: bigint): Instruction => ['i64.const', value];

const MODULE: ModuleDescription = {
  memories: [{ min: 1, max: 1 }],
  tables: [{ min: 4, max: 4 }],
  data: [{ bytes: [1, 2, 3] }],
  elements: [{ items: [0] }],
};
const ARRAY = 0;
const ARRAY_TYPE = definedRef(ARRAY, true);
const MODULE_OF_ARRAYS: ModuleDescription = { ...MODULE, types: [{ array: { type: I32, mutable: true } }] };
const MODULE_OF_64_BITS: ModuleDescription = { ...MODULE, memories: [{ min: 1, max: 1, is64: true }] };

/** Bulk work of a length, and what comes of one that is too long. */
type Work = readonly [module: ModuleDescription, body: readonly Instruction[], ending: Hostile['ending']];
const FAILED = { results: -1 };

const work = (length: number): Readonly<Record<string, Work>> => ({
  'memory.fill': [MODULE, [i32(0), i32(1), i32(length), ['memory.fill', 0], i32(0)], OUT_OF_BOUNDS],
  'memory.fill at the end': [MODULE, [i32(PAGE), i32(1), i32(length), ['memory.fill', 0], i32(0)], OUT_OF_BOUNDS],
  'memory.copy': [MODULE, [i32(0), i32(0), i32(length), ['memory.copy', 0, 0], i32(0)], OUT_OF_BOUNDS],
  'memory.copy backwards': [MODULE, [i32(1), i32(0), i32(length), ['memory.copy', 0, 0], i32(0)], OUT_OF_BOUNDS],
  'memory.init': [MODULE, [i32(0), i32(0), i32(length), ['memory.init', 0, 0], i32(0)], OUT_OF_BOUNDS],
  'memory.grow': [MODULE, [i32(length), ['memory.grow', 0]], FAILED],
  'table.fill': [MODULE, [i32(0), ['ref.null', FUNCREF], i32(length), ['table.fill', 0], i32(0)], BEYOND_THE_TABLE],
  'table.copy': [MODULE, [i32(0), i32(0), i32(length), ['table.copy', 0, 0], i32(0)], BEYOND_THE_TABLE],
  'table.init': [MODULE, [i32(0), i32(0), i32(length), ['table.init', 0, 0], i32(0)], BEYOND_THE_TABLE],
  'table.grow': [MODULE, [['ref.null', FUNCREF], i32(length), ['table.grow', 0]], FAILED],
  'array.fill': [
    MODULE_OF_ARRAYS,
    [i32(4), ['array.new_default', ARRAY], i32(0), i32(1), i32(length), ['array.fill', ARRAY], i32(0)],
    BEYOND_THE_ARRAY,
  ],
  'array.copy': [
    MODULE_OF_ARRAYS,
    [
      i32(4),
      ['array.new_default', ARRAY],
      i32(0),
      i32(4),
      ['array.new_default', ARRAY],
      i32(0),
      i32(length),
      ['array.copy', ARRAY, ARRAY],
      i32(0),
    ],
    BEYOND_THE_ARRAY,
  ],
  'array.init_data': [
    MODULE_OF_ARRAYS,
    [i32(4), ['array.new_default', ARRAY], i32(0), i32(0), i32(length), ['array.init_data', ARRAY, 0], i32(0)],
    BEYOND_THE_ARRAY,
  ],
});

const workOf64Bits = (length: bigint): Readonly<Record<string, Work>> => ({
  'memory.fill': [MODULE_OF_64_BITS, [i64(0n), i32(1), i64(length), ['memory.fill', 0], i32(0)], OUT_OF_BOUNDS],
  'memory.copy': [MODULE_OF_64_BITS, [i64(0n), i64(1n), i64(length), ['memory.copy', 0, 0], i32(0)], OUT_OF_BOUNDS],
  'memory.grow': [MODULE_OF_64_BITS, [i64(length), ['memory.grow', 0], 'i32.wrap_i64'], FAILED],
});

const sourceOf = ([module, body]: Work): Uint8Array =>
  encodeModule({ ...module, functions: [{ results: [I32], body, export: 'run' }] });

/** What is left after instantiating is little: none of the work could be paid for. */
const LITTLE = 10_000n;

function failing(length: number | bigint, name: string, one: Work): Hostile {
  const source = sourceOf(one);
  return {
    name: `${name} of ${length}, with little gas`,
    options: { source, gasLimit: LITTLE },
    calls: [['run']],
    ...(one[2] && { ending: one[2] }),
    ...onlyOn(source),
  };
}

const failures: Hostile[] = [
  ...LENGTHS.flatMap((length) => Object.entries(work(length)).map(([name, one]) => failing(length, name, one))),
  ...LENGTHS_OF_64_BITS.flatMap((length) =>
    Object.entries(workOf64Bits(length)).map(([name, one]) => failing(length, `${name} with 64 bits`, one)),
  ),
];

/** The same work, of lengths that are too long by a little and by as much as there is: it has to cost the same. */
export const FAILING: readonly (readonly [name: string, sources: readonly Uint8Array[]])[] = Object.keys(work(0)).map(
  (name) => [name, LENGTHS.map((length) => sourceOf(work(length)[name] as Work))],
);

/** Copies whose source and target overlap, as long as any engine would cut them into pieces. */
const SIZES = [1, 15, 33, 4_097, PAGE, PAGE + 3, 300_001];
const DISTANCES = [1, 3, 8, 4_096, PAGE];
const START = 64;
const PAGES = 8;

/** A hash of all words of the memory. */
const HASH: Instruction[] = [
  'loop',
  ['local.get', 0],
  ['i64.const', 31],
  'i64.mul',
  ['local.get', 1],
  ['i64.load', {}],
  'i64.add',
  ['local.set', 0],
  ['local.get', 1],
  i32(8),
  'i32.add',
  ['local.tee', 1],
  i32(PAGES * PAGE),
  'i32.lt_u',
  ['br_if', 0],
  'end',
  ['local.get', 0],
];

const pattern = Uint8Array.from({ length: PAGES * PAGE }, (_, i) => (i * i + (i >> 8) * 7) & 0xff);
function hashOf(bytes: Uint8Array): bigint {
  const view = new DataView(bytes.buffer);
  let hash = 0n;
  for (let i = 0; i < bytes.length; i += 8) hash = BigInt.asIntN(64, hash * 31n + view.getBigInt64(i, true));
  return hash;
}

const memoryCopies: Hostile[] = SIZES.flatMap((size) =>
  DISTANCES.flatMap((distance) =>
    [true, false].map((isUp): Hostile => {
      const [from, to] = isUp ? [START, START + distance] : [START + distance, START];
      return {
        name: `memory.copy of ${size} bytes ${isUp ? 'up' : 'down'} by ${distance}`,
        options: {
          source: encodeModule({
            memories: [{ min: PAGES }],
            data: [{ offset: [i32(0)], bytes: pattern }],
            functions: [
              {
                results: [I64],
                locals: [I64, I32],
                body: [i32(to), i32(from), i32(size), ['memory.copy', 0, 0], ...HASH],
                export: 'run',
              },
            ],
          }),
        },
        calls: [['run']],
        ending: { results: hashOf(pattern.slice().copyWithin(to, from, from + size)) },
      };
    }),
  ),
);

/** The same with what has no bytes: elements of tables and of arrays. */
const ELEMENTS = [2, 33, 3_000];
const FUNCTIONS = 64;

/** Numbers of functions by element: the function at `i` gives its number. */
const numbers = (count: number) => Array.from({ length: count }, (_, i) => (i * 7 + (i >> 5)) % FUNCTIONS);

/** Adds up what the elements are, each times its place; `read` has the index on the stack, and leaves a number. */
const sumOf = (count: number, read: readonly Instruction[]): Instruction[] => [
  'loop',
  ['local.get', 1],
  ...read,
  ['local.get', 1],
  i32(1),
  'i32.add',
  ['local.tee', 1],
  'i32.mul',
  ['local.get', 0],
  'i32.add',
  ['local.set', 0],
  ['local.get', 1],
  i32(count),
  'i32.lt_u',
  ['br_if', 0],
  'end',
  ['local.get', 0],
];
const expectedSum = (list: readonly number[]) => list.reduce((sum, n, i) => (sum + n * (i + 1)) | 0, 0);

const elementCopies: Hostile[] = ELEMENTS.flatMap((size) =>
  [1, 7, 1_000].flatMap((distance) =>
    [true, false].flatMap((isUp): Hostile[] => {
      const count = size + distance + 5;
      const list = numbers(count);
      const [from, to] = isUp ? [2, 2 + distance] : [2 + distance, 2];
      const ending = { results: expectedSum(list.slice().copyWithin(to, from, from + size)) };
      const way = `of ${size} elements ${isUp ? 'up' : 'down'} by ${distance}`;
      const table = encodeModule({
        tables: [{ min: count }],
        elements: [{ offset: [i32(0)], items: list }],
        functions: [
          ...Array.from({ length: FUNCTIONS }, (_, i) => ({ results: [I32], body: [i32(i)] })),
          {
            results: [I32],
            locals: [I32, I32],
            body: [
              i32(to),
              i32(from),
              i32(size),
              ['table.copy', 0, 0],
              ...sumOf(count, [['call_indirect', { params: [], results: [I32] }, 0]]),
            ],
            export: 'run',
          },
        ],
      });
      const array = encodeModule({
        types: [{ array: { type: I32, mutable: true } }],
        data: [{ bytes: new Uint8Array(Int32Array.from(list).buffer) }],
        functions: [
          {
            results: [I32],
            locals: [I32, I32, ARRAY_TYPE],
            body: [
              i32(0),
              i32(count),
              ['array.new_data', ARRAY, 0],
              ['local.tee', 2],
              i32(to),
              ['local.get', 2],
              i32(from),
              i32(size),
              ['array.copy', ARRAY, ARRAY],
              ...sumOf(count, [
                ['local.set', 1],
                ['local.get', 2],
                ['local.get', 1],
                ['array.get', ARRAY],
              ]),
            ],
            export: 'run',
          },
        ],
      });
      return [
        { name: `table.copy ${way}`, options: { source: table }, calls: [['run']], ending },
        { name: `array.copy ${way}`, options: { source: array }, calls: [['run']], ending, ...onlyOn(array) },
      ];
    }),
  ),
);

export const BULK: readonly Hostile[] = [...failures, ...memoryCopies, ...elementCopies];
