/** The host of a guest that imports nothing of it. */

import type { GuestClock } from '../wasm/engine.ts';
import { SnapshotError } from '../wasm/errors.ts';
import { damaged, type WireReader, type WireWriter } from '../wasm/wire.ts';
import { AuditLog } from './audit.ts';
import type { Host } from './host.ts';
import type { ProgramInput } from './host-options.ts';
import type { Policy } from './in-force.ts';
import type { SecurityPolicy } from './policy.ts';
import { checkProvided } from './provided.ts';

/** Of guests without threads, which nobody waits for. */
const CLOCK: GuestClock = { isVirtual: true, now: () => 0n, wait: () => undefined };

/** What another host is, of which nothing is ever asked: {@link import('./parts.ts').hostNeeds} says of which guests that is so. */
export class IdleHost implements Host {
  readonly policy: SecurityPolicy;
  readonly clock: GuestClock = CLOCK;
  readonly audit: AuditLog = new AuditLog(0);
  readonly violations: AuditLog = this.audit;
  readonly outputBytes: number = 0;

  constructor(policy: Policy) {
    this.policy = policy as SecurityPolicy;
  }

  readonly resolve: Host['resolve'] = () => undefined;

  provide(input: ProgramInput): void {
    checkProvided(this.policy, input);
  }

  output(): Uint8Array {
    return new Uint8Array(0);
  }

  files(): ReadonlyMap<string, Uint8Array> {
    return new Map();
  }

  capture(): () => void {
    return () => undefined;
  }

  /** As another host that nobody has called, of a policy that grants no files. */
  save(to: WireWriter): void {
    to.number(0);
    to.flag(false);
    to.flag(false);
  }

  load(from: WireReader): void {
    if (from.number() !== 0) damaged('its guest imports nothing, and has called its host');
    if (from.flag()) throw new SnapshotError('the snapshot was made under a policy that grants other files');
    if (from.flag()) damaged('its guest imports nothing, and has requests');
  }

  close(): void {
    // Nothing is open.
  }

  reset(): void {
    // Nothing has changed.
  }
}
