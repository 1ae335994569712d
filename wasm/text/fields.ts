/** The fields of a module (specification 6.6), to the content of its sections. */

import { PAGE_BYTES } from '../limits.ts';
import { opcode } from '../opcodes.ts';
import { Pace, type Steps } from '../steps.ts';
import { FUNCREF, I32, I64, nonNull, type RefType, type ValType } from '../types.ts';
import { Writer } from '../writer.ts';
import { BodyParser } from './body.ts';
import type { CustomSections } from './custom.ts';
import { Definitions, type Parameters } from './definitions.ts';
import { ImmediateParser, writeOpcode } from './immediates.ts';
import type { Input } from './input.ts';
import { TOKEN } from './lexer.ts';
import { Marks } from './marks.ts';
import { type Names, Space } from './names.ts';
import { EXTERNAL_WORDS, LOCALS, SECTIONS, type SectionWord, type SpaceWord } from './spaces.ts';
import { isRefType, refType, valType, writeValType } from './types.ts';

type External = (typeof EXTERNAL_WORDS)[number];

/** Flags of limits (specification 5.3.15). */
const HAS_MAX = 1;
const IS_64 = 4;

/** A table whose elements have a value to begin with (specification 5.5.8). */
const TABLE_WITH_INIT = [0x40, 0x00] as const;

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

type AddressType = typeof I32 | typeof I64;

/** The content of a section, behind the number of its items. */
export class Section {
  count = 0;
  readonly writer = new Writer();
  readonly marks = new Marks();
}

/** The parameters and locals of a function. */
class Locals implements Parameters {
  readonly space = new Space(LOCALS);

  declare(input: Input): void {
    this.space.declare(input);
  }

  skip(count: number): void {
    this.space.length += count;
  }
}

export class FieldParser {
  readonly sections = Object.fromEntries(Object.keys(SECTIONS).map((word) => [word, new Section()])) as Record<
    SectionWord,
    Section
  >;
  readonly definitions: Definitions;
  readonly body: BodyParser;
  /** The function at hand, and its locals: their buffers are used again. */
  private readonly code = new Writer();
  private readonly runs = new Writer();
  /** Functions with branch hints, and their hints. */
  readonly hints = new Writer();
  hintedFunctions = 0;
  start: number | undefined;
  /** Number of data segments, where code names any. */
  get dataCount(): number | undefined {
    return this.body.immediates.namesData ? this.sections.data.count : undefined;
  }

  private readonly input: Input;
  private readonly names: Names;
  private readonly custom: CustomSections;
  private readonly isMarked: boolean;
  /** Indices that have been given away in this walk. */
  private readonly next: Record<SpaceWord, number> = {
    ...{ type: 0, func: 0, table: 0, memory: 0, tag: 0, global: 0, elem: 0, data: 0 },
  };

  constructor(input: Input, names: Names, custom: CustomSections, isMarked: boolean) {
    this.input = input;
    this.names = names;
    this.custom = custom;
    this.isMarked = isMarked;
    this.definitions = new Definitions(names);
    this.body = new BodyParser(input, (labels) => new ImmediateParser(input, this.definitions, names, labels));
  }

  /** Reads what declares types, at places in the source. */
  *types(places: readonly number[]): Steps<void> {
    const pace = new Pace(places[0] ?? 0);
    for (const place of places) {
      if (pace.isDue(place)) yield;
      this.input.seek(place);
      this.definitions.declare(this.input);
    }
  }

  /** Reads all other fields, from the one at hand to the last. */
  *read(): Steps<void> {
    const { input } = this;
    const pace = new Pace(input.start);
    while (input.kind === TOKEN.open || input.kind === TOKEN.annotation) {
      if (pace.isDue(input.start)) yield;
      yield* this.field(pace);
    }
  }

