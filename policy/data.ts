/** What policies are made of. */

import type { AuditSink } from './audit.ts';
import type { Capability } from './capability.ts';

/**
 * What a refusal does: `errno` gives the guest an error value, `trap` ends its call with a SecurityViolation. Both
 * record the violation.
 */
export type OnViolation = 'errno' | 'trap';

/** Limits a policy brings along. Undefined leaves them to whoever builds the sandbox. */
export interface PolicyLimits {
  /** Wall-clock milliseconds for a call. */
  readonly executionTime: number | undefined;
  /** Bytes in all memories and tables of an instance. */
  readonly memory: number | undefined;
  /** Units of the gas schedule. */
  readonly gas: bigint | undefined;
}

/** How much of what a guest asked of its host is recorded, and where it goes. */
export interface AuditOptions {
  /** Events recorded, in memory and by the sink, before later ones are only counted; 10,000 unless given. */
  readonly maxEvents?: number | undefined;
  /**
   * Bytes of the paths, URLs and names in all recorded events together, two a character, before later ones are only
   * counted; 16 MiB unless given.
   */
  readonly maxBytes?: number | undefined;
  /** Takes each event as it is recorded. What it throws ends the guest's call. */
  readonly sink?: AuditSink | undefined;
  /** Whether events are also kept in memory; true unless given. */
  readonly keep?: boolean | undefined;
}

/** What a policy is made of. */
export interface PolicyData {
  readonly capabilities: readonly Capability[];
  readonly limits: PolicyLimits;
  readonly outputLimit: number;
  readonly onViolation: OnViolation;
  readonly auditEvents: number;
  readonly auditBytes: number;
  readonly auditSink: AuditSink | undefined;
  readonly auditKept: boolean;
}
