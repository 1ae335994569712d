/** Numbers, text and bytes one after another, little-endian: what snapshots and recordings are made of. */

import { SnapshotError } from './errors.ts';
import { decodeUtf8, encodeUtf8 } from './utf8.ts';

const FIRST_ROOM = 256;
/** No counter gets there in years. */
const MAX_COUNTER = 2 ** 52;

export class WireWriter {
  private bytes = new Uint8Array(FIRST_ROOM);
  private view = new DataView(this.bytes.buffer);
  /** Bytes written. May be lowered, to take back what was written last. */
  length = 0;

  private reserve(count: number): number {
    const at = this.length;
    this.length += count;
    if (this.length > this.bytes.length) {
      const grown = new Uint8Array(Math.max(this.length, 2 * this.bytes.length));
      grown.set(this.bytes);
      this.bytes = grown;
      this.view = new DataView(grown.buffer);
    }
    return at;
  }

  u8(value: number): void {
    const at = this.reserve(1);
    this.view.setUint8(at, value);
  }

  flag(value: boolean): void {
    this.u8(value ? 1 : 0);
  }

  u32(value: number): void {
    const at = this.reserve(4);
    this.view.setUint32(at, value, true);
  }

  /** A safe integer, or an infinity. */
  number(value: number): void {
    const at = this.reserve(8);
    this.view.setFloat64(at, value, true);
  }

  /** Modulo 2⁶⁴. */
  u64(value: bigint): void {
    const at = this.reserve(8);
    this.view.setBigUint64(at, BigInt.asUintN(64, value), true);
  }

  /** As they are, without their number. */
  raw(bytes: Uint8Array): void {
    const at = this.reserve(bytes.length);
    this.bytes.set(bytes, at);
  }

  bytesOf(bytes: Uint8Array): void {
    this.u32(bytes.length);
    this.raw(bytes);
  }

  text(text: string): void {
    this.bytesOf(encodeUtf8(text));
  }

  words(words: Int32Array): void {
    this.bytesOf(new Uint8Array(words.buffer, words.byteOffset, words.byteLength));
  }

  /** What has been written: valid until more is. */
  get written(): Uint8Array {
    return this.bytes.subarray(0, this.length);
  }
}

/** @throws SnapshotError always */
export function damaged(what: string): never {
  throw new SnapshotError(`the bytes are damaged: ${what}`);
}

/** Every method throws SnapshotError where there is not what it is to read. */
export class WireReader {
  private readonly bytes: Uint8Array;
  private readonly view: DataView;
  /** Of the next byte. May be lowered, to read something again. */
  pos = 0;

  constructor(bytes: Uint8Array) {
    this.bytes = bytes;
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  /** Bytes that have not been read. */
  get left(): number {
    return this.bytes.length - this.pos;
  }

  private take(count: number): number {
    if (count > this.left) damaged('it ends too early');
    const at = this.pos;
    this.pos += count;
    return at;
  }

  u8(): number {
    return this.view.getUint8(this.take(1));
  }

  flag(): boolean {
    const value = this.u8();
    if (value > 1) damaged('a flag is neither 0 nor 1');
    return value === 1;
  }

  u32(): number {
    return this.view.getUint32(this.take(4), true);
  }

  number(): number {
    return this.view.getFloat64(this.take(8), true);
  }

  /** An integer of 0 to `max`. */
  integer(max: number, what: string): number {
    const value = this.number();
    if (!Number.isSafeInteger(value) || value < 0 || value > max) damaged(`${what} is out of range`);
    return value;
  }

  u64(): bigint {
    return this.view.getBigUint64(this.take(8), true);
  }

  /** How often something has happened, which stays exact however often it still does. */
  counter(what: string): number {
    return this.integer(MAX_COUNTER, what);
  }

  /** A count of things that each take at least `size` bytes, and `max` at most. */
  count(size: number, what: string, max = 0xffff_ffff): number {
    const count = this.u32();
    if (count > max || count * size > this.left) damaged(`there are too many ${what}`);
    return count;
  }

  /** A view. */
  raw(count: number): Uint8Array {
    const at = this.take(count);
    return this.bytes.subarray(at, at + count);
  }

  /** The number of things of which it is known how many there are. */
  exactly(expected: number, what: string): number {
    if (this.u32() !== expected) damaged(`its ${what} are not those of the module`);
    return expected;
  }

  /** A view. */
  bytesOf(max = 0xffff_ffff): Uint8Array {
    const count = this.u32();
    if (count > max) damaged('a piece of it is too long');
    return this.raw(count);
  }

  /** @param max bytes that it may have in UTF-8 */
  text(max = 0xffff_ffff): string {
    const bytes = this.bytesOf(max);
    try {
      return decodeUtf8(bytes);
    } catch {
      return damaged('a text is not UTF-8');
    }
  }

  /**
   * A copy.
   * @param max words that there may be
   */
  words(max = 0x3fff_ffff): Int32Array {
    const bytes = this.bytesOf(4 * max + 3);
    if (bytes.length % 4 !== 0) damaged('words are cut off');
    const words = new Int32Array(bytes.length / 4);
    new Uint8Array(words.buffer).set(bytes);
    return words;
  }

  /** @throws SnapshotError where there is more */
  end(): void {
    if (this.left > 0) damaged('it goes on behind its end');
  }
}
