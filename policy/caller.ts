/** What an embedder's host function is given of the guest that calls it. */

import type { Bytes } from '../wasm/bytes.ts';
import { Trap, UsageError } from '../wasm/errors.ts';
import type { CallingGuest, GuestMemory } from '../wasm/host.ts';
import { bytesToWrite, type Outside, type Pointer, textAt, textToWrite, viewAt } from '../wasm/memory-access.ts';

/** The sandbox whose guest calls: a `WasmSandbox`, by which programs find what they keep for it. */
export interface CallingSandbox {
  readonly instanceId: string;
}

/** The call that the host function serves: an `Execution`. */
export interface CallingExecution {
  /** Of the exported function. */
  readonly name: string;
  /** Units of gas it has used so far. */
  readonly gasUsed: bigint;
  /** Ends it with CallAborted, at its next checkpoint. */
  cancel(reason?: unknown): void;
  /** Leaves it at its next checkpoint. */
  pause(): Promise<unknown>;
}

/** Who calls, as far as somebody has said so. */
export interface CallSurroundings {
  readonly sandbox: CallingSandbox | undefined;
  readonly execution: CallingExecution | undefined;
  readonly signal: AbortSignal;
}

/**
 * What a host function sees of the guest that calls it, until it has returned, or its promise has settled, or the call
 * that it serves was given up. Places outside of the guest's memory are the guest's fault: reading or writing there is a
 * trap, which ends the call.
 */
export interface Caller extends CallingGuest {
  /** The sandbox; undefined while it is being made, and for a host without one. */
  readonly sandbox: CallingSandbox | undefined;
  /** The call that the guest is in; undefined on the native engine, where nobody could step, pause or cancel it. */
  readonly execution: CallingExecution | undefined;
  /**
   * Aborted when the call that the host function serves ends, however it does: for work that is of no use then. A promise
   * that the guest does not wait for any longer settles for nobody.
   */
  readonly signal: AbortSignal;
  /** A copy of `length` bytes at `pointer`. @throws Trap outside of the memory; UsageError where there is none */
  read(pointer: Pointer, length: number): Uint8Array<ArrayBuffer>;
  /** Writes bytes of any kind. @throws Trap outside of the memory; UsageError */
  write(pointer: Pointer, bytes: Bytes): void;
  /**
   * Text in UTF-8; what is no UTF-8 becomes U+FFFD.
   * @param length in bytes; up to the first zero byte unless given
   * @throws Trap outside of the memory; UsageError where there is none
   */
  readText(pointer: Pointer, length?: number): string;
  /**
   * Writes text in UTF-8, without a zero byte behind it.
   * @returns how many bytes that were
   * @throws Trap outside of the memory; UsageError
   */
  writeText(pointer: Pointer, text: string): number;
}

/** Of a host that nobody has told who calls. */
const NOWHERE: CallSurroundings = Object.freeze({
  sandbox: undefined,
  execution: undefined,
  get signal() {
    return new AbortController().signal;
  },
});

export const noSurroundings = (): CallSurroundings => NOWHERE;

/** A custom request of the policy's terms, which stand above this. */
interface RecordedRequest {
  readonly kind: 'custom';
  readonly name: string;
  readonly value: string;
}

/** A guest whose call is recorded: a `HostCallContext`. */
type RecordedGuest = CallingGuest & { asked: (() => { readonly kind: string }) | undefined };

export class FunctionCaller implements Caller {
  private readonly guest: RecordedGuest;
  private readonly surroundings: CallSurroundings;

  constructor(guest: RecordedGuest, surroundings: CallSurroundings) {
    this.guest = guest;
    this.surroundings = surroundings;
  }

  get memory(): GuestMemory | undefined {
    return this.guest.memory;
  }

  gasUsed(): bigint {
    return this.guest.gasUsed();
  }

  chargeBytes(bytes: number): void {
    this.guest.chargeBytes(bytes);
  }

  /** Has the record show what was asked for within the call, once it ends, in place of the function alone. @internal */
  recordAs(request: RecordedRequest): void {
    this.guest.asked = () => request;
  }

  get sandbox(): CallingSandbox | undefined {
    return this.surroundings.sandbox;
  }

  get execution(): CallingExecution | undefined {
    return this.surroundings.execution;
  }

  get signal(): AbortSignal {
    return this.surroundings.signal;
  }

  read(pointer: Pointer, length: number): Uint8Array<ArrayBuffer> {
    return new Uint8Array(viewAt(this.present, pointer, length, trap));
  }

  write(pointer: Pointer, bytes: Bytes): void {
    this.put(pointer, bytesToWrite(bytes));
  }

  readText(pointer: Pointer, length?: number): string {
    return textAt(this.present, pointer, length, trap);
  }

  writeText(pointer: Pointer, text: string): number {
    const bytes = textToWrite(text);
    this.put(pointer, bytes);
    return bytes.length;
  }

  private put(pointer: Pointer, bytes: Uint8Array): void {
    viewAt(this.present, pointer, bytes.length, trap).set(bytes);
  }

  private get present(): GuestMemory {
    const { memory } = this.guest;
    if (memory === undefined) {
      throw new UsageError('there is no memory to reach: the calling module has none, or its call has ended');
    }
    return memory;
  }
}

const trap: Outside = () => {
  throw new Trap('memory-out-of-bounds');
};
