/**
 * A module under construction, section by section, as bytes: what is written a million times over is not described
 * first, as {@link encodeModule} would have it. It ends when it grows beyond its limit.
 */

import { ByteWriter, concat, HEADER, SECTION, section, signed, unsigned } from '../generate/encode.ts';

/** A module, or a part of one, would have more bytes than it may. */
export class TooLarge extends Error {}

export type Bytes = readonly number[] | Uint8Array;

/** Bytes under construction, up to a limit. */
export class Code extends ByteWriter {
  private readonly limit: number;

  constructor(limit: number) {
    super();
    this.limit = limit;
  }

  override u8(byte: number): this {
    if (this.length >= this.limit) throw new TooLarge();
    return super.u8(byte);
  }

  override bytes(bytes: Iterable<number>): this {
    if (this.length >= this.limit) throw new TooLarge();
    return super.bytes(bytes);
  }

  repeat(bytes: Bytes, times: number): this {
    if (this.length + bytes.length * times > this.limit) throw new TooLarge();
    const all = new Uint8Array(bytes.length * times);
    for (let i = 0; i < times; i++) all.set(bytes, i * bytes.length);
    return this.bytes(all);
  }
}

/** Types of values: how they are written. All have a default. */
export const VALUE_TYPES = {
  i32: [0x7f],
  i64: [0x7e],
  f64: [0x7c],
  v128: [0x7b],
  funcref: [0x70],
  externref: [0x6f],
  anyref: [0x6e],
  exnref: [0x69],
} as const satisfies Readonly<Record<string, Bytes>>;

export type ValueType = keyof typeof VALUE_TYPES;

/** Values of a function's parameters or results at most: a few less than allowed, as instrumenting adds some. */
export const MOST_VALUES = 990;

const VOID = [0x40];

export type Run = readonly [count: number, type: Bytes];

interface Part {
  count: number;
  readonly code: Code;
}

export class Shape {
  readonly limit: number;
  types = 0;
  importedFunctions = 0;
  tables = 0;
  memories = 0;
  globals = 0;
  tags = 0;
  elements = 0;
  data = 0;
  start: number | undefined;
  private readonly parts = new Map<number, Part>();
  private readonly custom: Code;
  private readonly interned = new Map<string, number>();
  private readonly kept = new Map<string, number>();
  private exportNames = 0;

  constructor(limit: number) {
    this.limit = limit;
    this.custom = new Code(limit);
  }

  part(id: number): Part {
    let part = this.parts.get(id);
    if (part === undefined) this.parts.set(id, (part = { count: 0, code: new Code(this.limit) }));
    return part;
  }

  /** Adds an item to a section. */
  add(id: number, ...pieces: readonly Bytes[]): number {
    const part = this.part(id);
    for (const piece of pieces) part.code.bytes(piece);
    return part.count++;
  }

  /** Adds an entry to the type section. @returns the index of its first type */
  type(bytes: Bytes, types = 1): number {
    this.add(SECTION.type, bytes);
    this.types += types;
    return this.types - types;
  }

  /** The index of a function type. */
  signature(params: readonly Bytes[], results: readonly Bytes[]): number {
    const key = `${params.join(';')}>${results.join(';')}`;
    return this.once(this.interned, key, () => this.type(functionType(params, results)));
  }

  /** Index of the type of functions that take and return `count` values of a type. */
  transformer(type: ValueType, count: number): number {
    const types = Array<Bytes>(count).fill(VALUE_TYPES[type]);
    return this.signature(types, types);
  }

  /** Of a block that takes and returns nothing, or values; as a block type. */
  blockType(params: readonly Bytes[], results: readonly Bytes[]): Bytes {
    return params.length + results.length === 0 ? VOID : signed(this.signature(params, results));
  }

  private once<K>(map: Map<K, number>, key: K, make: () => number): number {
    let index = map.get(key);
    if (index === undefined) map.set(key, (index = make()));
    return index;
  }

  /** Something that there is once for each name. */
  keep(name: string, make: () => number): number {
    return this.once(this.kept, name, make);
  }

  importFunction(module: string, name: string, type: number): number {
    this.add(SECTION.import, text(module), text(name), [0], unsigned(type));
    return this.importedFunctions++;
  }

  get functions(): number {
    return this.importedFunctions + this.part(SECTION.function).count;
  }

