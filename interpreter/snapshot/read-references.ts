/** The table of a guest's objects, read without recursion: all are made first, and then filled, as they may refer to one another in circles. */

import { MemoryLimitExceeded } from '../../wasm/errors.ts';
import { MOST_OBJECT_BYTES } from '../../wasm/gas.ts';
import { type DefinedType, isReference, type RefType } from '../../wasm/types.ts';
import { damaged, type WireReader } from '../../wasm/wire.ts';
import { arrayBytes, arrayOf, elementBytes, layoutOf, placeOfField, structOf } from '../gc/index.ts';
import { type Instance, isOfType } from '../store/index.ts';
import { type Cell, ExceptionInstance, exceptionBytes, type Reference, type TagInstance } from '../values/index.ts';
import type { Numbering, Place } from './numbering.ts';
import { KINDS, type Objects, PRIMITIVES } from './references.ts';

/** What reading an object may use. */
interface Reading {
  readonly from: WireReader;
  /** Reads a number, and finds whose it is: the object's own instance from then on. */
  place(kind: Parameters<Numbering['find']>[0]): Place | undefined;
  /** An object by its number; it may not have been filled yet. */
  byId(id: number): Reference;
  /**
   * Counts an object that is about to be made.
   * @throws MemoryLimitExceeded
   */
  count(bytes: number): void;
}

interface Reader<T> {
  /** @throws SnapshotError */
  readonly create: (reading: Reading) => T;
  /** @param instance the object's own @throws SnapshotError */
  readonly fill?: (value: T, reading: Reading, instance: Instance) => void;
}

const READERS: { readonly [K in keyof Objects]: Reader<Objects[K]> } = {
  function: {
    create({ place }) {
      const found = place('functions') ?? damaged('a reference names a function that the module does not have');
      return found.instance.function(found.index);
    },
  },
  primitive: {
    create({ from }) {
      switch (PRIMITIVES[from.u8()]) {
        case 'undefined':
          return undefined;
        case 'boolean':
          return from.flag();
        case 'number':
          return from.number();
        case 'bigint':
          return readBigint(from.text());
        case 'string':
          return readString(from);
        default:
          return damaged('a value is of no known type');
      }
    },
  },
  struct: {
    create({ place, count }) {
      const type = typeAt(place('types'));
      if (type?.kind !== 'struct') return damaged('a struct is of no type of the module');
      count(layoutOf(type).bytes);
      return structOf(type);
    },
    fill(value, reading, instance) {
      for (let i = 0; i < value.words.length; i++) value.words[i] = reading.from.u32() | 0;
      readIds(value.references, reading);
      value.type.fields.forEach(({ type }, i) => {
        if (isReference(type)) requireType(type, value.references[placeOfField(value, i)], instance);
      });
    },
  },
  array: {
    create({ place, from, count }) {
      const type = typeAt(place('types'));
      if (type?.kind !== 'array') return damaged('an array is of no type of the module');
      const length = from.u32();
      // Its elements are still to come, and take at least half of what they count for.
      if ((elementBytes(type) * length) / 2 > from.left) damaged('an array is too long');
      count(arrayBytes(type, length));
      return arrayOf(type, length);
    },
    fill(value, reading, instance) {
      value.data.set(reading.from.raw(value.data.length));
      readIds(value.references, reading);
      const { type } = value.type.element;
      if (isReference(type)) for (const reference of value.references) requireType(type, reference, instance);
    },
  },
  exception: {
    create({ place, count }) {
      const { instance, index } = place('tags') ?? damaged('an exception has no tag of the module');
      const tag = instance.tags[index] as TagInstance;
      const bytes = exceptionBytes(tag, instance.store.keepsExceptions);
      count(bytes);
      return new ExceptionInstance(tag, [], bytes);
    },
    fill(value, reading, instance) {
      const payload = value.payload as Cell[];
      for (const type of value.tag.type.params) {
        const [low, high, third, fourth] = Array.from({ length: 4 }, () => reading.from.u32() | 0) as FourWords;
        const reference = reading.byId(reading.from.u32());
        // A number has no reference beside it.
        if (isReference(type)) requireType(type, reference, instance);
        else if (reference !== null) damaged('a number is a reference as well');
        payload.push({ low, high, upper: [third, fourth], reference });
      }
    },
  },
};

