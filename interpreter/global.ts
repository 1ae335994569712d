/** A global (specification 4.2.9): a cell of 8 bytes in an array it may share with others, or a reference. */

import type { GlobalType } from '../wasm/types.ts';
import type { Reference } from './function.ts';

export class GlobalInstance {
  readonly type: GlobalType;
  readonly cells: Int32Array;
  /** Place of the low word. */
  readonly at: number;
  /** The value, where the type is a reference. */
  reference: Reference = null;

  constructor(type: GlobalType, cells: Int32Array = new Int32Array(2), at = 0) {
    this.type = type;
    this.cells = cells;
    this.at = at;
  }
}
