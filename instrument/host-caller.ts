/** What a host function is given of the guest that calls it. Once its call has ended, nothing is reached through it. */

import { share } from '../wasm/gas.ts';
import { type CallingGuest, callEnded, checkCharge, type GuestMemory, type HostGas } from '../wasm/host.ts';
import type { Meter } from './meter.ts';

/** What of a guest is needed here. */
interface Served {
  readonly meter: Meter;
  readonly rawMemory: WebAssembly.Memory | undefined;
  /** Somebody may keep views of the memory. */
  lendMemory(): void;
}

export class HostCaller implements CallingGuest {
  private readonly guest: Served;
  private readonly gas: HostGas;
  private readonly keepsViews: boolean;
  private lent: LentMemory | undefined;
  private isOver = false;
  /** The count when the call was given up. */
  private total: bigint | undefined;

  constructor(guest: Served, gas: HostGas, keepsViews: boolean) {
    this.guest = guest;
    this.gas = gas;
    this.keepsViews = keepsViews;
  }

  /** The call has ended: from now on, this is of nobody any more. */
  end(): void {
    this.isOver = true;
    if (this.lent !== undefined) this.lent.memory = undefined;
  }

  /** The guest goes on without it, or not at all. */
  giveUp(): void {
    this.total = this.guest.meter.total();
    this.end();
  }

  get memory(): GuestMemory | undefined {
    if (this.isOver) return undefined;
    if (this.lent !== undefined) return this.lent;
    const { rawMemory } = this.guest;
    if (this.keepsViews) this.guest.lendMemory();
    this.lent = rawMemory && new LentMemory(rawMemory);
    return this.lent;
  }

  gasUsed(): bigint {
    if (this.isOver && this.total === undefined) throw callEnded();
    return this.total ?? this.guest.meter.total();
  }

  chargeBytes(bytes: number): void {
    if (this.isOver) throw callEnded();
    checkCharge(bytes);
    const { perByte } = this.gas;
    if (perByte === 0) return;
    const { meter } = this.guest;
    if (meter.isOver) throw meter.outOfGas();
    meter.charge(BigInt(share(bytes, 1 / perByte)));
    meter.look();
  }
}

/** A memory as long as a call lasts. */
export class LentMemory implements GuestMemory {
  memory: WebAssembly.Memory | undefined;

  constructor(memory: WebAssembly.Memory) {
    this.memory = memory;
  }

  get byteLength(): number {
    return this.memory?.buffer.byteLength ?? 0;
  }

  view(pointer: number, length: number): Uint8Array | undefined {
    if (this.memory === undefined) return undefined;
    const { buffer } = this.memory;
    const fits = pointer >= 0 && length >= 0 && pointer + length <= buffer.byteLength;
    return fits ? new Uint8Array(buffer, pointer, length) : undefined;
  }
}
