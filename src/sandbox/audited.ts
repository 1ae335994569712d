/** A call together with the record of what its guest asked of the host. */

import { type AuditEvent, AuditLog, type Host } from '../../policy/index.ts';
import { refuse } from '../checks/check.ts';
import type { ResourceStats } from './stats.ts';

/** What a call did, also where it failed. */
export interface CallAudit {
  /** Host calls, in the order in which they ended: the first 10,000. */
  readonly events: readonly AuditEvent[];
  /** Events beyond those. */
  readonly dropped: number;
  /** The refused ones: the first 1,000, whether or not they are among the events. */
  readonly violations: readonly AuditEvent[];
  /** The sandbox's, when the call had ended. */
  readonly stats: ResourceStats;
}

export interface AuditedCall<T = unknown> extends CallAudit {
  /** What `call` would have returned. */
  readonly output: T;
}

const MAX_EVENTS = 10_000;
const MAX_VIOLATIONS = 1_000;

const audits = new WeakMap<object, CallAudit>();

/**
 * The record of a `callWithAudit` that failed, by the error it failed with; undefined for other errors.
 * @throws UsageError for what is no object
 */
export function auditOf(error: unknown): CallAudit | undefined {
  if (typeof error !== 'object' || error === null) refuse('the error', 'one that callWithAudit threw', error);
  return audits.get(error);
}

/** A life, or what of it is needed here. */
type Recorded = { readonly host: Pick<Host, 'capture'> };

/** What of a call is recorded, while it is. */
interface Recording {
  /** What there is so far. */
  readonly record: () => CallAudit;
  /** Keeps the record for {@link auditOf}. */
  readonly keep: (error: unknown) => void;
  readonly stop: () => void;
}

function startRecording({ host }: Recorded, stats: () => ResourceStats): Recording {
  const log = new AuditLog(MAX_EVENTS);
  const refused = new AuditLog(MAX_VIOLATIONS);
  const stop = host.capture({
    append(event) {
      log.append(event);
      if (!event.allowed) refused.append(event);
    },
  });
  const record = (): CallAudit => ({
    events: log.events,
    dropped: log.dropped,
    violations: refused.events,
    stats: stats(),
  });
  const keep = (error: unknown): void => {
    if (typeof error === 'object' && error !== null) audits.set(error, record());
  };
  return { record, keep, stop };
}

/** Makes a call of a life, recording it. Gas is the same as without. */
export async function callAudited<T>(
  life: Recorded,
  call: () => Promise<unknown>,
  stats: () => ResourceStats,
): Promise<AuditedCall<T>> {
  const { record, keep, stop } = startRecording(life, stats);
  try {
    return { output: (await call()) as T, ...record() };
  } catch (error) {
    keep(error);
    throw error;
  } finally {
    stop();
  }
}

/** The same for a call that has ended when it returns. */
export function callAuditedSync<T>(life: Recorded, call: () => unknown, stats: () => ResourceStats): AuditedCall<T> {
  const { record, keep, stop } = startRecording(life, stats);
  try {
    return { output: call() as T, ...record() };
  } catch (error) {
    keep(error);
    throw error;
  } finally {
    stop();
  }
}
