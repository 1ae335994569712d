/**
 * Hostile inputs of any size, to be measured by `npm run hostile`: those that once took far more than their bytes, and
 * others of their kind. Each is at its size where `count` is `at`.
 */

import { Capability } from '../../policy/index.ts';
import { plain } from '../complexity/candidate.ts';
import { type Bytes, Code, type Run, Shape, VALUE_TYPES, values } from '../complexity/shape.ts';
import { concat, SECTION, section, signed, unsigned } from '../generate/encode.ts';
import { collect, HOSTILE_SECTIONS } from '../generate/hostile-sections.ts';
import { FAMILIES } from '../text/families.ts';
import { SNAPSHOTS } from './sized-snapshots.ts';

/** What is done with the bytes. */
export type Use = 'module' | 'text' | 'artifact' | 'namespace' | 'snapshot';

export interface Sized {
  readonly use: Use;
  readonly at: number;
  readonly make: (count: number) => Uint8Array | Promise<Uint8Array>;
  /** A parameter of the function that is called, if it has one. */
  readonly argument?: number;
  /** Units of gas that it is given; enough for anything that ends, if absent. */
  readonly gas?: bigint;
}

/** More than any case has, at ten times its size. */
const MOST_BYTES = 64 * 2 ** 20;
/** The export that is called. */
export const CALLED = 'f';
/** What the guests are granted: some import it a thousand times. */
export const GRANTED: readonly Capability[] = [
  Capability.hostFunctions('env', { f: () => undefined, g: () => undefined }),
];

const { i32, i64, externref, funcref, exnref, anyref, v128 } = VALUE_TYPES;
const CONST = [0x41, 0];
const DROP = [0x1a];

const repeat = (bytes: Bytes, count: number) => new Code(MOST_BYTES).repeat(bytes, count).finish();

/** A module with one function that is called. */
function calling(
  write: (shape: Shape) => { code: Bytes; params?: Bytes[]; results?: Bytes[]; runs?: Run[] },
): Uint8Array {
  const shape = new Shape(MOST_BYTES);
  const { code, params = [], results = [], runs = [] } = write(shape);
  shape.export(CALLED, 0, shape.function(shape.signature(params, results), runs, code));
  return shape.finish();
}

/** So many equal functions, of which the first is called. */
function copies(count: number, runs: readonly Run[], code: Bytes): Uint8Array {
  const shape = new Shape(MOST_BYTES);
  shape.export(CALLED, 0, shape.function(shape.signature([], []), runs, code, count));
  return shape.finish();
}

/** So many items of a section, and nothing else but one type and one function. */
function items(id: number, item: Bytes, count: number): Uint8Array {
  const shape = new Shape(MOST_BYTES);
  shape.export(CALLED, 0, shape.function(shape.signature([], []), [], []));
  const part = shape.part(id);
  part.code.repeat(item, count);
  part.count += count;
  if (id === SECTION.data) shape.data = count;
  return shape.finish();
}

/** The values that a label may carry so often, for the sum of them to be as large as it may. */
const widest = (count: number) => Math.max(1, Math.min(990, Math.floor(50_000 / count)));

/**
 * Conditional branches, one after another, to a label of so many values.
 * @param isSkipped whether the function returns before the first
 */
function branches(count: number, width: number, isSkipped: boolean): Uint8Array {
  return calling((shape) => {
    const label = shape.blockType([], values('i32', width));
    const code = concat(
      ...(isSkipped ? [[0x02, 0x40, 0x41, 1, 0x0d, 0]] : []),
      [0x02, ...label],
      repeat(CONST, width),
      repeat([0x41, 0, 0x0d, 0], count),
      [0x0b],
      repeat(DROP, width),
      ...(isSkipped ? [[0x0b]] : []),
    );
    return { code };
  });
}

/** Clauses of `try_table`s, so many at a time, whose label takes so many values. */
function clauses(count: number, width: number, isEmpty: boolean, most = 10_000): Uint8Array {
  return calling((shape) => {
    const tag = shape.tag(values('i32', width));
    const label = shape.blockType([], values('i32', width));
    const each = Math.min(count, most);
    const one = concat([0x1f, 0x40], unsigned(each), repeat([0x00, tag, 0], each), [0x0b]);
    const code = concat(
      [0x02, 0x40, 0x41, 1, 0x0d, 0, 0x02, ...label],
      isEmpty ? [] : CONST,
      repeat(one, Math.ceil(count / each)),
      isEmpty ? [] : DROP,
      repeat(CONST, width),
      [0x0b],
      repeat(DROP, width),
      [0x0b],
    );
    return { code };
  });
}

