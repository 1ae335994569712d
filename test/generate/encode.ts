/**
 * Writes modules in the binary format (specification 5), from a description that is plain data. It checks nothing:
 * tests also need modules that are wrong. Instructions are encoded by their rows in the opcode table.
 */

import { accessBytes, type Immediates, type Mnemonic, type Opcode, opcode } from '../../wasm/opcodes.ts';
import { definedIndex, FUNCREF, isNullable, type RefType, type ValType } from '../../wasm/types.ts';
import { type Signature, signatureKey, type Type } from './types.ts';

export type { Signature } from './types.ts';

/** A float constant given by its bits: a number for f32, a bigint for f64. */
export interface FloatBits {
  readonly bits: number | bigint;
}

export interface MemArg {
  /** Default 0. */
  readonly offset?: number | bigint;
  /** Exponent of two. Default: the natural alignment. */
  readonly align?: number;
  /** Index of the memory. Default 0. */
  readonly memory?: number;
}

/**
 * What follows a mnemonic:
 * - a block: nothing, a value type, or a signature;
 * - indices: numbers, those of tables and memories 0 when left out; a type: a signature, or a type index;
 * - `br_table`: the list of labels, then the default;
 * - a memory access: a {@link MemArg} (may be left out), then the lane where there is one;
 * - constants: numbers or bigints; floats also as {@link FloatBits}; vectors and shuffles as 16 bytes;
 * - `select_t`: the list of types; heap types, of `ref.null` and casts: a reference type that has it;
 * - `try_table`: a block, then the clauses, each a list of kind, tag where there is one, and label;
 * - `br_on_cast`: which types may be null (1 the first, 2 the second), label, and the two types.
 */
export type Immediate =
  | number
  | bigint
  | readonly number[]
  | readonly (readonly number[])[]
  | readonly Type[]
  | Uint8Array
  | Signature
  | FloatBits
  | MemArg
  | Type;

/** Gives the index of a signature in the type section. */
export type TypeIndex = (signature: Signature) => number;

/** An instruction, or bytes to be copied as they are, which may depend on the indices of types. */
export type Instruction =
  | Mnemonic
  | readonly [Mnemonic, ...Immediate[]]
  | { readonly raw: readonly number[] }
  | { readonly write: (w: ByteWriter, use: TypeIndex) => void };

export interface FunctionDescription extends Partial<Signature> {
  /** Declared locals, one entry a local. */
  readonly locals?: readonly Type[];
  /** Without the final `end`, which is added. */
  readonly body: readonly Instruction[];
  readonly export?: string;
}

interface LimitsDescription {
  readonly min: number | bigint;
  readonly max?: number | bigint | undefined;
  /** Whether its addresses have 64 bits. */
  readonly is64?: boolean;
}

export interface TableDescription extends LimitsDescription {
  readonly element?: RefType;
  /** What the elements are to begin with. Default null. */
  readonly init?: readonly Instruction[];
  readonly export?: string;
}

/** Limits are in pages. */
export interface MemoryDescription extends LimitsDescription {
  readonly export?: string;
}

export interface FieldDescription {
  /** A value type, or {@link I8} or {@link I16}. */
  readonly type: Type;
  readonly mutable?: boolean;
}

/** A type of the module's. Others refer to it by its index, with `definedRef`. */
export type TypeDescription = (
  | Signature
  | { readonly struct: readonly FieldDescription[] }
  | { readonly array: FieldDescription }
) & {
  /** Index of the supertype. */
  readonly supertype?: number;
  /** Whether it may be a supertype itself. */
  readonly isOpen?: boolean;
};

export interface GlobalDescription {
  readonly type: ValType;
  readonly mutable?: boolean;
  readonly init: readonly Instruction[];
  readonly export?: string;
}

export type ImportDescription = { readonly module: string; readonly name: string } & (
  | { readonly function: Signature }
  | { readonly table: TableDescription }
  | { readonly memory: MemoryDescription }
  | { readonly global: Pick<GlobalDescription, 'type' | 'mutable'> }
  | { readonly tag: readonly Type[] }
);

