/**
 * The references of a guest as a table of objects, each of which may refer to others: an object graph, written without
 * recursion. Every kind of object is a row of {@link KINDS}, and of the readers in read-references.ts.
 */

import { SnapshotError } from '../../wasm/errors.ts';
import { WireWriter } from '../../wasm/wire.ts';
import { ArrayObject, type HeapObject, isHeapObject, StructObject } from '../gc/index.ts';
import { isFunction, WasmFunction } from '../store/index.ts';
import { ExceptionInstance, type Reference } from '../values/index.ts';
import type { Numbering } from './numbering.ts';

/** The numbers of the program's own things; -1 for what is of another. */
class Numbers {
  private readonly numbering: Numbering;
  private types: ReadonlyMap<unknown, number> | undefined;
  private tags: ReadonlyMap<unknown, number> | undefined;
  private imports: ReadonlyMap<unknown, number> | undefined;

  constructor(numbering: Numbering) {
    this.numbering = numbering;
  }

  /** Types are compared as they are: an object has the very one of the module. */
  ofType(object: HeapObject): number {
    this.types ??= numbered(this.numbering.instances.flatMap(({ module }) => module.types));
    return this.types.get(object.type) ?? -1;
  }

  ofTag({ tag }: ExceptionInstance): number {
    this.tags ??= numbered(this.numbering.instances.flatMap(({ tags }) => tags));
    return this.tags.get(tag) ?? -1;
  }

  ofFunction(value: unknown): number {
    const { numbering } = this;
    if (value instanceof WasmFunction) return numbering.of('functions', value.instance, value.index);
    this.imports ??= importsOf(numbering);
    return this.imports.get(value) ?? -1;
  }
}

function importsOf(numbering: Numbering): ReadonlyMap<unknown, number> {
  const numbers = new Map<unknown, number>();
  for (const instance of numbering.instances) {
    for (let i = 0; i < instance.module.importedFunctions; i++) {
      const imported = instance.function(i);
      if (!numbers.has(imported)) numbers.set(imported, numbering.of('functions', instance, i));
    }
  }
  return numbers;
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

interface Kind<T> {
  /** In the snapshot; never used again for another. */
  readonly tag: number;
  readonly is: (value: unknown, numbers: Numbers) => value is T;
  readonly write: (value: T, writing: Writing) => void;
  /** What the object refers to, behind what `write` wrote of all. */
  readonly writeFields?: (value: T, writing: Writing) => void;
}

/** What each kind of object is to JavaScript. */
export interface Objects {
  readonly function: Reference;
  readonly primitive: unknown;
  readonly struct: StructObject;
  readonly array: ArrayObject;
  readonly exception: ExceptionInstance;
}

/** Values of JavaScript's that are nothing but themselves. */
export const PRIMITIVES = ['undefined', 'boolean', 'number', 'bigint', 'string'] as const;

/** In the order in which they are tried. */
export const KINDS: { readonly [K in keyof Objects]: Kind<Objects[K]> } = {
  function: {
    tag: 1,
    is: (value, numbers): value is Reference => isFunction(value) && numbers.ofFunction(value) >= 0,
    write: (value, { to, numbers }) => to.u32(numbers.ofFunction(value)),
  },
  primitive: {
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
  },
  struct: {
    tag: 3,
    is: (value, numbers): value is StructObject => value instanceof StructObject && numbers.ofType(value) >= 0,
    write: (value, { numbers, to }) => to.u32(numbers.ofType(value)),
    writeFields(value, writing) {
      for (const word of value.words) writing.to.u32(word);
      writeIds(value.references, writing);
    },
  },
  array: {
    tag: 4,
    is: (value, numbers): value is ArrayObject => value instanceof ArrayObject && numbers.ofType(value) >= 0,
    write(value, { numbers, to }) {
      to.u32(numbers.ofType(value));
      to.u32(value.length);
    },
    writeFields(value, writing) {
      writing.to.raw(value.data);
      writeIds(value.references, writing);
    },
  },
  exception: {
    tag: 5,
    is: (value, numbers): value is ExceptionInstance => value instanceof ExceptionInstance && numbers.ofTag(value) >= 0,
    write: (value, { numbers, to }) => to.u32(numbers.ofTag(value)),
    writeFields({ payload }, { to, idOf }) {
      for (const { low, high, upper, reference } of payload) {
        for (const word of [low, high, ...(upper ?? [0, 0])]) to.u32(word);
        to.u32(idOf(reference));
      }
    },
  },
};
const IN_ORDER = Object.values(KINDS) as readonly Kind<unknown>[];

/** By code units, as a string may hold halves of characters. */
function writeString(text: string, to: WireWriter): void {
  const units = Uint16Array.from({ length: text.length }, (_, i) => text.charCodeAt(i));
  to.bytesOf(new Uint8Array(units.buffer));
}

function writeIds(references: readonly Reference[], { to, idOf }: Writing): void {
  for (const reference of references) to.u32(idOf(reference));
}

/** References by number: 0 is null, others are objects by their place in the table, from 1. */
export class ReferenceTable {
  private readonly numbers: Numbers;
  private readonly ids = new Map<unknown, number>();
  private readonly values: unknown[] = [];
  /** Values of the embedder's that only this process has: by number, for a fork. */
  readonly foreign = new Map<number, unknown>();

  constructor(numbering: Numbering) {
    this.numbers = new Numbers(numbering);
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
      const kind = IN_ORDER.find(({ is }) => is(value, numbers));
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
