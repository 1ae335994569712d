/** What is written down of a body that is woven to find places in it. */

import { Ints } from '../wasm/ints.ts';

/** In place of an instruction: it may be any. */
export const NOWHERE = -1;

/** Which instruction of the original each place in a woven body is of. */
export class Trace {
  /** Pairs of a place in the new code, counted from its first instruction, and in the old; with a mark where a run is copied. */
  private readonly pairs = new Ints();

  add(at: number, original: number, isRun: boolean): void {
    this.pairs.push(at);
    this.pairs.push(2 * original + (isRun ? 1 : 0));
  }

  /** Undefined before the first; {@link NOWHERE} where nobody can tell. */
  find(at: number): number | undefined {
    const { values, length } = this.pairs;
    let low = 0;
    let high = length / 2;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((values[2 * middle] as number) <= at) low = middle + 1;
      else high = middle;
    }
    if (low === 0) return undefined;
    const original = values[2 * low - 1] as number;
    const run = at - (values[2 * low - 2] as number);
    return (original >> 1) + ((original & 1) === 1 ? run : 0);
  }
}