function typeAt(place: Place | undefined): DefinedType | undefined {
  return place?.instance.module.types[place.index];
}

type FourWords = [number, number, number, number];

const BY_TAG: readonly (Reader<unknown> | undefined)[] = Array.from({ length: 256 }, (_, tag) => {
  const kind = (Object.keys(KINDS) as (keyof Objects)[]).find((name) => KINDS[name].tag === tag);
  return kind && (READERS[kind] as Reader<unknown>);
});

const MAX_BIGINT_DIGITS = 1 << 16;

function readBigint(text: string): bigint {
  if (text.length > MAX_BIGINT_DIGITS || !/^-?[\da-f]+$/.test(text)) damaged('a bigint is none');
  return text.startsWith('-') ? -BigInt(`0x${text.slice(1)}`) : BigInt(`0x${text}`);
}

function readString(from: WireReader): string {
  const bytes = from.bytesOf();
  if (bytes.length % 2 !== 0) damaged('a string is cut off');
  const units = new Uint16Array(bytes.slice().buffer);
  let text = '';
  for (let i = 0; i < units.length; i += 4_096) text += String.fromCharCode(...units.subarray(i, i + 4_096));
  return text;
}

function readIds(references: Reference[], { from, byId }: Reading): void {
  for (let i = 0; i < references.length; i++) references[i] = byId(from.u32());
}

/** @throws SnapshotError where a reference may not stand where the type is asked for */
export function requireType(type: RefType, reference: Reference, { module }: Instance): void {
  if (!isOfType(reference, type, module.types)) damaged('a reference is not of the type of its place');
}

/** @throws SnapshotError */
export function referenceAt(references: readonly Reference[], id: number): Reference {
  if (id < 0 || id >= references.length) damaged('a reference has no object');
  return references[id];
}

/** The objects of an image, by number, and the bytes that they count for. */
interface ReadObjects {
  readonly references: readonly Reference[];
  readonly bytes: number;
}

/**
 * @param room bytes that the objects may count for
 * @throws SnapshotError; MemoryLimitExceeded before more than that has been made; what looking at the clock throws
 */
export function readReferences(
  numbering: Numbering,
  from: WireReader,
  foreign: ReadonlyMap<number, unknown>,
  room: number,
): ReadObjects {
  const [any] = numbering.instances as readonly [Instance];
  const references: Reference[] = [null];
  let bytes = 0;
  const byId = (id: number): Reference => {
    if (id >= references.length) damaged('a reference has no object');
    return references[id];
  };
  const count = (more: number): void => {
    bytes += more;
    if (bytes <= room && more <= MOST_OBJECT_BYTES) return;
    throw new MemoryLimitExceeded(
      `Memory limit exceeded: the objects of the guest in the snapshot do not fit into ${any.budget.limit} bytes`,
    );
  };
  let owner = any;
  const place: Reading['place'] = (kind) => {
    const found = numbering.find(kind, from.u32());
    owner = found?.instance ?? any;
    return found;
  };
  const reading = { from, place, byId, count };
  const objects = from.count(1, 'objects');
  const tags = new Uint8Array(objects + 1);
  const owners: Instance[] = [any];
  for (let i = 1; i <= objects; i++) {
    const tag = from.u8();
    const kind = BY_TAG[tag];
    if (kind === undefined && !(tag === 0 && foreign.has(i))) damaged('an object is of no known kind');
    tags[i] = tag;
    any.work(1);
    references.push(kind === undefined ? foreign.get(i) : kind.create(reading));
    owners.push(owner);
  }
  tags.forEach((tag, i) => {
    any.work(1);
    BY_TAG[tag]?.fill?.(references[i], reading, owners[i] as Instance);
  });
  from.end();
  return { references, bytes };
}
