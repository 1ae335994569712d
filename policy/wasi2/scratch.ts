/** A memory for calls of preview 1, which take what they are given from one, and leave there what they give. */

import type { CallingGuest, GuestMemory } from '../../wasm/host.ts';

/** Pieces one behind the other, none of them copied. */
class Scratch implements GuestMemory {
  byteLength = 0;
  private readonly pieces: { readonly at: number; readonly bytes: Uint8Array }[] = [];

  add(bytes: Uint8Array): number {
    const at = this.byteLength;
    this.pieces.push({ at, bytes });
    this.byteLength += bytes.length;
    return at;
  }

  view(pointer: number, length: number): Uint8Array | undefined {
    for (const { at, bytes } of this.pieces) {
      const start = pointer - at;
      if (start >= 0 && start + length <= bytes.length) return bytes.subarray(start, start + length);
    }
    return undefined;
  }
}

/** A guest with such a memory in place of its own. */
export class ScratchCaller implements CallingGuest {
  readonly memory = new Scratch();
  private readonly guest: CallingGuest;

  constructor(guest: CallingGuest) {
    this.guest = guest;
  }

  gasUsed(): bigint {
    return this.guest.gasUsed();
  }

  chargeBytes(bytes: number): void {
    this.guest.chargeBytes(bytes);
  }
}
