/** The count of a guest that can be left: it also says where. */

import { LEFT_GAS } from '../layout.ts';
import { Meter } from '../meter.ts';

export class LeavableMeter extends Meter {
  /** The count beyond which the guest is to be left at its next checkpoint, while it may be. */
  stopAt: bigint | undefined;
  /** Whether the call under way can be left. */
  private mayLeave = false;

  protected override get nextLook(): bigint {
    const look = super.nextLook;
    return this.mayLeave && this.stopAt !== undefined && this.stopAt < look ? this.stopAt : look;
  }

  protected override onSlice(): void {
    if (this.slices.onSlice() === true) this.stopAt = -1n;
  }

  /** A call begins that can be left; or it has ended. @param stopAt undefined: only where it waits */
  allow(mayLeave: boolean, stopAt?: bigint): void {
    this.mayLeave = mayLeave;
    this.stopAt = stopAt;
    if (!this.isBarred) this.fill(this.total());
  }

  /** Has the guest be left at the next checkpoint beyond a count. */
  stop(beyond: bigint): void {
    this.stopAt = beyond;
    if (!this.isBarred) this.fill(this.total());
  }

  /** Whether the guest is to be left at the checkpoint it is at. */
  get isDue(): boolean {
    return this.mayLeave && this.stopAt !== undefined && this.total() > this.stopAt;
  }

  /** The work that needs this is done before anybody looks again: what is beyond the mark is below nothing then. */
  override need(cost: bigint): void {
    super.need(cost);
    this.fill(this.total());
  }

  /** The guest comes back, and has used so much elsewhere. */
  comeBack(total: bigint, exhausted: boolean): void {
    this.frozen = undefined;
    this.exhausted = exhausted;
    this.drawn = total;
    this.fill(total);
  }

  /** The guest returns, frame by frame. */
  leave(): void {
    this.freeze(LEFT_GAS);
  }
}
