/** What a check is given to look at, and what is seen of it: how a call ended, its gas, what it was refused. */

import type { AuditEvent } from '../../policy/index.ts';
import { type RuntimeError, UsageError, WasmSandboxError } from '../../wasm/errors.ts';
import { describe } from '../../wasm/quote.ts';
import { Execution } from '../call/execution.ts';

/** Of a sandbox, whichever way it waits, the figures that checks read. */
export interface Figures {
  /** What the guest has used. */
  getResourceStats(): { readonly gasUsed: bigint };
  /** What it was refused. */
  violations(): readonly AuditEvent[];
}

/**
 * A call as tests have it: its promise; an execution, which is run to its end; a function that makes it. Or a sandbox, for
 * all that it did since it was built or reset.
 */
export type Subject = Figures | Execution | PromiseLike<unknown> | (() => unknown);

/** How a call ended. The error is a guest's: everything else that is thrown is the test's, and goes on to it. */
export type Outcome = { readonly value: unknown } | { readonly error: RuntimeError };

/** Undefined is what cannot be known of such a subject. */
export interface Seen {
  readonly outcome?: Outcome | undefined;
  readonly gasUsed?: bigint | undefined;
  readonly violations?: readonly AuditEvent[] | undefined;
}

/**
 * @param around whose figures count while a function runs
 * @throws UsageError for what is no subject; what a call throws that is no failure of its guest
 */
export function see(subject: unknown, around?: Figures): Seen | Promise<Seen> {
  if (isFigures(subject)) return figuresOf(subject);
  if (subject instanceof Execution) return seeExecution(subject);
  if (typeof subject === 'function') return seeFunction(subject as () => unknown, around);
  if (isPromise(subject)) return seeCall(() => subject);
  throw new UsageError(
    `a call was expected (its promise, an execution, or a function that makes it) or a sandbox, not ${describe(subject)}`,
  );
}

/** As they are now: the sandbox adds to its list. */
function figuresOf(sandbox: Figures) {
  return { gasUsed: sandbox.getResourceStats().gasUsed, violations: [...sandbox.violations()] };
}

async function seeExecution(execution: Execution): Promise<Seen> {
  const { outcome } = await seeCall(() => execution.run());
  return { outcome, gasUsed: execution.gasUsed };
}

async function seeFunction(call: () => unknown, around: Figures | undefined): Promise<Seen> {
  if (around === undefined) {
    return seeCall(async () => {
      const made = await call();
      return made instanceof Execution ? made.run() : made;
    });
  }
  const before = figuresOf(around);
  const { outcome } = await seeFunction(call, undefined);
  const after = figuresOf(around);
  return {
    outcome,
    gasUsed: after.gasUsed - before.gasUsed,
    violations: after.violations.slice(before.violations.length),
  };
}

async function seeCall(call: () => unknown): Promise<Seen> {
  try {
    return { outcome: { value: await call() } };
  } catch (error) {
    if (isGuestError(error)) return { outcome: { error } };
    throw error;
  }
}

/** Codes of what is no failure of a guest that ran. */
const OTHERS: ReadonlySet<string> = new Set(['COMPILE', 'LINK', 'DISPOSED', 'SNAPSHOT', 'POOL', 'PLUGIN', 'USAGE']);

function isGuestError(error: unknown): error is RuntimeError {
  return error instanceof WasmSandboxError && !OTHERS.has(error.code);
}

function isFigures(value: unknown): value is Figures {
  return typeof value === 'object' && value !== null && 'getResourceStats' in value && 'violations' in value;
}

function isPromise(value: unknown): value is PromiseLike<unknown> {
  return typeof value === 'object' && value !== null && 'then' in value;
}
