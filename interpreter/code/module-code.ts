/** A module's lowered code: one run of words that grows as functions are called for the first time. */

import { moduleBytes } from '../../wasm/account.ts';
import { MemoryLimitExceeded } from '../../wasm/errors.ts';
import type { WasmModule } from '../../wasm/module.ts';
import { complete, type Steps } from '../../wasm/steps.ts';
import { CodeBuffer } from './buffer.ts';
import { HEADER_WORDS } from './isa.ts';
import { lowerFunction } from './lower.ts';
import type { TryRegion } from './regions.ts';
import { Trace } from './trace.ts';

/** A function that has been lowered. */
interface Lowered {
  readonly body: number;
  readonly entry: number;
  readonly weight: number;
  /** The innermost first. */
  readonly regions: readonly TryRegion[];
  /** Where its words come from; made when it is first needed, if not before. */
  trace: Trace | undefined;
}

/** A function that is being lowered: its words are the last ones. */
interface Unfinished {
  readonly body: number;
  readonly start: number;
  readonly trace: Trace | undefined;
  readonly steps: Steps<readonly TryRegion[]>;
}

/** On whose behalf functions are lowered. */
export interface Patron {
  /** Bytes that the module may hold outside its instances, decoded and as code. */
  readonly codeBytes: number;
  /** Looks at the clock. Throws to end the guest's call; returns whether the guest is to be left. */
  look(): boolean;
}

const NOBODY: Patron = { codeBytes: Number.POSITIVE_INFINITY, look: () => false };

/** A body of more bytes is not lowered a second time to find out where it trapped: it keeps its trace. */
const KEEPS_TRACE = 65_536;
/** Bytes that are made between two looks at the clock at most: thousands of small functions may be called for the first time. */
const LOOK_BYTES = 262_144;
/** About what a function takes beside its words, and each clause of it. */
const FUNCTION_BYTES = 80;
const CLAUSE_BYTES = 80;

export class ModuleCode extends CodeBuffer {
  readonly module: WasmModule;
  /** First word of every own function's code; 0 where it has not been lowered yet. */
  readonly entries: Int32Array;
  /** In the order of their entries. */
  private readonly lowered: Lowered[] = [];
  private unfinished: Unfinished | undefined;
  /** Bytes of what is kept beside the words. */
  private besides: number;
  private patron = NOBODY;
  /** Bytes that had been made when the clock was last looked at. */
  private lookedAt = 0;

  constructor(module: WasmModule) {
    super();
    this.module = module;
    this.entries = new Int32Array(module.bodies.length);
    this.besides = this.entries.byteLength;
  }

  /** Bytes that it holds, about. */
  get bytes(): number {
    return this.words.byteLength + this.besides;
  }

  /**
   * First word of a function of the module's own; lowers it if that has not been done.
   * @returns 0 where the patron wants the guest to be left first; what has been done is not lost
   * @throws MemoryLimitExceeded, and what the patron throws
   */
  entry(body: number, patron: Patron = NOBODY): number {
    const entry = this.entries[body] as number;
    return entry !== 0 ? entry : this.lower(body, patron);
  }

  private lower(body: number, patron: Patron): number {
    this.patron = patron;
    for (;;) {
      // What another guest began and was left in comes first: its words are where these would go.
      this.unfinished ??= this.begin(body);
      const isWhole = this.step(this.unfinished);
      const made = 4 * this.length + this.besides;
      if (!isWhole || made - this.lookedAt > LOOK_BYTES) {
        this.lookedAt = made;
        if (patron.look()) return 0;
      }
      if (this.entries[body] !== 0) return this.entries[body] as number;
    }
  }

  private begin(body: number): Unfinished {
    const { codeStart, end } = this.module.bodies.at(body);
    const trace = end - codeStart > KEEPS_TRACE ? new Trace() : undefined;
    return { body, start: this.length, trace, steps: lowerFunction(this, this.module, body, trace) };
  }

  /** Whether that was the last one. */
  private step({ body, start, trace, steps }: Unfinished): boolean {
    try {
      const { done, value: regions } = steps.next();
      if (done !== true) return false;
      const entry = start + HEADER_WORDS;
      this.entries[body] = entry;
      this.lowered.push({ body, entry, weight: this.words[start] as number, regions, trace });
      this.besides += FUNCTION_BYTES + (trace?.bytes ?? 0);
      for (const { clauses } of regions) this.besides += CLAUSE_BYTES * (1 + clauses.length);
      this.unfinished = undefined;
      return true;
    } catch (error) {
      this.length = start;
      this.unfinished = undefined;
      throw error;
    }
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

  protected override grow(length: number): void {
    const { codeBytes } = this.patron;
    const code = 4 * length + this.besides;
    const decoded = moduleBytes(this.module);
    if (decoded + code > codeBytes) {
      throw new MemoryLimitExceeded(
        `Memory limit exceeded: the module takes ${decoded} bytes as it is decoded, would take ${code} as code, and may hold ${codeBytes} outside of its instances; raise codeLimit, or call fewer of its functions`,
      );
    }
    super.grow(length);
  }

  /**
   * The function that the word at `pc` belongs to, and the offset of its instruction; undefined for no function.
   * @param isBehind whether the instruction before is meant; the function's first at its entry
   */
  locate(pc: number, isBehind = false): { body: number; offset: number } | undefined {
    const frame = this.frameAt(pc);
    if (frame === undefined) return undefined;
    const { body, entry } = frame;
    if (isBehind && pc === entry) return { body, offset: this.module.bodies.at(body).codeStart };
    if (isBehind) return this.locate(pc - 1);
    frame.trace ??= this.retrace(body);
    return { body, offset: frame.trace.offsetAt(pc - entry) ?? this.module.bodies.at(body).codeStart };
  }

  /** Lowering is deterministic: doing it again, into scratch code, tells which instruction became which words. */
  private retrace(body: number): Trace {
    const trace = new Trace();
    complete(lowerFunction(new CodeBuffer(), this.module, body, trace));
    this.besides += trace.bytes;
    return trace;
  }
}
