/** Reads instructions of release 3.0 (specification, section 5.4), those for exceptions before it and those of threads, far enough to know what they name and where they end. */

import type { ByteReader } from './byte-reader.ts';
import type { Feature } from './features.ts';
import type { EncodedType, HeapType } from './types.ts';
import { readHeapType, readType } from './types.ts';

export interface Instruction {
  /** The byte, or `0xPPSSS` for prefix `PP` and sub-opcode `SSS`. */
  readonly code: number;
  /** What the instruction itself needs beyond release 2.0 without vectors; its types and memories may need more. */
  readonly feature: Feature | undefined;
  /** All indices but those of labels and memories. */
  readonly indices: readonly number[];
  /** Whether a memory is named in other bytes than the one zero, or none, that 2.0 has in its place. */
  readonly namesMemory: boolean;
  readonly types: readonly EncodedType[];
  readonly heapTypes: readonly HeapType[];
}

/**
 * One letter an immediate: `b` block type, `c` catch clauses, `d` memory argument, `h` heap type, `i` index,
 * `l` labels, `m` memory index, `n` integer, `t` value types; a digit is that many bytes, `x` sixteen.
 */
type Row = readonly [first: number, last: number, immediates: string, feature?: Feature];

const ROWS: readonly Row[] = [
  [0x00, 0x01, ''],
  [0x02, 0x04, 'b'],
  [0x05, 0x05, ''],
  [0x06, 0x06, 'b', 'legacy-exceptions'],
  [0x07, 0x07, 'i', 'legacy-exceptions'],
  [0x08, 0x08, 'i', 'exceptions'],
  [0x09, 0x09, 'i', 'legacy-exceptions'],
  [0x0a, 0x0a, '', 'exceptions'],
  [0x0b, 0x0b, ''],
  [0x0c, 0x0d, 'i'],
  [0x0e, 0x0e, 'l'],
  [0x0f, 0x0f, ''],
  [0x10, 0x10, 'i'],
  [0x11, 0x11, 'ii'],
  [0x12, 0x12, 'i', 'tail-calls'],
  [0x13, 0x13, 'ii', 'tail-calls'],
  [0x14, 0x14, 'i', 'function-references'],
  [0x15, 0x15, 'i', 'function-references'],
  [0x18, 0x18, 'i', 'legacy-exceptions'],
  [0x19, 0x19, '', 'legacy-exceptions'],
  [0x1a, 0x1b, ''],
  [0x1c, 0x1c, 't'],
  [0x1f, 0x1f, 'bc', 'exceptions'],
  [0x20, 0x26, 'i'],
  [0x28, 0x3e, 'd'],
  [0x3f, 0x40, 'm'],
  [0x41, 0x42, 'n'],
  [0x43, 0x43, '4'],
  [0x44, 0x44, '8'],
  [0x45, 0xc4, ''],
  [0xd0, 0xd0, 'h'],
  [0xd1, 0xd1, ''],
  [0xd2, 0xd2, 'i'],
  [0xd3, 0xd3, '', 'gc'],
  [0xd4, 0xd4, '', 'function-references'],
  [0xd5, 0xd6, 'i', 'function-references'],

  [0xfb000, 0xfb001, 'i', 'gc'],
  [0xfb002, 0xfb005, 'ii', 'gc'],
  [0xfb006, 0xfb007, 'i', 'gc'],
  [0xfb008, 0xfb00a, 'ii', 'gc'],
  [0xfb00b, 0xfb00e, 'i', 'gc'],
  [0xfb00f, 0xfb00f, '', 'gc'],
  [0xfb010, 0xfb010, 'i', 'gc'],
  [0xfb011, 0xfb013, 'ii', 'gc'],
  [0xfb014, 0xfb017, 'h', 'gc'],
  [0xfb018, 0xfb019, '1ihh', 'gc'],
  [0xfb01a, 0xfb01e, '', 'gc'],

  [0xfc000, 0xfc007, ''],
  [0xfc008, 0xfc008, 'im'],
  [0xfc009, 0xfc009, 'i'],
  [0xfc00a, 0xfc00a, 'mm'],
  [0xfc00b, 0xfc00b, 'm'],
  [0xfc00c, 0xfc00c, 'ii'],
  [0xfc00d, 0xfc00d, 'i'],
  [0xfc00e, 0xfc00e, 'ii'],
  [0xfc00f, 0xfc011, 'i'],

  [0xfd000, 0xfd00b, 'd', 'simd'],
  [0xfd00c, 0xfd00d, 'x', 'simd'],
  [0xfd00e, 0xfd014, '', 'simd'],
  [0xfd015, 0xfd022, '1', 'simd'],
  [0xfd023, 0xfd053, '', 'simd'],
  [0xfd054, 0xfd05b, 'd1', 'simd'],
  [0xfd05c, 0xfd05d, 'd', 'simd'],
  [0xfd05e, 0xfd0ff, '', 'simd'],
  [0xfd100, 0xfd113, '', 'relaxed-simd'],

  [0xfe000, 0xfe002, 'd', 'threads'],
  [0xfe003, 0xfe003, '1', 'threads'],
  [0xfe010, 0xfe04e, 'd', 'threads'],
];

