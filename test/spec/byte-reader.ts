/**
 * The binary format's outermost shape: numbers, names, sections. The spec runner reads valid modules with it, to know
 * types and features. It shares nothing with the project's decoder, which is what the suite tests.
 */

const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** Reads one range of bytes, from front to back. Running over its end throws. */
export class ByteReader {
  readonly #bytes: Uint8Array;
  #at = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  get atEnd(): boolean {
    return this.#at >= this.#bytes.length;
  }

  /** Offset of the next byte within the range. */
  get position(): number {
    return this.#at;
  }

  peek(): number {
    return this.#bytes[this.#at] ?? this.#outOfBytes();
  }

  byte(): number {
    const byte = this.peek();
    this.#at++;
    return byte;
  }

  /** An unsigned LEB128 number. Exact below 2^53, which is all that indices and counts need. */
  unsigned(): number {
    let value = 0;
    for (let scale = 1; ; scale *= 128) {
      const byte = this.byte();
      value += (byte & 0x7f) * scale;
      if (byte < 0x80) return value;
    }
  }

  /** A signed LEB128 number of up to 33 bits. */
  signed(): number {
    let value = 0;
    for (let scale = 1; ; scale *= 128) {
      const byte = this.byte();
      value += (byte & 0x7f) * scale;
      if (byte < 0x80) return byte & 0x40 ? value - scale * 128 : value;
    }
  }

  /** Passes over a LEB128 number of any width. */
  skipNumber(): void {
    while (this.byte() >= 0x80);
  }

  bytes(length: number): Uint8Array {
    const end = this.#at + length;
    if (end > this.#bytes.length) this.#outOfBytes();
    const range = this.#bytes.subarray(this.#at, end);
    this.#at = end;
    return range;
  }

  /** The bytes from an earlier position up to the next byte. */
  since(position: number): Uint8Array {
    return this.#bytes.subarray(position, this.#at);
  }

  name(): string {
    return decoder.decode(this.bytes(this.unsigned()));
  }

  /** A vector: a count, and as many items. */
  list<T>(readItem: (index: number) => T): T[] {
    return Array.from({ length: this.unsigned() }, (_, index) => readItem(index));
  }

  #outOfBytes(): never {
    throw new Error(`module ends early, at offset ${this.#bytes.length}`);
  }
}

/** The number of each section (specification, section 5.5.2). */
export const SECTION = {
  type: 1,
  import: 2,
  function: 3,
  table: 4,
  memory: 5,
  global: 6,
  export: 7,
  start: 8,
  element: 9,
  code: 10,
  data: 11,
  dataCount: 12,
  tag: 13,
} as const;

/** The sections of a module that is known to be valid, by number; custom ones are left out. */
export function readSections(module: Uint8Array): ReadonlyMap<number, Uint8Array> {
  const reader = new ByteReader(module);
  reader.bytes(8);
  const sections = new Map<number, Uint8Array>();
  while (!reader.atEnd) {
    const id = reader.byte();
    const body = reader.bytes(reader.unsigned());
    if (id !== 0) sections.set(id, body);
  }
  return sections;
}

/** Kinds of imports and exports (specification, section 5.5.5). */
export const EXTERNAL = { function: 0, table: 1, memory: 2, global: 3, tag: 4 } as const;
