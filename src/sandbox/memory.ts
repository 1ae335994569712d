/** A guest's memory, from outside of its calls. */

import type { Bytes } from '../../wasm/bytes.ts';
import { UsageError } from '../../wasm/errors.ts';
import type { GuestMemory } from '../../wasm/host.ts';
import { bytesToWrite, type Outside, type Pointer, textAt, textToWrite, viewAt } from '../../wasm/memory-access.ts';

/** Whose memory it is. */
export interface MemoryOwner {
  memory(): GuestMemory;
  /** Called before a view is handed out, which may be kept. */
  lendMemory(): void;
  /** Called before bytes are changed. @throws UsageError where they may not be */
  changeMemory(): void;
}

/**
 * Memory 0 of a sandbox's guest, on both engines. It belongs to the sandbox: after a growth or a reset, the same object
 * shows what is there then; after `dispose` it throws SandboxDisposed. Nothing of it costs gas. Places that reach
 * outside of the memory are a UsageError, and nothing is read or written then.
 */
export class SandboxMemory {
  readonly #owner: () => MemoryOwner;

  /**
   * @param owner throws where there is no instance
   * @internal
   */
  constructor(owner: () => MemoryOwner) {
    this.#owner = owner;
  }

  /** Bytes that there are now: a multiple of 65,536. */
  get byteLength(): number {
    return this.#owner().memory().byteLength;
  }

  /**
   * A copy of `length` bytes at `pointer`.
   * @throws UsageError, SandboxDisposed
   */
  read(pointer: Pointer, length: number): Uint8Array<ArrayBuffer> {
    return new Uint8Array(this.#at(pointer, length));
  }

  /**
   * Writes bytes of any kind at `pointer`.
   * @throws UsageError also where the sandbox records: what its host did there could not be replayed; SandboxDisposed
   */
  write(pointer: Pointer, bytes: Bytes): void {
    this.#write(pointer, bytesToWrite(bytes));
  }

  /**
   * The memory itself, for reading and writing without a copy. Good until the guest runs, or the sandbox is reset: from
   * then on it may show bytes that are nobody's any more, never those of another guest.
   * @throws what {@link SandboxMemory.write} throws
   */
  view(pointer: Pointer, length: number): Uint8Array {
    this.#owner().changeMemory();
    const view = this.#at(pointer, length);
    this.#owner().lendMemory();
    return view;
  }

  /**
   * Text in UTF-8; what is no UTF-8 becomes U+FFFD.
   * @param length in bytes; up to the first zero byte unless given
   * @throws UsageError also where no zero byte follows; SandboxDisposed
   */
  readString(pointer: Pointer, length?: number): string {
    return textAt(this.#owner().memory(), pointer, length, outside);
  }

  /**
   * Writes text in UTF-8, without a zero byte behind it; lone surrogates become U+FFFD.
   * @returns how many bytes that were
   * @throws what {@link SandboxMemory.write} throws
   */
  writeString(pointer: Pointer, string: string): number {
    const bytes = textToWrite(string);
    this.#write(pointer, bytes);
    return bytes.length;
  }

  #write(pointer: Pointer, bytes: Uint8Array): void {
    this.#owner().changeMemory();
    this.#at(pointer, bytes.length).set(bytes);
  }

  #at(pointer: Pointer, length: number): Uint8Array {
    return viewAt(this.#owner().memory(), pointer, length, outside);
  }
}

const outside: Outside = (what, pointer, { byteLength }) => {
  throw new UsageError(
    `${what} at ${pointer} would reach outside of the guest's memory, which has ${byteLength} bytes`,
  );
};
