/** Where every host call passes: decided, carried out, recorded. */

import { carryOut } from '../wasm/carry-out.ts';
import { SecurityViolation } from '../wasm/errors.ts';
import type { CallingGuest, HostCall, WasmValue } from '../wasm/host.ts';
import { reported } from '../wasm/reported.ts';
import { ignore } from '../wasm/thenable.ts';
import type { WireReader, WireWriter } from '../wasm/wire.ts';
import { type AuditEvent, AuditLog } from './audit.ts';
import { HostCallContext } from './call.ts';
import { type Decision, decide, type PolicyRequest } from './decide.ts';
import { DENIALS } from './denials.ts';
import type { Policy } from './in-force.ts';
import type { Saved } from './saved.ts';

/** Violations kept; a guest can make them without end, so later ones are only counted. */
const MAX_VIOLATIONS = 1_000;

/** Does a call's work. It is given what was asked, too. */
export type Body = (
  call: HostCallContext,
  args: readonly WasmValue[],
  asked: PolicyRequest,
) => WasmValue | PromiseLike<WasmValue>;

/** What a call asks for: known before, or from its arguments and the memory they point to. */
export type Asking = PolicyRequest | ((args: readonly WasmValue[], call: HostCallContext) => PolicyRequest);

/** A line of the record: what was asked, and what came of it. */
interface Outcome extends Decision {
  readonly request: PolicyRequest;
}

/** A call behind which the guest does not go on where `check` throws. */
function followedBy(call: HostCall, check: () => void): HostCall {
  return (caller, args) => {
    let value: unknown;
    try {
      value = call(caller, args);
    } catch (error) {
      check();
      throw error;
    }
    try {
      check();
    } catch (error) {
      // Nobody will look at it any more.
      ignore(value);
      throw error;
    }
    return value;
  };
}

export class Gate implements Saved {
  readonly policy: Policy;
  readonly audit: AuditLog;
  readonly violations = new AuditLog(MAX_VIOLATIONS);
  private readonly captures = new Set<Pick<AuditLog, 'append'>>();
  private calls = 0;
  private resets = 0;

  private readonly afterCall: (() => void) | undefined;

  constructor(policy: Policy, afterCall?: () => void) {
    this.policy = policy;
    this.afterCall = afterCall;
    const { auditEvents, auditBytes: maxBytes, auditSink: sink, auditKept: keep } = policy;
    this.audit = new AuditLog(auditEvents, { maxBytes, sink, keep });
  }

  /**
   * Puts the gate before a body. A refused call ends in a SecurityViolation where the policy says so; else `refused`
   * answers the guest.
   * @param label the import, as `module.name`
   */
  guard(label: string, request: Asking, body: Body, refused: Body): HostCall {
    const fixed = typeof request === 'function' ? undefined : decide(this.policy, request);
    const guarded: HostCall = (caller: CallingGuest, args: readonly WasmValue[]) => {
      const sequence = this.calls++;
      const call = new HostCallContext(caller);
      const asked = typeof request === 'function' ? request(args, call) : request;
      const decision: Decision = fixed ?? decide(this.policy, asked);
      if (!decision.allowed) {
        this.record(sequence, label, { request: asked, ...decision }, call);
        this.react(DENIALS[asked.kind] ?? 'Access denied', label, decision.reason);
        return refused(call, args, asked);
      }
      const { resets } = this;
      const end = (result: WasmValue): WasmValue => {
        if (resets !== this.resets) return result; // The record is another run's by now.
        const { refusal, decided } = call;
        if (refusal === undefined && !this.isRecording) return result;
        const outcomes: Outcome[] = [...(decided ?? [])];
        if (refusal !== undefined) outcomes.push({ ...refusal, allowed: false });
        else if (outcomes.length === 0) outcomes.push({ request: call.asked?.() ?? asked, ...decision });
        const last = outcomes.pop() as Outcome;
        for (const outcome of outcomes) this.record(sequence, label, outcome, call);
        const moved = call.bytes === 0 ? {} : { bytes: call.bytes };
        this.record(sequence, label, last, call, typeof result === 'number' ? { ...moved, result } : moved);
        if (refusal !== undefined) this.react(refusal.what, label, refusal.reason);
        return result;
      };
      const fail = (error: unknown): never => {
        end(undefined);
        throw error;
      };
      return carryOut((_, args) => body(call, args, asked), call, args, end, fail);
    };
    return this.afterCall === undefined ? guarded : followedBy(guarded, this.afterCall);
  }

  /** Whether anybody wants to know of calls that are allowed. */
  private get isRecording(): boolean {
    return this.audit.capacity > 0 || this.captures.size > 0;
  }

  private record(
    sequence: number,
    label: string,
    { request, allowed, rule, reason }: Outcome,
    call: HostCallContext,
    figures: Pick<AuditEvent, 'bytes' | 'result'> = {},
  ): void {
    if (!this.isRecording && (allowed || this.violations.isFull)) {
      if (!allowed) this.violations.skip();
      return;
    }
    const gasUsed = call.gasUsed();
    const event = Object.freeze(
      reported({ sequence, function: label, request, allowed, rule, reason, ...figures, gasUsed }),
    );
    if (!allowed) this.violations.append(event);
    for (const log of this.captures) log.append(event);
    if (this.audit.capacity > 0) this.audit.append(event);
  }

  /** Records into a log of the caller's as well, until the function returned is called. Changes no gas. */
  capture(log: Pick<AuditLog, 'append'>): () => void {
    this.captures.add(log);
    return () => {
      this.captures.delete(log);
    };
  }

  /** @throws SecurityViolation where the policy says so */
  private react(what: string, label: string, reason: string): void {
    if (this.policy.onViolation === 'trap') throw new SecurityViolation(`${what}: ${label} was called, but ${reason}`);
  }

  /** Numbers of calls go on; records are the host's, and stay where they were made. */
  save(to: WireWriter): void {
    to.number(this.calls);
  }

  load(from: WireReader): void {
    this.calls = from.counter('the number of host calls');
  }

  /** What ends later is not recorded. */
  close(): void {
    this.resets++;
  }

  reset(): void {
    this.audit.clear();
    this.violations.clear();
    this.calls = 0;
    this.resets++;
  }
}
