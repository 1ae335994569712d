/** What a guest asked of its host, and where the record goes. Recording reads the gas and never changes it. */

import { escapeUnprintable } from '../wasm/quote.ts';
import type { PolicyRequest } from './decide.ts';

/** One host call, or one of several decisions within it. Holds nothing of the guest's memory. Frozen. */
export interface AuditEvent {
  /** Number of the call since the host was created or reset, from 0; the same whether or not the audit is on. */
  readonly sequence: number;
  /** The import, as `module.name`. */
  readonly function: string;
  readonly request: PolicyRequest;
  readonly allowed: boolean;
  /**
   * The rule that decided, as in a {@link import('./decide.ts').Decision}; or the limit that was reached, as
   * `outputLimit`.
   */
  readonly rule: string;
  readonly reason: string;
  /** Bytes moved between guest and host; absent where none were. */
  readonly bytes?: number;
  /** What the call gave the guest, where that is a number: an error value, a status. Absent where it gave nothing. */
  readonly result?: number;
  /** Units used when the call ended. */
  readonly gasUsed: bigint;
}

/** Takes each event as it is recorded. What it throws ends the guest's call: what cannot be recorded must not go on. */
export type AuditSink = (event: AuditEvent) => void;

export interface AuditLogOptions {
  readonly sink?: AuditSink | undefined;
  /** Whether events stay in memory; true unless given. */
  readonly keep?: boolean | undefined;
}

/** The first events of a run, in the order in which calls ended, and how many there were in all. */
export class AuditLog {
  /** Events recorded, in memory and by the sink; later ones are counted and dropped. */
  readonly capacity: number;
  private readonly sink: AuditSink | undefined;
  private readonly keep: boolean;
  private kept: AuditEvent[] = [];
  private count = 0;

  constructor(capacity: number, { sink, keep = true }: AuditLogOptions = {}) {
    this.capacity = capacity;
    this.sink = sink;
    this.keep = keep;
  }

  /** Those in memory. */
  get events(): readonly AuditEvent[] {
    return this.kept;
  }

  /** Events appended, recorded or not. */
  get total(): number {
    return this.count;
  }

  get dropped(): number {
    return Math.max(0, this.count - this.capacity);
  }

  /** @throws what the sink throws */
  append(event: AuditEvent): void {
    this.count++;
    if (this.count > this.capacity) return;
    if (this.keep) this.kept.push(event);
    this.sink?.(event);
  }

  /** Whether further events would only be counted. */
  get isFull(): boolean {
    return this.count >= this.capacity;
  }

  /** Counts an event that is not recorded. */
  skip(): void {
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

/**
 * An event as a line of JSON, without the newline: keys in a fixed order, gas as text, as it may exceed a number. What a
 * terminal would not show, or obey, is escaped.
 */
export function auditLine({ gasUsed, ...event }: AuditEvent): string {
  return escapeUnprintable(JSON.stringify({ ...event, gasUsed: String(gasUsed) }));
}

/** A sink of JSON lines. `write` is given each line with its newline. */
export function jsonLines(write: (line: string) => void): AuditSink {
  return (event) => write(`${auditLine(event)}\n`);
}
