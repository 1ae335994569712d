/** A linear memory (specification 4.2.8). */

import { type Budget, Growth, mostPages } from '../../wasm/budget.ts';
import { UsageError } from '../../wasm/errors.ts';
import type { GuestMemory } from '../../wasm/host.ts';
import { PAGE_BYTES } from '../../wasm/limits.ts';
import type { AddressType, Limits, MemoryType } from '../../wasm/types.ts';

/** Stands for the memory of an instance that has none: nothing is in bounds. */
export const NO_MEMORY = {
  bytes: new Uint8Array(0),
  halves: new Int16Array(0),
  words: new Int32Array(0),
  doubles: new Float64Array(0),
  data: new DataView(new ArrayBuffer(0)),
  byteLength: 0,
};

/** Bytes at a place. */
export interface Run {
  readonly at: number;
  readonly bytes: Uint8Array;
}

/** A memory of the host's engine, whose bytes may be a guest's here as well. */
export interface Backing {
  readonly buffer: ArrayBufferLike;
  /** @throws where it cannot grow */
  grow(pages: number): unknown;
}

export class LinearMemory implements GuestMemory {
  /** The memory and, behind it, room to grow that no bounds check lets the guest see. */
  bytes: Uint8Array = NO_MEMORY.bytes;
  /** The same bytes in other shapes. */
  halves: Int16Array = NO_MEMORY.halves;
  words: Int32Array = NO_MEMORY.words;
  doubles: Float64Array = NO_MEMORY.doubles;
  data: DataView = NO_MEMORY.data;
  byteLength = 0;
  readonly address: AddressType;
  readonly declared: Limits;
  /** What stands for it in the JavaScript API, once something does. */
  shown: object | undefined;
  private readonly growth: Growth;
  /** Whether the buffer was shown to the embedder's code, which may rely on its exact length. */
  private isExposed = false;
  /** Whether code of the embedder's may have kept a view of the buffer, which then must not become another guest's. */
  isLent = false;

  /** Where the bytes are, if somebody else has them too. */
  readonly backing: Backing | undefined;

  private constructor(type: MemoryType, growth: Growth, backing?: Backing) {
    this.address = type.address;
    this.declared = type.limits;
    this.growth = growth;
    this.backing = backing;
  }

  /** A memory that the host's engine has, and has been counted. */
  static over(backing: Backing, type: MemoryType, growth: Growth): LinearMemory {
    const memory = new LinearMemory(type, growth, backing);
    memory.follow(backing);
    return memory;
  }

  /**
   * Undefined where the budget, or what the host can allocate, does not hold the initial size.
   * @param old one of the same type and budget that is not needed any more, and may be used again
   */
  static create(type: MemoryType, budget: Budget, old?: LinearMemory): LinearMemory | undefined {
    const bytes = type.limits.min * PAGE_BYTES;
    if (old?.declared === type.limits && budget.take(bytes)) return old.replace(bytes, []) ? old : undefined;
    const memory = new LinearMemory(type, Growth.ofMemory(budget, type.limits.max));
    return memory.grow(type.limits.min) === -1 ? undefined : memory;
  }

  get pages(): number {
    return this.byteLength / PAGE_BYTES;
  }

  /** The size now and the declared maximum, for import matching. */
  get limits(): Limits {
    this.check();
    return { min: this.pages, max: this.declared.max };
  }

  private follow({ buffer }: Backing): void {
    if (this.bytes.buffer === buffer) return;
    this.use(new Uint8Array(buffer));
    this.byteLength = buffer.byteLength;
  }

  /**
   * Others may have had the memory since: it may have grown.
   * @throws UsageError where somebody has transferred the buffer that was shown, and the bytes with it
   */
  check(): void {
    if (this.backing !== undefined) {
      this.follow(this.backing);
      return;
    }
    if (!this.isExposed || this.bytes.length > 0) return;
    if (this.byteLength > 0) {
      throw new UsageError(
        "the buffer of a memory has been transferred to somebody else, and the guest's bytes with it: transfer a copy, memory.buffer.slice(0)",
      );
    }
    // An empty one has lost nothing.
    try {
      this.bytes.subarray();
    } catch {
      this.use(new Uint8Array(0));
    }
  }

  view(pointer: number, length: number): Uint8Array | undefined {
    const end = pointer + length;
    return pointer >= 0 && length >= 0 && end <= this.byteLength ? this.bytes.subarray(pointer, end) : undefined;
  }

  /** Whether {@link grow} would succeed, as far as maximum and budget say; a refusal by that is remembered. */
  mayGrow(delta: number): boolean {
    return this.growth.allows(this.pages, delta);
  }

  /** Grows by `delta` pages; returns the pages before, or -1. */
  grow(delta: number): number {
    this.check();
    const before = this.pages;
    if (!this.growth.take(before, delta)) return -1;
    if (this.resize((before + delta) * PAGE_BYTES)) return before;
    this.growth.give(delta);
    return -1;
  }

  private use(bytes: Uint8Array): void {
    const { buffer } = bytes;
    this.bytes = bytes;
    this.halves = new Int16Array(buffer);
    this.words = new Int32Array(buffer);
    this.doubles = new Float64Array(buffer);
    this.data = new DataView(buffer);
  }

  private resize(byteLength: number): boolean {
    if (this.backing !== undefined) {
      try {
        this.backing.grow((byteLength - this.byteLength) / PAGE_BYTES);
      } catch {
        return false;
      }
      this.follow(this.backing);
      return true;
    }
    const old = this.bytes;
    if (byteLength > old.length || this.isExposed) {
      // Room for as much again: guests that grow page by page would otherwise copy all of it each time.
      const most = mostPages(this.declared.max) * PAGE_BYTES;
      const capacity = this.isExposed ? byteLength : Math.min(Math.max(byteLength, 2 * old.length), most);
      try {
        this.use(new Uint8Array(capacity));
      } catch {
        return false;
      }
      this.bytes.set(old.subarray(0, this.byteLength));
      this.isLent = false;
      // The JavaScript API: a growth detaches the buffer that was handed out.
      if (this.isExposed) structuredClone(old.buffer, { transfer: [old.buffer] });
    }
    this.byteLength = byteLength;
    this.isExposed = false;
    return true;
  }

  /**
   * Takes another size and content, without asking the budget.
   * @param runs all that is not zero
   * @returns false, and nothing changed, where the host cannot allocate it
   */
  replace(byteLength: number, runs: readonly Run[]): boolean {
    const tooLarge = this.bytes.length > 2 * byteLength + PAGE_BYTES;
    if (byteLength > this.bytes.length || this.isExposed || this.isLent || tooLarge) {
      try {
        this.use(new Uint8Array(byteLength));
      } catch {
        return false;
      }
      this.isExposed = false;
      this.isLent = false;
    } else this.bytes.fill(0, 0, Math.max(byteLength, this.byteLength));
    this.byteLength = byteLength;
    for (const { at, bytes } of runs) this.bytes.set(bytes, at);
    return true;
  }

  /** The buffer as the JavaScript API shows it: exactly the memory, and detached when it grows. @throws UsageError as {@link check} */
  expose(): ArrayBuffer {
    this.check();
    if (this.backing !== undefined) return this.backing.buffer as ArrayBuffer;
    // An empty memory gets a buffer of its own too: that of NO_MEMORY must never be detached.
    if (this.bytes.length !== this.byteLength || this.bytes === NO_MEMORY.bytes) {
      this.use(this.bytes.slice(0, this.byteLength));
    }
    this.isExposed = true;
    return this.bytes.buffer as ArrayBuffer;
  }
}
