/** Tables, memories and their segments (specification 6.6.6 to 6.6.9), which may stand in one place. */

import { WITH_INIT } from '../encoding.ts';
import { PAGE_BYTES } from '../limits.ts';
import { opcode } from '../opcodes.ts';
import { FUNCREF, I32, I64, nonNull, type RefType } from '../types.ts';
import { Writer } from '../writer.ts';
import { writeOpcode } from './immediates.ts';
import { TOKEN } from './lexer.ts';
import { type AddressType, Section, SectionParser, writeLimits } from './section-parser.ts';
import { isRefType, refType, writeValType } from './types.ts';

/** A table whose elements have a value to begin with (specification 5.5.8). */
const TABLE_WITH_INIT = [WITH_INIT, 0x00] as const;

/** Flags of segments (specification 5.5.12, 5.5.14). */
const PASSIVE = 1;
const DECLARATIVE = 3;
const EXPLICIT = 2;
const EXPRESSIONS = 4;

/** In an element segment: that what follows are functions. */
const FUNCTIONS = 0;

const CONST = { [I32]: opcode('i32.const').index, [I64]: opcode('i64.const').index } as const;
const REF_FUNC = opcode('ref.func').index;
const END = opcode('end').index;

export abstract class SegmentParser extends SectionParser {
  protected table(index: number, place: number): void {
    const { input } = this;
    const address = this.addressType();
    const { type } = this.names.spaces;
    const writer = this.item('table', place);
    if (isRefType(input)) {
      const element = refType(input, type);
      input.open('elem');
      const count = this.elementsInPlace(index, address, element, place);
      input.close();
      writeValType(writer, element);
      writeLimits(writer, address, BigInt(count), BigInt(count));
      return;
    }
    const limits = new Writer(16);
    this.limits(address, limits);
    const element = refType(input, type);
    const hasInit = input.kind !== TOKEN.close;
    if (hasInit) writer.raw(...TABLE_WITH_INIT);
    writeValType(writer, element);
    writer.append(limits);
    if (hasInit) this.expression(this.sections.table);
  }

  /** The elements of a table, as a segment of its own. */
  private elementsInPlace(table: number, address: AddressType, element: RefType, place: number): number {
    const { input } = this;
    const writer = this.item('elem', place);
    const areFunctions = input.kind !== TOKEN.open;
    // Functions alone are a segment of references that are never null, which every table of functions takes.
    const isShort = areFunctions && (element === FUNCREF || element === nonNull(FUNCREF));
    const flags = (isShort ? 0 : EXPRESSIONS) | (table > 0 || (!isShort && element !== FUNCREF) ? EXPLICIT : 0);
    writer.u8(flags);
    if (flags & EXPLICIT) writer.u32(table);
    writeZero(writer, address);
    if (flags & EXPLICIT) {
      if (isShort) writer.u8(FUNCTIONS);
      else writeValType(writer, element);
    }
    return areFunctions ? this.functions(writer, isShort) : this.expressions(writer);
  }

  private functions(writer: Writer, areIndices: boolean): number {
    const { input } = this;
    const items = new Writer(16);
    let count = 0;
    for (; input.isIndex; count++) {
      if (!areIndices) writeOpcode(items, REF_FUNC);
      items.u32(this.names.spaces.func.index(input));
      if (!areIndices) writeOpcode(items, END);
    }
    writer.u32(count);
    writer.append(items);
    return count;
  }

  private expressions(writer: Writer): number {
    const { input, body } = this;
    const items = new Writer(16);
    body.code = items;
    // Their number comes before them, so that the marks would be wrong.
    body.marks = undefined;
    let count = 0;
    for (; input.kind === TOKEN.open; count++) {
      if (input.tryOpen('item')) {
        body.instructions();
        input.close();
      } else body.folded();
      body.end();
    }
    writer.u32(count);
    writer.append(items);
    return count;
  }

  protected element(place: number): void {
    const { input } = this;
    input.skipBinding();
    const writer = this.item('elem', place);
    if (input.tryWord('declare')) this.elementList(writer, DECLARATIVE);
    else if (input.isWord('func') || isRefType(input)) this.elementList(writer, PASSIVE);
    else {
      const table = this.placeOf('table');
      const offset = new Section();
      this.offset(offset);
      const isListed = input.kind !== TOKEN.identifier && input.kind !== TOKEN.number && input.kind !== TOKEN.close;
      this.elementList(writer, table > 0 ? EXPLICIT : 0, { table, offset: offset.writer, isListed });
    }
  }

  /** `(table …)` or `(memory …)` of a segment, or its index alone, as it was written once; the first where there is none. */
  private placeOf(word: 'table' | 'memory'): number {
    const { input } = this;
    if (input.isIndex) return this.names.spaces[word].index(input);
    if (!input.tryOpen(word)) return 0;
    const index = this.names.spaces[word].index(input);
    input.close();
    return index;
  }

  private elementList(
    writer: Writer,
    mode: number,
    active?: { readonly table: number; readonly offset: Writer; readonly isListed: boolean },
  ): void {
    const { input } = this;
    const areFunctions = active?.isListed === false || input.tryWord('func');
    const type = areFunctions ? FUNCREF : refType(input, this.names.spaces.type);
    let flags = areFunctions ? mode : mode | EXPRESSIONS;
    if (active !== undefined && !areFunctions && type !== FUNCREF) flags |= EXPLICIT;
    writer.u8(flags);
    if (active !== undefined) {
      if (flags & EXPLICIT) writer.u32(active.table);
      writer.append(active.offset);
    }
    if (active === undefined || flags & EXPLICIT) {
      if (areFunctions) writer.u8(FUNCTIONS);
      else writeValType(writer, type);
    }
    if (areFunctions) this.functions(writer, true);
    else this.expressions(writer);
  }

  protected memory(index: number, place: number): void {
    const { input } = this;
    const address = this.addressType();
    const writer = this.item('memory', place);
    if (!input.tryOpen('data')) {
      this.limits(address, writer, true);
      return;
    }
    const data = this.item('data', place);
    data.u8(index > 0 ? EXPLICIT : 0);
    if (index > 0) data.u32(index);
    writeZero(data, address);
    const pages = BigInt(Math.ceil(this.strings(data) / PAGE_BYTES));
    writeLimits(writer, address, pages, pages);
    input.close();
  }

  protected data(place: number): void {
    const { input, sections } = this;
    input.skipBinding();
    const writer = this.item('data', place);
    if (input.kind === TOKEN.string || input.kind === TOKEN.close) writer.u8(PASSIVE);
    else {
      const memory = this.placeOf('memory');
      writer.u8(memory > 0 ? EXPLICIT : 0);
      if (memory > 0) writer.u32(memory);
      this.offset(sections.data);
    }
    this.strings(writer);
  }

  /** Strings one behind the other, with the number of their bytes; returns that. */
  private strings(writer: Writer): number {
    const { input } = this;
    const bytes = new Writer(16);
    while (input.kind === TOKEN.string) bytes.copy(input.bytes());
    const { length } = bytes;
    writer.u32(length);
    writer.append(bytes);
    return length;
  }
}

/** The offset of a segment that stands in place. */
function writeZero(writer: Writer, address: AddressType): void {
  writeOpcode(writer, CONST[address]);
  writer.signed(0);
  writeOpcode(writer, END);
}
