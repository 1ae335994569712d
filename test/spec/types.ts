/** Value and heap types as the binary format writes them (specification, section 5.3), release 3.0. */

import type { ByteReader } from './byte-reader.ts';
import type { NumberType } from './values.ts';

export const REF_NULL = 0x63;
export const REF = 0x64;

export const NUMBER_TYPES: Readonly<Record<number, NumberType>> = {
  0x7f: 'i32',
  0x7e: 'i64',
  0x7d: 'f32',
  0x7c: 'f64',
  0x7b: 'v128',
};

/** Abstract heap types, named as in the text format. A byte of these alone, as a value type, is the nullable reference. */
const ABSTRACT_HEAP_TYPES: Readonly<Record<number, string>> = {
  0x74: 'noexn',
  0x73: 'nofunc',
  0x72: 'noextern',
  0x71: 'none',
  0x70: 'func',
  0x6f: 'extern',
  0x6e: 'any',
  0x6d: 'eq',
  0x6c: 'i31',
  0x6b: 'struct',
  0x6a: 'array',
  0x69: 'exn',
};

/** Fields of structures and arrays only. */
const PACKED_TYPES: Readonly<Record<number, 'i8' | 'i16'>> = { 0x78: 'i8', 0x77: 'i16' };

/** The form of a type definition. */
export const TYPE_FORM = { function: 0x60, struct: 0x5f, array: 0x5e, sub: 0x50, subFinal: 0x4f, rec: 0x4e } as const;

/** The name of an abstract heap type, or the index of a defined one. */
export type HeapType = string | number;

export interface EncodedType {
  readonly encoding: Uint8Array;
  readonly number: NumberType | 'i8' | 'i16' | undefined;
  /** For a reference. */
  readonly heap: HeapType | undefined;
}

export function readHeapType(reader: ByteReader): HeapType {
  const value = reader.signed();
  if (value >= 0) return value;
  const heap = ABSTRACT_HEAP_TYPES[value + 0x80];
  if (heap === undefined) throw new Error(`unknown heap type ${value}`);
  return heap;
}

/** Reads a value type or a storage type. */
export function readType(reader: ByteReader): EncodedType {
  const start = reader.position;
  const code = reader.peek();
  const number = NUMBER_TYPES[code] ?? PACKED_TYPES[code];
  if (number || code === REF || code === REF_NULL) reader.byte();
  const heap = number ? undefined : readHeapType(reader);
  return { encoding: reader.since(start), number, heap };
}

/** One type definition, its supertypes passed over. Structures and arrays share the kind `fields`. */
export type TypeDefinition =
  | { readonly kind: 'function'; readonly params: readonly EncodedType[]; readonly results: readonly EncodedType[] }
  | { readonly kind: 'fields'; readonly fields: readonly EncodedType[] };

function readField(reader: ByteReader): EncodedType {
  const type = readType(reader);
  reader.byte();
  return type;
}

function readComposite(reader: ByteReader, form: number): TypeDefinition {
  switch (form) {
    case TYPE_FORM.function: {
      const params = reader.list(() => readType(reader));
      return { kind: 'function', params, results: reader.list(() => readType(reader)) };
    }
    case TYPE_FORM.struct:
      return { kind: 'fields', fields: reader.list(() => readField(reader)) };
    case TYPE_FORM.array:
      return { kind: 'fields', fields: [readField(reader)] };
    default:
      throw new Error(`unknown form of type 0x${form.toString(16)}`);
  }
}

/** An entry of the type section: the types of a recursion group, and whether it is more than a plain function type. */
export interface TypeEntry {
  readonly definitions: readonly TypeDefinition[];
  readonly plain: boolean;
}

export function readTypeEntry(reader: ByteReader): TypeEntry {
  const readDefinition = () => {
    const form = reader.byte();
    if (form !== TYPE_FORM.sub && form !== TYPE_FORM.subFinal) return readComposite(reader, form);
    reader.list(() => reader.unsigned());
    return readComposite(reader, reader.byte());
  };
  const first = reader.peek();
  if (first !== TYPE_FORM.rec) return { definitions: [readDefinition()], plain: first === TYPE_FORM.function };
  reader.byte();
  return { definitions: reader.list(readDefinition), plain: false };
}

export interface Limits {
  readonly is64: boolean;
  readonly isShared: boolean;
}

/** Reads the limits of a memory or table. */
export function readLimits(reader: ByteReader): Limits {
  const flags = reader.byte();
  if (flags > 7) throw new Error(`unknown limits flags 0x${flags.toString(16)}`);
  reader.skipNumber();
  if (flags & 1) reader.skipNumber();
  return { is64: (flags & 4) !== 0, isShared: (flags & 2) !== 0 };
}
