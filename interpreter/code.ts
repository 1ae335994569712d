/** A module's lowered code: one run of words that grows as functions are called for the first time. */

import type { WasmModule } from '../wasm/types.ts';
import { HALT_PC, HEADER_WORDS, LEAVE_PC, op } from './isa.ts';
import { lowerFunction } from './lower.ts';

/** Maps words of code back to the module: pairs of (first word of a machine instruction, offset in the bytes). */
export type Trace = number[];

/** A clause of a `try_table`, as lowered. */
export interface CatchTarget {
  /** One of `CATCH`. */
  readonly kind: number;
  /** Index of the tag; -1 where it catches all. */
  readonly tag: number;
  /** First word of the code that leads to its label. */
  readonly target: number;
  /** Register, from the frame pointer, of the first value that is passed on; and slot of the exception itself. */
  readonly base: number;
  readonly place: number;
}

/** Words of the body of a `try_table`. */
export interface TryRegion {
  readonly start: number;
  readonly end: number;
  readonly clauses: readonly CatchTarget[];
}

/** A function that has been lowered. */
interface Lowered {
  readonly body: number;
  readonly entry: number;
  readonly weight: number;
  /** The innermost first. */
  readonly regions: readonly TryRegion[];
}

export class ModuleCode {
  readonly module: WasmModule;
  words = new Int32Array(1024);
  /** The same, for reading constants of 8 bytes at any word. */
  data = new DataView(this.words.buffer);
  length = LEAVE_PC + 1;
  /** First word of every own function's code; 0 where it has not been lowered yet. */
  readonly entries: Int32Array;
  /** In the order of their entries. */
  private readonly lowered: Lowered[] = [];

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
    const regions = lowerFunction(this, body);
    this.entries[body] = entry;
    this.lowered.push({ body, entry, weight: this.words[entry - HEADER_WORDS] as number, regions });
    return entry;
  }

  /** The function that the word at `pc` belongs to. */
  frameAt(pc: number): Lowered | undefined {
    const { lowered } = this;
    let low = 0;
    let high = lowered.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((lowered[middle] as Lowered).entry <= pc) low = middle + 1;
      else high = middle;
    }
    return lowered[low - 1];
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
    const frame = this.frameAt(pc);
    if (frame === undefined) return undefined;
    const { body, entry: start } = frame;
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
