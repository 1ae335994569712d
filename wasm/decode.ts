/**
 * The decoder: bytes in pieces of any size to a validated module (specification 5.5). Every section is decoded, and
 * every function body validated, as soon as its last byte is there; counts are checked against the bytes that
 * announce them before anything is allocated.
 */

import { CompileError } from './errors.ts';
import { InstructionReader } from './instructions.ts';
import { MAX_PAGES, MAX_PAGES_64, MODULE_LIMITS } from './limits.ts';
import { quote } from './quote.ts';
import type { Reader } from './reader.ts';
import type { Steps } from './steps.ts';
import { TypeSection } from './type-section.ts';
import {
  type AddressType,
  type ConstExpr,
  type CustomSection,
  type DataSegment,
  type DefinedType,
  type ElementSegment,
  type Export,
  type ExternKind,
  type Feature,
  FUNCREF,
  type FunctionBody,
  functionTypeAt,
  type GlobalType,
  I32,
  I64,
  type Import,
  type ImportDescription,
  isDefaultable,
  type Limits,
  type LocalRun,
  type MemoryType,
  nonNull,
  type RefType,
  type SegmentMode,
  type TableType,
  type ValType,
  type WasmModule,
} from './types.ts';
import { type ValidationContext, Validator } from './validate.ts';

const MAGIC: number = 0x6d736100;
const VERSION: number = 1;
const HEADER_BYTES = 8;
const CUSTOM = 0;
const CODE = 10;

const EXTERN_KINDS: readonly ExternKind[] = ['function', 'table', 'memory', 'global', 'tag'];

/** First byte of a table that says what its elements are to begin with. */
const WITH_INIT = 0x40;

const TABLE_BOUNDS = { [I32]: 0xffff_ffff, [I64]: 2 ** 64 } as const;
const MEMORY_BOUNDS = { [I32]: MAX_PAGES, [I64]: MAX_PAGES_64 } as const;

/** Sections by id: name, place in the required order, decoder. */
const SECTIONS: Readonly<Record<number, readonly [name: string, order: number, decode: (d: Sections) => void]>> = {
  1: ['type', 1, (d) => d.typeSection()],
  2: ['import', 2, (d) => d.importSection()],
  3: ['function', 3, (d) => d.functionSection()],
  4: ['table', 4, (d) => d.tableSection()],
  5: ['memory', 5, (d) => d.memorySection()],
  13: ['tag', 6, (d) => d.tagSection()],
  6: ['global', 7, (d) => d.globalSection()],
  7: ['export', 8, (d) => d.exportSection()],
  8: ['start', 9, (d) => d.startSection()],
  9: ['element', 10, (d) => d.elementSection()],
  12: ['data count', 11, (d) => d.dataCountSection()],
  // Bodies are decoded one by one, by ModuleDecoder.
  10: ['code', 12, (d) => d.codeCount()],
  11: ['data', 13, (d) => d.dataSection()],
};

/** The content of the sections, as far as they have been decoded. */
class Sections implements ValidationContext {
  readonly types: DefinedType[] = [];
  readonly imports: Import[] = [];
  readonly functions: number[] = [];
  readonly tables: TableType[] = [];
  readonly memories: MemoryType[] = [];
  readonly tableInits: (ConstExpr | undefined)[] = [];
  readonly tags: number[] = [];
  readonly globals: GlobalType[] = [];
  readonly globalInits: ConstExpr[] = [];
  readonly exports: Export[] = [];
  readonly elements: ElementSegment[] = [];
  readonly elementTypes: RefType[] = [];
  readonly data: DataSegment[] = [];
  readonly bodies: FunctionBody[] = [];
  readonly customSections: CustomSection[] = [];
  readonly declared = new Set<number>();
  readonly features = new Set<Feature>();
  dataCount: number | undefined;
  start: number | undefined;
  importedFunctions = 0;
  importedTables = 0;
  importedMemories = 0;
  importedGlobals = 0;
  importedTags = 0;
  reader: InstructionReader;
  readonly validator: Validator;

