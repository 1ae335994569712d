/**
 * What a recording consists of, one event after another. Calls into the guest and calls of the host stand within one
 * another as they did when they were made: `call … end`, and in it `host … result` or `host … failure`.
 */

import {
  type ErrorCode,
  GasExhausted,
  HostError,
  MemoryLimitExceeded,
  RuntimeError,
  SecurityViolation,
  Trap,
  WasmSandboxError,
} from '../../wasm/errors.ts';
import { exitStatus, GuestExit } from '../../wasm/host.ts';
import { messageOf } from '../../wasm/quote.ts';
import { damaged, type WireReader, type WireWriter } from '../../wasm/wire.ts';

export const EVENT = {
  /** Segments are copied, and the start function runs. Followed by `end`. */
  start: 1,
  /** An export is called: name, arguments. */
  call: 2,
  /** It has ended: how, then gas used so far. */
  end: 3,
  /** The guest calls an import: which, gas used so far, arguments. */
  host: 4,
  /** The host has written to memory: where, what. */
  write: 5,
  /** The host charges for so many bytes. */
  charge: 6,
  /** The host function returns: values. */
  result: 7,
  /** The host function throws. */
  failure: 8,
  /** The recording ends: gas, memory, its SHA-256. */
  close: 9,
  /** Behind the last event before it, a budget ended that is no limit of the instance: at which count. */
  short: 10,
  /** The call goes on in which the guest was left with which the recording begins. Followed by `end`. */
  resume: 11,
} as const;

/** How a call ended, as far as it is the same on every engine. */
export interface Failure {
  readonly code: ErrorCode | 'EXIT' | 'OTHER';
  /** Kind of a trap, or status of an exit. */
  readonly detail: string;
  readonly message: string;
}

export function failureFrom(error: unknown): Failure {
  const status = exitStatus(error);
  if (status !== undefined) return { code: 'EXIT', detail: String(status), message: '' };
  if (error instanceof WasmSandboxError) {
    const cause = error instanceof MemoryLimitExceeded ? error.cause : error;
    return { code: error.code, detail: cause instanceof Trap ? cause.kind : '', message: error.message };
  }
  return { code: 'OTHER', detail: '', message: messageOf(error) };
}

/** Whether a call was ended from outside: not by anything that the guest or a host function did. */
export function isGivenUp({ code }: Failure): boolean {
  return code === 'ABORTED' || code === 'CPU_TIMEOUT';
}

/** Bytes of a code or a detail, and of a message: three for each of 1,000 characters. */
const MAX_WORD = 100;
const MAX_MESSAGE = 3_000;

export function writeFailure(to: WireWriter, { code, detail, message }: Failure): void {
  to.text(code);
  to.text(detail);
  to.text(message.slice(0, MAX_MESSAGE / 3));
}

/** @throws SnapshotError */
export function readFailure(from: WireReader): Failure {
  return { code: from.text(MAX_WORD) as Failure['code'], detail: from.text(MAX_WORD), message: from.text(MAX_MESSAGE) };
}

/** What a host function threw, to be thrown once more. */
export function errorOf({ code, detail, message }: Failure): object {
  switch (code) {
    case 'EXIT': {
      const status = Number(detail);
      const isStatus = Number.isInteger(status) && status >= 0 && status <= 0xffff_ffff;
      return isStatus ? new GuestExit(status) : damaged('the status of an exit is out of range');
    }
    case 'SECURITY':
      return new SecurityViolation(message);
    case 'GAS_EXHAUSTED':
      return new GasExhausted(message);
    case 'HOST':
      return new HostError(message);
    default:
      return new Recorded(code, message);
  }
}

/** An error of a class that does not matter. */
class Recorded extends RuntimeError {
  readonly code: ErrorCode;

  constructor(code: Failure['code'], message: string) {
    super(message);
    this.code = code === 'EXIT' || code === 'OTHER' ? 'HOST' : code;
  }
}

/** For comparing and for people. */
export function showFailure({ code, detail }: Failure): string {
  return detail === '' ? code : `${code} (${detail})`;
}
