/** What a guest asked of its host, and where the record goes. Recording reads the gas and never changes it. */

import { escapeUnprintable } from '../wasm/quote.ts';
import type { PolicyRequest } from './decide.ts';

/** One host call, or one of several decisions within it. Holds nothing of the guest's memory. Frozen. */
export interface AuditEvent {
  /** Number of the call since the host was created or reset, from 0; the same whether or not the audit is on. */
  readonly sequence: number;
  /** The import, as `module.name`. */
  readonly function: string;
  /** What was asked for, in the terms that the policy decides in. */
  readonly request: PolicyRequest;
  readonly allowed: boolean;
  /**
   * The rule that decided, as in a `Decision` of `wasm-sandbox/policy`; or the limit that was reached, as
   * `outputLimit`.
   */
  readonly rule: string;
  /** The same for people. */
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

/** Bytes of what guests chose that a log takes, where nothing else is said. */
export const DEFAULT_AUDIT_BYTES: number = 16 * 1024 * 1024;

/** How much a log takes, and where it goes. */
export interface AuditLogOptions {
  /** Bytes of the paths, URLs and names in all events together, two a character; 16 MiB unless given. */
  readonly maxBytes?: number | undefined;
  /** Takes each event as it is recorded. */
  readonly sink?: AuditSink | undefined;
  /** Whether events stay in memory; true unless given. */
  readonly keep?: boolean | undefined;
}

/** The first events of a run, in the order in which calls ended, and how many there were in all. */
export class AuditLog {
  /** Events recorded at most, in memory and by the sink; later ones are counted and dropped. */
  readonly capacity: number;
  private readonly sink: AuditSink | undefined;
  private readonly keep: boolean;
  private readonly maxBytes: number;
  private kept: AuditEvent[] = [];
  private count = 0;
  private recorded = 0;
  /** Bytes left; below 0 once an event had no room. */
  private room: number;

  constructor(capacity: number, { maxBytes = DEFAULT_AUDIT_BYTES, sink, keep = true }: AuditLogOptions = {}) {
    this.capacity = capacity;
    this.maxBytes = maxBytes;
    this.room = maxBytes;
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

  /** Events appended and not recorded, for want of room. */
  get dropped(): number {
    return this.count - this.recorded;
  }

  /** @throws what the sink throws */
  append(event: AuditEvent): void {
    this.count++;
    if (this.isFull) return;
    this.room -= chosenBytes(event);
    if (this.room < 0) return;
    this.recorded++;
    if (this.keep) this.kept.push(event);
    this.sink?.(event);
  }

  /** Whether further events would only be counted. */
  get isFull(): boolean {
    return this.recorded >= this.capacity || this.room < 0;
  }

  /** Counts an event that is not recorded. */
  skip(): void {
    this.count++;
  }

  /** Takes the events out, making room for as much again. */
  drain(): readonly AuditEvent[] {
    const events = this.kept;
    this.clear();
    return events;
  }

  /** Forgets all events and counts, and makes room for as much again. */
  clear(): void {
    this.kept = [];
    this.count = 0;
    this.recorded = 0;
    this.room = this.maxBytes;
  }
}

/** Keys of requests whose values are texts of any length, as the guest chooses. */
const CHOSEN = new Set(['path', 'url', 'method', 'address', 'variable', 'value']);

/** Bytes of what the guest chose: everything else of an event is of much the same size whatever it asks for. */
function chosenBytes({ request }: AuditEvent): number {
  let characters = 0;
  for (const [key, value] of Object.entries(request)) if (CHOSEN.has(key)) characters += String(value ?? '').length;
  return 2 * characters;
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