export interface TagDescription {
  readonly params: readonly Type[];
  readonly export?: string;
}

export interface ExportDescription {
  readonly name: string;
  readonly kind: 'function' | 'table' | 'memory' | 'global' | 'tag';
  readonly index: number;
}

/** With `offset` the segment is active; without it passive, or declarative where it says so. */
export interface ElementDescription {
  readonly table?: number;
  readonly offset?: readonly Instruction[];
  readonly declarative?: boolean;
  /** Default funcref. */
  readonly type?: RefType;
  /** Function indices, or constant expressions. */
  readonly items: readonly number[] | readonly (readonly Instruction[])[];
}

export interface DataDescription {
  /** Of an active segment. Default 0. */
  readonly memory?: number;
  readonly offset?: readonly Instruction[];
  readonly bytes: Iterable<number>;
}

export interface CustomDescription {
  readonly name: string;
  readonly bytes: Iterable<number>;
}

export interface ModuleDescription {
  /**
   * First in the type section; every other signature in use is added behind them. A list in the list is a recursion
   * group.
   */
  readonly types?: readonly (TypeDescription | readonly TypeDescription[])[];
  readonly imports?: readonly ImportDescription[];
  readonly functions?: readonly FunctionDescription[];
  readonly tables?: readonly TableDescription[];
  readonly memories?: readonly MemoryDescription[];
  readonly tags?: readonly TagDescription[];
  readonly globals?: readonly GlobalDescription[];
  /** Added to the exports that functions, tables, memories, tags and globals name themselves. */
  readonly exports?: readonly ExportDescription[];
  readonly start?: number;
  readonly elements?: readonly ElementDescription[];
  readonly data?: readonly DataDescription[];
  /** Written when segments are there and this is left out; `null` leaves the section out. */
  readonly dataCount?: number | null;
  /** Names of functions, by index, in a `name` section at the end. */
  readonly names?: Readonly<Record<number, string>>;
  /** At the end, before the names. */
  readonly custom?: readonly CustomDescription[];
}

/** Bytes under construction. */
export class ByteWriter {
  private buffer = new Uint8Array(256);
  length = 0;

  u8(byte: number): this {
    if (this.length === this.buffer.length) this.reserve(1);
    this.buffer[this.length++] = byte;
    return this;
  }

  bytes(bytes: Iterable<number>): this {
    const list = bytes instanceof Uint8Array ? bytes : Uint8Array.from(bytes);
    this.reserve(list.length);
    this.buffer.set(list, this.length);
    this.length += list.length;
    return this;
  }

  /** Unsigned LEB128. */
  unsigned(value: number | bigint): this {
    if (typeof value === 'number' && value < 0x80) return this.u8(value);
    let rest = BigInt(value);
    for (; rest > 0x7fn; rest >>= 7n) this.u8(Number(rest & 0x7fn) | 0x80);
    return this.u8(Number(rest));
  }

  /** Signed LEB128. */
  signed(value: number | bigint): this {
    let rest = BigInt(value);
    for (; rest > 63n || rest < -64n; rest >>= 7n) this.u8(Number(rest & 0x7fn) | 0x80);
    return this.u8(Number(rest & 0x7fn));
  }

  /** The low `count` bytes, little-endian. */
  fixed(value: number | bigint, count: number): this {
    for (let i = 0; i < count; i++) this.u8(Number((BigInt(value) >> BigInt(8 * i)) & 0xffn));
    return this;
  }

  name(text: string): this {
    return this.sized(new TextEncoder().encode(text));
  }

  /** Length, then the bytes. */
  sized(bytes: Iterable<number>): this {
    const list = bytes instanceof Uint8Array ? bytes : Uint8Array.from(bytes);
    return this.unsigned(list.length).bytes(list);
  }

  /** Count, then the items. */
  vector<T>(items: readonly T[], write: (item: T) => void): this {
    this.unsigned(items.length);
    for (const item of items) write(item);
    return this;
  }

