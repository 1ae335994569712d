/** What a plug-in and its host hand each other: blocks of bytes, which lie outside of the plug-in's memory. */

import type { Share } from '../../wasm/budget.ts';

/** Addresses that a block has for itself: what is behind its last byte is no other block's. */
const ADDRESSES = 2 ** 32;
/** So that every address is a safe integer. */
const MOST_BLOCKS = 2 ** 21;

/** Bytes that a block counts for beside its own; of one that is freed, its place is left until the call ends. */
export const BLOCK_BYTES = 256;
const PLACE_BYTES = 16;

interface Block {
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly view: DataView;
}

/** The blocks of one call. Address 0 is none. An address is never used again, so that a stale one leads nowhere. */
export class Blocks {
  private readonly share: Share;
  /** Bytes that all blocks together may have, beside what the share holds. */
  private readonly limit: number;
  private readonly places: (Block | undefined)[] = [undefined];
  private bytes = 0;
  private taken = 0;
  private isOver = false;

  constructor(share: Share, limit: number) {
    this.share = share;
    this.limit = limit;
  }

  /** The address of a block of zeros; 0 where there is no room. */
  alloc(length: number): number {
    const { places, share } = this;
    if (this.isOver || places.length >= MOST_BLOCKS || !(length < ADDRESSES) || this.bytes + length > this.limit)
      return 0;
    const cost = length + BLOCK_BYTES;
    if (!share.take(cost)) return 0;
    let bytes: Uint8Array<ArrayBuffer>;
    try {
      bytes = new Uint8Array(length);
    } catch {
      share.give(cost);
      return 0;
    }
    this.taken += cost;
    this.bytes += length;
    return (places.push({ bytes, view: new DataView(bytes.buffer) }) - 1) * ADDRESSES;
  }

  /** Lets go of the block that begins there, if one does. */
  free(address: number): void {
    const block = this.find(address);
    if (block === undefined || address % ADDRESSES !== 0) return;
    const { length } = block.bytes;
    const cost = length + BLOCK_BYTES - PLACE_BYTES;
    this.places[address / ADDRESSES] = undefined;
    this.share.give(cost);
    this.taken -= cost;
    this.bytes -= length;
  }

  /** The bytes of the block that begins there, or of what is left of it. */
  from(address: number): Uint8Array | undefined {
    const block = this.find(address);
    const offset = address % ADDRESSES;
    return block !== undefined && offset <= block.bytes.length ? block.bytes.subarray(offset) : undefined;
  }

  /** The block that `length` bytes at an address are in, and where; undefined where they are in none. */
  view(address: number, length: number): { readonly view: DataView; readonly offset: number } | undefined {
    const block = this.find(address);
    const offset = address % ADDRESSES;
    if (block === undefined || offset + length > block.bytes.length) return undefined;
    return { view: block.view, offset };
  }

  /** Bytes of the block that begins there; 0 where none does. */
  lengthOf(address: number): number {
    return address % ADDRESSES === 0 ? (this.find(address)?.bytes.length ?? 0) : 0;
  }

  /** Gives everything back. There are no blocks from then on. */
  end(): void {
    this.isOver = true;
    this.places.length = 1;
    this.share.give(this.taken);
    this.taken = 0;
    this.bytes = 0;
  }

  private find(address: number): Block | undefined {
    return this.places[Math.floor(address / ADDRESSES)];
  }
}
