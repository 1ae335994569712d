/** Writes the primitives of the binary format (specification 5.2). */

import { complete, type Steps } from './steps.ts';
import { encodeUtf8 } from './utf8.ts';

const LEAST_CHUNK = 1024;
const MOST_CHUNK = 1 << 20;
/** Up to so many bytes are copied; larger runs become chunks themselves. */
const COPIED = 4096;
/** Bytes that are put together in one step. */
const TAKEN = 1 << 23;

/** Bytes that grow in number: in chunks, so that none is copied before all of them are there. */
export class Writer {
  /** Chunks before the last one. */
  private full: Uint8Array[] = [];
  private fullLength = 0;
  private bytes: Uint8Array;
  private filled = 0;

  constructor(capacity: number = LEAST_CHUNK) {
    this.bytes = new Uint8Array(capacity);
  }

  get length(): number {
    return this.fullLength + this.filled;
  }

  private room(count: number): void {
    if (this.filled + count <= this.bytes.length) return;
    const { length } = this;
    this.seal();
    this.bytes = new Uint8Array(Math.max(count, Math.min(Math.max(length, LEAST_CHUNK), MOST_CHUNK)));
  }

  private seal(): void {
    if (this.filled === 0) return;
    this.full.push(this.bytes.subarray(0, this.filled));
    this.bytes = this.bytes.subarray(this.filled);
    this.fullLength += this.filled;
    this.filled = 0;
  }

  u8(byte: number): void {
    if (this.filled === this.bytes.length) this.room(1);
    this.bytes[this.filled++] = byte;
  }

  /** Each a byte. */
  raw(...bytes: readonly number[]): void {
    for (const byte of bytes) this.u8(byte);
  }

  /** Of bytes that nobody changes. */
  copy(source: Uint8Array, start = 0, end: number = source.length): void {
    if (end - start > COPIED) {
      this.seal();
      this.full.push(source.subarray(start, end));
      this.fullLength += end - start;
      return;
    }
    this.room(end - start);
    // Most runs are shorter than what a call of `set` costs.
    if (end - start < 64) {
      const { bytes } = this;
      let at = this.filled;
      for (let i = start; i < end; i++) bytes[at++] = source[i] as number;
    } else this.bytes.set(source.subarray(start, end), this.filled);
    this.filled += end - start;
  }

  /** Takes over what the other one has written, and leaves it empty. */
  append(other: Writer): void {
    if (other.length > COPIED) {
      other.seal();
      this.seal();
      for (const chunk of other.full) this.full.push(chunk);
      this.fullLength += other.fullLength;
    } else {
      for (const chunk of other.full) this.copy(chunk);
      this.copy(other.bytes, 0, other.filled);
    }
    other.full = [];
    other.fullLength = 0;
    other.filled = 0;
  }

  /** An unsigned integer of up to 32 bits. */
  u32(value: number): void {
    while (value > 0x7f) {
      this.u8((value & 0x7f) | 0x80);
      value >>>= 7;
    }
    this.u8(value);
  }

  /** A signed integer, as s32, s33 and s64 are all written; `value` is a safe integer. */
  signed(value: number): void {
    for (;;) {
      const rest = Math.floor(value / 128);
      const bits = value - rest * 128;
      if ((rest === 0 && bits < 64) || (rest === -1 && bits >= 64)) {
        this.u8(bits);
        return;
      }
      this.u8(bits | 0x80);
      value = rest;
    }
  }

  /** A signed integer of 64 bits. */
  s64(value: number | bigint): void {
    if (typeof value === 'number') {
      this.signed(value);
      return;
    }
    let rest = BigInt.asIntN(64, value);
    for (; rest > 63n || rest < -64n; rest >>= 7n) this.u8(Number(rest & 0x7fn) | 0x80);
    this.u8(Number(rest & 0x7fn));
  }

  /** An unsigned integer of 64 bits. */
  u64(value: bigint): void {
    let rest = value;
    for (; rest > 0x7fn; rest >>= 7n) this.u8(Number(rest & 0x7fn) | 0x80);
    this.u8(Number(rest));
  }

  /** The low 32 bits, little-endian. */
  fixed32(value: number): void {
    this.u8(value & 0xff);
    this.u8((value >>> 8) & 0xff);
    this.u8((value >>> 16) & 0xff);
    this.u8(value >>> 24);
  }

  /** The low 64 bits, little-endian. */
  fixed64(value: number | bigint): void {
    const bits = BigInt(value);
    this.fixed32(Number(BigInt.asIntN(32, bits)));
    this.fixed32(Number(BigInt.asIntN(32, bits >> 32n)));
  }

  name(text: string): void {
    const encoded = encodeUtf8(text);
    this.u32(encoded.length);
    this.copy(encoded);
  }

  /** A section: its id, its size, its content, which it takes over. */
  section(id: number, content: Writer): void {
    this.u8(id);
    this.u32(content.length);
    this.append(content);
  }

  /** What was written, as an array of its own. */
  *takeSteps(): Steps<Uint8Array<ArrayBuffer>> {
    const bytes = new Uint8Array(this.length);
    let at = 0;
    let pause = TAKEN;
    for (const chunk of [...this.full, this.bytes.subarray(0, this.filled)]) {
      bytes.set(chunk, at);
      at += chunk.length;
      if (at < pause) continue;
      pause = at + TAKEN;
      yield;
    }
    return bytes;
  }

  take(): Uint8Array<ArrayBuffer> {
    return complete(this.takeSteps());
  }
}
