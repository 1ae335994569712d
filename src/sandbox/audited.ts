/** A call together with the record of what its guest asked of the host. */

import type { AuditEvent, Host } from '../../policy/index.ts';
import { AuditLog } from '../../policy/sandboxed.ts';
import { reported } from '../../wasm/reported.ts';
import { refuse } from '../checks/check.ts';
import type { Waits } from '../time/waits.ts';
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

/** Begins to record what a life is called for by its guest; what is returned ends that, and gives the record. */
export function recordCalls({ host }: Recorded, stats: () => ResourceStats): () => CallAudit {
  const log = new AuditLog(MAX_EVENTS);
  const refused = new AuditLog(MAX_VIOLATIONS);
  const stop = host.capture({
    append(event) {
      log.append(event);
      if (!event.allowed) refused.append(event);
    },
  });
  return () => {
    stop();
    return reported({ events: log.events, dropped: log.dropped, violations: refused.events, stats: stats() });
  };
}

/** Makes a call of a life, recording it, and yields what it returns. Gas is the same as without. */
export function* callAudited<T>(
  life: Recorded,
  call: () => unknown,
  stats: () => ResourceStats,
): Waits<AuditedCall<T>> {
  const finish = recordCalls(life, stats);
  try {
    const output = (yield call()) as T;
    return reported({ output, ...finish() });
  } catch (error) {
    const audit = finish();
    if (typeof error === 'object' && error !== null) audits.set(error, audit);
    throw error;
  }
}
