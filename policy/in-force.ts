/** A policy as those see it who obey it, and the one in force where none is given. */

import { type AuditSink, DEFAULT_AUDIT_BYTES } from './audit.ts';
import type { Capability, ClockCapability, RandomCapability } from './capability.ts';
import { refuse } from './check.ts';
import type { OnViolation, PolicyData, PolicyLimits } from './data.ts';
import { DEFAULT_CLOCK, DEFAULT_RANDOM, isCapability } from './made.ts';

/** What {@link import('./policy.ts').SecurityPolicy.strict} grants. */
export const STRICT: PolicyData = {
  capabilities: [],
  limits: { executionTime: undefined, memory: undefined, gas: undefined },
  outputLimit: 16 * 1024 * 1024,
  onViolation: 'errno',
  auditEvents: 0,
  auditBytes: DEFAULT_AUDIT_BYTES,
  auditSink: undefined,
  auditKept: true,
};

/** What a policy is, however it was made. Frozen. */
export class Policy implements PolicyData {
  /** In the order in which they were granted. */
  readonly capabilities: readonly Capability[];
  readonly limits: PolicyLimits;
  /** Bytes the guest may write to standard output and standard error together, before a reset. */
  readonly outputLimit: number;
  readonly onViolation: OnViolation;
  /** How many events the audit records; 0 is off. */
  readonly auditEvents: number;
  /** Bytes of what guests choose in the events that the audit records. */
  readonly auditBytes: number;
  /** Takes each event as it is recorded. */
  readonly auditSink: AuditSink | undefined;
  /** Whether the audit keeps events in memory. */
  readonly auditKept: boolean;

  /** @internal */
  constructor(data: PolicyData) {
    this.capabilities = Object.freeze([...data.capabilities]);
    this.limits = Object.freeze({ ...data.limits });
    this.outputLimit = data.outputLimit;
    this.onViolation = data.onViolation;
    this.auditEvents = data.auditEvents;
    this.auditBytes = data.auditBytes;
    this.auditSink = data.auditSink;
    this.auditKept = data.auditKept;
    Object.freeze(this);
  }

  /** The clock in force. */
  get clock(): ClockCapability {
    return this.capabilities.findLast((capability) => capability.kind === 'clock') ?? DEFAULT_CLOCK;
  }

  /** The source of randomness in force. */
  get random(): RandomCapability {
    return this.capabilities.findLast((capability) => capability.kind === 'random') ?? DEFAULT_RANDOM;
  }
}

/**
 * The grants of a policy, and more.
 * @throws UsageError for what Capability has not made
 */
export function granted(
  { capabilities }: Pick<PolicyData, 'capabilities'>,
  more: readonly Capability[],
): readonly Capability[] {
  for (const capability of more) {
    if (!isCapability(capability)) refuse('a capability', 'made by Capability', capability);
  }
  return [...capabilities, ...more];
}

/** The policy with more grants. @throws UsageError as {@link granted} */
export function granting(policy: Policy, more: readonly Capability[]): Policy {
  return more.length === 0 ? policy : new Policy({ ...policy, capabilities: granted(policy, more) });
}