  finish(): Uint8Array {
    return this.buffer.slice(0, this.length);
  }

  private reserve(count: number): void {
    if (this.length + count <= this.buffer.length) return;
    const grown = new Uint8Array(2 * (this.length + count));
    grown.set(this.buffer.subarray(0, this.length));
    this.buffer = grown;
  }
}

/** The eight bytes every module begins with. */
export const HEADER: readonly number[] = [0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00];

/** Numbers of the sections, by name (specification 5.5.2). */
export const SECTION = {
  custom: 0,
  type: 1,
  import: 2,
  function: 3,
  table: 4,
  memory: 5,
  global: 6,
  export: 7,
  start: 8,
  element: 9,
  code: 10,
  data: 11,
  dataCount: 12,
  tag: 13,
} as const;

/** A value as an unsigned LEB128, for modules put together by hand. */
export function unsigned(value: number | bigint): number[] {
  return [...new ByteWriter().unsigned(value).finish()];
}

/** A value as a signed LEB128. */
export function signed(value: number | bigint): number[] {
  return [...new ByteWriter().signed(value).finish()];
}

/** The bytes of a section whose size is `size`, true or not. */
export function section(id: number, content: Iterable<number>, size?: number): Uint8Array {
  const bytes = Uint8Array.from(content);
  return new ByteWriter()
    .u8(id)
    .unsigned(size ?? bytes.length)
    .bytes(bytes)
    .finish();
}

/** Pieces one after the other. */
export function concat(...pieces: readonly Iterable<number>[]): Uint8Array {
  const writer = new ByteWriter();
  for (const piece of pieces) writer.bytes(piece);
  return writer.finish();
}

/** A module of sections put together by hand. */
export function moduleOf(...sections: readonly Iterable<number>[]): Uint8Array {
  return concat(HEADER, ...sections);
}

const f32Bits = new DataView(new ArrayBuffer(8));

function floatBits(value: Immediate, bytes: 4 | 8): number | bigint {
  if (typeof value === 'object') return (value as FloatBits).bits;
  if (bytes === 4) f32Bits.setFloat32(0, Number(value));
  else f32Bits.setFloat64(0, Number(value));
  return bytes === 4 ? f32Bits.getUint32(0) : f32Bits.getBigUint64(0);
}

const EMPTY_BLOCK = 0x40;
/** Set in an alignment that the index of a memory follows. */
const NAMES_MEMORY = 0x40;

/** How each form of immediates is written. `use` gives the index of a signature. */
const WRITE: Readonly<
  Record<Immediates, (w: ByteWriter, given: readonly Immediate[], row: Opcode, use: TypeIndex) => void>
> = {
  none: () => undefined,
  zero: (w) => w.unsigned(0),
  block: (w, [type], _row, use) => {
    if (type !== undefined && typeof type === 'object' && 'params' in type) w.signed(use(type));
    else writeBlockType(w, type as Type | undefined, use);
  },
  label: index,
  labels: (w, [targets, fallback]) => {
    w.vector(targets as readonly number[], (label) => w.unsigned(label));
    w.unsigned(fallback as number);
  },
  function: index,
  'type table': (w, [type, table = 0], _row, use) => {
    w.unsigned(typeof type === 'number' ? type : use(type as Signature)).unsigned(table as number);
  },
  local: index,
  global: index,
  table: index,
  'table table': twoIndices,
  memarg,
  'memarg lane': (w, given, row) => {
    memarg(w, given, row);
    w.u8(given[1] as number);
  },
  memory: index,
  'memory memory': twoIndices,
  data: index,
  'data memory': twoIndices,
  element: index,
  'element table': twoIndices,
  i32: (w, [value]) => w.signed(BigInt.asIntN(32, BigInt(value as number))),
  i64: (w, [value]) => w.signed(BigInt.asIntN(64, BigInt(value as number))),
  f32: (w, [value]) => w.fixed(floatBits(value as Immediate, 4), 4),
  f64: (w, [value]) => w.fixed(floatBits(value as Immediate, 8), 8),
  v128: (w, [bytes]) => w.bytes(bytes as Uint8Array),
  shuffle: (w, [lanes]) => w.bytes(lanes as Uint8Array),
  lane: (w, [lane]) => w.u8(lane as number),
  types: (w, [types], _row, use) => w.vector(types as readonly Type[], (type) => writeType(w, type, use)),
  type: index,
  'type field': twoIndices,
  'type type': twoIndices,
  'type count': twoIndices,
  'type data': twoIndices,
  'type element': twoIndices,
  tag: index,
  'block catches': (w, [type, clauses], row, use) => {
    WRITE.block(w, [type as Immediate], row, use);
    w.vector(clauses as readonly (readonly number[])[], (clause) => {
      for (const item of clause) w.unsigned(item);
    });
  },
  'label casts': (w, [flags, label, from, to], _row, use) => {
    w.u8(flags as number).unsigned(label as number);
    writeHeapType(w, from as Type, use);
    writeHeapType(w, to as Type, use);
  },
  'heap type': (w, [type], _row, use) => writeHeapType(w, type as Type, use),
};

