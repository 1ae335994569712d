/** Values that are copied between registers and objects. */

import { I8, I16, isReference, type StorageType, V128 } from '../../wasm/types.ts';
import type { Reference, Registers, SlotReferences } from '../values/index.ts';
import { wordsOf } from './layout.ts';
import type { ArrayObject, Elements, StructObject } from './objects.ts';

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