/** A loop that calls a function eight times, of which nothing runs but its entry. */
function clearing(count: number, push: Bytes, types: readonly Run[] = []): Uint8Array {
  return calling((shape) => {
    const skipped = concat([0x41, 0, 0x04, 0x40], repeat(push, count), repeat(DROP, count), [0x0b]);
    const callee = shape.function(shape.signature([], []), types, skipped);
    const code = concat([0x03, 0x40], repeat([0x10, ...unsigned(callee)], 8), [0x0c, 0, 0x0b]);
    return { code };
  });
}

/** A function that traps at once where its argument is 0, with much behind it. */
export function trapping(count: number): Uint8Array {
  return calling(() => ({
    params: [[...i32]],
    code: concat([0x20, 0, 0x45, 0x04, 0x40, 0x00, 0x0b], repeat([0x20, 0, 0x41, 1, 0x6a, 0x21, 0], count)),
  }));
}

/** Locals that no instruction but one reads. */
const declared = (count: number, each: number, type: Bytes) => copies(count, [[each, type]], []);

const NEVER_NULL = [0x64, 0x70];

/** Imports of functions, each in turn of one of the names and types. */
function importing(
  count: number,
  names: readonly (readonly [module: string, name: string])[],
  params: readonly Bytes[][],
) {
  return calling((shape) => {
    const types = params.map((each) => shape.signature(each, [i32]));
    for (let i = 0; i < count; i++) {
      const [module, name] = names[i % names.length] as (typeof names)[number];
      shape.importFunction(module, name, types[Math.floor(i / names.length) % types.length] as number);
    }
    return { code: [] };
  });
}

/** Loops that end with their gas. */
const endless = (at: number, make: Sized['make']): Sized => ({ use: 'module', at, make, gas: 1_000_000n });

const module = (at: number, make: (count: number) => Uint8Array, argument?: number): Sized => ({
  use: 'module',
  at,
  make,
  ...(argument !== undefined && { argument }),
});

/** What was found at first. */
const FOUND: Readonly<Record<string, Sized>> = {
  'an ordinary one': module(40_000, plain),
  nullrefs: endless(65_000, (count) => clearing(count, CONST)),
  'decbomb unset': module(50, (count) => declared(count, 50_000, NEVER_NULL)),
  'decbomb locals': module(50, (count) => declared(count, 50_000, i32)),
  'decbomb runs': module(3, (count) => {
    const runs = Array.from({ length: 50_000 }, (): Run => [0, i32]);
    return copies(count, runs, []);
  }),
  'decbomb elems': module(30_000, (count) => items(SECTION.element, [1, 0, 0], count)),
  'decbomb custom': module(30_000, (count) => concat(copies(1, [], []), repeat([0, 1, 0], count))),
  'decbomb funcs': module(25_000, (count) => copies(count, [], [])),
  'decbomb tables': module(10_000, (count) => items(SECTION.table, [0x70, 0, 0], count)),
  'decbomb globals': module(20_000, (count) => items(SECTION.global, [0x7f, 0, 0x41, 0, 0x0b], count)),
  'irbomb brif': module(10_000, (count) => branches(count, 990, false)),
  'irbomb brifdead': module(10_000, (count) => branches(count, 990, true)),
  'irbomb try': module(60_000, (count) => clauses(count, 990, true)),
  'irbomb trymove': module(20_000, (count) => clauses(count, 990, false)),
  'locals-native': module(300, (count) => declared(count, 49_000, i64)),
  locate: module(100_000, trapping, 0),
};

