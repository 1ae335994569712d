/** The machine's instructions on structs, arrays, i31 and casts (specification 4.6.5 to 4.6.7). */

import { PER_UNIT, share } from '../../wasm/gas.ts';
import type { ArrayType, RefType, StructType } from '../../wasm/types.ts';
import { EXIT, FIRST_ATOMIC, FIRST_OBJECT, type ObjectName, type Place, type Target, trapExit } from '../code/index.ts';
import {
  type ArrayObject,
  arrayBytes,
  arrayWithin,
  elementBytes,
  holderOf,
  layoutOf,
  load,
  placeOfElement,
  placeOfField,
  registersOf,
  type StructObject,
  store,
  storeAll,
  storeEach,
  structOf,
} from '../gc/index.ts';
import { elementsOf, isOfType } from '../store/index.ts';
import { copyReferences, type Reference } from '../values/index.ts';
import { carriedOut, type Handlers, type Instruction } from './instruction.ts';

const NULL = trapExit('null-reference');
const OUT_OF_BOUNDS = trapExit('array-out-of-bounds');

/** A checkpoint, the charge for so many bytes, and room in the budget; 0 where all of that is given. */
function reserve(it: Instruction, bytes: number): number {
  const { thread, instance } = it;
  thread.published = thread.gas;
  if (thread.gas < 0) return EXIT.gas;
  if (!thread.charge(share(bytes, PER_UNIT.objectBytes))) return EXIT.exhausted;
  const outcome = instance.heap.allocate(bytes, thread);
  if (outcome === 'done') return 0;
  return outcome === 'full' ? EXIT.memory : EXIT.exhausted;
}

/** Where instructions that make an object have its register, and its type. */
interface Maker {
  readonly result: Target<'reference'>;
  readonly type: Place<'type'>;
}

function newStruct(it: Instruction, at: Maker, fill: (object: StructObject, type: StructType) => void): number {
  const type = it.type(at.type) as StructType;
  const layout = layoutOf(type);
  const exit = reserve(it, layout.bytes);
  if (exit !== 0) return exit;
  const object = structOf(type, layout);
  fill(object, type);
  it.setReference(at.result, object);
  return 0;
}

function newArray(it: Instruction, at: Maker, length: number, fill: (array: ArrayObject) => void): number {
  const type = it.type(at.type) as ArrayType;
  const exit = reserve(it, arrayBytes(type, length));
  if (exit !== 0) return exit;
  const array = arrayWithin(it.instance.heap, type, length);
  if (array === undefined) return EXIT.memory;
  fill(array);
  it.setReference(at.result, array);
  return 0;
}

/** The values of an element segment, as a list of the same length for as long as nobody drops it. */
function segment(it: Instruction, place: Place<'element'>, start: number, length: number): readonly Reference[] {
  return length === 0 ? [] : elementsOf(it.instance, it.word(place), start, start + length);
}

/** Charges for so many elements after a checkpoint; 0 where that is paid. */
function pay(it: Instruction, units: number, perUnit: number): number {
  return it.thread.charge(share(units, perUnit)) ? 0 : EXIT.exhausted;
}

function checkpoint({ thread }: Instruction): number {
  thread.published = thread.gas;
  return thread.gas < 0 ? EXIT.gas : 0;
}

function arrayAt(it: Instruction, place: Place<'reference'>): ArrayObject | null {
  return it.reference(place) as ArrayObject | null;
}

/** The work on `length` elements: checkpoint, null, bounds, charge, work. */
function bulk(
  it: Instruction,
  length: number,
  bounds: readonly (readonly [object: ArrayObject | null, start: number])[],
  run: () => void,
): number {
  const exit = checkpoint(it);
  if (exit !== 0) return exit;
  if (bounds.some(([object]) => object === null)) return NULL;
  if (bounds.some(([object, start]) => start + length > (object as ArrayObject).length)) return OUT_OF_BOUNDS;
  const unpaid = pay(it, length, PER_UNIT.elements);
  if (unpaid !== 0) return unpaid;
  run();
  return 0;
}

