/**
 * The references of a guest as a table of objects, each of which may refer to others: an object graph, written and
 * read without recursion. Every kind of object is a row of {@link KINDS}.
 */

import { MemoryLimitExceeded, SnapshotError } from '../../wasm/errors.ts';
import { MOST_OBJECT_BYTES } from '../../wasm/gas.ts';
import { isReference, type RefType } from '../../wasm/types.ts';
import { damaged, type WireReader, WireWriter } from '../../wasm/wire.ts';
import {
  ArrayObject,
  arrayBytes,
  elementBytes,
  type HeapObject,
  isHeapObject,
  layoutOf,
  placeOfField,
  StructObject,
} from '../gc/index.ts';
import { type Instance, isFunction, isOfType, WasmFunction } from '../store/index.ts';
import { type Cell, ExceptionInstance, exceptionBytes, type Reference } from '../values/index.ts';

/** The numbers that an instance's own things have in its module; -1 for what is not its own. */
class Numbers {
  private readonly instance: Instance;
  private types: ReadonlyMap<unknown, number> | undefined;
  private tags: ReadonlyMap<unknown, number> | undefined;
  private imports: ReadonlyMap<unknown, number> | undefined;

  constructor(instance: Instance) {
    this.instance = instance;
  }

  /** Types are compared as they are: an object has the very one of the module. */
  ofType(object: HeapObject): number {
    this.types ??= numbered(this.instance.module.types);
    return this.types.get(object.type) ?? -1;
  }

  ofTag({ tag }: ExceptionInstance): number {
    this.tags ??= numbered(this.instance.tags);
    return this.tags.get(tag) ?? -1;
  }

  ofFunction(value: unknown): number {
    if (value instanceof WasmFunction) return value.instance === this.instance ? value.index : -1;
    const count = this.instance.module.importedFunctions;
    this.imports ??= numbered(Array.from({ length: count }, (_, i) => this.instance.function(i)));
    return this.imports.get(value) ?? -1;
  }
}

/** By value; the first of those that are the same. */
function numbered(values: readonly unknown[]): ReadonlyMap<unknown, number> {
  const numbers = new Map<unknown, number>();
  values.forEach((value, i) => {
    if (!numbers.has(value)) numbers.set(value, i);
  });
  return numbers;
}

/** What writing an object may use. */
interface Writing {
  readonly numbers: Numbers;
  readonly to: WireWriter;
  /** The number of a reference that the object holds. */
  idOf(reference: Reference): number;
}

/** What reading one may use. */
interface Reading {
  readonly instance: Instance;
  readonly from: WireReader;
  /** An object by its number; it may not have been filled yet. */
  byId(id: number): Reference;
  /**
   * Counts an object that is about to be made.
   * @throws MemoryLimitExceeded
   */
  count(bytes: number): void;
}

/** A kind of object. All are made first, and then filled, as they may refer to one another in circles. */
interface Kind<T = unknown> {
  /** In the snapshot; never used again for another. */
  readonly tag: number;
  readonly is: (value: unknown, numbers: Numbers) => value is T;
  readonly write: (value: T, writing: Writing) => void;
  /** @throws SnapshotError */
  readonly create: (reading: Reading) => T;
  /** What the object refers to, behind what `write` wrote. */
  readonly writeFields?: (value: T, writing: Writing) => void;
  /** @throws SnapshotError */
  readonly fill?: (value: T, reading: Reading) => void;
}

const functions: Kind<Reference> = {
  tag: 1,
  is: (value, numbers): value is Reference => isFunction(value) && numbers.ofFunction(value) >= 0,
  write: (value, { to, numbers }) => to.u32(numbers.ofFunction(value)),
  create({ from, instance }) {
    const index = from.u32();
    if (index >= instance.module.functions.length)
      damaged('a reference names a function that the module does not have');
    return instance.function(index);
  },
};

/** Values of JavaScript's that are nothing but themselves. */
const PRIMITIVES = ['undefined', 'boolean', 'number', 'bigint', 'string'] as const;
const MAX_BIGINT_DIGITS = 1 << 16;

