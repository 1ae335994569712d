/** Writes the binary format's primitives (specification 5.2) to a buffer that grows. */

export class Writer {
  bytes: Uint8Array;
  length = 0;

  constructor(capacity = 1024) {
    this.bytes = new Uint8Array(capacity);
  }

  private room(count: number): void {
    if (this.length + count <= this.bytes.length) return;
    const grown = new Uint8Array(Math.max(2 * this.bytes.length, this.length + count));
    grown.set(this.bytes.subarray(0, this.length));
    this.bytes = grown;
  }

  u8(byte: number): void {
    if (this.length === this.bytes.length) this.room(1);
    this.bytes[this.length++] = byte;
  }

  /** Each a byte. */
  raw(...bytes: readonly number[]): void {
    for (const byte of bytes) this.u8(byte);
  }

  copy(source: Uint8Array, start = 0, end = source.length): void {
    this.room(end - start);
    // Most runs are shorter than what a call of `set` costs.
    if (end - start < 16) {
      const { bytes } = this;
      let at = this.length;
      for (let i = start; i < end; i++) bytes[at++] = source[i] as number;
    } else this.bytes.set(source.subarray(start, end), this.length);
    this.length += end - start;
  }

  append(other: Writer): void {
    this.copy(other.bytes, 0, other.length);
  }

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

  name(text: string): void {
    const encoded = new TextEncoder().encode(text);
    this.u32(encoded.length);
    this.copy(encoded);
  }

  /** A section: its id, its size, its content. */
  section(id: number, content: Writer): void {
    this.u8(id);
    this.u32(content.length);
    this.append(content);
  }

  /** What was written, as an array of its own. */
  take(): Uint8Array<ArrayBuffer> {
    return this.bytes.slice(0, this.length) as Uint8Array<ArrayBuffer>;
  }
}
