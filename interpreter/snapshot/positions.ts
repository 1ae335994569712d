/** Which function a word of a module's code belongs to. */

import type { ModuleCode } from '../code/index.ts';

/** Finds the functions that words belong to. */
export class CodeMap {
  private readonly code: ModuleCode;
  /** Bodies that have been lowered, by where they begin. */
  private readonly bodies: readonly number[];

  constructor(code: ModuleCode) {
    this.code = code;
    const { entries } = code;
    const lowered: number[] = [];
    entries.forEach((entry, body) => {
      if (entry !== 0) lowered.push(body);
    });
    this.bodies = lowered.sort((a, b) => (entries[a] as number) - (entries[b] as number));
  }

  /** The body, counted from the module's first, and the words from the function's entry. */
  positionOf(pc: number): { readonly body: number; readonly offset: number } {
    const { bodies } = this;
    const { entries } = this.code;
    let low = 0;
    let high = bodies.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((entries[bodies[middle] as number] as number) <= pc) low = middle + 1;
      else high = middle;
    }
    const body = bodies[low - 1] as number;
    return { body, offset: pc - (entries[body] as number) };
  }
}
