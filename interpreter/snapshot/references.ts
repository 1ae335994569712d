/**
 * The references of a guest as a table of objects, each of which may refer to others: an object graph, written and
 * read without recursion. Every kind of object is a row of {@link KINDS}.
 */

import { SnapshotError } from '../../wasm/errors.ts';
import { FUNCREF, type ValType } from '../../wasm/types.ts';
import { damaged, type WireReader, WireWriter } from '../../wasm/wire.ts';
import { isFunction, type Reference, WasmFunction } from '../function.ts';
import type { Instance } from '../instance.ts';

/** What writing an object may use. */
interface Writing {
  readonly instance: Instance;
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
}

/** A kind of object. All are made first, and then filled, as they may refer to one another in circles. */
interface Kind<T = unknown> {
  /** In the snapshot; never used again for another. */
  readonly tag: number;
  readonly is: (value: unknown, instance: Instance) => value is T;
  readonly write: (value: T, writing: Writing) => void;
  /** @throws SnapshotError */
  readonly create: (reading: Reading) => T;
  /** What the object refers to, behind what `write` wrote. */
  readonly writeFields?: (value: T, writing: Writing) => void;
  /** @throws SnapshotError */
  readonly fill?: (value: T, reading: Reading) => void;
}

function isOwnFunction(value: unknown, instance: Instance): value is Reference {
  if (value instanceof WasmFunction) return value.instance === instance;
  return isFunction(value) && importIndex(value, instance) >= 0;
}

function importIndex(value: unknown, instance: Instance): number {
  for (let i = 0; i < instance.module.importedFunctions; i++) if (instance.function(i) === value) return i;
  return -1;
}

const functions: Kind<Reference> = {
  tag: 1,
  is: isOwnFunction,
  write: (value, { to, instance }) =>
    to.u32(value instanceof WasmFunction ? value.index : importIndex(value, instance)),
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
  if (!/^-?[\da-f]+$/.test(text) || text.length > MAX_BIGINT_DIGITS) damaged('a bigint is none');
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

/** In the order in which they are tried. */
const KINDS = [functions, primitives] as readonly Kind[];

/** References by number: 0 is null, others are objects by their place in the table, from 1. */
export class ReferenceTable {
  private readonly instance: Instance;
  private readonly ids = new Map<unknown, number>();
  private readonly values: unknown[] = [];
  /** Values of the embedder's that only this process has: by number, for a fork. */
  readonly foreign = new Map<number, unknown>();

  constructor(instance: Instance) {
    this.instance = instance;
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
    const { instance, values } = this;
    const heads = new WireWriter();
    const fields = new WireWriter();
    const idOf = (reference: Reference) => this.idOf(reference);
    // Objects found on the way are added behind.
    for (let i = 0; i < values.length; i++) {
      const value = values[i];
      const kind = KINDS.find(({ is }) => is(value, instance));
      heads.u8(kind?.tag ?? 0);
      if (kind === undefined) this.foreign.set(i + 1, value);
      kind?.write(value, { instance, to: heads, idOf });
      kind?.writeFields?.(value, { instance, to: fields, idOf });
    }
    const all = new WireWriter();
    all.u32(values.length);
    all.raw(heads.written);
    all.raw(fields.written);
    return all.written;
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

/** @throws SnapshotError */
export function readReferences(
  instance: Instance,
  from: WireReader,
  foreign: ReadonlyMap<number, unknown>,
): readonly Reference[] {
  const values: Reference[] = [null];
  const byId = (id: number): Reference => {
    if (id >= values.length) damaged('a reference has no object');
    return values[id];
  };
  const reading = { instance, from, byId };
  const count = from.count(1, 'objects');
  const kinds: (Kind | undefined)[] = [undefined];
  for (let i = 1; i <= count; i++) {
    const tag = from.u8();
    const kind = KINDS.find((item) => item.tag === tag);
    if (kind === undefined && !(tag === 0 && foreign.has(i))) damaged('an object is of no known kind');
    kinds.push(kind);
    values.push(kind === undefined ? foreign.get(i) : kind.create(reading));
  }
  kinds.forEach((kind, i) => {
    kind?.fill?.(values[i], reading);
  });
  return values;
}

/** Whether a reference may stand where the type is asked for. */
export function fits(type: ValType, reference: Reference): boolean {
  return type !== FUNCREF || reference === null || isFunction(reference);
}