  /** Adds copies of a function. @returns the index of the first */
  function(type: number, runs: readonly Run[], code: Bytes, copies = 1): number {
    const body = concat(locals(runs), code, [0x0b]);
    const { code: bodies } = this.part(SECTION.code);
    const first = this.functions;
    const sized = concat(unsigned(body.length), body);
    bodies.repeat(sized, copies);
    this.part(SECTION.code).count += copies;
    this.part(SECTION.function).code.repeat(unsigned(type), copies);
    this.part(SECTION.function).count += copies;
    return first;
  }

  table(): number {
    return this.keep('table', () => {
      this.add(SECTION.table, [0x70, 0x00, 0x04]);
      return this.tables++;
    });
  }

  memory(): number {
    return this.keep('memory', () => {
      this.add(SECTION.memory, [0x00, 0x01]);
      return this.memories++;
    });
  }

  tag(types: readonly Bytes[]): number {
    const type = this.signature(types, []);
    return this.keep(`tag ${type}`, () => {
      this.add(SECTION.tag, [0], unsigned(type));
      return this.tags++;
    });
  }

  /** Makes a function one that `ref.func` may name. */
  declare(index: number): void {
    this.keep(`declared ${index}`, () => {
      this.add(SECTION.element, [0x03, 0x00, 0x01], unsigned(index));
      return this.elements++;
    });
  }

  export(name: Bytes | string, kind: number, index: number): void {
    this.add(SECTION.export, typeof name === 'string' ? text(name) : name, [kind], unsigned(index));
  }

  /** A name that no other export has, of so many bytes at least. */
  uniqueName(length: number): Bytes {
    return text(`-${(this.exportNames++).toString(36).padStart(length - 1, '_')}`);
  }

  customSection(name: Bytes, content: Bytes): void {
    this.custom.bytes(section(SECTION.custom, concat(unsigned(name.length), name, content)));
  }

  /** Leaves `count` values of a type on the stack. */
  values(code: Code, type: ValueType, count: number): void {
    for (let left = count; left > 0; left -= MOST_VALUES) {
      code.bytes([0x10]).unsigned(this.source(type, Math.min(left, MOST_VALUES)));
    }
  }

  /** Takes them off again. */
  drop(code: Code, type: ValueType, count: number): void {
    for (let left = count; left > 0; left -= MOST_VALUES) {
      code.bytes([0x10]).unsigned(this.sink(type, Math.min(left, MOST_VALUES)));
    }
  }

  source(type: ValueType, count: number): number {
    return this.keep(`source ${type} ${count}`, () => {
      const code = new Code(this.limit).repeat([0x20, 0], count);
      return this.function(this.signature([], values(type, count)), [[1, VALUE_TYPES[type]]], code.finish());
    });
  }

  sink(type: ValueType, count: number): number {
    return this.keep(`sink ${type} ${count}`, () => this.function(this.signature(values(type, count), []), [], []));
  }

  finish(): Uint8Array {
    const sections: Bytes[] = [];
    for (const id of ORDER) {
      const part = this.parts.get(id);
      if (id === SECTION.start && this.start !== undefined) sections.push(section(id, unsigned(this.start)));
      if (id === SECTION.dataCount && this.data > 0) sections.push(section(id, unsigned(this.data)));
      if (part !== undefined && part.count > 0) {
        sections.push(section(id, concat(unsigned(part.count), part.code.finish())));
      }
    }
    const bytes = concat(HEADER, ...sections, this.custom.finish());
    if (bytes.length > this.limit) throw new TooLarge();
    return bytes;
  }
}

const ORDER: readonly number[] = [
  SECTION.type,
  SECTION.import,
  SECTION.function,
  SECTION.table,
  SECTION.memory,
  SECTION.tag,
  SECTION.global,
  SECTION.export,
  SECTION.start,
  SECTION.element,
  SECTION.dataCount,
  SECTION.code,
  SECTION.data,
];

export function values(type: ValueType, count: number): Bytes[] {
  return Array<Bytes>(count).fill(VALUE_TYPES[type]);
}

export function functionType(params: readonly Bytes[], results: readonly Bytes[]): Uint8Array {
  return concat([0x60], unsigned(params.length), ...params, unsigned(results.length), ...results);
}

export function text(content: string): Uint8Array {
  return new ByteWriter().name(content).finish();
}

function locals(runs: readonly Run[]): Uint8Array {
  const writer = new ByteWriter().unsigned(runs.length);
  for (const [count, type] of runs) writer.unsigned(count).bytes(type);
  return writer.finish();
}