  private *field(pace: Pace): Steps<void> {
    const { input } = this;
    if (input.tryAnnotation('custom')) {
      this.custom.read(input);
      return;
    }
    if (input.opens('type') || input.opens('rec')) {
      input.skipList();
      return;
    }
    input.advance();
    const word = input.text;
    const { start } = input;
    input.advance();
    switch (word) {
      case 'import':
        this.imports(start);
        break;
      case 'func':
      case 'table':
      case 'memory':
      case 'global':
      case 'tag':
        yield* this.external(word, start, pace);
        break;
      case 'export':
        this.exported(start);
        break;
      case 'start':
        if (this.start !== undefined) input.fail('multiple start sections');
        this.item('start', start);
        this.start = this.names.spaces.func.index(input);
        break;
      case 'elem':
        this.element(start);
        break;
      default:
        this.data(start);
    }
    input.close();
  }

  /** Begins an item of a section. */
  private item(word: SectionWord, place: number): Writer {
    const section = this.sections[word];
    section.count++;
    if (this.isMarked) section.marks.add(section.writer.length, place);
    return section.writer;
  }

  private imports(place: number): void {
    const { input } = this;
    const writer = this.item('import', place);
    writer.name(input.name());
    writer.name(input.name());
    const word = EXTERNAL_WORDS.find((external) => input.tryOpen(external)) as External;
    this.next[word]++;
    input.skipBinding();
    this.description(word, writer);
    input.close();
  }

  /** What an import asks for. */
  private description(word: External, writer: Writer): void {
    const { input } = this;
    writer.u8(EXTERNAL_WORDS.indexOf(word));
    switch (word) {
      case 'func':
        writer.u32(this.definitions.use(input, new Locals()));
        break;
      case 'tag':
        writer.u8(0);
        writer.u32(this.definitions.use(input, new Locals()));
        break;
      case 'table': {
        const limits = new Writer(16);
        this.limits(this.addressType(), limits);
        writeValType(writer, refType(input, this.names.spaces.type));
        writer.append(limits);
        break;
      }
      case 'memory':
        this.limits(this.addressType(), writer);
        break;
      case 'global':
        this.globalType(writer);
    }
  }

  private globalType(writer: Writer): void {
    const { type, mutable } = this.global();
    writeValType(writer, type);
    writer.u8(mutable ? 1 : 0);
  }

  private global(): { readonly type: ValType; readonly mutable: boolean } {
    const { input } = this;
    const { type } = this.names.spaces;
    if (!input.opens('mut')) return { type: valType(input, type), mutable: false };
    input.open('mut');
    const global = { type: valType(input, type), mutable: true };
    input.close();
    return global;
  }

  private addressType(): AddressType {
    if (this.input.tryWord('i64')) return I64;
    this.input.tryWord('i32');
    return I32;
  }

  private limits(address: AddressType, writer: Writer): void {
    const { input } = this;
    const min = input.u64('a size');
    const max = input.kind === TOKEN.number ? input.u64('a size') : undefined;
    writeLimits(writer, address, min, max);
  }

  private exported(place: number): void {
    const { input } = this;
    const writer = this.item('export', place);
    writer.name(input.name());
    const word = EXTERNAL_WORDS.find((external) => input.tryOpen(external)) ?? input.expected('what is exported');
    writer.u8(EXTERNAL_WORDS.indexOf(word));
    writer.u32(this.names.spaces[word].index(input));
    input.close();
  }

  /** What can be imported and exported in place. */
  private *external(word: External, place: number, pace: Pace): Steps<void> {
    const { input } = this;
    const index = this.next[word]++;
    input.skipBinding();
    while (input.opens('export')) {
      const writer = this.item('export', input.start);
      input.open('export');
      writer.name(input.name());
      writer.u8(EXTERNAL_WORDS.indexOf(word));
      writer.u32(index);
      input.close();
    }
    if (input.tryOpen('import')) {
      const writer = this.item('import', place);
      writer.name(input.name());
      writer.name(input.name());
      input.close();
      this.description(word, writer);
      return;
    }
    switch (word) {
      case 'func':
        yield* this.function(index, place, pace);
        break;
      case 'table':
        this.table(index, place);
        break;
      case 'memory':
        this.memory(index, place);
        break;
      case 'global':
        this.globalType(this.item('global', place));
        this.expression(this.sections.global);
        break;
      case 'tag': {
        const writer = this.item('tag', place);
        writer.u8(0);
        writer.u32(this.definitions.use(input, new Locals()));
      }
    }
  }

