/** Structs and arrays (specification 4.2.13 to 4.2.16). References to i31 are JavaScript numbers. */

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

/** Arrays of JavaScript's that are made longer than this at once become hash tables. */
const MADE_AT_ONCE = 2 ** 24;

/** 32-bit words of a value outside of arrays; none for a reference. */
export function wordsOf(type: StorageType): number {
  if (isReference(type)) return 0;
  if (type === V128) return 4;
  return type === I64 || type === F64 ? 2 : 1;
}

interface StructLayout {
  /** By field: its first word, or its place among the references. */
  readonly places: readonly number[];
  readonly words: number;
  readonly references: number;
  readonly bytes: number;
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
    const slots = references + Math.ceil(words / 2);
    layout = { places, words, references, bytes: OBJECT_BYTES.struct + OBJECT_BYTES.field * slots };
    layouts.set(type, layout);
  }
  return layout;
}

/** Whether an object was reached by the trace with this number; see heap.ts. */
interface Traced {
  mark: number;
}

export class StructObject implements Traced {
  readonly type: StructType;
  /** That of the type: to look it up at every access would take longer than the access. */
  readonly layout: StructLayout;
  readonly words: number[];
  readonly references: Reference[];
  mark = 0;

  constructor(type: StructType, layout: StructLayout = layoutOf(type)) {
    const { words, references } = layout;
    this.type = type;
    this.layout = layout;
    this.words = words === 0 ? NO_WORDS : new Array<number>(words).fill(0);
    this.references = references === 0 ? NO_REFERENCES : new Array<Reference>(references).fill(null);
  }

  get bytes(): number {
    return this.layout.bytes;
  }
}

const NO_WORDS: number[] = [];
const NO_REFERENCES: Reference[] = [];

export type Elements = Uint8Array | Uint16Array | Int32Array;

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

export class ArrayObject implements Traced {
  readonly type: ArrayType;
  readonly length: number;
  /** Of numbers: words, or what the packed type takes. */
  readonly elements: Elements;
  /** Of references. */
  readonly references: Reference[];
  mark = 0;

  /** @throws RangeError where the host has no room for it */
  constructor(type: ArrayType, length: number) {
    const { type: storage } = type.element;
    this.type = type;
    this.length = length;
    this.references = isReference(storage) && length > 0 ? nulls(length) : NO_REFERENCES;
    this.elements = elementsOf(storage, length);
  }

  get bytes(): number {
    return arrayBytes(this.type, this.length);
  }

  /** The elements as bytes, as a data segment has them. */
  get data(): Uint8Array {
    const { buffer, byteOffset, byteLength } = this.elements;
    return new Uint8Array(buffer, byteOffset, byteLength);
  }
}

export type HeapObject = StructObject | ArrayObject;

export function isHeapObject(value: unknown): value is HeapObject {
  return value instanceof StructObject || value instanceof ArrayObject;
}
