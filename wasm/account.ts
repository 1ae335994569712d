/**
 * What a decoded module holds: an estimate from counts, the same on every runtime. Of everything that a module can have
 * most of, it is between nine tenths of what V8 takes, with pointers of 8 bytes, and half as much again.
 */

import type { WasmModule } from './module.ts';
import type { DefinedType, FieldType, ValType } from './types.ts';

const BYTES = {
  /** A place in an array that grew, with what such arrays have in reserve. */
  slot: 12,
  /** An array of known length, and each of its items. */
  array: 48,
  item: 8,
  functionType: 64,
  otherType: 56,
  /** Where a type stands below another. */
  place: 56,
  field: 40,
  import: 56,
  /** With its place in a map. */
  export: 48 + 40,
  /** A text, and each of its characters. */
  text: 24,
  character: 2,
} as const;

/** Bytes that a module holds outside of its instances and code: its own, and what was decoded of them. */
export function moduleBytes(module: WasmModule): number {
  const { functions, tags, globals, tables, globalInits, elements, data, bodies, customSections } = module;
  let bytes = module.bytes.length + module.objectBytes;
  bytes += BYTES.slot * (module.types.length + functions.length + tags.length + globals.length + 2 * tables.length);
  for (const { byteLength } of [globalInits, elements, data, bodies, customSections]) bytes += byteLength;
  return bytes;
}

/** Of an import or an export, beside its type. */
export function namedBytes(...names: readonly string[]): number {
  let bytes: number = BYTES.slot + (names.length > 1 ? BYTES.import : BYTES.export);
  for (const { length } of names) if (length > 0) bytes += BYTES.text + BYTES.character * length;
  return bytes;
}

/** Of a type that is equal to none before. */
export function typeBytes(type: DefinedType): number {
  const place = type.supertype === undefined ? 0 : BYTES.place;
  switch (type.kind) {
    case 'function':
      return place + BYTES.functionType + listBytes(type.params) + listBytes(type.results);
    case 'struct':
      return place + BYTES.otherType + listBytes(type.fields) + fieldBytes(type.fields);
    case 'array':
      return place + BYTES.otherType + fieldBytes([type.element]);
  }
}

function listBytes({ length }: readonly ValType[] | readonly FieldType[]): number {
  return length === 0 ? 0 : BYTES.array + BYTES.item * length;
}

/** Fields of types that no module defines are shared by all. */
function fieldBytes(fields: readonly FieldType[]): number {
  let bytes = 0;
  for (const { type } of fields) if (type > 0xff) bytes += BYTES.field;
  return bytes;
}

/** Bytes of the type of a table or a memory, which one of the same type shares. */
export const LIMITED_TYPE_BYTES = 88;
/** Bytes of a constant expression that is kept by itself. */
export const EXPRESSION_BYTES = 40;
