/** Exceptions (specification 4.2.11, 4.2.17): tags, and what is thrown with one. */

import { FREE_EXCEPTION_VALUES, OBJECT_BYTES } from '../../wasm/gas.ts';
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

  /** Bytes that it counts for in the memory budget. */
  readonly bytes: number;

  constructor(tag: TagInstance, payload: readonly Cell[], bytes: number = exceptionBytes(tag, true)) {
    this.tag = tag;
    this.payload = payload;
    this.bytes = bytes;
  }
}

/**
 * Bytes that an exception counts for.
 * @param isKept whether a guest can keep it
 */
export function exceptionBytes({ type }: TagInstance, isKept: boolean): number {
  const { length } = type.params;
  return isKept || length > FREE_EXCEPTION_VALUES ? OBJECT_BYTES.exception + OBJECT_BYTES.value * length : 0;
}

/** The tag of what the host's own code throws (JavaScript API, 5.11). */
export const JS_TAG: TagInstance = new TagInstance(funcType([EXTERNREF], []));
