/** Bounds-checked reading of the binary format's primitives (specification 5.2). */

import { CompileError } from './errors.ts';
import { MODULE_LIMITS } from './limits.ts';
import { decodeUtf8 } from './utf8.ts';

/** Up to so many bytes, putting characters together is faster than asking a decoder. */
const SHORT = 12;

export class Reader {
  bytes: Uint8Array;
  pos: number;
  /** Nothing at or past this is read. */
  end: number;
  /** Halves of the last 64-bit value read; `low` also holds the last f32's bits. */
  low = 0;
  high = 0;

  constructor(bytes: Uint8Array, pos = 0, end = bytes.length) {
    this.bytes = bytes;
    this.pos = pos;
    this.end = end;
  }

  /** @throws CompileError always */
  fail(message: string, offset = this.pos): never {
    throw new CompileError(message, { offset });
  }

  u8(): number {
    if (this.pos >= this.end) this.fail('unexpected end of section or function');
    return this.bytes[this.pos++] as number;
  }

  u32(): number {
    const first = this.u8();
    if (first < 0x80) return first;
    let value = first & 0x7f;
    for (let shift = 7; ; shift += 7) {
      const byte = this.u8();
      if (shift === 28 && byte > 0x0f) this.failLeb(byte, 'unsigned 32-bit');
      value |= (byte & 0x7f) << shift;
      if (byte < 0x80) return value >>> 0;
    }
  }

  /** An unsigned 64-bit integer; beyond 2^53 not exact. */
  u64(): number {
    const first = this.u8();
    if (first < 0x80) return first;
    let value = first & 0x7f;
    for (let scale = 0x80, length = 2; ; scale *= 0x80, length++) {
      const byte = this.u8();
      if (length === 10 && byte > 1) this.failLeb(byte, 'unsigned 64-bit');
      value += (byte & 0x7f) * scale;
      if (byte < 0x80) return value;
    }
  }

  s32(): number {
    const first = this.u8();
    if (first < 0x80) return (first << 25) >> 25;
    let value = first & 0x7f;
    for (let shift = 7; ; shift += 7) {
      const byte = this.u8();
      if (shift === 28) {
        // Four bits are left: the rest of the byte must repeat the sign.
        if (byte > 0x7f || (byte > 0x07 && byte < 0x78)) this.failLeb(byte, 'signed 32-bit');
        return value | (byte << 28);
      }
      value |= (byte & 0x7f) << shift;
      if (byte < 0x80) return (value << (25 - shift)) >> (25 - shift);
    }
  }

  /** A block type (specification 5.4.1): an index of up to 33 bits, or a negative number, which is a single byte. */
  s33(): number {
    const start = this.pos;
    this.s64();
    const length = this.pos - start;
    if (length > 5 || (this.high !== 0 && (this.high !== -1 || length > 1))) this.fail('malformed block type', start);
    return this.high === 0 ? this.low >>> 0 : (this.low >>> 0) - 0x1_0000_0000;
  }

  /** Reads a signed 64-bit integer into {@link low} and {@link high}. */
  s64(): void {
    let low = 0;
    let high = 0;
    for (let shift = 0; ; shift += 7) {
      const byte = this.u8();
      if (shift === 63 && byte !== 0x00 && byte !== 0x7f) this.failLeb(byte, 'signed 64-bit');
      const bits = byte & 0x7f;
      if (shift < 28) low |= bits << shift;
      else if (shift === 28) {
        low |= bits << 28;
        high = bits >> 4;
      } else high |= bits << (shift - 32);
      if (byte < 0x80) {
        if (byte & 0x40) {
          const used = shift + 7;
          if (used < 32) {
            low |= -1 << used;
            high = -1;
          } else if (used < 64) high |= -1 << (used - 32);
        }
        this.low = low;
        this.high = high;
        return;
      }
    }
  }

  private failLeb(byte: number, what: string): never {
    this.fail(byte > 0x7f ? `${what} integer representation too long` : `${what} integer too large`, this.pos - 1);
  }

  /** Four bytes, little-endian, into {@link low}. */
  fixed32(): void {
    this.need(4);
    const { bytes, pos } = this;
    this.low =
      (bytes[pos] as number) |
      ((bytes[pos + 1] as number) << 8) |
      ((bytes[pos + 2] as number) << 16) |
      ((bytes[pos + 3] as number) << 24);
    this.pos = pos + 4;
  }

  /** Eight bytes, little-endian, into {@link low} and {@link high}. */
  fixed64(): void {
    this.fixed32();
    const low = this.low;
    this.fixed32();
    this.high = this.low;
    this.low = low;
  }

  /** Fails unless `count` more bytes are there. */
  need(count: number): void {
    if (count > this.end - this.pos) this.fail(`unexpected end: ${count} bytes expected, ${this.end - this.pos} left`);
  }

  skip(count: number): void {
    this.need(count);
    this.pos += count;
  }

  /** The count of a vector whose elements take at least a byte each: never more than the bytes that are left. */
  count(limit: number, what: string): number {
    const start = this.pos;
    const count = this.u32();
    if (count > limit) this.fail(`${count} ${what} exceed the limit of ${limit}`, start);
    if (count > this.end - this.pos) {
      this.fail(`unexpected end: ${count} ${what} announced, ${this.end - this.pos} bytes left`, start);
    }
    return count;
  }

  name(): string {
    const start = this.pos;
    const length = this.count(MODULE_LIMITS.nameBytes, 'bytes of a name');
    this.pos += length;
    return length === 0 ? '' : this.text(start, this.pos - length);
  }

  /** Checks a name without making text of it. */
  skipName(): void {
    const start = this.pos;
    const length = this.count(MODULE_LIMITS.nameBytes, 'bytes of a name');
    const first = this.pos;
    this.pos += length;
    for (let i = first; i < this.pos; i++) if ((this.bytes[i] as number) > 0x7f) return void this.text(start, first);
  }

  private text(start: number, first: number): string {
    const short = this.pos - first <= SHORT ? this.ascii(first) : undefined;
    if (short !== undefined) return short;
    try {
      return decodeUtf8(this.bytes.subarray(first, this.pos));
    } catch {
      return this.fail('malformed UTF-8 encoding', start);
    }
  }

  /** The text up to the position at hand; undefined where there are other characters than those of ASCII. */
  private ascii(first: number): string | undefined {
    let text = '';
    for (let i = first; i < this.pos; i++) {
      const byte = this.bytes[i] as number;
      if (byte > 0x7f) return undefined;
      text += String.fromCharCode(byte);
    }
    return text;
  }
}