/** As many of the same as the sums of values and locals allow, and of other instructions. */
const VARIANTS: Readonly<Record<string, Sized>> = {
  'brif within the sum': module(10_000, (count) => branches(count, 5, false)),
  'brifdead within the sum': module(10_000, (count) => branches(count, 5, true)),
  'brifdead, few and wide': module(50, (count) => branches(count, widest(count), true)),
  'try within the sum': module(20_000, (count) => clauses(count, 2, true)),
  'trymove within the sum': module(20_000, (count) => clauses(count, 2, false)),
  'try within the sum, 1,000 at a time': module(20_000, (count) => clauses(count, 2, true, 1_000)),
  'try within the sum, one at a time': module(20_000, (count) => clauses(count, 2, true, 1)),
  'trymove within the sum, 100 at a time': module(20_000, (count) => clauses(count, 2, false, 100)),
  'locals within the sum': module(5, (count) => declared(Math.min(count, 5), 49_000, i64)),
  'locals, one for each byte': module(3_000, (count) => declared(count, 16, i64)),
  'references as locals, one for each byte': module(3_000, (count) => declared(count, 16, externref)),
  'exceptions as locals': module(3_000, (count) => declared(count, 16, exnref)),
  'vectors as locals': module(3_000, (count) => declared(count, 16, v128)),
  'locals that are set, one by one': module(10_000, (count) =>
    calling(() => ({
      runs: [[Math.min(count, 49_000), i32]],
      code: repeat([0x41, 0, 0x21, 0], count),
    })),
  ),
  'nullrefs of functions': endless(65_000, (count) => clearing(count, [0xd0, 0x70])),
  'nullrefs of anything': endless(65_000, (count) => clearing(count, [0xd0, 0x6e])),
  'nullrefs among locals': endless(4_000, (count) => clearing(count, [0xd0, 0x6f], [[count, externref]])),
  'a br_table of many labels': module(60_000, (count) =>
    calling(() => {
      const each = Math.min(count, 60_000);
      const one = concat([0x02, 0x40, 0x41, 0, 0x0e], unsigned(each), repeat([0], each), [0, 0x0b]);
      return { code: repeat(one, Math.ceil(count / each)) };
    }),
  ),
  'br_tables to blocks that carry values': module(2_000, (count) =>
    calling((shape) => {
      const label = shape.blockType([], values('i32', 2));
      const one = concat(
        [0x02, ...label],
        CONST,
        CONST,
        CONST,
        [0x0e, 8, ...Array<number>(9).fill(0), 0x0b],
        DROP,
        DROP,
      );
      return { code: repeat(one, count) };
    }),
  ),
  'br_on_null, one after another': module(20_000, (count) =>
    calling(() => ({ code: concat([0x02, 0x40], repeat([0xd0, 0x70, 0xd5, 0, 0x1a], count), [0x0b]) })),
  ),
  'br_on_cast, one after another': module(20_000, (count) =>
    calling(() => ({
      code: concat(
        [0x02, ...anyref, 0xd0, 0x6e],
        repeat([0xfb, 0x18, 3, 0, 0x6e, 0x6b, 0x1a, 0xd0, 0x6e], count),
        [0x0b, 0x1a],
      ),
    })),
  ),
  'ifs within one another': module(9_000, (count) =>
    calling(() => {
      const depth = Math.min(count, 9_000);
      const one = concat(repeat([0x41, 0, 0x04, 0x40], depth), repeat([0x0b], depth));
      return { code: repeat(one, Math.ceil(count / depth)) };
    }),
  ),
  'branches out of nested loops': module(900, (count) =>
    calling(() => {
      const depth = 900;
      const out = Array.from({ length: depth }, (_, i) => concat([0x41, 0, 0x0d], unsigned(i)));
      const one = concat(repeat([0x03, 0x40], depth), ...out, repeat([0x0b], depth));
      return { code: repeat(one, Math.ceil(count / depth)) };
    }),
  ),
  'loops within one another': module(9_000, (count) =>
    calling(() => {
      const depth = Math.min(count, 9_000);
      return { code: repeat(concat(repeat([0x03, 0x40], depth), repeat([0x0b], depth)), Math.ceil(count / depth)) };
    }),
  ),
  'calls that take many values': module(2_000, (count) =>
    calling((shape) => {
      const callee = shape.function(shape.signature(values('i32', 20), []), [], []);
      return { code: repeat(concat(repeat(CONST, 20), [0x10, callee]), count) };
    }),
  ),
  'memory grows that fail': module(20_000, (count) =>
    calling((shape) => {
      shape.memory();
      return { code: repeat([0x41, 0x7f, 0x40, 0, 0x1a], count) };
    }),
  ),
  'loads and stores': module(20_000, (count) =>
    calling((shape) => {
      shape.memory();
      return { code: repeat([0x41, 0, 0x41, 0, 0x28, 2, 0, 0x36, 2, 4], count) };
    }),
  ),
  'atomic additions': module(20_000, (count) =>
    calling((shape) => {
      shape.memory();
      return { code: repeat([0x41, 0, 0x41, 1, 0xfe, 0x1e, 2, 0, 0x1a], count) };
    }),
  ),
  'conversions that may trap': module(20_000, (count) =>
    calling(() => ({ code: repeat([0x43, 0, 0, 0x80, 0x3f, 0xa8, 0x1a], count) })),
  ),
  'vector constants': module(10_000, (count) =>
    calling(() => ({ code: repeat([0xfd, 0x0c, ...Array<number>(16).fill(0x55), 0x1a], count) })),
  ),
  'vector square roots': module(10_000, (count) =>
    calling(() => ({
      runs: [[1, v128]],
      code: repeat([0x20, 0, ...[0xfd, 0xe3, 0x01], ...[0xfd, 0xef, 0x01], 0x21, 0], count),
    })),
  ),
  'constant lists of an array': module(20, (count) =>
    calling((shape) => {
      const type = shape.type([0x5e, ...i32, 0]);
      const one = concat(repeat(CONST, 5_000), [0xfb, 0x08], unsigned(type), unsigned(5_000), DROP);
      return { code: repeat(one, count) };
    }),
  ),
  'structs of many fields': module(200, (count) =>
    calling((shape) => {
      const fields = concat([0x5f], unsigned(500), repeat([...i32, 1], 500));
      const type = shape.type(fields);
      return { code: repeat(concat([0xfb, 0x01], unsigned(type), DROP), 50 * count) };
    }),
  ),
  'throws that are caught at once': module(10_000, (count) =>
    calling((shape) => {
      const tag = shape.tag([]);
      return { code: repeat([0x02, 0x40, 0x1f, 0x40, 1, 0x02, 0, 0x08, tag, 0x0b, 0x0b], count) };
    }),
  ),
  'catches of before release 3.0': module(10_000, (count) =>
    calling((shape) => {
      const tag = shape.tag([]);
      return { code: repeat([0x06, 0x40, 0x08, tag, 0x07, tag, 0x19, 0x0b], count) };
    }),
  ),
  'tail calls that are never reached': module(20_000, (count) =>
    calling((shape) => {
      const callee = shape.function(shape.signature([], []), [], []);
      return { code: repeat([0x02, 0x40, 0x0c, 0, 0x12, callee, 0x0b], count) };
    }),
  ),
  'imports of one function': module(5_000, (count) => importing(count, [['env', 'f']], [[]])),
  'imports of two functions, of two types': module(5_000, (count) =>
    importing(
      count,
      [
        ['env', 'f'],
        ['env', 'g'],
      ],
      [[], values('i64', 1)],
    ),
  ),
  'imports of one function, of many types': module(5_000, (count) => {
    const types = Array.from({ length: count }, (_, i) => [
      ...values('i32', i % 7),
      ...values('i64', Math.floor(i / 7) % 7),
    ]);
    return importing(count, [['env', 'f']], types);
  }),
  'imports of WASI': module(2_000, (count) =>
    importing(
      count,
      ['fd_write', 'fd_read'].map((name) => ['wasi_snapshot_preview1', name] as const),
      [values('i32', 4)],
    ),
  ),
  'table growths': module(10_000, (count) =>
    calling((shape) => {
      shape.table();
      return { code: repeat([0xd0, ...funcref, 0x41, 0, 0xfc, 0x0f, 0, 0x1a], count) };
    }),
  ),
  'names of functions': module(20_000, (count) => {
    const names = collect(count, (i) => [...unsigned(i), 3, 0x61, 0x62, 0x63]);
    const sub = concat(unsigned(count), names);
    const content = concat([4], [0x6e, 0x61, 0x6d, 0x65], [1], unsigned(sub.length), sub);
    return concat(copies(count, [], []), section(SECTION.custom, content));
  }),
  'types that name the one before, in groups': module(2_000, (count) => {
    const shape = new Shape(MOST_BYTES);
    shape.export(CALLED, 0, shape.function(shape.signature([], []), [], []));
    for (let i = 0; i < count; i++) {
      const first = shape.types;
      const fields = (to: number) => concat([0x5f, 1, 0x63], signed(to), [0]);
      shape.type(concat([0x4e, 3], fields(first + 1), fields(first + 2), fields(Math.max(1, first - 1))), 3);
    }
    return shape.finish();
  }),
};

