/** The guest's standard streams, seen from the host. */

import { type Bytes, copyOf } from '../wasm/bytes.ts';
import { UsageError } from '../wasm/errors.ts';
import { whenReady } from '../wasm/thenable.ts';
import type { WireReader, WireWriter } from '../wasm/wire.ts';
import type { ByteSink, KeptSource } from './capability.ts';
import { refuse } from './check.ts';
import type { Saved } from './saved.ts';

const EMPTY = new Uint8Array(0);

/** Standard input: pieces from a source, of which the guest takes as much as it has room for. */
export class InputStream implements Saved {
  private readonly source: KeptSource;
  /** Not yet taken. */
  private pending: Uint8Array = EMPTY;
  private ended = false;
  private resets = 0;

  constructor(source: KeptSource | undefined) {
    this.source = source ?? EMPTY;
    this.reset();
  }

  /** Known bytes that wait to be read, and whether nothing will come after them. */
  get available(): { readonly bytes: number; readonly ended: boolean } {
    return { bytes: this.pending.length, ended: this.ended };
  }

  /** The next bytes, at most `wanted`, without taking them; none at the end. Valid until {@link take}. */
  peek(wanted: number): Uint8Array | Promise<Uint8Array> {
    const { source } = this;
    if (this.pending.length > 0 || this.ended || typeof source !== 'function') return this.pending.subarray(0, wanted);
    const { resets } = this;
    const keep = (piece: Bytes | undefined): Uint8Array => {
      if (resets !== this.resets) throw new UsageError('the sandbox was reset while its guest waited for input');
      const what = 'a piece of standard input';
      // The source may reuse its buffer.
      this.pending = copyOf(piece ?? EMPTY, what) ?? refuse(what, 'bytes, or undefined at the end', piece);
      return this.pending.subarray(0, wanted);
    };
    return whenReady(source(wanted), keep);
  }

  take(count: number): void {
    this.pending = this.pending.subarray(count);
  }

  /** What was known and not taken. A function in the place of another goes on where it stands itself. */
  save(to: WireWriter): void {
    to.bytesOf(this.pending);
    to.flag(this.ended);
  }

  load(from: WireReader): void {
    this.pending = from.bytesOf().slice();
    this.ended = from.flag();
  }

  /** From the beginning. A function goes on where it stands; a piece it has not given yet is lost. */
  reset(): void {
    const { source } = this;
    this.resets++;
    this.ended = typeof source !== 'function';
    if (typeof source === 'string') this.pending = new TextEncoder().encode(source);
    else this.pending = typeof source === 'function' ? EMPTY : source;
  }
}

/** The bytes that several outputs may have together. */
export class OutputBudget {
  readonly limit: number;
  used = 0;

  constructor(limit: number) {
    this.limit = limit;
  }

  get rest(): number {
    return this.limit - this.used;
  }
}

const SMALLEST_BUFFER = 1_024;

/** Standard output or error: given to a sink, or captured. Whoever writes has looked at the budget. */
export class OutputStream implements Saved {
  private readonly sink: ByteSink | undefined;
  private readonly budget: OutputBudget;
  private buffer: Uint8Array = EMPTY;
  private length = 0;

  constructor(sink: ByteSink | undefined, budget: OutputBudget) {
    this.sink = sink;
    this.budget = budget;
  }

  /** Bytes that may still be written. */
  get rest(): number {
    return this.budget.rest;
  }

  /**
   * @param length at most {@link rest}
   * @param fill puts so many bytes where they are to be
   */
  write(length: number, fill: (bytes: Uint8Array) => void): void | PromiseLike<void> {
    this.budget.used += length;
    if (this.sink !== undefined) {
      const bytes = new Uint8Array(length);
      fill(bytes);
      return this.sink(bytes);
    }
    this.reserve(this.length + length);
    fill(this.buffer.subarray(this.length, this.length + length));
    this.length += length;
  }

  private reserve(size: number): void {
    if (size <= this.buffer.length) return;
    const doubled = Math.max(SMALLEST_BUFFER, 2 * this.buffer.length);
    const grown = new Uint8Array(Math.max(size, Math.min(doubled, this.budget.limit)));
    grown.set(this.buffer.subarray(0, this.length));
    this.buffer = grown;
  }

  /** Bytes that were captured. */
  get kept(): number {
    return this.length;
  }

  /** A copy of what was captured; empty where there is a sink. */
  captured(): Uint8Array {
    return this.buffer.slice(0, this.length);
  }

  reset(): void {
    this.buffer = EMPTY;
    this.length = 0;
  }

  save(to: WireWriter): void {
    to.bytesOf(this.buffer.subarray(0, this.length));
  }

  load(from: WireReader): void {
    this.buffer = from.bytesOf().slice();
    this.length = this.buffer.length;
  }
}