const HANDLERS: Handlers<ObjectName> = {
  'struct.new': (it, at) =>
    newStruct(it, at, (object, { fields }) => {
      let register = it.register(at.base);
      fields.forEach(({ type }, i) => {
        store(object, placeOfField(object, i), type, it.thread, register);
        register += registersOf(type);
      });
    }),
  'struct.new_default': (it, at) => newStruct(it, at, () => undefined),
  'struct.get': (it, at) => {
    const object = it.reference(at.struct) as StructObject | null;
    if (object === null) return NULL;
    const field = it.word(at.field);
    const { type } = object.type.fields[field] as StructType['fields'][number];
    load(object, placeOfField(object, field), type, it.word(at.isSigned) === 1, it.thread, it.register(at.result));
    return 0;
  },
  'struct.set': (it, at) => {
    const object = it.reference(at.struct) as StructObject | null;
    if (object === null) return NULL;
    const field = it.word(at.field);
    const { type } = object.type.fields[field] as StructType['fields'][number];
    store(object, placeOfField(object, field), type, it.thread, it.register(at.value));
    return 0;
  },
  'array.new': (it, at) => {
    const length = it.unsigned(at.length);
    return newArray(it, at, length, (array) => storeAll(array, 0, length, it.thread, it.register(at.value)));
  },
  'array.new_default': (it, at) => newArray(it, at, it.unsigned(at.length), () => undefined),
  'array.new_fixed': (it, at) =>
    newArray(it, at, it.word(at.count), (array) => storeEach(array, it.thread, it.register(at.base))),
  'array.new_data': (it, at) => {
    const data = it.data(at.data);
    const start = it.unsigned(at.source);
    const length = it.unsigned(at.length);
    const bytes = length * elementBytes(it.type(at.type) as ArrayType);
    if (start + bytes > data.length) return checkpoint(it) || trapExit('memory-out-of-bounds');
    return newArray(it, at, length, (array) => array.data.set(data.subarray(start, start + bytes)));
  },
  'array.new_elem': (it, at) => {
    const start = it.unsigned(at.source);
    const length = it.unsigned(at.length);
    if (start + length > it.elementCount(at.element)) return checkpoint(it) || trapExit('table-out-of-bounds');
    return newArray(it, at, length, (array) => {
      copyReferences(array.references, 0, segment(it, at.element, start, length), 0, length);
    });
  },
  'array.get': (it, at) => {
    const array = arrayAt(it, at.array);
    if (array === null) return NULL;
    const index = it.unsigned(at.index);
    if (index >= array.length) return OUT_OF_BOUNDS;
    const { type } = array.type.element;
    const isSigned = it.word(at.isSigned) === 1;
    load(holderOf(array), placeOfElement(array, index), type, isSigned, it.thread, it.register(at.result));
    return 0;
  },
  'array.set': (it, at) => {
    const array = arrayAt(it, at.array);
    if (array === null) return NULL;
    const index = it.unsigned(at.index);
    if (index >= array.length) return OUT_OF_BOUNDS;
    store(holderOf(array), placeOfElement(array, index), array.type.element.type, it.thread, it.register(at.value));
    return 0;
  },
  'array.len': (it, at) => {
    const array = arrayAt(it, at.array);
    if (array === null) return NULL;
    it.set(at.result, array.length);
    return 0;
  },
  'array.fill': (it, at) => {
    const array = arrayAt(it, at.array);
    const start = it.unsigned(at.target);
    const length = it.unsigned(at.length);
    return bulk(it, length, [[array, start]], () => {
      storeAll(array as ArrayObject, start, start + length, it.thread, it.register(at.value));
    });
  },
  'array.copy': (it, at) => {
    const to = arrayAt(it, at.to);
    const target = it.unsigned(at.target);
    const from = arrayAt(it, at.from);
    const source = it.unsigned(at.source);
    const length = it.unsigned(at.length);
    return bulk(
      it,
      length,
      [
        [to, target],
        [from, source],
      ],
      () => copy(to as ArrayObject, target, from as ArrayObject, source, length),
    );
  },
  'array.init_data': (it, at) => {
    const array = arrayAt(it, at.array);
    const data = it.data(at.data);
    const target = it.unsigned(at.target);
    const source = it.unsigned(at.source);
    const length = it.unsigned(at.length);
    const width = array === null ? 1 : elementBytes(array.type);
    if (array !== null && target + length <= array.length && source + length * width > data.length) {
      return checkpoint(it) || trapExit('memory-out-of-bounds');
    }
    return bulk(it, length, [[array, target]], () => {
      (array as ArrayObject).data.set(data.subarray(source, source + length * width), target * width);
    });
  },
  'array.init_elem': (it, at) => {
    const array = arrayAt(it, at.array);
    const target = it.unsigned(at.target);
    const source = it.unsigned(at.source);
    const length = it.unsigned(at.length);
    if (array !== null && target + length <= array.length && source + length > it.elementCount(at.element)) {
      return checkpoint(it) || trapExit('table-out-of-bounds');
    }
    return bulk(it, length, [[array, target]], () => {
      copyReferences((array as ArrayObject).references, target, segment(it, at.element, source, length), 0, length);
    });
  },
  'ref.test': (it, at) => {
    const isOf = isOfType(it.reference(at.reference), it.word(at.type) as RefType, it.instance.module.types);
    it.set(at.result, isOf ? 1 : 0);
    return 0;
  },
  'ref.cast': (it, at) => {
    const reference = it.reference(at.reference);
    if (!isOfType(reference, it.word(at.type) as RefType, it.instance.module.types)) return trapExit('cast-failure');
    it.setReference(at.result, reference);
    return 0;
  },
  'ref.eq': (it, { result, first, second }) => {
    it.set(result, it.reference(first) === it.reference(second) ? 1 : 0);
    return 0;
  },
  'ref.as_non_null': (it, at) => {
    const reference = it.reference(at.reference);
    if (reference === null) return NULL;
    it.setReference(at.result, reference);
    return 0;
  },
  'ref.i31': (it, { result, value }) => {
    it.setReference(result, (it.signed(value) << 1) >> 1);
    return 0;
  },
  'i31.get_s': (it, { result, i31 }) => {
    const value = it.reference(i31) as number | null;
    if (value === null) return NULL;
    it.set(result, value);
    return 0;
  },
  'i31.get_u': (it, { result, i31 }) => {
    const value = it.reference(i31) as number | null;
    if (value === null) return NULL;
    it.set(result, value & 0x7fff_ffff);
    return 0;
  },
};

function copy(to: ArrayObject, target: number, from: ArrayObject, source: number, length: number): void {
  const start = placeOfElement(from, source);
  const end = placeOfElement(from, source + length);
  const at = placeOfElement(to, target);
  if (to.elements.length > 0) {
    if (to === from) to.elements.copyWithin(at, start, end);
    else to.elements.set(from.elements.subarray(start, end), at);
  } else copyReferences(to.references, at, from.references, start, length);
}

/** By number, from FIRST_OBJECT on. */
export const OBJECT = carriedOut(HANDLERS, FIRST_OBJECT, FIRST_ATOMIC);
