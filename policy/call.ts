/** One call of a host function, from the gate to the body and back. */

import { WASI_CALL } from '../wasm/gas.ts';
import type { CallingGuest, GuestMemory } from '../wasm/host.ts';
import type { Decision, PolicyRequest } from './decide.ts';

/** Why a call that had been let in was refused after all. */
export interface Refusal {
  readonly request: PolicyRequest;
  /** What is refused, in the words of {@link import('./denials.ts').DENIALS}. */
  readonly what: string;
  readonly rule: string;
  readonly reason: string;
}

/** The caller as host functions see it, counting what is moved for the audit. */
export class HostCallContext implements CallingGuest {
  private readonly caller: CallingGuest;
  /** Bytes moved between guest and host so far. */
  bytes = 0;
  /**
   * Set by a body that finds out what is asked for only when it looks: for the record, in place of what the gate knew.
   * Called where somebody wants to know.
   */
  asked: (() => PolicyRequest) | undefined;
  /** Set by the body when it refuses. */
  refusal: Refusal | undefined;
  /** What the body decided on the way, recorded in place of the decision that let the call in. */
  decided: (Decision & { readonly request: PolicyRequest })[] | undefined;

  constructor(caller: CallingGuest) {
    this.caller = caller;
  }

  get memory(): GuestMemory | undefined {
    return this.caller.memory;
  }

  gasUsed(): bigint {
    return this.caller.gasUsed();
  }

  /** Charges, and counts the bytes as moved. */
  chargeBytes(bytes: number): void {
    this.caller.chargeBytes(bytes);
    this.bytes += bytes;
  }

  /** Charges for bytes that are looked at or made, but carry nothing between guest and host. */
  chargeOverhead(bytes: number): void {
    this.caller.chargeBytes(bytes);
  }

  /** Charges so many units for work, whatever it moves. */
  chargeWork(units: number): void {
    if (units > 0) this.caller.chargeBytes(units * BYTES_PER_UNIT);
  }

  decide(decision: Decision & { readonly request: PolicyRequest }): void {
    this.decided ??= [];
    this.decided.push(decision);
  }

  /** As the caller's memory has it, but nothing is in reach everywhere. */
  view(pointer: number, length: number): Uint8Array | undefined {
    return length === 0 ? NOTHING : this.caller.memory?.view(pointer, length);
  }
}

/** Of all functions of the policy's own. */
const BYTES_PER_UNIT = 1 / WASI_CALL.perByte;

const NOTHING = new Uint8Array(0);