const onEverySection = (use: Use, bytes: number, prefix: string) =>
  Object.fromEntries(
    Object.entries(HOSTILE_SECTIONS).map(([name, make]) => [`${prefix}${name}`, { use, at: bytes, make }]),
  );

const encoder = new TextEncoder();

/** Everything that is measured, by name. */
export const SIZED: Readonly<Record<string, Sized>> = {
  ...FOUND,
  ...VARIANTS,
  ...onEverySection('module', 100_000, 'only '),
  ...onEverySection('namespace', 100_000, 'namespace: '),
  ...onEverySection('artifact', 100_000, 'artifact: '),
  ...Object.fromEntries(
    Object.entries({ ...FOUND, ...VARIANTS }).map(([name, sized]) => [
      `artifact: ${name}`,
      { ...sized, use: 'artifact' },
    ]),
  ),
  ...Object.fromEntries(
    Object.entries(FAMILIES).map(([name, make]) => [
      `text: ${name}`,
      { use: 'text', at: 20_000, make: (size: number) => encoder.encode(make(size)) },
    ]),
  ),
  ...Object.fromEntries(
    Object.entries(SNAPSHOTS).map(([name, make]) => [`snapshot: ${name}`, { use: 'snapshot', at: 4_000, make }]),
  ),
};
