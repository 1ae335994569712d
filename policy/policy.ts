/** A policy: capabilities, limits, and what happens on a refusal. Immutable; shared freely among sandboxes. */

import { DEFAULT_AUDIT_BYTES } from './audit.ts';
import { Capability } from './capabilities.ts';
import type { FilesystemAccessOptions, MemoryFiles, Mount, NetworkAccessOptions } from './capability.ts';
import { checkBigint, checkBoolean, checkInteger, checkOptions, refuse } from './check.ts';
import type { AuditOptions, OnViolation, PolicyData } from './data.ts';
import { granted, Policy, STRICT } from './in-force.ts';
import { readPolicy, writePolicy } from './json.ts';

/** Events an audit keeps where the embedder says nothing else. */
const DEFAULT_AUDIT_EVENTS = 10_000;

/**
 * What a guest may do. Get one from {@link SecurityPolicy.strict}, {@link SecurityPolicy.moderate},
 * {@link SecurityPolicy.permissive} or {@link SecurityPolicy.builder}.
 */
export class SecurityPolicy extends Policy {
  /**
   * Nothing from outside: a virtual clock that starts in the year 2000 and advances by a millisecond with every
   * reading, random bytes from a fixed seed, captured output of at most 16 MiB, empty standard input; no environment,
   * files or network. The same module with the same arguments does the same at every run.
   */
  static strict(): SecurityPolicy {
    return new SecurityPolicy(STRICT);
  }

  /** As {@link SecurityPolicy.strict}, with the real clock and the system's randomness. */
  static moderate(): SecurityPolicy {
    return new SecurityPolicy({ ...STRICT, capabilities: [Capability.clock(), Capability.random()] });
  }

  /**
   * As {@link SecurityPolicy.moderate}, with the host's environment, the current folder for reading and writing, and
   * every public host on every port, with or without HTTPS; never addresses, loopback or private names unless named,
   * and never what names resolve to unless it is public.
   */
  static permissive(): SecurityPolicy {
    return SecurityPolicy.builder(SecurityPolicy.moderate())
      .allowEnvironmentAccess('all')
      .allowFilesystemAccess([{ host: '.', guest: '/' }], { readOnly: false })
      .allowNetworkAccess(['*'], { requireHttps: false, allowedPorts: 'any' })
      .build();
  }

  /** Builds a policy upon another, strict unless given. */
  static builder(base: SecurityPolicy = SecurityPolicy.strict()): SecurityPolicyBuilder {
    return new SecurityPolicyBuilder(base);
  }

  /**
   * Reads a policy from JSON, as text or as `JSON.parse` gives it; docs/policy.schema.json describes it.
   * @throws UsageError naming the place, also for unknown keys
   */
  static fromJSON(json: unknown): SecurityPolicy {
    const { strict, moderate, permissive, builder } = SecurityPolicy;
    return readPolicy(json, { strict, moderate, permissive, builder });
  }

  /**
   * The policy as plain data, for `JSON.stringify`.
   * @throws UsageError where it holds functions: streams, host functions, a sink of the audit
   */
  toJSON(): unknown {
    return writePolicy(this);
  }

  /** This policy with more capabilities. Where only one of a kind can count, the last does. */
  with(...capabilities: readonly Capability[]): SecurityPolicy {
    return SecurityPolicy.builder(this)
      .allow(...capabilities)
      .build();
  }
}

/** Collects a policy. Methods change the builder and return it. Wrong arguments throw a UsageError. */
export class SecurityPolicyBuilder {
  private data: PolicyData;

  /** @internal */
  constructor(base: SecurityPolicy) {
    if (!(base instanceof SecurityPolicy)) refuse('the base of a policy', 'a SecurityPolicy', base);
    this.data = base;
  }

  private set(change: Partial<PolicyData>): this {
    this.data = { ...this.data, ...change };
    return this;
  }

  /** Adds grants to those there are. Where only one of a kind can count, the last does. */
  allow(...capabilities: readonly Capability[]): this {
    return this.set({ capabilities: granted(this.data, capabilities) });
  }

  /** Adds `Capability.networkAccess`: HTTP requests to these hosts. */
  allowNetworkAccess(hosts: readonly string[], options?: NetworkAccessOptions): this {
    return this.allow(Capability.networkAccess(hosts, options));
  }

  /** Adds `Capability.filesystemAccess`: folders of the host's, and files in memory. */
  allowFilesystemAccess(
    mounts: string | MemoryFiles | readonly (string | Mount | MemoryFiles)[],
    options?: FilesystemAccessOptions,
  ): this {
    return this.allow(Capability.filesystemAccess(mounts, options));
  }

  /** Adds `Capability.environmentAccess`: variables of the host's, or the given ones. */
  allowEnvironmentAccess(variables: 'all' | readonly string[] | Readonly<Record<string, string>>): this {
    return this.allow(Capability.environmentAccess(variables));
  }

  /** Keeps a record of host calls. Changes no gas. */
  enableAuditLogging(options: AuditOptions = {}): this {
    checkOptions('enableAuditLogging', options, ['maxEvents', 'maxBytes', 'sink', 'keep']);
    const { maxEvents = DEFAULT_AUDIT_EVENTS, maxBytes = DEFAULT_AUDIT_BYTES, sink, keep = true } = options;
    if (sink !== undefined && typeof sink !== 'function') refuse('enableAuditLogging: sink', 'a function', sink);
    return this.set({
      auditEvents: checkInteger('enableAuditLogging: maxEvents', maxEvents, 1, 2 ** 24),
      auditBytes: checkInteger('enableAuditLogging: maxBytes', maxBytes, 0, Number.MAX_SAFE_INTEGER),
      auditSink: sink,
      auditKept: checkBoolean('enableAuditLogging: keep', keep),
    });
  }

  /** Wall-clock milliseconds for a call, above 0 and finite; no limit unless given. */
  maxExecutionTime(milliseconds: number): this {
    if (typeof milliseconds !== 'number' || !(milliseconds > 0 && milliseconds < Number.POSITIVE_INFINITY)) {
      refuse('maxExecutionTime', 'a finite number of milliseconds above 0', milliseconds);
    }
    return this.set({ limits: { ...this.data.limits, executionTime: milliseconds } });
  }

  /** Bytes in all memories and tables of an instance; no limit of the policy's unless given. */
  maxMemory(bytes: number): this {
    const memory = checkInteger('maxMemory', bytes, 0, Number.MAX_SAFE_INTEGER);
    return this.set({ limits: { ...this.data.limits, memory } });
  }

  /** Units of the gas schedule, below 2⁶³. */
  maxGas(units: bigint | number): this {
    return this.set({ limits: { ...this.data.limits, gas: checkBigint('maxGas', units, 0n, 63) } });
  }

  /** Bytes of standard output and standard error together; 16 MiB unless given. */
  maxOutput(bytes: number): this {
    return this.set({ outputLimit: checkInteger('maxOutput', bytes, 0, 2 ** 31) });
  }

  /** What a refusal does; `errno` unless given. */
  onViolation(reaction: OnViolation): this {
    if (reaction !== 'errno' && reaction !== 'trap') refuse('onViolation', "'errno' or 'trap'", reaction);
    return this.set({ onViolation: reaction });
  }

  /** The policy as collected so far. The builder can go on, and build others. */
  build(): SecurityPolicy {
    return new SecurityPolicy(this.data);
  }
}
