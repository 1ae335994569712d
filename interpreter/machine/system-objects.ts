/** The machine's instructions on structs, arrays, i31 and casts (specification 4.6.5 to 4.6.7). */

import { PER_UNIT, share } from '../../wasm/gas.ts';
import type { ArrayType, DefinedType, RefType, StructType } from '../../wasm/types.ts';
import { EXIT, trapExit } from '../code/isa.ts';
import {
  type ArrayObject,
  arrayBytes,
  elementBytes,
  holderOf,
  layoutOf,
  load,
  placeOfElement,
  placeOfField,
  registersOf,
  StructObject,
  store,
  storeAll,
  storeEach,
} from '../gc/objects.ts';
import type { Handler, Operands } from '../machine/instruction.ts';
import { isOfType } from '../store/cast.ts';
import { elementsOf } from '../store/elements.ts';
import { copyReferences, type Reference } from '../values/reference.ts';

const NULL = trapExit('null-reference');
const OUT_OF_BOUNDS = trapExit('array-out-of-bounds');

function typeAt(o: Operands, place: number): DefinedType {
  return o.instance.module.types[o.word(place)] as DefinedType;
}

/** A checkpoint, the charge for so many bytes, and room in the budget; 0 where all of that is given. */
function reserve(o: Operands, bytes: number): number {
  const { thread, instance } = o;
  thread.published = thread.gas;
  if (thread.gas < 0) return EXIT.gas;
  if (!thread.charge(share(bytes, PER_UNIT.objectBytes))) return EXIT.exhausted;
  const outcome = instance.heap.allocate(bytes, thread);
  if (outcome === 'done') return 0;
  return outcome === 'full' ? EXIT.memory : EXIT.exhausted;
}

function newStruct(o: Operands, fill: (object: StructObject, type: StructType) => void): number {
  const type = typeAt(o, 2) as StructType;
  const layout = layoutOf(type);
  const exit = reserve(o, layout.bytes);
  if (exit !== 0) return exit;
  const object = new StructObject(type, layout);
  fill(object, type);
  o.setReference(1, object);
  return 0;
}

/** Makes an array in operand 1 of the type in operand 2. */
function newArray(o: Operands, length: number, fill: (array: ArrayObject) => void): number {
  const type = typeAt(o, 2) as ArrayType;
  const exit = reserve(o, arrayBytes(type, length));
  if (exit !== 0) return exit;
  const array = o.instance.heap.arrayOf(type, length);
  if (array === undefined) return EXIT.memory;
  fill(array);
  o.setReference(1, array);
  return 0;
}

/** The values of an element segment, as a list of the same length for as long as nobody drops it. */
function segment(o: Operands, place: number, start: number, length: number): readonly Reference[] {
  return length === 0 ? [] : elementsOf(o.instance, o.word(place), start, start + length);
}

/** Charges for so many elements after a checkpoint; 0 where that is paid. */
function pay(o: Operands, units: number, perUnit: number): number {
  return o.thread.charge(share(units, perUnit)) ? 0 : EXIT.exhausted;
}

function checkpoint(o: Operands): number {
  const { thread } = o;
  thread.published = thread.gas;
  return thread.gas < 0 ? EXIT.gas : 0;
}

function array(o: Operands, place: number): ArrayObject | null {
  return o.reference(place) as ArrayObject | null;
}

/** The work on `length` elements: checkpoint, null, bounds, charge, work. */
function bulk(
  o: Operands,
  length: number,
  bounds: readonly (readonly [object: ArrayObject | null, start: number])[],
  run: () => void,
): number {
  const exit = checkpoint(o);
  if (exit !== 0) return exit;
  if (bounds.some(([object]) => object === null)) return NULL;
  if (bounds.some(([object, start]) => start + length > (object as ArrayObject).length)) return OUT_OF_BOUNDS;
  const unpaid = pay(o, length, PER_UNIT.elements);
  if (unpaid !== 0) return unpaid;
  run();
  return 0;
}

