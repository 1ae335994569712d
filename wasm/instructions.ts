/** Reads instructions one by one: the opcode's row and its immediates (specification 5.4). */

import { MODULE_LIMITS } from './limits.ts';
import {
  type Immediates,
  MISC,
  OPCODES,
  type Opcode,
  PREFIX_MISC,
  PREFIX_VECTOR,
  SINGLE_BYTE,
  VECTOR,
} from './opcodes.ts';
import { Reader } from './reader.ts';
import { type FuncType, funcType, isValType, type ValType } from './types.ts';

const KIND: readonly Immediates[] = OPCODES.map((row) => row.immediates);

/** The block type that stands for no parameters and no results. */
const EMPTY = -0x40;

const NO_LABELS = new Int32Array(0);

export class InstructionReader extends Reader {
  /** Offset of the instruction last read. */
  offset = 0;
  /** First index, label, local, constant or block type. A memory access: its constant offset. */
  a = 0;
  /** Second index. A memory access: the memory's index. */
  b = 0;
  /** Alignment exponent of a memory access; number of types of a `select_t`. */
  c = 0;
  /** Lane of a vector instruction. */
  lane = 0;
  /** Labels of a `br_table`, the default last: the first `a + 1` entries. */
  labels: Int32Array = NO_LABELS;

  /** Reads one instruction; returns its row's index. Constants are left in `low` and `high`. */
  next(): number {
    this.offset = this.pos;
    const byte = this.u8();
    let index: number;
    if (byte === PREFIX_MISC) index = this.sub(MISC);
    else if (byte === PREFIX_VECTOR) index = this.sub(VECTOR);
    else index = SINGLE_BYTE[byte] as number;
    if (index < 0) this.fail(`illegal opcode 0x${byte.toString(16)}`, this.offset);
    this.immediates(KIND[index] as Immediates);
    return index;
  }

  private sub(table: Int16Array): number {
    return table[this.u32()] ?? -1;
  }

  private immediates(kind: Immediates): void {
    switch (kind) {
      case 'none':
        return;
      case 'label':
      case 'function':
      case 'local':
      case 'global':
      case 'table':
      case 'memory':
      case 'data':
      case 'element':
        this.a = this.u32();
        return;
      case 'i32':
        this.low = this.s32();
        return;
      case 'memarg':
        this.memarg();
        return;
      case 'block':
        this.a = this.s33();
        return;
      case 'type table':
      case 'table table':
      case 'memory memory':
      case 'data memory':
      case 'element table':
        this.a = this.u32();
        this.b = this.u32();
        return;
      case 'i64':
        this.s64();
        return;
      case 'f32':
        this.fixed32();
        return;
      case 'f64':
        this.fixed64();
        return;
      case 'labels': {
        const count = this.count(MODULE_LIMITS.brTableTargets, 'branch targets');
        if (count >= this.labels.length) this.labels = new Int32Array(2 * count + 1);
        for (let i = 0; i <= count; i++) this.labels[i] = this.label();
        this.a = count;
        return;
      }
      case 'types':
        this.c = this.count(MODULE_LIMITS.results, 'types of a select');
        for (let i = 0; i < this.c; i++) this.a = this.u8();
        return;
      case 'reftype':
        this.a = this.u8();
        return;
      case 'v128':
      case 'shuffle':
        this.a = this.pos;
        this.skip(16);
        return;
      case 'lane':
        this.lane = this.u8();
        return;
      case 'memarg lane':
        this.memarg();
        this.lane = this.u8();
        return;
      default:
        kind satisfies never;
    }
  }

  private label(): number {
    const label = this.u32();
    // Deeper than any construct may be nested, and out of range for an Int32Array: no label at all.
    return label > MODULE_LIMITS.functionBytes ? MODULE_LIMITS.functionBytes : label;
  }

  private memarg(): void {
    const flags = this.u32();
    if (flags >= 0x80) this.fail('malformed alignment', this.offset);
    this.b = flags & 0x40 ? this.u32() : 0;
    this.c = flags & 0x3f;
    this.a = this.u32();
  }
}

const NO_RESULT = funcType([], []);
const SINGLE_RESULT = new Map<number, FuncType>();

/** The type of a block whose immediate is `code`; undefined where there is none. */
export function blockType(code: number, types: readonly FuncType[]): FuncType | undefined {
  if (code >= 0) return types[code];
  if (code === EMPTY) return NO_RESULT;
  const byte = code + 0x80;
  let type = SINGLE_RESULT.get(byte);
  if (type === undefined) {
    if (!isValType(byte)) return undefined;
    type = funcType([], [byte as ValType]);
    SINGLE_RESULT.set(byte, type);
  }
  return type;
}

/** The row read by {@link InstructionReader.next}. */
export function row(index: number): Opcode {
  return OPCODES[index] as Opcode;
}
