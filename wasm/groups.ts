/** Finds groups of types that are equal to earlier ones (specification 3.1.3), however many a module defines. */

const FIRST_BYTES = 256;
const FIRST_SLOTS = 64;

/**
 * The groups of a module, each as a text of bytes: equal for equal groups. The table is one of open addressing, by a
 * keyed hash (HalfSipHash-1-3 with a key of the process): whoever writes modules cannot make groups that collide.
 */
export class Groups {
  private bytes = new Uint8Array(FIRST_BYTES);
  private length = 0;
  /** By group: where its text begins. That of the next one is behind the last. */
  private starts: number[] = [0];
  /** By group: its first type. */
  private readonly types: number[] = [];
  /** By group. */
  private readonly hashes: number[] = [];
  /** Groups, from 1; 0 where there is none. */
  private slots = new Int32Array(FIRST_SLOTS);

  /** Adds a number of up to 32 bits to the text of the group that comes next. */
  write(value: number): void {
    if (this.length + 5 > this.bytes.length) {
      const grown = new Uint8Array(2 * this.bytes.length);
      grown.set(this.bytes);
      this.bytes = grown;
    }
    let rest = value >>> 0;
    while (rest > 0x7f) {
      this.bytes[this.length++] = (rest & 0x7f) | 0x80;
      rest >>>= 7;
    }
    this.bytes[this.length++] = rest;
  }

  /**
   * Ends the text of a group.
   * @param type its first type
   * @returns the first type of the group that had the same text before; undefined where there was none
   */
  end(type: number): number | undefined {
    const { starts, types, hashes, slots } = this;
    const group = types.length;
    const start = starts[group] as number;
    const hash = hashOf(this.bytes, start, this.length);
    const mask = slots.length - 1;
    let at = hash & mask;
    for (let found = slots[at] as number; found !== 0; found = slots[at] as number) {
      if (hashes[found - 1] === hash && this.isEqual(found - 1, start)) {
        this.length = start;
        return types[found - 1];
      }
      at = (at + 1) & mask;
    }
    slots[at] = group + 1;
    types.push(type);
    hashes.push(hash);
    starts.push(this.length);
    if (2 * types.length > slots.length) this.grow();
    return undefined;
  }

  private isEqual(group: number, start: number): boolean {
    const { bytes, starts } = this;
    const from = starts[group] as number;
    const length = (starts[group + 1] as number) - from;
    if (length !== this.length - start) return false;
    for (let i = 0; i < length; i++) if (bytes[from + i] !== bytes[start + i]) return false;
    return true;
  }

  private grow(): void {
    const { hashes } = this;
    const slots = new Int32Array(4 * this.slots.length);
    const mask = slots.length - 1;
    for (let group = 0; group < hashes.length; group++) {
      let at = (hashes[group] as number) & mask;
      while (slots[at] !== 0) at = (at + 1) & mask;
      slots[at] = group + 1;
    }
    this.slots = slots;
  }
}

const random = () => Math.floor(Math.random() * 2 ** 32) | 0;
const KEY_LOW = random();
const KEY_HIGH = random();

let v0 = 0;
let v1 = 0;
let v2 = 0;
let v3 = 0;

function round(): void {
  v0 = (v0 + v1) | 0;
  v1 = ((v1 << 5) | (v1 >>> 27)) ^ v0;
  v0 = (v0 << 16) | (v0 >>> 16);
  v2 = (v2 + v3) | 0;
  v3 = ((v3 << 8) | (v3 >>> 24)) ^ v2;
  v0 = (v0 + v3) | 0;
  v3 = ((v3 << 7) | (v3 >>> 25)) ^ v0;
  v2 = (v2 + v1) | 0;
  v1 = ((v1 << 13) | (v1 >>> 19)) ^ v2;
  v2 = (v2 << 16) | (v2 >>> 16);
}

function hashOf(bytes: Uint8Array, start: number, end: number): number {
  v0 = KEY_LOW;
  v1 = KEY_HIGH;
  v2 = KEY_LOW ^ 0x6c796765;
  v3 = KEY_HIGH ^ 0x74656462;
  let word = 0;
  for (let i = start; i < end; i++) {
    const at = (i - start) & 3;
    word |= (bytes[i] as number) << (8 * at);
    if (at === 3) {
      absorb(word);
      word = 0;
    }
  }
  absorb(word | ((end - start) << 24));
  v2 ^= 0xff;
  for (let i = 0; i < 3; i++) round();
  return v1 ^ v3;
}

function absorb(word: number): void {
  v3 ^= word;
  round();
  v0 ^= word;
}
