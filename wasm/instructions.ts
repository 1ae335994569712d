/** Reads instructions one by one: the opcode's row and its immediates (specification 5.4). */

import { EMPTY_BLOCK, HAS_MEMORY, REF, REF_NULL } from './encoding.ts';
import { MODULE_LIMITS } from './limits.ts';
import {
  ATOMIC,
  GC,
  type Immediates,
  MISC,
  OPCODES,
  type Opcode,
  PREFIX_GC,
  PREFIX_MISC,
  PREFIX_THREADS,
  PREFIX_VECTOR,
  SINGLE_BYTE,
  VECTOR,
} from './opcodes.ts';
import { unassigned } from './proposals.ts';
import { Reader } from './reader.ts';
import {
  type DefinedType,
  definedRef,
  EXNREF,
  EXTERNREF,
  type Feature,
  FUNCREF,
  type FuncType,
  funcType,
  isRefType,
  isValType,
  NULLEXNREF,
  nonNull,
  type RefType,
  type ValType,
} from './types.ts';

const KIND: readonly Immediates[] = OPCODES.map((row) => row.immediates);
/** One index and nothing else, as most that are executed have. */
const INDICES = ['function', 'local', 'global', 'table', 'memory', 'data', 'element', 'type', 'tag'] as const;
const IS_INDEX = KIND.map((kind) => (INDICES as readonly Immediates[]).includes(kind));

/** All other immediates. */
type Others = Exclude<Immediates, (typeof INDICES)[number] | 'none'>;

/** A block type as {@link InstructionReader} leaves it: a type index, no result, or this less the type of the result. */
const EMPTY = -1;
const SINGLE_RESULT = -2;

/** How a catch clause names what it catches, and whether it passes the exception on (specification 5.4.2). */
export const CATCH = { tag: 0, tagRef: 1, all: 2, allRef: 3 } as const;

const NO_LABELS = new Int32Array(0);

/** A clause of a `try_table`. */
export interface CatchClause {
  /** One of {@link CATCH}. */
  readonly kind: number;
  /** Index of the tag; -1 where it catches all. */
  readonly tag: number;
  readonly label: number;
}

