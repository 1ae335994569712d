/** A guest of a native instance, for the host functions that it calls. */

import { BoundedCaller } from '../wasm/bounded-caller.ts';
import type { GuestMemory, HostGas } from '../wasm/host.ts';
import type { Meter } from './meter.ts';

/** What of a guest is needed here. */
interface Served {
  readonly meter: Meter;
  readonly rawMemory: WebAssembly.Memory | undefined;
  /** Somebody may keep views of the memory. */
  lendMemory(): void;
}

export class HostCaller extends BoundedCaller {
  private readonly guest: Served;
  private readonly keepsViews: boolean;

  constructor(guest: Served, gas: HostGas, keepsViews: boolean) {
    super(gas);
    this.guest = guest;
    this.keepsViews = keepsViews;
  }

  protected total(): bigint {
    return this.guest.meter.total();
  }

  protected lend(): LentMemory | undefined {
    const { rawMemory } = this.guest;
    if (this.keepsViews) this.guest.lendMemory();
    return rawMemory && new LentMemory(rawMemory);
  }

  protected charge(units: number): void {
    const { meter } = this.guest;
    if (meter.isOver) throw meter.outOfGas();
    meter.charge(BigInt(units));
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
