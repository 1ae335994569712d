/** A module's lowered code: one run of words that grows as functions are called for the first time. */

import type { WasmModule } from '../wasm/types.ts';
import { HALT_PC, HEADER_WORDS, LEAVE_PC, op } from './isa.ts';
import { lowerFunction } from './lower.ts';

/** Maps words of code back to the module: pairs of (first word of a machine instruction, offset in the bytes). */
export type Trace = number[];

export class ModuleCode {
  readonly module: WasmModule;
  words = new Int32Array(1024);
  /** The same, for reading constants of 8 bytes at any word. */
  data = new DataView(this.words.buffer);
  length = LEAVE_PC + 1;
  /** First word of every own function's code; 0 where it has not been lowered yet. */
  readonly entries: Int32Array;

  constructor(module: WasmModule) {
    this.module = module;
    this.entries = new Int32Array(module.bodies.length);
    this.words[HALT_PC] = op('halt');
    this.words[LEAVE_PC] = op('leave');
  }

  /** First word of a function of the module's own; lowers it if that has not been done. */
  entry(body: number): number {
    const entry = this.entries[body] as number;
    return entry !== 0 ? entry : this.lower(body);
  }

  private lower(body: number): number {
    const entry = this.length + HEADER_WORDS;
    lowerFunction(this, body);
    this.entries[body] = entry;
    return entry;
  }

  emit(word: number): void {
    if (this.length === this.words.length) {
      const grown = new Int32Array(2 * this.length);
      grown.set(this.words);
      this.words = grown;
      this.data = new DataView(grown.buffer);
    }
    this.words[this.length++] = word;
  }

  /** The function that the word at `pc` belongs to, and the offset of its instruction; undefined for no function. */
  locate(pc: number): { body: number; offset: number } | undefined {
    let body = -1;
    let start = 0;
    this.entries.forEach((entry, i) => {
      if (entry !== 0 && entry <= pc && entry > start) {
        body = i;
        start = entry;
      }
    });
    if (body < 0) return undefined;
    // Lowering is deterministic: doing it again, into scratch code, tells which instruction became which words.
    const scratch = new ModuleCode(this.module);
    const trace: Trace = [];
    lowerFunction(scratch, body, trace);
    const scratchStart = LEAVE_PC + 1 + HEADER_WORDS;
    let offset = this.module.bodies[body]?.codeStart ?? 0;
    for (let i = 0; i < trace.length; i += 2) {
      if ((trace[i] as number) - scratchStart > pc - start) break;
      offset = trace[i + 1] as number;
    }
    return { body, offset };
  }
}