export class InstructionReader extends Reader {
  /** Offset of the instruction last read. */
  offset = 0;
  /**
   * First index, label, local, reference type or block type. A memory access: its constant offset, which beyond 2^53
   * is not exact.
   */
  a = 0;
  /** Second index, or count. A memory access: the memory's index. A cast: the type it starts from. */
  b = 0;
  /** Alignment exponent of a memory access; number of types of a `select_t`. A cast: the type it leads to. */
  c = 0;
  /** Clauses of a `try_table`. */
  catches: readonly CatchClause[] = [];
  /** Types may name the defined types below this index. */
  typeCount: number = MODULE_LIMITS.types;
  /** Receives what the types need beyond release 2.0, where somebody wants to know. */
  features: Set<Feature> | undefined;
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
    else if (byte === PREFIX_GC) index = this.sub(GC);
    else if (byte === PREFIX_VECTOR) index = this.sub(VECTOR);
    else if (byte === PREFIX_THREADS) index = this.sub(ATOMIC);
    else index = SINGLE_BYTE[byte] as number;
    if (index < 0) this.unassigned(byte);
    if (IS_INDEX[index]) this.a = this.u32();
    else if (KIND[index] !== 'none') this.immediates(KIND[index] as Others);
    return index;
  }

  /** @throws CompileError always */
  private unassigned(byte: number): never {
    this.pos = this.offset + 1;
    const isPrefix = byte >= PREFIX_GC && byte <= PREFIX_THREADS;
    // Beyond 16 bits nothing is assigned, by anybody.
    const code = isPrefix ? (byte << 16) | Math.min(this.u32(), 0xffff) : byte;
    throw unassigned('instruction', code, this.offset, `illegal opcode 0x${byte.toString(16)}`);
  }

  private sub(table: Int16Array): number {
    return table[this.u32()] ?? -1;
  }

  private immediates(kind: Others): void {
    switch (kind) {
      case 'label':
        this.a = this.label();
        return;
      case 'block':
        this.a = this.blockType();
        return;
      case 'i64':
        this.s64();
        return;
      case 'i32':
        this.low = this.s32();
        return;
      case 'memarg':
        this.memarg();
        return;
      case 'type table':
      case 'type field':
      case 'type type':
      case 'type count':
      case 'type data':
      case 'type element':
      case 'table table':
      case 'memory memory':
      case 'data memory':
      case 'element table':
        this.a = this.u32();
        this.b = this.u32();
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
        for (let i = 0; i < this.c; i++) this.a = this.valType();
        return;
      case 'heap type':
        this.a = this.heapType(true);
        return;
      case 'block catches': {
        this.a = this.blockType();
        const count = this.count(MODULE_LIMITS.catches, 'catch clauses');
        const clauses: CatchClause[] = [];
        for (let i = 0; i < count; i++) clauses.push(this.catchClause());
        this.catches = clauses;
        return;
      }
      case 'label casts': {
        const flags = this.u8();
        if (flags > 3) this.fail('malformed br_on_cast flags', this.pos - 1);
        this.a = this.label();
        this.b = this.heapType((flags & 1) !== 0);
        this.c = this.heapType((flags & 2) !== 0);
        return;
      }
      case 'v128':
      case 'shuffle':
        this.a = this.pos;
        this.skip(16);
        return;
      case 'lane':
        this.lane = this.u8();
        return;
      case 'zero':
        if (this.u8() !== 0) this.fail('zero byte expected', this.pos - 1);
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
    this.b = flags & HAS_MEMORY ? this.u32() : 0;
    this.c = flags & 0x3f;
    this.a = this.u64();
  }

  private catchClause(): CatchClause {
    const kind = this.u8();
    if (kind > CATCH.allRef) this.fail('malformed catch clause', this.pos - 1);
    const tag = kind === CATCH.tag || kind === CATCH.tagRef ? this.u32() : -1;
    if (kind === CATCH.tagRef || kind === CATCH.allRef) this.features?.add('exception-references');
    return { kind, tag, label: this.label() };
  }

  private blockType(): number {
    const byte = this.bytes[this.pos] as number;
    // A type index is not negative; everything else is.
    if (this.pos >= this.end || byte < EMPTY_BLOCK || byte > 0x7f) return this.s33();
    if (byte !== EMPTY_BLOCK) return SINGLE_RESULT - this.valType();
    this.pos++;
    return EMPTY;
  }

  /** A value type (specification 5.3.5). */
  valType(): ValType {
    const byte = this.u8();
    if (isValType(byte)) {
      if (isRefType(byte)) this.note(byte);
      return byte;
    }
    if (byte !== REF && byte !== REF_NULL) this.unknownType(byte, 'value');
    return this.heapType(byte === REF_NULL);
  }

  /** A reference type (specification 5.3.4). */
  refType(): RefType {
    const byte = this.u8();
    if (isRefType(byte)) {
      this.note(byte);
      return byte;
    }
    if (byte !== REF && byte !== REF_NULL) this.unknownType(byte, 'reference');
    return this.heapType(byte === REF_NULL);
  }

  /** @throws CompileError always */
  private unknownType(byte: number, kind: string): never {
    throw unassigned('heap type', byte, this.pos - 1, `malformed ${kind} type 0x${byte.toString(16)}`);
  }

  /** A heap type (specification 5.3.3), as the type of references to it. */
  heapType(isNullable: boolean): RefType {
    const start = this.pos;
    const code = this.s33();
    if (code >= 0) {
      if (code >= this.typeCount) this.fail(`unknown type ${code}`, start);
      this.features?.add('function-references');
      return definedRef(code, isNullable);
    }
    const type = code + 0x80;
    if (!isRefType(type)) throw unassigned('heap type', type, start, 'malformed heap type');
    this.note(type);
    if (!isNullable) this.features?.add('function-references');
    return isNullable ? type : nonNull(type);
  }

  private note(type: RefType): void {
    if (type === FUNCREF || type === EXTERNREF) return;
    this.features?.add(type === EXNREF || type === NULLEXNREF ? 'exception-references' : 'gc');
  }
}

const NO_RESULT = funcType([], []);
const ABBREVIATED = new Map<ValType, FuncType>();

/** The type of what takes nothing and leaves one value. */
export function singleResult(type: ValType): FuncType {
  // What a module defines is not kept.
  if (!isValType(type)) return funcType([], [type]);
  let block = ABBREVIATED.get(type);
  if (block === undefined) ABBREVIATED.set(type, (block = funcType([], [type])));
  return block;
}

/** The type of a block whose immediate is `code`; undefined where there is none. */
export function blockType(code: number, types: readonly DefinedType[]): FuncType | undefined {
  if (code === EMPTY) return NO_RESULT;
  if (code < 0) return singleResult(SINGLE_RESULT - code);
  const type = types[code];
  return type?.kind === 'function' ? type : undefined;
}

/** The row read by {@link InstructionReader.next}. */
export function row(index: number): Opcode {
  return OPCODES[index] as Opcode;
}
