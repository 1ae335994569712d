/** Which instruction of a function became which words of its code. */

import { Ints } from '../../wasm/ints.ts';

export class Trace {
  /** First words of machine instructions, from the function's entry; and what they stem from: offsets in the module. */
  private readonly words = new Ints();
  private readonly offsets = new Ints();

  get bytes(): number {
    return this.words.values.byteLength + this.offsets.values.byteLength;
  }

  /** In ascending order, both. */
  add(word: number, offset: number): void {
    const { words, offsets } = this;
    // Of what became no words, the last counts.
    if (words.last === word) offsets.pop();
    else words.push(word);
    offsets.push(offset);
  }

  /** The instruction that the word belongs to; undefined where it stands before all of them. */
  offsetAt(word: number): number | undefined {
    const { values, length } = this.words;
    let low = 0;
    let high = length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((values[middle] as number) <= word) low = middle + 1;
      else high = middle;
    }
    return low === 0 ? undefined : this.offsets.values[low - 1];
  }
}
