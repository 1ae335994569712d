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
import type { Reference, Registers, SlotReferences } from '../values/index.ts';

/** Arrays of JavaScript's that are made longer than this at once become hash tables. */
const MADE_AT_ONCE = 2 ** 24;

/** 32-bit words of a value outside of arrays; none for a reference. */
function wordsOf(type: StorageType): number {
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

type Elements = Uint8Array | Uint16Array | Int32Array;

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

/** Where the value of a field or an element is, and in what form. */
interface Holder {
  readonly words: number[] | Elements;
  readonly references: Reference[];
}

/** What values are copied from: a thread, as a rule. */
export interface ValueSource {
  readonly registers: Int32Array;
  readonly references: Pick<SlotReferences, 'get'>;
}

/** Reads a packed value. */
function unpack(value: number, storage: StorageType, isSigned: boolean): number {
  const shift = storage === I8 ? 24 : 16;
  return isSigned ? (value << shift) >> shift : (value << shift) >>> shift;
}

/** Copies a value into a register. */
export function load(
  { words, references }: Holder,
  place: number,
  storage: StorageType,
  isSigned: boolean,
  to: Registers,
  register: number,
): void {
  if (isReference(storage)) {
    to.references.set(register >> 1, references[place]);
    return;
  }
  if (storage === I8 || storage === I16) {
    to.registers[register] = unpack(words[place] as number, storage, isSigned);
    return;
  }
  const count = wordsOf(storage);
  for (let i = 0; i < count; i++) to.registers[register + i] = words[place + i] as number;
}

/** Copies a register into a value. */
export function store(
  { words, references }: Holder,
  place: number,
  storage: StorageType,
  from: ValueSource,
  register: number,
): void {
  if (isReference(storage)) {
    references[place] = from.references.get(register >> 1);
    return;
  }
  const count = wordsOf(storage);
  for (let i = 0; i < count; i++) words[place + i] = from.registers[register + i] as number;
}

/** A struct's field as a holder, and its place in it. */
export function placeOfField(object: StructObject, field: number): number {
  return object.layout.places[field] as number;
}

/** Registers from one value that was pushed to the next. */
export const registersOf = (storage: StorageType): number => (storage === V128 ? 4 : 2);

/** Copies values that were pushed, the first from `register` on, into as many elements. */
export function storeEach(array: ArrayObject, from: ValueSource, register: number): void {
  const { elements, references, length, type } = array;
  const storage = type.element.type;
  if (isReference(storage)) {
    for (let i = 0; i < length; i++) references[i] = from.references.get((register >> 1) + i);
    return;
  }
  const width = wordsOf(storage);
  const stride = registersOf(storage);
  const { registers } = from;
  for (let i = 0; i < length; i++) {
    for (let word = 0; word < width; word++) {
      elements[i * width + word] = registers[register + i * stride + word] as number;
    }
  }
}

/** Copies a register into the elements from `start` to before `end`. */
export function storeAll(array: ArrayObject, start: number, end: number, from: ValueSource, register: number): void {
  if (start >= end) return;
  const { elements, references, type } = array;
  const storage = type.element.type;
  if (isReference(storage)) {
    references.fill(from.references.get(register >> 1), start, end);
    return;
  }
  const width = wordsOf(storage);
  if (width === 1) {
    elements.fill(from.registers[register] as number, start, end);
    return;
  }
  // The first, and then what is there as often as it fits.
  const first = start * width;
  const last = end * width;
  elements.set(from.registers.subarray(register, register + width), first);
  for (let filled = width; first + filled < last; filled *= 2) {
    elements.copyWithin(first + filled, first, Math.min(first + filled, last - filled));
  }
}

export function holderOf(array: ArrayObject): Holder {
  return { words: array.elements, references: array.references };
}

export function placeOfElement(array: ArrayObject, index: number): number {
  const { type } = array.type.element;
  return isReference(type) ? index : index * wordsOf(type);
}