export const GC_HANDLERS: Readonly<Record<string, Handler>> = {
  'struct.new': (o) =>
    newStruct(o, (object, { fields }) => {
      let register = o.register(3);
      fields.forEach(({ type }, i) => {
        store(object, placeOfField(object, i), type, o.thread, register);
        register += registersOf(type);
      });
    }),
  'struct.new_default': (o) => newStruct(o, () => undefined),
  'struct.get': (o) => {
    const object = o.reference(2) as StructObject | null;
    if (object === null) return NULL;
    const field = o.word(4);
    const { type } = object.type.fields[field] as StructType['fields'][number];
    load(object, placeOfField(object, field), type, o.word(5) === 1, o.thread, o.register(1));
    return 0;
  },
  'struct.set': (o) => {
    const object = o.reference(3) as StructObject | null;
    if (object === null) return NULL;
    const field = o.word(2);
    const { type } = object.type.fields[field] as StructType['fields'][number];
    store(object, placeOfField(object, field), type, o.thread, o.register(4));
    return 0;
  },
  'array.new': (o) => {
    const length = o.unsigned(4);
    return newArray(o, length, (object) => storeAll(object, 0, length, o.thread, o.register(3)));
  },
  'array.new_default': (o) => newArray(o, o.unsigned(3), () => undefined),
  'array.new_fixed': (o) => {
    return newArray(o, o.word(3), (object) => storeEach(object, o.thread, o.register(4)));
  },
  'array.new_data': (o) => {
    const data = o.data(3);
    const start = o.unsigned(4);
    const length = o.unsigned(5);
    const bytes = length * elementBytes(typeAt(o, 2) as ArrayType);
    if (start + bytes > data.length) return checkpoint(o) || trapExit('memory-out-of-bounds');
    return newArray(o, length, (object) => object.data.set(data.subarray(start, start + bytes)));
  },
  'array.new_elem': (o) => {
    const start = o.unsigned(4);
    const length = o.unsigned(5);
    if (start + length > o.elementCount(3)) return checkpoint(o) || trapExit('table-out-of-bounds');
    return newArray(o, length, (object) => {
      copyReferences(object.references, 0, segment(o, 3, start, length), 0, length);
    });
  },
  'array.get': (o) => {
    const object = array(o, 2);
    if (object === null) return NULL;
    const index = o.unsigned(3);
    if (index >= object.length) return OUT_OF_BOUNDS;
    const { type } = object.type.element;
    load(holderOf(object), placeOfElement(object, index), type, o.word(4) === 1, o.thread, o.register(1));
    return 0;
  },
  'array.set': (o) => {
    const object = array(o, 1);
    if (object === null) return NULL;
    const index = o.unsigned(2);
    if (index >= object.length) return OUT_OF_BOUNDS;
    store(holderOf(object), placeOfElement(object, index), object.type.element.type, o.thread, o.register(3));
    return 0;
  },
  'array.len': (o) => {
    const object = array(o, 2);
    if (object === null) return NULL;
    o.set(1, object.length);
    return 0;
  },
  'array.fill': (o) => {
    const object = array(o, 1);
    const start = o.unsigned(2);
    const length = o.unsigned(4);
    return bulk(o, length, [[object, start]], () => {
      storeAll(object as ArrayObject, start, start + length, o.thread, o.register(3));
    });
  },
  'array.copy': (o) => {
    const to = array(o, 1);
    const target = o.unsigned(2);
    const from = array(o, 3);
    const source = o.unsigned(4);
    const length = o.unsigned(5);
    return bulk(
      o,
      length,
      [
        [to, target],
        [from, source],
      ],
      () => copy(to as ArrayObject, target, from as ArrayObject, source, length),
    );
  },
  'array.init_data': (o) => {
    const object = array(o, 2);
    const data = o.data(1);
    const target = o.unsigned(3);
    const source = o.unsigned(4);
    const length = o.unsigned(5);
    const width = object === null ? 1 : elementBytes(object.type);
    if (object !== null && target + length <= object.length && source + length * width > data.length) {
      return checkpoint(o) || trapExit('memory-out-of-bounds');
    }
    return bulk(o, length, [[object, target]], () => {
      (object as ArrayObject).data.set(data.subarray(source, source + length * width), target * width);
    });
  },
  'array.init_elem': (o) => {
    const object = array(o, 2);
    const target = o.unsigned(3);
    const source = o.unsigned(4);
    const length = o.unsigned(5);
    if (object !== null && target + length <= object.length && source + length > o.elementCount(1)) {
      return checkpoint(o) || trapExit('table-out-of-bounds');
    }
    return bulk(o, length, [[object, target]], () => {
      copyReferences((object as ArrayObject).references, target, segment(o, 1, source, length), 0, length);
    });
  },
  'ref.test': (o) => {
    o.set(1, isOfType(o.reference(2), o.word(3) as RefType, o.instance.module.types) ? 1 : 0);
    return 0;
  },
  'ref.cast': (o) => {
    const reference = o.reference(2);
    if (!isOfType(reference, o.word(3) as RefType, o.instance.module.types)) return trapExit('cast-failure');
    o.setReference(1, reference);
    return 0;
  },
  'ref.eq': (o) => {
    o.set(1, o.reference(2) === o.reference(3) ? 1 : 0);
    return 0;
  },
  'ref.as_non_null': (o) => {
    const reference = o.reference(2);
    if (reference === null) return NULL;
    o.setReference(1, reference);
    return 0;
  },
  'ref.i31': (o) => {
    o.setReference(1, (o.signed(2) << 1) >> 1);
    return 0;
  },
  'i31.get_s': (o) => {
    const value = o.reference(2) as number | null;
    if (value === null) return NULL;
    o.set(1, value);
    return 0;
  },
  'i31.get_u': (o) => {
    const value = o.reference(2) as number | null;
    if (value === null) return NULL;
    o.set(1, value & 0x7fff_ffff);
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
