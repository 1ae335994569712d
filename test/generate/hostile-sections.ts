/** Modules of very many of one thing, each in the fewest bytes that it can have: what decoding could make much of. */

import { ByteWriter, concat, moduleOf, SECTION, section, signed, unsigned } from './encode.ts';

export function repeat(bytes: readonly number[], times: number): Uint8Array {
  const count = Math.floor(times);
  const all = new Uint8Array(bytes.length * count);
  for (let i = 0; i < count; i++) all.set(bytes, i * bytes.length);
  return all;
}

/** Of any number: more than a call takes arguments. */
export function collect(count: number, item: (index: number) => Iterable<number>): Uint8Array {
  const writer = new ByteWriter();
  for (let i = 0; i < count; i++) writer.bytes(item(i));
  return writer.finish();
}

const counted = (id: number, count: number, items: Iterable<number>): Uint8Array =>
  section(id, concat(unsigned(count), items));

const TYPE = section(SECTION.type, [1, 0x60, 0, 0]);
const FUNCTION = section(SECTION.function, [1, 0]);
const CODE = section(SECTION.code, [1, 2, 0, 0x0b]);

/** A name that no other index has, of printable characters. */
function name(index: number): number[] {
  const characters: number[] = [];
  for (let rest = index; ; rest = Math.floor(rest / 90) - 1) {
    characters.push(0x21 + (rest % 90));
    if (rest < 90) return [characters.length, ...characters];
  }
}

const functions = (count: number, body: readonly number[]) =>
  moduleOf(
    TYPE,
    counted(SECTION.function, count, new Uint8Array(count)),
    counted(SECTION.code, count, repeat(body, count)),
  );
const one = (...code: Iterable<number>[]) => {
  const body = concat([0], ...code, [0x0b]);
  return moduleOf(TYPE, FUNCTION, section(SECTION.code, concat([1], unsigned(body.length), body)));
};
const elements = (...content: Iterable<number>[]) =>
  moduleOf(TYPE, FUNCTION, section(SECTION.element, concat(...content)), CODE);
const VALUE_TYPES = [0x7f, 0x7e, 0x7d, 0x7c, 0x7b, 0x70, 0x6f];