  private *function(index: number, place: number, pace: Pace): Steps<void> {
    const { input, names, body } = this;
    const locals = new Locals();
    this.item('func', place).u32(this.definitions.use(input, locals));
    const { code } = this;
    this.locals(locals.space, code);
    body.code = code;
    body.marks = this.isMarked ? new Marks() : undefined;
    body.hints = [];
    body.labels.clear();
    body.immediates.locals = locals.space;
    while (body.step()) if (pace.isDue(input.start)) yield;
    body.end();
    body.immediates.locals = undefined;
    names.locals.addMap(index, locals.space.names);
    names.labels.addMap(index, body.labels.names);
    this.recordHints(index);
    const writer = this.item('code', place);
    writer.u32(code.length);
    if (body.marks !== undefined) this.sections.code.marks.append(body.marks, writer.length);
    writer.append(code);
  }

  private locals(space: Space, code: Writer): void {
    const { input } = this;
    const { runs } = this;
    let count = 0;
    let length = 0;
    let last: ValType | undefined;
    const flush = () => {
      if (length === 0) return;
      count++;
      runs.u32(length);
      writeValType(runs, last as ValType);
    };
    while (input.tryOpen('local')) {
      const isNamed = input.kind === TOKEN.identifier || input.kind === TOKEN.annotation;
      do {
        if (input.kind === TOKEN.close && !isNamed) break;
        space.declare(input);
        const type = valType(input, this.names.spaces.type);
        if (type !== last) {
          flush();
          length = 0;
          last = type;
        }
        length++;
      } while (!isNamed);
      input.close();
    }
    flush();
    code.u32(count);
    code.append(runs);
  }

  private recordHints(index: number): void {
    const { hints, body } = this;
    if (body.hints.length === 0) return;
    this.hintedFunctions++;
    hints.u32(index);
    hints.u32(body.hints.length / 2);
    for (let i = 0; i < body.hints.length; i += 2) {
      hints.u32(body.hints[i] as number);
      hints.u32(1);
      hints.u8(body.hints[i + 1] as number);
    }
  }

  /** Code up to the closing parenthesis, which ends with its section's content. */
  private expression(section: Section): void {
    this.begin(section);
    this.body.instructions();
    this.body.end();
  }

  /** One folded instruction. */
  private foldedExpression(section: Section): void {
    this.begin(section);
    this.body.folded();
    this.body.end();
  }

  private begin({ writer, marks }: Section): void {
    this.body.code = writer;
    this.body.marks = this.isMarked ? marks : undefined;
  }

  /** `(offset …)`, or one folded instruction. */
  private offset(section: Section): void {
    const { input } = this;
    if (!input.tryOpen('offset')) {
      this.foldedExpression(section);
      return;
    }
    this.expression(section);
    input.close();
  }

  private table(index: number, place: number): void {
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
    this.next.elem++;
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

  private element(place: number): void {
    const { input } = this;
    this.next.elem++;
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

  private memory(index: number, place: number): void {
    const { input } = this;
    const address = this.addressType();
    const writer = this.item('memory', place);
    if (!input.tryOpen('data')) {
      this.limits(address, writer);
      return;
    }
    this.next.data++;
    const data = this.item('data', place);
    data.u8(index > 0 ? EXPLICIT : 0);
    if (index > 0) data.u32(index);
    writeZero(data, address);
    const pages = BigInt(Math.ceil(this.strings(data) / PAGE_BYTES));
    writeLimits(writer, address, pages, pages);
    input.close();
  }

  private data(place: number): void {
    const { input, sections } = this;
    this.next.data++;
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

function writeLimits(writer: Writer, address: AddressType, min: bigint, max: bigint | undefined): void {
  writer.u8((max === undefined ? 0 : HAS_MAX) | (address === I64 ? IS_64 : 0));
  writer.u64(min);
  if (max !== undefined) writer.u64(max);
}

/** The offset of a segment that stands in place. */
function writeZero(writer: Writer, address: AddressType): void {
  writeOpcode(writer, CONST[address]);
  writer.signed(0);
  writeOpcode(writer, END);
}
