/** Structs and arrays (specification 4.2.13 to 4.2.16); layout.ts makes them. References to i31 are JavaScript numbers. */

import type { ArrayType, StructType } from '../../wasm/types.ts';
import type { Reference } from '../values/index.ts';

export interface StructLayout {
  /** By field: its first word, or its place among the references. */
  readonly places: readonly number[];
  readonly words: number;
  readonly references: number;
  readonly bytes: number;
}

/** Whether an object was reached by the trace with this number; see trace.ts. */
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

  constructor(type: StructType, layout: StructLayout, words: number[], references: Reference[]) {
    this.type = type;
    this.layout = layout;
    this.words = words;
    this.references = references;
  }
}

export type Elements = Uint8Array | Uint16Array | Int32Array;

export class ArrayObject implements Traced {
  readonly type: ArrayType;
  readonly length: number;
  /** Of numbers: words, or what the packed type takes. */
  readonly elements: Elements;
  /** Of references. */
  readonly references: Reference[];
  mark = 0;

  constructor(type: ArrayType, length: number, elements: Elements, references: Reference[]) {
    this.type = type;
    this.length = length;
    this.elements = elements;
    this.references = references;
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