/** By name: makes a valid module of about so many bytes. */
export const HOSTILE_SECTIONS: Readonly<Record<string, (bytes: number) => Uint8Array>> = {
  'custom sections without a name': (bytes) => moduleOf(repeat([0, 1, 0], bytes / 3)),
  'custom sections with one': (bytes) => moduleOf(repeat([0, 2, 1, 0x61], bytes / 4)),
  functions: (bytes) => functions(Math.floor(bytes / 4), [2, 0, 0x0b]),
  'functions with a local that is never null': (bytes) => functions(Math.floor(bytes / 7), [5, 1, 1, 0x64, 0x70, 0x0b]),
  'runs of no locals': (bytes) => {
    const body = concat(unsigned(50_000), repeat([0, 0x7f], 50_000), [0x0b]);
    return functions(Math.ceil(bytes / 100_000), [...unsigned(body.length), ...body]);
  },
  'runs of one local': (bytes) => {
    const runs = Math.min(25_000, Math.floor(bytes / 4));
    const body = concat(unsigned(2 * runs), repeat([1, 0x7f, 1, 0x7e], runs), [0x0b]);
    return functions(1, [...unsigned(body.length), ...body]);
  },
  'equal types': (bytes) => moduleOf(counted(SECTION.type, Math.floor(bytes / 3), repeat([0x60, 0, 0], bytes / 3))),
  'different types': (bytes) =>
    moduleOf(
      counted(
        SECTION.type,
        Math.floor(bytes / 8),
        collect(Math.floor(bytes / 8), (i) => [
          0x60,
          5,
          ...[1, 7, 49, 343, 2401].map((by) => VALUE_TYPES[Math.floor(i / by) % 7] as number),
          0,
        ]),
      ),
    ),
  'types that name the one before': (bytes) => {
    const count = Math.floor(bytes / 6);
    const types = collect(count - 1, (i) => [0x5e, 0x63, ...signed(i), 0]);
    return moduleOf(counted(SECTION.type, count, concat([0x60, 0, 0], types)));
  },
  'a group of empty structs': (bytes) => {
    const count = Math.floor(bytes / 2);
    return moduleOf(section(SECTION.type, concat([1, 0x4e], unsigned(count), repeat([0x5f, 0], count))));
  },
  'a hierarchy': (bytes) => {
    const count = Math.floor(bytes / 6);
    const types = collect(count - 1, (i) => [0x50, 1, ...unsigned(i >> 1), 0x5f, 0]);
    return moduleOf(counted(SECTION.type, count, concat([0x50, 0, 0x5f, 0], types)));
  },
  'imports without names': (bytes) =>
    moduleOf(TYPE, counted(SECTION.import, Math.floor(bytes / 4), new Uint8Array(4 * Math.floor(bytes / 4)))),
  'imports that can be seen': (bytes) => {
    const count = Math.floor(bytes / 4);
    const table = section(SECTION.table, [1, 0x70, 0, 0]);
    const shown = section(SECTION.export, [1, 0, 1, 0]);
    return moduleOf(TYPE, counted(SECTION.import, count, new Uint8Array(4 * count)), table, shown);
  },
  'imports that are referred to': (bytes) => {
    const count = Math.floor(bytes / 7);
    const table = section(SECTION.table, [1, 0x70, 0, 0]);
    const shown = section(SECTION.export, [1, 0, 1, 0]);
    const references = collect(count, (i) => unsigned(i));
    const element = section(SECTION.element, concat([1, 3, 0], unsigned(count), references));
    return moduleOf(TYPE, counted(SECTION.import, count, new Uint8Array(4 * count)), table, shown, element);
  },
  'imported globals': (bytes) => {
    const count = Math.floor(bytes / 5);
    return moduleOf(counted(SECTION.import, count, repeat([0, 0, 3, 0x7f, 0], count)));
  },
  exports: (bytes) => {
    const count = Math.floor(bytes / 6);
    const items = collect(count, (i) => [...name(i), 0, 0]);
    return moduleOf(TYPE, FUNCTION, counted(SECTION.export, count, items), CODE);
  },
  tables: (bytes) => {
    const count = Math.min(100_000, Math.floor(bytes / 3));
    return moduleOf(counted(SECTION.table, count, repeat([0x70, 0, 0], count)));
  },
  'tables with a value': (bytes) => {
    const count = Math.min(100_000, Math.floor(bytes / 8));
    return moduleOf(counted(SECTION.table, count, repeat([0x40, 0, 0x70, 0, 0, 0xd0, 0x70, 0x0b], count)));
  },
  tags: (bytes) => moduleOf(TYPE, counted(SECTION.tag, Math.floor(bytes / 2), new Uint8Array(2 * (bytes >> 1)))),
  globals: (bytes) => {
    const count = Math.floor(bytes / 5);
    return moduleOf(counted(SECTION.global, count, repeat([0x7f, 0, 0x41, 0, 0x0b], count)));
  },
  'empty element segments': (bytes) => {
    const count = Math.floor(bytes / 3);
    return elements(unsigned(count), repeat([1, 0, 0], count));
  },
  'element segments of one': (bytes) => {
    const count = Math.floor(bytes / 4);
    return elements(unsigned(count), repeat([1, 0, 1, 0], count));
  },
  'elements of a segment': (bytes) => elements([1, 1, 0], unsigned(bytes), new Uint8Array(bytes)),
  'expressions of a segment': (bytes) => {
    const count = Math.floor(bytes / 3);
    return elements([1, 5, 0x70], unsigned(count), repeat([0xd0, 0x70, 0x0b], count));
  },
  'data segments': (bytes) => {
    const count = Math.min(100_000, bytes >> 1);
    return moduleOf(counted(SECTION.data, count, repeat([1, 0], count)));
  },
  instructions: (bytes) => one(repeat([0x41, 0, 0x1a], bytes / 3)),
  blocks: (bytes) => one(repeat([0x02, 0x40, 0x0b], bytes / 3)),
};
