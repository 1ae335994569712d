/** A linear memory (specification 4.2.8). */

import { type Budget, Growth, mostPages } from '../../wasm/budget.ts';
import { UsageError } from '../../wasm/errors.ts';
import type { GuestMemory } from '../../wasm/host.ts';
import { PAGE_BYTES } from '../../wasm/limits.ts';
import type { AddressType, Limits, MemoryType } from '../../wasm/types.ts';
import { sharing } from './parts.ts';
import type { SharedBuffer, SharedParts } from './shared-buffer.ts';
import { Waiters } from './waiters.ts';

/** Stands for the memory of an instance that has none: nothing is in bounds. */
export const NO_MEMORY = {
  bytes: new Uint8Array(0),
  halves: new Int16Array(0),
  words: new Int32Array(0),
  doubles: new Float64Array(0),
  data: new DataView(new ArrayBuffer(0)),
  byteLength: 0,
};

const NO_LONGS = new BigInt64Array(0);

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
  /** Called when others may have it from now on. */
  shown(): void;
  /** What the host's engine has. */
  readonly raw: object;
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
  /** Made when an instruction asks for it. */
  private wide: BigInt64Array = NO_LONGS;
  /** Who waits for notifications. */
  readonly waiters: Waiters = new Waiters();
  /** What others may have too, once somebody has asked for it: until then a shared memory is of this thread alone. */
  private together: SharedBuffer | undefined;
  readonly address: AddressType;
  readonly declared: Limits;
  /** Whether its type says so. */
  readonly isShared: boolean;
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
    this.isShared = type.isShared;
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

  get longs(): BigInt64Array {
    if (this.wide.buffer !== this.bytes.buffer || this.wide.length < this.byteLength / 8) {
      this.wide = new BigInt64Array(this.bytes.buffer, 0, this.bytes.length / 8);
    }
    return this.wide;
  }

  /** Lets those that wait at an address go on, so many at most; returns how many. */
  notify(address: number, count: number): number {
    const here = this.waiters.notify(address, count);
    // Not every runtime has Atomics.
    if (!this.mayBeElsewhere) return here;
    return here + Atomics.notify(this.words, address / 4, count - here);
  }

  get pages(): number {
    this.refresh();
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
    this.refresh();
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
    if (this.together !== undefined) return this.growTogether(this.together, delta);
    const before = this.pages;
    if (!this.growth.take(before, delta)) return -1;
    if (this.resize((before + delta) * PAGE_BYTES)) return before;
    this.growth.give(delta);
    return -1;
  }

  private growTogether(together: SharedBuffer, delta: number): number {
    let isTaken = false;
    const before = together.grow(delta * PAGE_BYTES, (bytes) => {
      isTaken = this.growth.take(bytes / PAGE_BYTES, delta);
      return isTaken;
    });
    if (before === -1 && isTaken) this.growth.give(delta);
    this.refresh();
    return before === -1 ? -1 : before / PAGE_BYTES;
  }

  /** Looks whether another thread of JavaScript has made the memory grow; returns whether there is more than before. */
  refresh(): boolean {
    const { together, backing } = this;
    if (backing !== undefined && this.isShared) {
      const before = this.byteLength;
      this.follow(backing);
      return this.byteLength !== before;
    }
    if (together === undefined || together.buffer.byteLength === this.byteLength) return false;
    this.byteLength = together.buffer.byteLength;
    this.use(new Uint8Array(together.buffer, 0, this.byteLength));
    return true;
  }

  /**
   * What another thread of JavaScript is to have to share the memory; of one that is shared.
   * @throws LinkError where the runtime cannot
   */
  share(): SharedParts {
    if (this.together === undefined) {
      this.together = sharing.now.SharedBuffer.of(
        this.bytes.subarray(0, this.byteLength),
        this.growth.largest * PAGE_BYTES,
      );
      this.use(new Uint8Array(this.together.buffer, 0, this.byteLength));
    }
    return this.together;
  }

  /** Whether other threads of JavaScript may have it too. */
  get mayBeElsewhere(): boolean {
    return this.together !== undefined || (this.backing !== undefined && this.isShared);
  }

  /**
   * A memory that another thread shares; undefined where the budget does not hold it.
   * @throws LinkError, TypeError
   */
  static from(parts: SharedParts, address: AddressType, max: number, budget: Budget): LinearMemory | undefined {
    const together = sharing.now.SharedBuffer.from(parts);
    const { byteLength } = together.buffer;
    const pages = byteLength / PAGE_BYTES;
    if (!(Number.isInteger(max) && max >= pages)) throw new TypeError('what Memory.toTransferable gives was expected');
    const memory = new LinearMemory(
      { address, limits: { min: pages, max }, isShared: true },
      Growth.ofMemory(budget, max),
    );
    if (pages > mostPages(max) || !budget.take(byteLength)) return undefined;
    memory.together = together;
    memory.refresh();
    return memory;
  }

  private use(bytes: Uint8Array): void {
    const { buffer } = bytes;
    const { length } = bytes;
    this.bytes = bytes;
    this.halves = new Int16Array(buffer, 0, length / 2);
    this.words = new Int32Array(buffer, 0, length / 4);
    this.doubles = new Float64Array(buffer, 0, length / 8);
    this.data = new DataView(buffer, 0, length);
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

  /**
   * The buffer as the JavaScript API shows it: exactly the memory, and detached when it grows; of a shared memory one that
   * grows with it.
   * @throws LinkError where it is shared, and the runtime cannot; UsageError as {@link check}
   */
  expose(): ArrayBuffer | SharedArrayBuffer {
    this.check();
    if (this.backing !== undefined) {
      this.backing.shown();
      return this.backing.buffer;
    }
    if (this.isShared) return this.share().buffer;
    // An empty memory gets a buffer of its own too: that of NO_MEMORY must never be detached.
    if (this.bytes.length !== this.byteLength || this.bytes === NO_MEMORY.bytes) {
      this.use(this.bytes.slice(0, this.byteLength));
    }
    this.isExposed = true;
    return this.bytes.buffer as ArrayBuffer;
  }
}
