/** What a guest asked of its host, kept in memory. Recording reads the gas and never changes it. */

import type { PolicyRequest } from './decide.ts';

/** One host call. Holds nothing of the guest's memory. */
export interface AuditEvent {
  /** Number of the call since the host was created or reset, from 0; the same whether or not the audit is on. */
  readonly sequence: number;
  /** The import, as `module.name`. */
  readonly function: string;
  readonly request: PolicyRequest;
  readonly allowed: boolean;
  /** The rule that decided, as in a {@link import('./decide.ts').Decision}; `outputLimit` for output beyond the limit. */
  readonly rule: string;
  readonly reason: string;
  /** Bytes moved between guest and host; absent where none were. */
  readonly bytes?: number;
  /** Units used when the call ended. */
  readonly gasUsed: bigint;
}

/** The first events of a run, in the order in which calls ended, and how many there were in all. */
export class AuditLog {
  /** Events the log keeps; later ones are counted and dropped. */
  readonly capacity: number;
  private kept: AuditEvent[] = [];
  private count = 0;

  constructor(capacity: number) {
    this.capacity = capacity;
  }

  get events(): readonly AuditEvent[] {
    return this.kept;
  }

  /** Events appended, kept or not. */
  get total(): number {
    return this.count;
  }

  get dropped(): number {
    return this.count - this.kept.length;
  }

  append(event: AuditEvent): void {
    if (this.kept.length < this.capacity) this.kept.push(Object.freeze(event));
    this.count++;
  }

  /** Takes the events out, making room for as many again. */
  drain(): readonly AuditEvent[] {
    const events = this.kept;
    this.clear();
    return events;
  }

  clear(): void {
    this.kept = [];
    this.count = 0;
  }
}
