/** Which instruction of a function became which words of its code. */

export class Trace {
  /** First words of machine instructions, from the function's entry; and what they stem from: offsets in the module. */
  private words = new Int32Array(64);
  private offsets = new Int32Array(64);
  private length = 0;

  get bytes(): number {
    return this.words.byteLength + this.offsets.byteLength;
  }

  /** In ascending order, both. */
  add(word: number, offset: number): void {
    const { length } = this;
    // Of what became no words, the last counts.
    const at = length > 0 && this.words[length - 1] === word ? length - 1 : length;
    if (at === this.words.length) {
      const larger = (old: Int32Array) => {
        const grown = new Int32Array(2 * old.length);
        grown.set(old);
        return grown;
      };
      this.words = larger(this.words);
      this.offsets = larger(this.offsets);
    }
    this.words[at] = word;
    this.offsets[at] = offset;
    this.length = at + 1;
  }

  /** The instruction that the word belongs to; undefined where it stands before all of them. */
  offsetAt(word: number): number | undefined {
    let low = 0;
    let high = this.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.words[middle] as number) <= word) low = middle + 1;
      else high = middle;
    }
    return low === 0 ? undefined : this.offsets[low - 1];
  }
}