  constructor(reader: InstructionReader) {
    this.reader = reader;
    reader.features = this.features;
    reader.typeCount = 0;
    this.validator = new Validator(this, reader);
  }

  get ownFunctions(): number {
    return this.functions.length - this.importedFunctions;
  }

  typeSection(): void {
    new TypeSection(this.reader, this.types, this.features).read();
    this.reader.typeCount = this.types.length;
  }

  importSection(): void {
    const { reader } = this;
    const count = reader.count(MODULE_LIMITS.imports, 'imports');
    for (let i = 0; i < count; i++) {
      const module = reader.name();
      const name = reader.name();
      const description = this.importDescription();
      this.imports.push({ module, name, ...description });
    }
    this.importedFunctions = this.functions.length;
    this.importedTables = this.tables.length;
    this.importedMemories = this.memories.length;
    this.importedGlobals = this.globals.length;
    this.importedTags = this.tags.length;
  }

  private importDescription(): ImportDescription {
    const kind = this.externKind();
    switch (kind) {
      case 'function': {
        const typeIndex = this.functionType();
        this.functions.push(typeIndex);
        return { kind, typeIndex };
      }
      case 'tag': {
        const typeIndex = this.tagType();
        this.tags.push(typeIndex);
        return { kind, typeIndex };
      }
      case 'table': {
        const type = this.tableType();
        this.tables.push(type);
        return { kind, type };
      }
      case 'memory': {
        const type = this.memoryType();
        this.addMemory(type);
        return { kind, type };
      }
      case 'global': {
        const type = this.globalType();
        this.globals.push(type);
        return { kind, type };
      }
    }
  }

  functionSection(): void {
    const count = this.reader.count(MODULE_LIMITS.functions, 'functions');
    for (let i = 0; i < count; i++) this.functions.push(this.functionType());
  }

  tableSection(): void {
    const count = this.reader.count(MODULE_LIMITS.tables, 'tables');
    for (let i = 0; i < count; i++) this.table();
  }

  private table(): void {
    const { reader } = this;
    const start = reader.pos;
    if (reader.bytes[start] !== WITH_INIT) {
      const type = this.tableType();
      if (!isDefaultable(type.element)) reader.fail('type mismatch: elements that are never null need a value', start);
      this.tables.push(type);
      this.tableInits.push(undefined);
      return;
    }
    reader.pos++;
    if (reader.u8() !== 0) reader.fail('malformed table', reader.pos - 1);
    const type = this.tableType();
    this.tableInits.push(this.constExpr(type.element));
    this.tables.push(type);
  }

  tagSection(): void {
    const count = this.reader.count(MODULE_LIMITS.tags, 'tags');
    for (let i = 0; i < count; i++) this.tags.push(this.tagType());
  }

  memorySection(): void {
    const count = this.reader.count(MODULE_LIMITS.memories, 'memories');
    for (let i = 0; i < count; i++) this.addMemory(this.memoryType());
  }

  private addMemory(type: MemoryType): void {
    const { memories } = MODULE_LIMITS;
    if (this.memories.length >= memories) this.reader.fail(`more memories than the limit of ${memories}`);
    if (this.memories.length > 0) this.features.add('multi-memory');
    this.memories.push(type);
  }

  globalSection(): void {
    const count = this.reader.count(MODULE_LIMITS.globals, 'globals');
    for (let i = 0; i < count; i++) {
      const type = this.globalType();
      const init = this.constExpr(type.type);
      // Added only now: an initial value may refer to the globals before it.
      this.globals.push(type);
      this.globalInits.push(init);
    }
  }

