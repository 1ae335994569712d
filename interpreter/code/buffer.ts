/** Words of code that grow at their end. */

import { HALT_PC, LEAVE_PC, op } from './isa.ts';

export class CodeBuffer {
  words = new Int32Array(1024);
  /** The same, for reading constants of 8 bytes at any word. */
  data = new DataView(this.words.buffer);
  length = LEAVE_PC + 1;

  constructor() {
    this.words[HALT_PC] = op('halt');
    this.words[LEAVE_PC] = op('leave');
  }

  emit(word: number): void {
    if (this.length === this.words.length) this.grow(Math.ceil(1.5 * this.length));
    this.words[this.length++] = word;
  }

  protected grow(length: number): void {
    const grown = new Int32Array(length);
    grown.set(this.words);
    this.words = grown;
    this.data = new DataView(grown.buffer);
  }
}