const REF = 0x64;
const REF_NULL = 0x63;

/** The heap type of a reference type (specification 5.3.3). */
function writeHeapType(w: ByteWriter, type: Type, use: TypeIndex): void {
  if (typeof type === 'object') w.signed(use(type.to));
  else if (definedIndex(type) >= 0) w.signed(definedIndex(type));
  else w.u8(type & 0xff);
}

/** A value type, or what fields have (specification 5.3.4 and 5.3.8). */
export function writeType(w: ByteWriter, type: Type, use: TypeIndex): void {
  if (typeof type === 'number' && type <= 0xff) {
    w.u8(type);
    return;
  }
  const mayBeNull = typeof type === 'number' ? isNullable(type) : type.nullable;
  writeHeapType(w.u8(mayBeNull ? REF_NULL : REF), type, use);
}

function writeBlockType(w: ByteWriter, type: Type | undefined, use: TypeIndex): void {
  if (type === undefined) w.u8(EMPTY_BLOCK);
  else writeType(w, type, use);
}

function index(w: ByteWriter, [first = 0]: readonly Immediate[]): void {
  w.unsigned(first as number);
}

function twoIndices(w: ByteWriter, [first = 0, second = 0]: readonly Immediate[]): void {
  w.unsigned(first as number).unsigned(second as number);
}

function memarg(w: ByteWriter, [given = {}]: readonly Immediate[], row: Opcode): void {
  const { offset = 0, align = Math.log2(accessBytes(row)), memory = 0 } = given as MemArg;
  if (memory === 0) w.unsigned(align);
  else w.unsigned(align | NAMES_MEMORY).unsigned(memory);
  w.unsigned(offset);
}

function writeInstruction(w: ByteWriter, instruction: Instruction, use: TypeIndex): void {
  if (typeof instruction === 'object' && 'raw' in instruction) {
    w.bytes(instruction.raw);
    return;
  }
  if (typeof instruction === 'object' && 'write' in instruction) {
    instruction.write(w, use);
    return;
  }
  const [mnemonic, ...immediates] = typeof instruction === 'string' ? [instruction] : instruction;
  const row = opcode(mnemonic);
  if (row.code > 0xff) w.u8(row.code >> 16).unsigned(row.code & 0xffff);
  else w.u8(row.code);
  WRITE[row.immediates](w, immediates, row, use);
}

function writeLimits(w: ByteWriter, { min, max, is64 = false }: LimitsDescription): void {
  w.u8((max === undefined ? 0 : 1) | (is64 ? 4 : 0)).unsigned(min);
  if (max !== undefined) w.unsigned(max);
}

function writeTable(w: ByteWriter, { element = FUNCREF, ...limits }: TableDescription, use: TypeIndex): void {
  writeType(w, element, use);
  writeLimits(w, limits);
}

const HAS_INIT = [0x40, 0x00] as const;
const RECURSIVE = 0x4e;
const OPEN = 0x50;
const FINAL = 0x4f;