  exportSection(): void {
    const { reader } = this;
    const count = reader.count(MODULE_LIMITS.exports, 'exports');
    const names = new Set<string>();
    const { functions, tables, memories, globals, tags } = this;
    const spaces = { function: functions, table: tables, memory: memories, global: globals, tag: tags };
    for (let i = 0; i < count; i++) {
      const start = reader.pos;
      const name = reader.name();
      const kind = this.externKind();
      const index = reader.u32();
      if (index >= spaces[kind].length) reader.fail(`unknown ${kind} ${index} exported as ${quote(name)}`, start);
      if (names.has(name)) reader.fail(`duplicate export name ${quote(name)}`, start);
      names.add(name);
      if (kind === 'function') this.declared.add(index);
      this.exports.push({ name, kind, index });
    }
  }

  startSection(): void {
    const { reader } = this;
    const index = reader.u32();
    const typeIndex = this.functions[index] ?? reader.fail(`unknown function ${index}`);
    const type = functionTypeAt(this, typeIndex);
    if (type.params.length > 0 || type.results.length > 0) reader.fail('start function must take and return nothing');
    this.start = index;
  }

  /** Element segments (specification 5.5.12): the low three bits say which of the eight forms follows. */
  elementSection(): void {
    const { reader } = this;
    const count = reader.count(MODULE_LIMITS.elementSegments, 'element segments');
    for (let i = 0; i < count; i++) {
      const start = reader.pos;
      const flags = reader.u32();
      if (flags > 7) reader.fail('malformed elements segment kind', start);
      const isActive = (flags & 1) === 0;
      const hasExplicitIndex = (flags & 2) !== 0;
      const hasExpressions = (flags & 4) !== 0;
      let mode: SegmentMode;
      if (isActive) {
        const index = hasExplicitIndex ? reader.u32() : 0;
        const { address } = this.tables[index] ?? reader.fail(`unknown table ${index}`, start);
        mode = { mode: 'active', index, offset: this.constExpr(address) };
      } else mode = { mode: hasExplicitIndex ? 'declarative' : 'passive' };
      const type = flags === 0 || flags === 4 ? FUNCREF : this.elementType(hasExpressions);
      // No function that is named is null.
      const precise = hasExpressions ? type : nonNull(type);
      if (mode.mode === 'active' && !this.validator.matches(precise, this.tables[mode.index]?.element as RefType)) {
        reader.fail('type mismatch: element segment and table differ', start);
      }
      const length = reader.count(MODULE_LIMITS.tableElements, 'elements');
      const items = hasExpressions ? this.expressions(type, length) : this.functionIndices(length);
      this.elements.push({ ...mode, type, items });
      this.elementTypes.push(precise);
    }
  }

  private elementType(hasExpressions: boolean): RefType {
    const { reader } = this;
    if (hasExpressions) return reader.refType();
    if (reader.u8() !== 0) reader.fail('malformed element kind', reader.pos - 1);
    return FUNCREF;
  }

  private expressions(type: RefType, length: number): ConstExpr[] {
    return Array.from({ length }, () => this.constExpr(type));
  }

  private functionIndices(length: number): number[] {
    const { reader } = this;
    return Array.from({ length }, () => {
      const index = reader.u32();
      if (index >= this.functions.length) reader.fail(`unknown function ${index}`);
      this.declared.add(index);
      return index;
    });
  }

  dataCountSection(): void {
    const { reader } = this;
    const start = reader.pos;
    this.dataCount = reader.u32();
    if (this.dataCount > MODULE_LIMITS.dataSegments) {
      reader.fail(`${this.dataCount} data segments exceed the limit of ${MODULE_LIMITS.dataSegments}`, start);
    }
  }

  codeCount(): void {
    const { reader } = this;
    const start = reader.pos;
    const count = reader.u32();
    if (count !== this.ownFunctions) {
      reader.fail(`function and code section have inconsistent lengths: ${this.ownFunctions} and ${count}`, start);
    }
  }

