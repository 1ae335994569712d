/**
 * How host functions meet a guest, on every engine. The policy makes {@link HostFunction}s; engines call them. There
 * is no other way for a guest's call to reach the host but a plain function that an embedder passed to the
 * `WebAssembly`-shaped namespace.
 */

import { UsageError } from './errors.ts';
import { HOST_CALL } from './gas.ts';
import { isOf } from './is-of.ts';
import type { FuncType } from './types.ts';

/**
 * A value at the boundary, as the WebAssembly JavaScript API has it: i32, f32 and f64 are numbers, i64 is a bigint,
 * references are themselves.
 */
export type WasmValue = unknown;

/** The guest's linear memory, seen from the host. What a host function was given reaches nothing once its call has ended. */
export interface GuestMemory {
  /** 0 once the call has ended. */
  readonly byteLength: number;
  /**
   * A view of `length` bytes at `pointer`, both unsigned 32-bit integers; undefined where that reaches outside.
   * Valid only until the guest runs again: growth moves the memory.
   */
  view(pointer: number, length: number): Uint8Array | undefined;
}

/**
 * What a host function sees of the guest that calls it, until it has returned, or its promise has settled, or the call
 * that it serves was given up.
 */
export interface CallingGuest {
  /** The calling instance's memory 0, if it has one. */
  readonly memory: GuestMemory | undefined;
  /**
   * Gas used so far, the call's own charges included; where the guest's call was given up meanwhile, up to then.
   * @throws UsageError once the call has ended
   */
  gasUsed(): bigint;
  /**
   * Charges for `bytes` about to be moved, at the function's `perByte`, rounded up.
   * @throws GasExhausted and CpuTimeoutExceeded, which end the guest whatever becomes of them; UsageError where `bytes`
   *   is no count, or the call has ended
   */
  chargeBytes(bytes: number): void;
  /** Whether the call is one of promise integration's that can be suspended. Absent: it is not. */
  readonly mayWait?: boolean;
}

/**
 * Checks what a host function charges for.
 * @throws UsageError
 */
export function checkCharge(bytes: number): void {
  if (bytes >= 0 && bytes <= Number.MAX_SAFE_INTEGER) return;
  throw new UsageError(`chargeBytes takes a number of bytes from 0 to 2^53 - 1, not ${String(bytes)}`);
}

/** For whoever uses a {@link CallingGuest} behind its call. */
export function callEnded(): UsageError {
  return new UsageError('the call that this host function served has ended');
}

/** What a call costs: `base` units before it begins, `perByte` for what it moves. */
export interface HostGas {
  /** An integer. */
  readonly base: number;
  /** May be a fraction; what a charge comes to is rounded up. */
  readonly perByte: number;
}

/** How the guests of a `WebAssembly`-shaped namespace call the embedder's functions, where somebody has to know. */
export interface HostCalls {
  /** `base` is charged by the namespace, `perByte` for what whoever serves charges. */
  readonly gas: HostGas;
  /** Runs one, for the guest that calls it, and gives what it returns, or promises. @throws what `call` throws */
  serve(caller: CallingGuest, call: () => unknown): unknown;
}

/** Where nobody has to know. */
export const PLAIN_CALLS: HostCalls = { gas: HOST_CALL, serve: (_caller, call) => call() };

/** The most that either price may be: far above any sensible one, and far below where a product with bytes loses units. */
export const HIGHEST_PRICE: number = 2 ** 31;

/**
 * The body of a host function. What it throws ends the guest's call: errors of the project's family and
 * {@link GuestExit} as they are, anything else as the cause of a `HostError`. A promise suspends the guest.
 */
export type HostCall = (caller: CallingGuest, args: readonly WasmValue[]) => WasmValue | PromiseLike<WasmValue>;

/** A function of the host's that a guest may import: its type, its price, its body. */
export class HostFunction {
  readonly type: FuncType;
  readonly gas: HostGas;
  readonly call: HostCall;
  /** Whether it may keep views of the guest's memory: the memory that they show is then no other guest's afterwards. */
  readonly keepsViews: boolean;

  constructor(type: FuncType, gas: HostGas, call: HostCall, { keepsViews = true } = {}) {
    this.type = type;
    this.gas = gas;
    this.call = call;
    this.keepsViews = keepsViews;
  }

  /** The same with another body. */
  with(call: HostCall): HostFunction {
    return new HostFunction(this.type, this.gas, call, this);
  }
}

/** Thrown by a host function to end the guest's program with a status (WASI `proc_exit`). Not a failure. */
export class GuestExit {
  /** An unsigned 32-bit integer. */
  readonly status: number;

  constructor(status: number) {
    this.status = status;
  }
}

/**
 * The status with which a guest has ended its program; undefined where it was ended otherwise. An exit travels as itself
 * up to where a call returns to its caller, who gets an error instead (src/call/failures.ts).
 * @param error as the engine throws it
 */
export function exitStatus(error: unknown): number | undefined {
  return isOf(error, GuestExit) ? error.status : undefined;
}