const primitives: Kind<unknown> = {
  tag: 2,
  is: (value): value is unknown => (PRIMITIVES as readonly string[]).includes(typeof value),
  write(value, { to }) {
    to.u8(PRIMITIVES.indexOf(typeof value as (typeof PRIMITIVES)[number]));
    switch (typeof value) {
      case 'boolean':
        to.flag(value);
        break;
      case 'number':
        to.number(value);
        break;
      case 'bigint':
        to.text(value.toString(16));
        break;
      case 'string':
        writeString(value, to);
        break;
    }
  },
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
};

function readBigint(text: string): bigint {
  if (text.length > MAX_BIGINT_DIGITS || !/^-?[\da-f]+$/.test(text)) damaged('a bigint is none');
  return text.startsWith('-') ? -BigInt(`0x${text.slice(1)}`) : BigInt(`0x${text}`);
}

/** By code units, as a string may hold halves of characters. */
function writeString(text: string, to: WireWriter): void {
  const units = Uint16Array.from({ length: text.length }, (_, i) => text.charCodeAt(i));
  to.bytesOf(new Uint8Array(units.buffer));
}

function readString(from: WireReader): string {
  const bytes = from.bytesOf();
  if (bytes.length % 2 !== 0) damaged('a string is cut off');
  const units = new Uint16Array(bytes.slice().buffer);
  let text = '';
  for (let i = 0; i < units.length; i += 4_096) text += String.fromCharCode(...units.subarray(i, i + 4_096));
  return text;
}

const structs: Kind<StructObject> = {
  tag: 3,
  is: (value, numbers): value is StructObject => value instanceof StructObject && numbers.ofType(value) >= 0,
  write: (value, { numbers, to }) => to.u32(numbers.ofType(value)),
  create({ instance, from, count }) {
    const type = instance.module.types[from.u32()];
    if (type?.kind !== 'struct') return damaged('a struct is of no type of the module');
    count(layoutOf(type).bytes);
    return new StructObject(type);
  },
  writeFields(value, writing) {
    for (const word of value.words) writing.to.u32(word);
    writeIds(value.references, writing);
  },
  fill(value, reading) {
    for (let i = 0; i < value.words.length; i++) value.words[i] = reading.from.u32() | 0;
    readIds(value.references, reading);
    value.type.fields.forEach(({ type }, i) => {
      if (isReference(type)) requireType(type, value.references[placeOfField(value, i)], reading.instance);
    });
  },
};

const arrays: Kind<ArrayObject> = {
  tag: 4,
  is: (value, numbers): value is ArrayObject => value instanceof ArrayObject && numbers.ofType(value) >= 0,
  write(value, { numbers, to }) {
    to.u32(numbers.ofType(value));
    to.u32(value.length);
  },
  create({ instance, from, count }) {
    const type = instance.module.types[from.u32()];
    if (type?.kind !== 'array') return damaged('an array is of no type of the module');
    const length = from.u32();
    // Its elements are still to come, and take at least half of what they count for.
    if ((elementBytes(type) * length) / 2 > from.left) damaged('an array is too long');
    count(arrayBytes(type, length));
    return new ArrayObject(type, length);
  },
  writeFields(value, writing) {
    writing.to.raw(value.data);
    writeIds(value.references, writing);
  },
  fill(value, reading) {
    value.data.set(reading.from.raw(value.data.length));
    readIds(value.references, reading);
    const { type } = value.type.element;
    if (isReference(type)) for (const reference of value.references) requireType(type, reference, reading.instance);
  },
};

const exceptions: Kind<ExceptionInstance> = {
  tag: 5,
  is: (value, numbers): value is ExceptionInstance => value instanceof ExceptionInstance && numbers.ofTag(value) >= 0,
  write: (value, { numbers, to }) => to.u32(numbers.ofTag(value)),
  create({ instance, from, count }) {
    const tag = instance.tags[from.u32()] ?? damaged('an exception has no tag of the module');
    count(exceptionBytes(tag.type.params.length));
    return new ExceptionInstance(tag, []);
  },
  writeFields({ payload }, { to, idOf }) {
    for (const { low, high, upper, reference } of payload) {
      for (const word of [low, high, ...(upper ?? [0, 0])]) to.u32(word);
      to.u32(idOf(reference));
    }
  },
  fill(value, reading) {
    const payload = value.payload as Cell[];
    for (const type of value.tag.type.params) {
      const [low, high, third, fourth] = Array.from({ length: 4 }, () => reading.from.u32() | 0) as FourWords;
      const reference = reading.byId(reading.from.u32());
      // A number has no reference beside it.
      if (isReference(type)) requireType(type, reference, reading.instance);
      else if (reference !== null) damaged('a number is a reference as well');
      payload.push({ low, high, upper: [third, fourth], reference });
    }
  },
};