  /** One entry of the code section, of which the size has been read. */
  functionBody(end: number): void {
    const { reader } = this;
    const start = reader.pos;
    const functionIndex = this.importedFunctions + this.bodies.length;
    const type = functionTypeAt(this, this.functions[functionIndex] as number);
    const sectionEnd = reader.end;
    reader.end = end;
    const locals: LocalRun[] = [];
    let localCount = 0;
    const runs = reader.count(MODULE_LIMITS.locals, 'runs of locals');
    for (let i = 0; i < runs; i++) {
      const at = reader.pos;
      const count = reader.u32();
      localCount += count;
      if (localCount + type.params.length > MODULE_LIMITS.locals) {
        throw new CompileError(`too many locals: the limit is ${MODULE_LIMITS.locals}`, { functionIndex, offset: at });
      }
      locals.push({ count, type: reader.valType() });
    }
    const codeStart = reader.pos;
    const maxHeight = this.validator.body(functionIndex, type, locals, end);
    reader.end = sectionEnd;
    this.bodies.push({ start, end, locals, localCount, codeStart, maxHeight });
  }

  /** Data segments (specification 5.5.14). */
  dataSection(): void {
    const { reader } = this;
    const count = reader.count(MODULE_LIMITS.dataSegments, 'data segments');
    for (let i = 0; i < count; i++) {
      const start = reader.pos;
      const flags = reader.u32();
      if (flags > 2) reader.fail('malformed data segment kind', start);
      let mode: SegmentMode = { mode: 'passive' };
      if (flags !== 1) {
        const index = flags === 2 ? reader.u32() : 0;
        const { address } = this.memories[index] ?? reader.fail(`unknown memory ${index}`, start);
        mode = { mode: 'active', index, offset: this.constExpr(address) };
      }
      const length = reader.u32();
      reader.skip(length);
      this.data.push({ ...mode, bytes: { start: reader.pos - length, end: reader.pos } });
    }
  }

  customSection(): void {
    const { reader } = this;
    const name = reader.name();
    this.customSections.push({ name, bytes: { start: reader.pos, end: reader.end } });
    reader.pos = reader.end;
  }

  /** What can be said only once all sections are there. */
  check(): void {
    const { reader } = this;
    if (this.bodies.length !== this.ownFunctions) {
      reader.fail(
        `function and code section have inconsistent lengths: ${this.ownFunctions} and ${this.bodies.length}`,
      );
    }
    if (this.dataCount !== undefined && this.dataCount !== this.data.length) {
      reader.fail(`data count and data section have inconsistent lengths: ${this.dataCount} and ${this.data.length}`);
    }
  }

  private externKind(): ExternKind {
    const kind = EXTERN_KINDS[this.reader.u8()];
    return kind ?? this.reader.fail('malformed import or export kind', this.reader.pos - 1);
  }

  /** Index of a function type. */
  private functionType(): number {
    const { reader } = this;
    const start = reader.pos;
    const index = reader.u32();
    const type = this.types[index] ?? reader.fail(`unknown type ${index}`, start);
    if (type.kind !== 'function') reader.fail(`type ${index} is no function type`, start);
    return index;
  }

  /** Index of a tag's type. */
  private tagType(): number {
    const { reader } = this;
    const start = reader.pos;
    this.features.add('exception-handling');
    if (reader.u8() !== 0) reader.fail('malformed tag attribute', start);
    const index = this.functionType();
    if (functionTypeAt(this, index).results.length > 0) reader.fail('non-empty tag result type', start);
    return index;
  }