function writeField(w: ByteWriter, { type, mutable = false }: FieldDescription, use: TypeIndex): void {
  writeType(w, type, use);
  w.u8(Number(mutable));
}

/** A type of the type section (specification 5.3.9 to 5.3.11). */
function writeDefinition(w: ByteWriter, type: TypeDescription, use: TypeIndex): void {
  const { supertype, isOpen = false } = type;
  if (isOpen || supertype !== undefined) {
    w.u8(isOpen ? OPEN : FINAL).vector(supertype === undefined ? [] : [supertype], (index) => w.unsigned(index));
  }
  if ('struct' in type) w.u8(0x5f).vector(type.struct, (field) => writeField(w, field, use));
  else if ('array' in type) writeField(w.u8(0x5e), type.array, use);
  else {
    w.u8(0x60)
      .vector(type.params, (param) => writeType(w, param, use))
      .vector(type.results, (result) => writeType(w, result, use));
  }
}

const EXPORT_KIND = { function: 0, table: 1, memory: 2, global: 3, tag: 4 } as const;

function writeTag(w: ByteWriter, params: readonly Type[], use: TypeIndex): void {
  w.u8(0).unsigned(use({ params, results: [] }));
}

/** The bytes of a module. */
export function encodeModule(description: ModuleDescription): Uint8Array {
  const { imports = [], functions = [], tables = [], memories = [], tags = [], globals = [] } = description;
  const { elements = [], data = [], custom = [], names } = description;
  const types = [...(description.types ?? [])];
  const typeIndices = new Map<string, number>();
  let typeCount = 0;
  const use = (signature: Signature): number => {
    const key = signatureKey(signature);
    let found = typeIndices.get(key);
    if (found === undefined) {
      // A type may refer to those before it only.
      for (const type of [...signature.params, ...signature.results]) if (typeof type === 'object') use(type.to);
      types.push(signature);
      found = typeCount++;
      typeIndices.set(key, found);
    }
    return found;
  };
  for (const type of types.flat() as readonly TypeDescription[]) {
    const added = typeCount++;
    if (!('params' in type) || type.supertype !== undefined || type.isOpen) continue;
    // Equal types written twice stay two types; signatures in use take the first.
    if (!typeIndices.has(signatureKey(type))) typeIndices.set(signatureKey(type), added);
  }

  const expression = (w: ByteWriter, instructions: readonly Instruction[]) => {
    for (const instruction of instructions) writeInstruction(w, instruction, use);
    writeInstruction(w, 'end', use);
  };
  const content = (write: (w: ByteWriter) => void) => {
    const w = new ByteWriter();
    write(w);
    return w.finish();
  };
  /** The section, or nothing where it has no items. */
  const list = <T>(id: number, items: readonly T[], write: (w: ByteWriter, item: T) => void): Uint8Array =>
    items.length === 0
      ? new Uint8Array()
      : section(
          id,
          content((w) => w.vector(items, (item) => write(w, item))),
        );

  const importedCount = (kind: keyof typeof EXPORT_KIND) => imports.filter((entry) => kind in entry).length;
  const named = (kind: keyof typeof EXPORT_KIND, items: readonly { readonly export?: string }[]) =>
    items.flatMap((item, i) =>
      item.export === undefined ? [] : [{ name: item.export, kind, index: importedCount(kind) + i }],
    );
  const exports: ExportDescription[] = [
    ...named('function', functions),
    ...named('table', tables),
    ...named('memory', memories),
    ...named('tag', tags),
    ...named('global', globals),
    ...(description.exports ?? []),
  ];
  const dataCount = description.dataCount === undefined ? data.length || null : description.dataCount;

  // The type section is written last: every other one may add to it.
  const rest = [
    list(SECTION.import, imports, (w, entry) => {
      w.name(entry.module).name(entry.name);
      if ('function' in entry) w.u8(0).unsigned(use(entry.function));
      else if ('table' in entry) writeTable(w.u8(1), entry.table, use);
      else if ('memory' in entry) writeLimits(w.u8(2), entry.memory);
      else if ('tag' in entry) writeTag(w.u8(4), entry.tag, use);
      else writeField(w.u8(3), entry.global, use);
    }),
    list(SECTION.function, functions, (w, { params = [], results = [] }) => w.unsigned(use({ params, results }))),
    list(SECTION.table, tables, (w, table) => {
      if (table.init !== undefined) w.bytes(HAS_INIT);
      writeTable(w, table, use);
      if (table.init !== undefined) expression(w, table.init);
    }),
    list(SECTION.memory, memories, writeLimits),
    list(SECTION.tag, tags, (w, { params }) => writeTag(w, params, use)),
    list(SECTION.global, globals, (w, global) => {
      writeField(w, global, use);
      expression(w, global.init);
    }),
    list(SECTION.export, exports, (w, entry) => w.name(entry.name).u8(EXPORT_KIND[entry.kind]).unsigned(entry.index)),
    description.start === undefined ? [] : section(SECTION.start, unsigned(description.start)),
    list(SECTION.element, elements, (w, segment) => writeElement(w, segment, expression, use)),
    dataCount === null ? [] : section(SECTION.dataCount, unsigned(dataCount)),
    list(SECTION.code, functions, (w, { locals = [], body }) => {
      w.sized(
        content((inner) => {
          inner.vector(runs(locals), ([count, type]) => writeType(inner.unsigned(count), type, use));
          expression(inner, body);
        }),
      );
    }),
    list(SECTION.data, data, (w, { memory = 0, offset, bytes }) => {
      if (memory > 0 && offset !== undefined) w.u8(2).unsigned(memory);
      else w.u8(offset === undefined ? 1 : 0);
      if (offset !== undefined) expression(w, offset);
      w.sized(bytes);
    }),
    ...custom.map(({ name, bytes }) =>
      section(
        SECTION.custom,
        content((w) => w.name(name).bytes(bytes)),
      ),
    ),
    names === undefined
      ? []
      : section(
          SECTION.custom,
          content((w) => w.name('name').bytes(functionNameMap(names))),
        ),
  ];
  const typeSection = list(SECTION.type, types, (w, type) => {
    if ('length' in type) w.u8(RECURSIVE).vector(type, (each) => writeDefinition(w, each, use));
    else writeDefinition(w, type, use);
  });
  return moduleOf(typeSection, ...rest);
}

