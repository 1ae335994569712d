/** What a host function has of a guest that may be left while it is at work, and be another instance's then. */

import type { CallingGuest, GuestMemory } from '../../wasm/host.ts';
import { HostCaller } from '../host-caller.ts';

export class LeavableCaller extends HostCaller {
  /** What it has from then on. */
  private successor: CallingGuest | undefined;

  /** The guest was left, and goes on elsewhere. */
  moveTo(successor: CallingGuest): void {
    this.successor = successor;
  }

  override get memory(): GuestMemory | undefined {
    return this.successor === undefined ? super.memory : this.successor.memory;
  }

  override gasUsed(): bigint {
    return this.successor === undefined ? super.gasUsed() : this.successor.gasUsed();
  }

  override chargeBytes(bytes: number): void {
    if (this.successor === undefined) super.chargeBytes(bytes);
    else this.successor.chargeBytes(bytes);
  }
}
