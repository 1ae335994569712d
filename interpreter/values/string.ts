/** Strings that guests make with the builtins of the JavaScript API. */

import { OBJECT_BYTES } from '../../wasm/gas.ts';

const NO_REFERENCES: readonly never[] = [];

/** Counts against the memory of guests as their other objects do, which strings of the embedder's do not. */
export class StringObject {
  readonly text: string;
  readonly references = NO_REFERENCES;
  /** Whether it was reached by the trace with this number; see gc/heap.ts. */
  mark = 0;

  constructor(text: string) {
    this.text = text;
  }

  get bytes(): number {
    return stringBytes(this.text.length);
  }
}

/** Bytes that a string of so many code units counts for. */
export function stringBytes(length: number): number {
  return OBJECT_BYTES.string + OBJECT_BYTES.codeUnit * length;
}
