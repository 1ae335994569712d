/** Where every host call passes: decided, carried out, recorded. */

import { SecurityViolation } from '../wasm/errors.ts';
import type { Caller, HostCall, WasmValue } from '../wasm/host.ts';
import { AuditLog } from './audit.ts';
import { HostCallContext } from './call.ts';
import { type Decision, decide, type PolicyRequest } from './decide.ts';
import { DENIALS } from './denials.ts';
import type { SecurityPolicy } from './policy.ts';

/** Violations kept; a guest can make them without end, so later ones are only counted. */
const MAX_VIOLATIONS = 1_000;

/** Does a call's work. */
export type Body = (call: HostCallContext, args: readonly WasmValue[]) => WasmValue | Promise<WasmValue>;

/** What a gate tells of a call beside what it is given. */
interface Outcome {
  readonly allowed: boolean;
  readonly rule: string;
  readonly reason: string;
}

export class Gate {
  readonly policy: SecurityPolicy;
  readonly audit: AuditLog;
  readonly violations = new AuditLog(MAX_VIOLATIONS);
  private calls = 0;
  private resets = 0;

  constructor(policy: SecurityPolicy) {
    this.policy = policy;
    this.audit = new AuditLog(policy.auditEvents);
  }

  /**
   * Puts the gate before a body. A refused call ends in a SecurityViolation where the policy says so; else `refused`
   * answers the guest.
   * @param label the import, as `module.name`
   * @param request what a call asks for; given the arguments where that depends on them
   */
  guard(
    label: string,
    request: PolicyRequest | ((args: readonly WasmValue[]) => PolicyRequest),
    body: Body,
    refused: Body,
  ): HostCall {
    const fixed = typeof request === 'function' ? undefined : { request, decision: decide(this.policy, request) };
    return (caller: Caller, args: readonly WasmValue[]) => {
      const sequence = this.calls++;
      const call = new HostCallContext(caller);
      const asked = fixed?.request ?? (request as (args: readonly WasmValue[]) => PolicyRequest)(args);
      const decision: Decision = fixed?.decision ?? decide(this.policy, asked);
      if (!decision.allowed) {
        this.record(sequence, label, asked, decision, call);
        this.react(DENIALS[asked.kind] ?? 'Access denied', label, decision.reason);
        return refused(call, args);
      }
      const { resets } = this;
      const end = (): void => {
        if (resets !== this.resets) return; // The record is another run's by now.
        const { refusal } = call;
        if (refusal === undefined) this.record(sequence, label, asked, decision, call);
        else this.record(sequence, label, refusal.request, { allowed: false, ...refusal }, call);
        if (refusal !== undefined) this.react(refusal.what, label, refusal.reason);
      };
      return finish(() => body(call, args), end);
    };
  }

  private record(
    sequence: number,
    label: string,
    request: PolicyRequest,
    outcome: Outcome,
    call: HostCallContext,
  ): void {
    const { allowed, rule, reason } = outcome;
    if (allowed && this.audit.capacity === 0) return;
    const moved = call.bytes === 0 ? {} : { bytes: call.bytes };
    const gasUsed = call.gasUsed();
    const event = { sequence, function: label, request, allowed, rule, reason, ...moved, gasUsed };
    if (this.audit.capacity > 0) this.audit.append(event);
    if (!allowed) this.violations.append(event);
  }

  /** @throws SecurityViolation where the policy says so */
  private react(what: string, label: string, reason: string): void {
    if (this.policy.onViolation === 'trap') throw new SecurityViolation(`${what}: ${label} was called, but ${reason}`);
  }

  reset(): void {
    this.audit.clear();
    this.violations.clear();
    this.calls = 0;
    this.resets++;
  }
}

/** Runs a body and then `end`, whether it returns, throws, or does either later. */
function finish(body: () => WasmValue | Promise<WasmValue>, end: () => void): WasmValue | Promise<WasmValue> {
  let result: WasmValue | Promise<WasmValue>;
  try {
    result = body();
  } catch (error) {
    end();
    throw error;
  }
  // What is not plainly a promise is the body's result, and the engine's to judge.
  if (!(result instanceof Promise)) {
    end();
    return result;
  }
  return result.then(
    (value) => {
      end();
      return value;
    },
    (error: unknown) => {
      end();
      throw error;
    },
  );
}