  /** Limits (specification 5.3.15): a flag says that there is a maximum, another that addresses are of 64 bits. */
  private limits(
    bounds: Readonly<Record<AddressType, number>>,
    what: string,
  ): { address: AddressType; limits: Limits } {
    const { reader } = this;
    const start = reader.pos;
    const flags = reader.u8();
    if ((flags & ~5) !== 0) reader.fail('malformed limits flags', start);
    const address = flags & 4 ? I64 : I32;
    if (address === I64) this.features.add('memory64');
    const min = reader.u64();
    const max = flags & 1 ? reader.u64() : undefined;
    const bound = bounds[address];
    if (min > bound || (max ?? 0) > bound) reader.fail(`${what} size must be at most ${bound}`, start);
    if (max !== undefined && min > max) reader.fail('size minimum must not be greater than maximum', start);
    return { address, limits: { min, max } };
  }

  private tableType(): TableType {
    const element = this.reader.refType();
    return { element, ...this.limits(TABLE_BOUNDS, 'table') };
  }

  private memoryType(): MemoryType {
    return this.limits(MEMORY_BOUNDS, 'memory');
  }

  private globalType(): GlobalType {
    const type = this.reader.valType();
    const mutability = this.reader.u8();
    if (mutability > 1) this.reader.fail('malformed mutability', this.reader.pos - 1);
    return { type, mutable: mutability === 1 };
  }

  private constExpr(type: ValType): ConstExpr {
    const start = this.reader.pos;
    this.validator.constantExpression(type);
    return { type, start, end: this.reader.pos };
  }
}

/** Where the decoder is within the module. */
type State = 'header' | 'section' | 'body';

/** Takes the bytes of a module in pieces. */
export class ModuleDecoder {
  private buffer: Uint8Array = new Uint8Array(0);
  private length = 0;
  private readonly sections: Sections;
  private readonly maxBytes: number;
  private state: State = 'header';
  private pos = 0;
  private order = 0;
  private codeEnd = 0;

  /** @param maxBytes modules larger than this are refused; at most {@link MODULE_LIMITS}.moduleBytes */
  constructor(maxBytes: number = MODULE_LIMITS.moduleBytes) {
    this.maxBytes = Math.min(maxBytes, MODULE_LIMITS.moduleBytes);
    this.sections = new Sections(new InstructionReader(this.buffer));
  }

  /**
   * Adds bytes, which are copied, and decodes as far as they reach.
   * @throws CompileError as soon as what was pushed cannot begin a valid module
   */
  push(chunk: Uint8Array): void {
    this.bound(this.length + chunk.length);
    if (this.length + chunk.length > this.buffer.length) {
      const grown = new Uint8Array(Math.max(2 * this.buffer.length, this.length + chunk.length));
      grown.set(this.buffer.subarray(0, this.length));
      this.buffer = grown;
    }
    this.buffer.set(chunk, this.length);
    this.length += chunk.length;
    this.advance();
  }

  /** Decodes as far as the bytes reach. @throws CompileError */
  *decode(): Steps<void> {
    // push() does.
  }

  /**
   * Says that there are no more bytes.
   * @throws CompileError when the module is not complete
   */
  finish(): WasmModule {
    const { sections, length } = this;
    if (this.state === 'header' || this.pos !== length) {
      const { reader } = sections;
      reader.end = length;
      reader.fail(
        this.state === 'header' ? 'magic header not detected: unexpected end' : 'unexpected end of section',
        length,
      );
    }
    sections.check();
    return freeze(sections, this.buffer.subarray(0, length));
  }

  private bound(length: number): void {
    if (length > this.maxBytes) {
      throw new CompileError(`module of more than ${this.maxBytes} bytes: too large`, { offset: this.maxBytes });
    }
  }

  private advance(): void {
    const { reader } = this.sections;
    // The instruction reader survives growth of the buffer: only its bytes change.
    reader.bytes = this.buffer;
    reader.pos = this.pos;
    reader.end = this.length;
    while (this.step(reader)) this.pos = reader.pos;
  }

  /** Decodes one more piece; false when its bytes are not there yet. */
  private step(reader: Reader): boolean {
    if (this.state === 'header') return this.header(reader);
    if (this.state === 'body') {
      if (this.sections.bodies.length === this.sections.ownFunctions) {
        if (reader.pos !== this.codeEnd) reader.fail('section size mismatch: junk after the last function');
        this.state = 'section';
        return true;
      }
      return this.body(reader);
    }
    return reader.pos < this.length && this.section(reader);
  }

