/** A table of numbers in a typed array, which is used for one function after another. */

const FIRST_CAPACITY = 64;

/** Pairs at most in a table that is kept when it is cleared. */
const KEPT_PAIRS = 1024;
/** Words for a pair: the first number and one, the second, and what they stand for. */
const PAIR_WORDS = 3;
/** So that nobody can choose pairs that all want the same place. What is found does not depend on it. */
const SALT: number = (Math.random() * 2 ** 32) | 1;

/** From pairs of numbers to numbers; none is negative. */
export class Pairs {
  private words = new Int32Array(PAIR_WORDS * FIRST_CAPACITY);
  private mask = FIRST_CAPACITY - 1;
  private length = 0;

  private place(first: number, second: number): number {
    const { words, mask } = this;
    let hash = Math.imul(first ^ Math.imul(second, 0x9e3779b1), SALT);
    hash = Math.imul(hash ^ (hash >>> 15), 0x85ebca6b);
    let slot = (hash ^ (hash >>> 13)) & mask;
    for (;;) {
      const at = PAIR_WORDS * slot;
      const found = words[at];
      if (found === 0 || (found === first + 1 && words[at + 1] === second)) return at;
      slot = (slot + 1) & mask;
    }
  }

  /** -1 where there is nothing. */
  get(first: number, second: number): number {
    const at = this.place(first, second);
    return this.words[at] === 0 ? -1 : (this.words[at + 2] as number);
  }

  set(first: number, second: number, value: number): void {
    const at = this.place(first, second);
    const isNew = this.words[at] === 0;
    this.words[at] = first + 1;
    this.words[at + 1] = second;
    this.words[at + 2] = value;
    if (isNew && 2 * ++this.length > this.mask) this.grow();
  }

  private grow(): void {
    const { words } = this;
    this.mask = 2 * this.mask + 1;
    this.words = new Int32Array(PAIR_WORDS * (this.mask + 1));
    for (let i = 0; i < words.length; i += PAIR_WORDS) {
      if (words[i] === 0) continue;
      const at = this.place((words[i] as number) - 1, words[i + 1] as number);
      for (let j = 0; j < PAIR_WORDS; j++) this.words[at + j] = words[i + j] as number;
    }
  }

  clear(): void {
    if (this.length === 0) return;
    if (this.mask < KEPT_PAIRS) this.words.fill(0);
    else {
      this.words = new Int32Array(PAIR_WORDS * FIRST_CAPACITY);
      this.mask = FIRST_CAPACITY - 1;
    }
    this.length = 0;
  }
}
