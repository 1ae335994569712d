/**
 * What follows the words of instructions (specification 6.5.2 to 6.5.10), read as the rows of the opcode table say and
 * written as the binary format has it.
 */

import { HAS_MEMORY } from '../encoding.ts';
import { CATCH } from '../instructions.ts';
import { type Immediates, OPCODES } from '../opcodes.ts';
import { isNullable } from '../types.ts';
import { Writer } from '../writer.ts';
import { f32, f64, i32, i64, v128 } from './constants.ts';
import type { Definitions } from './definitions.ts';
import type { Input } from './input.ts';
import type { Labels } from './labels.ts';
import { TOKEN } from './lexer.ts';
import type { Names, Space } from './names.ts';
import { unsigned, unsigned64 } from './numbers.ts';
import type { SpaceWord } from './spaces.ts';
import { heapType, refType, valType, writeHeapType, writeValType } from './types.ts';
import { NATURAL_ALIGNMENT, NULL_ROW, TYPED_ROW } from './words.ts';

const KIND: readonly Immediates[] = OPCODES.map((row) => row.immediates);

const CLAUSES = [
  ['catch', CATCH.tag],
  ['catch_ref', CATCH.tagRef],
  ['catch_all', CATCH.all],
  ['catch_all_ref', CATCH.allRef],
] as const;

export function writeOpcode(writer: Writer, row: number): void {
  const code = OPCODES[row]?.code as number;
  if (code > 0xff) {
    writer.u8(code >> 16);
    writer.u32(code & 0xffff);
  } else writer.u8(code);
}

export class ImmediateParser {
  /** Whether anything has named a data segment, for which there has to be a data count section. */
  namesData = false;
  /** Of the function at hand; undefined in constant expressions. */
  locals: Space | undefined;
  private readonly input: Input;
  private readonly definitions: Definitions;
  private readonly spaces: Readonly<Record<SpaceWord, Space>>;
  private readonly labels: Labels;

  constructor(input: Input, definitions: Definitions, names: Names, labels: Labels) {
    this.input = input;
    this.definitions = definitions;
    this.spaces = names.spaces;
    this.labels = labels;
  }

  /** Reads what follows the word of a row, and writes the instruction. */
  read(row: number, writer: Writer): void {
    const { input, spaces } = this;
    const kind = KIND[row] as Immediates;
    if (kind === 'none') {
      this.selectOrNone(row, writer);
      return;
    }
    if (kind === 'heap type') {
      this.heapType(row, writer);
      return;
    }
    writeOpcode(writer, row);
    switch (kind) {
      case 'block':
        this.definitions.block(input, writer);
        return;
      case 'block catches':
        this.definitions.block(input, writer);
        this.catches(writer);
        return;
      case 'label':
        writer.u32(this.labels.index(input));
        return;
      case 'labels':
        this.branchTable(writer);
        return;
      case 'local':
        writer.u32(this.local());
        return;
      case 'function':
        writer.u32(spaces.func.index(input));
        return;
      case 'global':
        writer.u32(spaces.global.index(input));
        return;
      case 'tag':
        writer.u32(spaces.tag.index(input));
        return;
      case 'type':
        writer.u32(spaces.type.index(input));
        return;
      case 'data':
        writer.u32(this.data());
        return;
      case 'element':
        writer.u32(spaces.elem.index(input));
        return;
      case 'table':
        writer.u32(this.optional(spaces.table));
        return;
      case 'memory':
        writer.u32(this.optional(spaces.memory));
        return;
      case 'type table': {
        const table = this.optional(spaces.table);
        writer.u32(this.definitions.use(input, undefined));
        writer.u32(table);
        return;
      }
      case 'table table':
        this.both(spaces.table, writer);
        return;
      case 'memory memory':
        this.both(spaces.memory, writer);
        return;
      case 'data memory':
        this.namesData = true;
        this.segment(spaces.data, spaces.memory, writer);
        return;
      case 'element table':
        this.segment(spaces.elem, spaces.table, writer);
        return;
      case 'type field': {
        const type = spaces.type.index(input);
        writer.u32(type);
        writer.u32(this.definitions.field(input, type));
        return;
      }
      case 'type type':
        writer.u32(spaces.type.index(input));
        writer.u32(spaces.type.index(input));
        return;
      case 'type count':
        writer.u32(spaces.type.index(input));
        writer.u32(input.u32('the number of elements'));
        return;
      case 'type data':
        writer.u32(spaces.type.index(input));
        writer.u32(this.data());
        return;
      case 'type element':
        writer.u32(spaces.type.index(input));
        writer.u32(spaces.elem.index(input));
        return;
      case 'i32':
        i32(input, writer);
        return;
      case 'i64':
        i64(input, writer);
        return;
      case 'f32':
        f32(input, writer);
        return;
      case 'f64':
        f64(input, writer);
        return;
      case 'v128':
        v128(input, writer);
        return;
      case 'shuffle':
        for (let i = 0; i < 16; i++) this.lane(writer);
        return;
      case 'lane':
        this.lane(writer);
        return;
      case 'memarg':
        this.memarg(row, writer, input.isIndex);
        return;
      case 'memarg lane':
        // A number alone is the lane.
        this.memarg(row, writer, input.kind === TOKEN.identifier || this.isBeforeLane());
        this.lane(writer);
        return;
      case 'zero':
        writer.u8(0);
        return;
      case 'label casts':
        this.casts(writer);
        return;
      case 'types':
        input.expected('an instruction');
        break;
      default:
        kind satisfies never;
    }
  }