const END = 0x0b;
const OPENS_BLOCK: readonly number[] = [0x02, 0x03, 0x04, 0x06, 0x1f];
const ENDS_BLOCK: readonly number[] = [END, 0x18];
const EMPTY_BLOCK = 0x40;
/** Set in a memory argument's alignment when a memory index follows. */
const NAMES_MEMORY = 0x40;

/** One instruction while its immediates are being read. */
class Immediates {
  readonly indices: number[] = [];
  readonly types: EncodedType[] = [];
  readonly heapTypes: HeapType[] = [];
  namesMemory = false;
  readonly #reader: ByteReader;

  constructor(reader: ByteReader) {
    this.#reader = reader;
  }

  read(letter: string): void {
    const reader = this.#reader;
    switch (letter) {
      case 'b':
        this.#blockType();
        break;
      case 'c':
        reader.list(() => this.#catchClause());
        break;
      case 'd':
        this.#memoryArgument();
        break;
      case 'h':
        this.heapTypes.push(readHeapType(reader));
        break;
      case 'i':
        this.indices.push(reader.unsigned());
        break;
      case 'l':
        reader.list(() => reader.skipNumber());
        reader.skipNumber();
        break;
      case 'm':
        this.namesMemory ||= reader.peek() !== 0;
        reader.skipNumber();
        break;
      case 'n':
        reader.skipNumber();
        break;
      case 't':
        this.types.push(...reader.list(() => readType(reader)));
        break;
      default:
        reader.bytes(letter === 'x' ? 16 : Number(letter));
    }
  }

  /** A kind, a tag with the first two kinds, and a label. */
  #catchClause(): void {
    const withTag = this.#reader.byte() < 2;
    if (withTag) this.indices.push(this.#reader.unsigned());
    this.#reader.skipNumber();
  }

  #memoryArgument(): void {
    if (this.#reader.unsigned() & NAMES_MEMORY) {
      this.namesMemory = true;
      this.#reader.skipNumber();
    }
    this.#reader.skipNumber();
  }

  #blockType(): void {
    const first = this.#reader.peek();
    if (first === EMPTY_BLOCK) this.#reader.byte();
    // A type index is a signed number and not negative; a value type would be a negative one.
    else if (first >= 0x80 || first < 0x40) this.#reader.skipNumber();
    else this.types.push(readType(this.#reader));
  }
}

/** Reads one instruction. */
export function readInstruction(reader: ByteReader): Instruction {
  const byte = reader.byte();
  const code = byte >= 0xfb && byte <= 0xfe ? byte * 0x1000 + reader.unsigned() : byte;
  const row = ROWS.find(([first, last]) => code >= first && code <= last);
  if (!row) throw new Error(`unknown opcode 0x${code.toString(16)} before offset ${reader.position}`);
  const immediates = new Immediates(reader);
  for (const letter of row[2]) immediates.read(letter);
  const { indices, namesMemory, types, heapTypes } = immediates;
  return { code, feature: row[3], indices, namesMemory, types, heapTypes };
}

/** Reads the instructions of a function body or constant expression, its last `end` included. */
export function readExpression(reader: ByteReader): Instruction[] {
  const instructions: Instruction[] = [];
  for (let depth = 1; depth > 0; ) {
    const instruction = readInstruction(reader);
    if (OPENS_BLOCK.includes(instruction.code)) depth++;
    else if (ENDS_BLOCK.includes(instruction.code)) depth--;
    instructions.push(instruction);
  }
  return instructions;
}