  private header(reader: Reader): boolean {
    if (this.length < HEADER_BYTES) return false;
    reader.fixed32();
    if (reader.low !== MAGIC) reader.fail('magic header not detected', 0);
    reader.fixed32();
    if (reader.low !== VERSION) reader.fail('unknown binary version', 4);
    this.state = 'section';
    return true;
  }

  private section(reader: Reader): boolean {
    const start = reader.pos;
    const id = this.bytes(start)[0] as number;
    const known = SECTIONS[id];
    if (id !== CUSTOM && known === undefined) reader.fail(`malformed section id ${id}`, start);
    if (!this.hasInteger(start + 1)) return false;
    reader.pos = start + 1;
    const size = reader.u32();
    const end = reader.pos + size;
    this.bound(end);
    if (known !== undefined) {
      const [name, order] = known;
      if (order <= this.order) reader.fail(`unexpected content: ${name} section out of order or repeated`, start);
    }
    if (id === CODE) return this.code(reader, end);
    if (end > this.length) return this.wait(reader, start);
    reader.end = end;
    if (known === undefined) this.sections.customSection();
    else {
      known[2](this.sections);
      this.order = known[1];
    }
    if (reader.pos !== end) reader.fail(`section size mismatch: ${end - reader.pos} bytes left`);
    reader.end = this.length;
    return true;
  }

  private code(reader: Reader, end: number): boolean {
    const [, order, decode] = SECTIONS[CODE] as (typeof SECTIONS)[number];
    if (end > this.length && !this.hasInteger(reader.pos)) return this.wait(reader, this.pos);
    reader.end = Math.min(end, this.length);
    decode(this.sections);
    reader.end = this.length;
    this.order = order;
    this.state = 'body';
    this.codeEnd = end;
    return true;
  }

  private body(reader: Reader): boolean {
    const start = reader.pos;
    reader.end = Math.min(this.codeEnd, this.length);
    if (this.codeEnd > this.length && !this.hasInteger(start)) return this.wait(reader, start);
    const size = reader.u32();
    const end = reader.pos + size;
    if (end > this.codeEnd) reader.fail('unexpected end: function body reaches past its section', start);
    if (size > MODULE_LIMITS.functionBytes) {
      reader.fail(`function body of ${size} bytes exceeds the limit of ${MODULE_LIMITS.functionBytes}`, start);
    }
    if (end > this.length) return this.wait(reader, start);
    this.sections.functionBody(end);
    reader.end = this.length;
    return true;
  }

  private wait(reader: Reader, pos: number): false {
    reader.pos = pos;
    reader.end = this.length;
    return false;
  }

  private bytes(pos: number): Uint8Array {
    return this.buffer.subarray(pos, this.length);
  }

  /** Whether the bytes from `pos` hold a whole integer, or too many bytes for one. */
  private hasInteger(pos: number): boolean {
    const bytes = this.bytes(pos);
    return bytes.length >= 5 || bytes.subarray(0, 5).some((byte) => byte < 0x80);
  }
}

function freeze(sections: Sections, bytes: Uint8Array): WasmModule {
  const {
    reader: _reader,
    validator: _validator,
    elementTypes: _types,
    declared: _declared,
    dataCount: _count,
    features,
    ...rest
  } = sections;
  return Object.freeze({ ...rest, features: [...features], start: sections.start, bytes });
}

/**
 * Decodes and validates a whole module. The bytes are copied.
 * @throws CompileError
 */
export function decode(bytes: Uint8Array, maxBytes?: number): WasmModule {
  const decoder = new ModuleDecoder(maxBytes);
  decoder.push(bytes);
  return decoder.finish();
}
