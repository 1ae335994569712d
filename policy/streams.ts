/** The guest's standard streams, seen from the host. */

import { type Bytes, concat, copyOf } from '../wasm/bytes.ts';
import { UsageError } from '../wasm/errors.ts';
import { whenReady } from '../wasm/thenable.ts';
import { encodeUtf8 } from '../wasm/utf8.ts';
import type { WireReader, WireWriter } from '../wasm/wire.ts';
import { refuse } from './check.ts';
import type { Saved } from './saved.ts';
import type { ByteSink, KeptSource } from './stdio.ts';

const EMPTY = new Uint8Array(0);

/** Standard input: pieces from a source, of which the guest takes as much as it has room for. */
export class InputStream implements Saved {
  private readonly given: KeptSource;
  private readonly leadsToTerminal: boolean;
  /** In its place until the next reset, where there is one. */
  private source: KeptSource;
  /** Not yet taken. */
  private pending: Uint8Array = EMPTY;
  private ended = false;
  private resets = 0;

  /** @param leadsToTerminal whether the source is one */
  constructor(source: KeptSource | undefined, leadsToTerminal = false) {
    this.given = this.source = source ?? EMPTY;
    this.leadsToTerminal = leadsToTerminal;
    this.reset();
  }

  /** What has been put in the place of a terminal is none. */
  get isTerminal(): boolean {
    return this.leadsToTerminal && this.source === this.given;
  }

  /** Begins with another source, which it has until the next reset. */
  begin(source: KeptSource): void {
    this.source = source;
    this.resets++;
    this.ended = typeof source !== 'function';
    if (typeof source === 'string') this.pending = encodeUtf8(source);
    else this.pending = typeof source === 'function' ? EMPTY : source;
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
    this.begin(this.given);
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

/** Bytes of the first piece that is kept of an output, and of any where more is not written at once. */
const FIRST_PIECE = 1_024;
const LARGEST_PIECE = 262_144;

/** Standard output or error: given to a sink, or captured. Whoever writes has looked at the budget. */
export class OutputStream implements Saved {
  private readonly sink: ByteSink | undefined;
  private readonly budget: OutputBudget;
  readonly isTerminal: boolean;
  /** Filled up, one behind the other; and the last one, which is not. */
  private pieces: Uint8Array[] = [];
  private last: Uint8Array = EMPTY;
  private used = 0;

  constructor(sink: ByteSink | undefined, budget: OutputBudget, isTerminal = false) {
    this.sink = sink;
    this.budget = budget;
    this.isTerminal = isTerminal;
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
    if (length > this.last.length - this.used) this.begin(length);
    fill(this.last.subarray(this.used, this.used + length));
    this.used += length;
  }

  /** A new piece, so that nothing that was written has to move. */
  private begin(length: number): void {
    if (this.used > 0) this.pieces.push(this.last.subarray(0, this.used));
    const usual = Math.max(FIRST_PIECE, Math.min(2 * this.last.length, LARGEST_PIECE));
    this.last = new Uint8Array(Math.max(length, Math.min(usual, length + this.rest)));
    this.used = 0;
  }

  /** Bytes that were captured. */
  get kept(): number {
    return this.pieces.reduce((sum, { length }) => sum + length, this.used);
  }

  /** A copy of what was captured; empty where there is a sink. */
  captured(): Uint8Array {
    return concat([...this.pieces, this.last.subarray(0, this.used)]);
  }

  reset(): void {
    this.pieces = [];
    this.last = EMPTY;
    this.used = 0;
  }

  save(to: WireWriter): void {
    to.bytesOf(this.captured());
  }

  load(from: WireReader): void {
    this.pieces = [];
    this.last = from.bytesOf().slice();
    this.used = this.last.length;
  }
}