  /** `select` has a row of its own where types follow. */
  private selectOrNone(row: number, writer: Writer): void {
    const { input } = this;
    const typed = TYPED_ROW[row] as number;
    if (typed < 0 || !input.opens('result')) {
      writeOpcode(writer, row);
      return;
    }
    const types = new Writer(16);
    let count = 0;
    while (input.tryOpen('result')) {
      for (; input.kind !== TOKEN.close; count++) writeValType(types, valType(input, this.spaces.type));
      input.close();
    }
    writeOpcode(writer, typed);
    writer.u32(count);
    writer.append(types);
  }

  /** Tests and casts have a row of their own where the reference may be null. */
  private heapType(row: number, writer: Writer): void {
    const nullRow = NULL_ROW[row] as number;
    if (nullRow < 0) {
      writeOpcode(writer, row);
      writeHeapType(writer, heapType(this.input, this.spaces.type));
      return;
    }
    const type = refType(this.input, this.spaces.type);
    writeOpcode(writer, isNullable(type) ? nullRow : row);
    writeHeapType(writer, type);
  }

  private casts(writer: Writer): void {
    const { input } = this;
    const label = this.labels.index(input);
    const from = refType(input, this.spaces.type);
    const to = refType(input, this.spaces.type);
    writer.u8((isNullable(from) ? 1 : 0) | (isNullable(to) ? 2 : 0));
    writer.u32(label);
    writeHeapType(writer, from);
    writeHeapType(writer, to);
  }

  private catches(writer: Writer): void {
    const { input } = this;
    const clauses = new Writer(16);
    let count = 0;
    for (let wasFound = true; wasFound; ) {
      wasFound = false;
      for (const [word, kind] of CLAUSES) {
        if (!input.tryOpen(word)) continue;
        clauses.u8(kind);
        if (kind === CATCH.tag || kind === CATCH.tagRef) clauses.u32(this.spaces.tag.index(input));
        clauses.u32(this.labels.index(input));
        input.close();
        count++;
        wasFound = true;
      }
    }
    writer.u32(count);
    writer.append(clauses);
  }

  private branchTable(writer: Writer): void {
    const { input, labels } = this;
    const targets: number[] = [];
    do targets.push(labels.index(input));
    while (input.isIndex);
    writer.u32(targets.length - 1);
    for (const target of targets) writer.u32(target);
  }

  private local(): number {
    const { input, locals } = this;
    return locals === undefined ? input.u32('the index of a local') : locals.index(input);
  }

  private data(): number {
    this.namesData = true;
    return this.spaces.data.index(this.input);
  }

  /** The first where none is named. */
  private optional(space: Space): number {
    return this.input.isIndex ? space.index(this.input) : 0;
  }

  /** Both are named or none. */
  private both(space: Space, writer: Writer): void {
    const { input } = this;
    if (!input.isIndex) {
      writer.u32(0);
      writer.u32(0);
      return;
    }
    writer.u32(space.index(input));
    writer.u32(space.index(input));
  }

  /** A segment, with or without a table or memory before it; in the binary format it is the other way round. */
  private segment(segments: Space, places: Space, writer: Writer): void {
    const { input } = this;
    let place = 0;
    if (input.nextKind === TOKEN.number || input.nextKind === TOKEN.identifier) place = places.index(input);
    writer.u32(segments.index(input));
    writer.u32(place);
  }

  private lane(writer: Writer): void {
    writer.u8(this.input.u8('a lane of 0 to 255'));
  }

  /** Whether a number is followed by more of the same instruction. */
  private isBeforeLane(): boolean {
    const { input } = this;
    if (input.kind !== TOKEN.number) return false;
    const next = input.nextKind;
    return next === TOKEN.number || (next === TOKEN.word && /^(?:offset|align)=/.test(input.nextText));
  }

  private memarg(row: number, writer: Writer, hasMemory: boolean): void {
    const memory = hasMemory ? this.spaces.memory.index(this.input) : 0;
    const offset = this.attribute('offset=') ?? 0n;
    const alignment = this.alignment() ?? (NATURAL_ALIGNMENT[row] as number);
    if (memory > 0) {
      writer.u8(alignment | HAS_MEMORY);
      writer.u32(memory);
    } else writer.u8(alignment);
    if (typeof offset === 'number') writer.u32(offset);
    else writer.u64(offset);
  }

  /** A number, or a bigint where it is one of more than 32 bits. */
  private attribute(word: string): number | bigint | undefined {
    const { input } = this;
    if (input.kind !== TOKEN.word || !input.source.startsWith(word, input.start)) return undefined;
    const digits = input.source.slice(input.start + word.length, input.end);
    const small = unsigned(digits, 0xffff_ffff);
    const what = `an integer behind ${word}`;
    return small === 'range' ? input.checked(unsigned64(digits), what) : input.checked(small, what);
  }

  private alignment(): number | undefined {
    const { input } = this;
    const { start, end } = input;
    const bytes = this.attribute('align=');
    if (bytes === undefined) return undefined;
    const bits = BigInt(bytes).toString(2);
    if (!/^10*$/.test(bits)) input.fail('alignment must be a power of two', start, end);
    return bits.length - 1;
  }
}
