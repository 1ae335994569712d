/** A global (specification 4.2.9): a cell in an array it may share with others, or a reference. */

import type { DefinedType, GlobalType } from '../../wasm/types.ts';
import { GLOBAL_WORDS } from '../code/index.ts';
import type { Reference } from '../values/index.ts';

export class GlobalInstance {
  readonly type: GlobalType;
  /** What the type of the value may name. */
  readonly types: readonly DefinedType[];
  readonly cells: Int32Array;
  /** Place of the low word. */
  readonly at: number;
  /** The value, where the type is a reference. */
  reference: Reference = null;
  /** What stands for it in the JavaScript API, once something does. */
  shown: object | undefined;

  constructor(
    type: GlobalType,
    types: readonly DefinedType[],
    cells: Int32Array = new Int32Array(GLOBAL_WORDS),
    at = 0,
  ) {
    this.type = type;
    this.types = types;
    this.cells = cells;
    this.at = at;
  }
}
