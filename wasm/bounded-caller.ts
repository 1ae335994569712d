/** What a host function is given of the guest that calls it. Once its call has ended, nothing is reached through it. */

import { share } from './gas.ts';
import { type CallingGuest, callEnded, checkCharge, type GuestMemory, type HostGas } from './host.ts';

/** A memory that is lent: whoever kept it reaches nothing once `memory` is taken back. */
interface Lent extends GuestMemory {
  memory: unknown;
}

export abstract class BoundedCaller implements CallingGuest {
  /** Units that the guest has used by now. */
  protected abstract total(): bigint;
  /** @returns undefined where the guest has no memory */
  protected abstract lend(): Lent | undefined;
  /** @throws what ends the guest, for lack of gas or of time */
  protected abstract charge(units: number): void;

  protected readonly gas: HostGas;
  private lent: Lent | undefined;
  private isOver = false;
  /** The count when the call was given up. */
  private totalThen: bigint | undefined;

  constructor(gas: HostGas) {
    this.gas = gas;
  }

  /** The call has ended: from now on, this is of nobody any more. */
  end(): void {
    this.isOver = true;
    if (this.lent !== undefined) this.lent.memory = undefined;
  }

  /** The guest goes on without it, or not at all. */
  giveUp(): void {
    if (!this.isOver) this.totalThen = this.total();
    this.end();
  }

  get memory(): GuestMemory | undefined {
    if (this.isOver) return undefined;
    this.lent ??= this.lend();
    return this.lent;
  }

  gasUsed(): bigint {
    if (this.isOver && this.totalThen === undefined) throw callEnded();
    return this.totalThen ?? this.total();
  }

  chargeBytes(bytes: number): void {
    if (this.isOver) throw callEnded();
    checkCharge(bytes);
    if (this.gas.perByte !== 0) this.charge(share(bytes, 1 / this.gas.perByte));
  }
}