type FourWords = [number, number, number, number];

function writeIds(references: readonly Reference[], { to, idOf }: Writing): void {
  for (const reference of references) to.u32(idOf(reference));
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

/** In the order in which they are tried. */
const KINDS = [functions, primitives, structs, arrays, exceptions] as readonly Kind[];
const BY_TAG: readonly (Kind | undefined)[] = Array.from({ length: 256 }, (_, tag) =>
  KINDS.find((kind) => kind.tag === tag),
);

/** References by number: 0 is null, others are objects by their place in the table, from 1. */
export class ReferenceTable {
  private readonly numbers: Numbers;
  private readonly ids = new Map<unknown, number>();
  private readonly values: unknown[] = [];
  /** Values of the embedder's that only this process has: by number, for a fork. */
  readonly foreign = new Map<number, unknown>();

  constructor(instance: Instance) {
    this.numbers = new Numbers(instance);
  }

  idOf(reference: Reference): number {
    if (reference === null) return 0;
    let id = this.ids.get(reference);
    if (id === undefined) {
      this.values.push(reference);
      id = this.values.length;
      this.ids.set(reference, id);
    }
    return id;
  }

  idsOf(references: readonly Reference[]): Int32Array {
    return Int32Array.from(references, (reference) => this.idOf(reference));
  }

  /** All objects that can be reached. To be called when every reference has a number. */
  encode(): Uint8Array {
    const { numbers, values } = this;
    const heads = new WireWriter();
    const fields = new WireWriter();
    const idOf = (reference: Reference) => this.idOf(reference);
    // Objects found on the way are added behind.
    for (let i = 0; i < values.length; i++) {
      const value = values[i];
      const kind = KINDS.find(({ is }) => is(value, numbers));
      heads.u8(kind?.tag ?? 0);
      if (kind === undefined) this.addForeign(i + 1, value);
      kind?.write(value, { numbers, to: heads, idOf });
      kind?.writeFields?.(value, { numbers, to: fields, idOf });
    }
    const all = new WireWriter();
    all.u32(values.length);
    all.raw(heads.written);
    all.raw(fields.written);
    return all.written;
  }

  /** @throws SnapshotError for an object that a guest can change, which two must not share */
  private addForeign(id: number, value: unknown): void {
    if (isHeapObject(value) || value instanceof ExceptionInstance || isFunction(value)) {
      throw new SnapshotError('the guest holds an object or a function of another instance');
    }
    this.foreign.set(id, value);
  }

  /** @throws SnapshotError where there are values that only this process has */
  requireOwn(): void {
    const [value] = this.foreign.values();
    if (this.foreign.size === 0) return;
    throw new SnapshotError(
      `the guest holds a reference to ${typeof value === 'object' ? 'an object' : `a ${typeof value}`} of the host's, which has no meaning in a snapshot`,
    );
  }
}

/** The objects of an image, by number, and the bytes that they count for. */
export interface ReadObjects {
  readonly references: readonly Reference[];
  readonly bytes: number;
}

/**
 * @param room bytes that the objects may count for
 * @throws SnapshotError; MemoryLimitExceeded before more than that has been made; what looking at the clock throws
 */
export function readReferences(
  instance: Instance,
  from: WireReader,
  foreign: ReadonlyMap<number, unknown>,
  room: number,
): ReadObjects {
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
      `Memory limit exceeded: the objects of the guest in the snapshot do not fit into ${instance.budget.limit} bytes`,
    );
  };
  const reading = { instance, from, byId, count };
  const objects = from.count(1, 'objects');
  const tags = new Uint8Array(objects + 1);
  for (let i = 1; i <= objects; i++) {
    const tag = from.u8();
    const kind = BY_TAG[tag];
    if (kind === undefined && !(tag === 0 && foreign.has(i))) damaged('an object is of no known kind');
    tags[i] = tag;
    instance.work(1);
    references.push(kind === undefined ? foreign.get(i) : kind.create(reading));
  }
  tags.forEach((tag, i) => {
    instance.work(1);
    BY_TAG[tag]?.fill?.(references[i], reading);
  });
  from.end();
  return { references, bytes };
}