function writeElement(
  w: ByteWriter,
  { table = 0, offset, declarative = false, type = FUNCREF, items }: ElementDescription,
  expression: (w: ByteWriter, instructions: readonly Instruction[]) => void,
  use: TypeIndex,
): void {
  const areIndices = typeof items[0] === 'number' || (items.length === 0 && type === FUNCREF);
  const explicit = offset === undefined ? declarative : table !== 0 || type !== FUNCREF;
  w.u8((offset === undefined ? 1 : 0) | (explicit ? 2 : 0) | (areIndices ? 0 : 4));
  if (offset !== undefined) {
    if (explicit) w.unsigned(table);
    expression(w, offset);
  }
  if (offset === undefined || explicit) {
    if (areIndices) w.u8(0);
    else writeType(w, type, use);
  }
  if (areIndices) w.vector(items as readonly number[], (item) => w.unsigned(item));
  else w.vector(items as readonly (readonly Instruction[])[], (item) => expression(w, item));
}

/** The subsection of function names (specification 7.4.2). */
function functionNameMap(names: Readonly<Record<number, string>>): Uint8Array {
  const w = new ByteWriter();
  const entries = Object.entries(names);
  w.vector(entries, ([key, name]) => w.unsigned(Number(key)).name(name));
  return section(1, w.finish());
}

/** Equal types side by side, counted. */
function runs(locals: readonly Type[]): [count: number, type: Type][] {
  const counted: [number, Type][] = [];
  for (const type of locals) {
    const last = counted.at(-1);
    if (last?.[1] === type) last[0]++;
    else counted.push([1, type]);
  }
  return counted;
}
