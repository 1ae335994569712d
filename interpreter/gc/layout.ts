/** What structs and arrays are made of, and what they count for. */

import { OBJECT_BYTES } from '../../wasm/gas.ts';
import {
  type ArrayType,
  F64,
  I8,
  I16,
  I64,
  isReference,
  type StorageType,
  type StructType,
  V128,
} from '../../wasm/types.ts';
import type { Reference } from '../values/index.ts';
import type { Heap } from './heap.ts';
import { ArrayObject, type Elements, type HeapObject, type StructLayout, StructObject } from './objects.ts';

/** Arrays of JavaScript's that are made longer than this at once become hash tables. */
const MADE_AT_ONCE = 2 ** 24;

/** 32-bit words of a value outside of arrays; none for a reference. */
export function wordsOf(type: StorageType): number {
  if (isReference(type)) return 0;
  if (type === V128) return 4;
  return type === I64 || type === F64 ? 2 : 1;
}

/** Bytes of a list of a struct's, which has none of nothing. */
function listBytes(length: number): number {
  return length === 0 ? 0 : OBJECT_BYTES.kind + OBJECT_BYTES.field * length;
}

const layouts = new WeakMap<StructType, StructLayout>();

export function layoutOf(type: StructType): StructLayout {
  let layout = layouts.get(type);
  if (layout === undefined) {
    let words = 0;
    let references = 0;
    const places = type.fields.map((field) => {
      const place = isReference(field.type) ? references++ : words;
      words += wordsOf(field.type);
      return place;
    });
    layout = { places, words, references, bytes: OBJECT_BYTES.struct + listBytes(words) + listBytes(references) };
    layouts.set(type, layout);
  }
  return layout;
}

const NO_WORDS: number[] = [];
const NO_REFERENCES: Reference[] = [];

export function structOf(type: StructType, layout: StructLayout = layoutOf(type)): StructObject {
  const { words, references } = layout;
  return new StructObject(
    type,
    layout,
    words === 0 ? NO_WORDS : new Array<number>(words).fill(0),
    references === 0 ? NO_REFERENCES : new Array<Reference>(references).fill(null),
  );
}

const NO_ELEMENTS: Elements = new Uint8Array(0);

function nulls(length: number): Reference[] {
  const references = new Array<Reference>(Math.min(length, MADE_AT_ONCE)).fill(null);
  while (references.length < length) references.push(null);
  return references;
}

/** @throws RangeError where the host has no room for it */
function elementsOf(storage: StorageType, length: number): Elements {
  if (isReference(storage)) return NO_ELEMENTS;
  if (storage === I8) return new Uint8Array(length);
  return storage === I16 ? new Uint16Array(length) : new Int32Array(length * wordsOf(storage));
}

/** Bytes of an array's element. */
export function elementBytes({ element: { type } }: ArrayType): number {
  if (isReference(type)) return OBJECT_BYTES.field;
  if (type === I8) return 1;
  return type === I16 ? 2 : 4 * wordsOf(type);
}

/** Bytes that an array counts for in the memory budget. */
export function arrayBytes(type: ArrayType, length: number): number {
  const { array, field } = OBJECT_BYTES;
  return array + Math.ceil((elementBytes(type) * length) / field) * field;
}

/** @throws RangeError where the host has no room for it */
export function arrayOf(type: ArrayType, length: number): ArrayObject {
  const { type: storage } = type.element;
  const references = isReference(storage) && length > 0 ? nulls(length) : NO_REFERENCES;
  return new ArrayObject(type, length, elementsOf(storage, length), references);
}

/** An array that has been counted; undefined, and not counted any more, where the host has no room for it. */
export function arrayWithin(heap: Heap, type: ArrayType, length: number): ArrayObject | undefined {
  try {
    return arrayOf(type, length);
  } catch {
    const bytes = arrayBytes(type, length);
    heap.budget.give(bytes);
    heap.used -= bytes;
    return undefined;
  }
}

/** Bytes that an object counts for in the memory budget. */
export function objectBytes(object: HeapObject): number {
  return object instanceof StructObject ? object.layout.bytes : arrayBytes(object.type, object.length);
}
