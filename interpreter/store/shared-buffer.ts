/** Buffers that several threads of JavaScript have at once, and how they grow together. */

import { LinkError } from '../../wasm/errors.ts';
import { PAGE_BYTES } from '../../wasm/limits.ts';

/** What is sent to another thread of JavaScript, which then has the same memory. */
export interface SharedParts {
  /** As long as the memory is now, whoever has made it grow. */
  readonly buffer: SharedArrayBuffer;
  /** Held by who lets it grow: 0 where nobody does. */
  readonly lock: SharedArrayBuffer;
}

/** What a buffer has that can grow. Not in the types of all runtimes. */
interface Growable {
  readonly growable?: boolean;
  readonly maxByteLength: number;
  grow(byteLength: number): void;
}

const FREE = 0;
const HELD = 1;

/** Why there can be none here; undefined where there can. */
function whyNot(): string | undefined {
  if (typeof SharedArrayBuffer === 'undefined') {
    return 'this runtime has no SharedArrayBuffer (pages need the headers of cross-origin isolation for it)';
  }
  return 'grow' in SharedArrayBuffer.prototype ? undefined : 'its SharedArrayBuffers cannot grow';
}

/** @throws LinkError where the runtime has nothing to share */
export function checkSharing(): void {
  const why = whyNot();
  if (why !== undefined) throw new LinkError(`a shared memory cannot be had: ${why}`);
}

export class SharedBuffer implements SharedParts {
  readonly buffer: SharedArrayBuffer;
  readonly lock: SharedArrayBuffer;

  private constructor(buffer: SharedArrayBuffer, lock: SharedArrayBuffer) {
    this.buffer = buffer;
    this.lock = lock;
  }

  /** @throws LinkError, and RangeError where the host cannot allocate it */
  static of(bytes: Uint8Array, maxByteLength: number): SharedBuffer {
    checkSharing();
    const Growing = SharedArrayBuffer as new (length: number, options: object) => SharedArrayBuffer;
    const buffer = new Growing(bytes.length, { maxByteLength });
    new Uint8Array(buffer).set(bytes);
    return new SharedBuffer(Object.freeze(buffer), new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT));
  }

  /** What another thread has sent, which may be anything. @throws TypeError */
  static from(parts: SharedParts): SharedBuffer {
    checkSharing();
    const { buffer, lock } = parts;
    const isFit =
      buffer instanceof SharedArrayBuffer &&
      lock instanceof SharedArrayBuffer &&
      (buffer as unknown as Growable).growable === true &&
      buffer.byteLength % PAGE_BYTES === 0 &&
      lock.byteLength === Int32Array.BYTES_PER_ELEMENT;
    if (!isFit) throw new TypeError('what Memory.toTransferable gives was expected');
    return new SharedBuffer(Object.freeze(buffer), lock);
  }

  get maxByteLength(): number {
    return (this.buffer as unknown as Growable).maxByteLength;
  }

  /**
   * Grows by so many bytes, while no other thread does.
   * @param mayTake asked with the bytes that there are
   * @returns the bytes before; -1 where it may not, or cannot
   */
  grow(bytes: number, mayTake: (before: number) => boolean): number {
    const lock = new Int32Array(this.lock);
    while (Atomics.compareExchange(lock, 0, FREE, HELD) !== FREE);
    try {
      const before = this.buffer.byteLength;
      if (before + bytes > this.maxByteLength || !mayTake(before)) return -1;
      (this.buffer as unknown as Growable).grow(before + bytes);
      return before;
    } catch {
      return -1;
    } finally {
      Atomics.store(lock, 0, FREE);
    }
  }
}
