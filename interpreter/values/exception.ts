/** Exceptions (specification 4.2.11, 4.2.17): tags, and what is thrown with one. */

import { OBJECT_BYTES } from '../../wasm/gas.ts';
import { EXTERNREF, type FuncType, funcType } from '../../wasm/types.ts';
import type { Cell } from './cell.ts';

/** A tag: every one is different from every other, whatever its type. */
export class TagInstance {
  readonly type: FuncType;
  /** What stands for it in the JavaScript API, once something does. */
  shown: object | undefined;

  constructor(type: FuncType) {
    this.type = type;
  }
}

export class ExceptionInstance {
  readonly tag: TagInstance;
  readonly payload: readonly Cell[];
  /** Whether it was reached by the trace with this number; see gc/heap.ts. */
  mark = 0;
  /** What stands for it in the JavaScript API, once something does. */
  shown: object | undefined;

  constructor(tag: TagInstance, payload: readonly Cell[]) {
    this.tag = tag;
    this.payload = payload;
  }

  /** Bytes that it counts for in the memory budget. */
  get bytes(): number {
    return exceptionBytes(this.payload.length);
  }
}

/** Bytes that an exception of so many values counts for. */
export function exceptionBytes(values: number): number {
  return OBJECT_BYTES.exception + OBJECT_BYTES.value * values;
}

/** The tag of what the host's own code throws (JavaScript API, 5.11). */
export const JS_TAG: TagInstance = new TagInstance(funcType([EXTERNREF], []));
