/**
 * The decoder: bytes in pieces of any size to a validated module (specification 5.5). Every section is decoded, and
 * every function body validated, as soon as its last byte is there; counts are checked against the bytes that
 * announce them before anything is allocated.
 */

import { EXPRESSION_BYTES, LIMITED_TYPE_BYTES, namedBytes } from './account.ts';
import { HAS_MAX, IS_64, IS_SHARED, WITH_INIT } from './encoding.ts';
import { CompileError } from './errors.ts';
import { InstructionReader } from './instructions.ts';
import { MEMORY_BOUNDS, MODULE_LIMITS, TABLE_BOUNDS } from './limits.ts';
import { ConstExprs, CustomSections, DataSegments, ElementSegments, FunctionBodies, type Source } from './lists.ts';
import { functionTypeAt, type WasmModule } from './module.ts';
import { laterValidation } from './parts.ts';
import { type ProposedPlace, unassigned } from './proposals.ts';
import { quote } from './quote.ts';
import type { Reader } from './reader.ts';
import { loading, Pace, type Steps } from './steps.ts';
import { TypeSection } from './type-section.ts';
import {
  type AddressType,
  type ConstExpr,
  type DefinedType,
  type Export,
  type ExternKind,
  type Feature,
  FUNCREF,
  type GlobalType,
  I32,
  I64,
  type Import,
  isDefaultable,
  type Limits,
  type MemoryType,
  nonNull,
  type RefType,
  type SegmentMode,
  type TableType,
  type ValType,
} from './types.ts';
import { type ValidationContext, Validator } from './validate.ts';

const MAGIC: number = 0x6d736100;
const VERSION: number = 1;
const HEADER_BYTES = 8;
const CUSTOM = 0;
const CODE = 10;

const EXTERN_KINDS: readonly ExternKind[] = ['function', 'table', 'memory', 'global', 'tag'];

const PASSIVE: SegmentMode = { mode: 'passive' };
const DECLARATIVE: SegmentMode = { mode: 'declarative' };

/** Sections by id: name, place in the required order, decoder, which may go in steps. */
const SECTIONS: Readonly<
  Record<number, readonly [name: string, order: number, decode: (d: Sections) => Steps<void> | void]>
> = {
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
  readonly globalInits = new ConstExprs();
  readonly exports: Export[] = [];
  readonly exportsByName = new Map<string, Export>();
  readonly elements = new ElementSegments();
  readonly data = new DataSegments();
  readonly bodies: FunctionBodies;
  codeStart = 0;
  readonly customSections: CustomSections;
  declared = new Uint8Array(0);
  readonly features = new Set<Feature>();
  usesVectors = false;
  changesTables = false;
  dataCount: number | undefined;
  start: number | undefined;
  importedFunctions = 0;
  importedTables = 0;
  importedMemories = 0;
  importedGlobals = 0;
  importedTags = 0;
  reader: InstructionReader;
  readonly validator: Validator;
  /** The module's bytes, as far as they are there. */
  readonly source: Source;
  objectBytes = 0;
  /** Types of globals and tables, of which a module may have very many, and few different ones. */
  private readonly globalTypes = new Map<number, GlobalType>();
  private readonly tableTypes = new Map<string, TableType>();
  private locals = 0;

  constructor(reader: InstructionReader, source: Source) {
    this.reader = reader;
    this.source = source;
    this.bodies = new FunctionBodies(source);
    this.customSections = new CustomSections(source);
    reader.features = this.features;
    reader.typeCount = 0;
    this.validator = new Validator(this, reader);
  }

  get ownFunctions(): number {
    return this.functions.length - this.importedFunctions;
  }

  *typeSection(): Steps<void> {
    const section = new TypeSection(this.reader, this.types, this.features);
    yield* section.read();
    this.objectBytes += section.bytes;
    this.reader.typeCount = this.types.length;
  }

  *importSection(): Steps<void> {
    const { reader } = this;
    const pace = new Pace(reader.pos);
    const count = reader.count(MODULE_LIMITS.imports, 'imports');
    for (let i = 0; i < count; i++) {
      if (pace.isDue(reader.pos)) yield;
      const module = reader.name();
      const name = reader.name();
      this.imports.push(this.imported(module, name));
      this.objectBytes += namedBytes(module, name);
    }
    this.importedFunctions = this.functions.length;
    this.importedTables = this.tables.length;
    this.importedMemories = this.memories.length;
    this.importedGlobals = this.globals.length;
    this.importedTags = this.tags.length;
  }

  private imported(module: string, name: string): Import {
    // An import without a name may be one of several that share their module's.
    const kind = this.externKind(name !== '' ? 'external kind' : 'import');
    switch (kind) {
      case 'function': {
        const typeIndex = this.functionType();
        // Whoever provides it compares and converts all of them.
        this.validator.carryType(functionTypeAt(this, typeIndex), this.reader.pos);
        this.functions.push(typeIndex);
        return { module, name, kind, typeIndex };
      }
      case 'tag': {
        const typeIndex = this.tagType();
        this.tags.push(typeIndex);
        return { module, name, kind, typeIndex };
      }
      case 'table': {
        const type = this.tableType();
        this.tables.push(type);
        return { module, name, kind, type };
      }
      case 'memory': {
        const type = this.memoryType();
        this.addMemory(type);
        return { module, name, kind, type };
      }
      case 'global': {
        const type = this.globalType();
        this.globals.push(type);
        return { module, name, kind, type };
      }
    }
  }

  *functionSection(): Steps<void> {
    const { reader } = this;
    const pace = new Pace(reader.pos);
    const count = reader.count(MODULE_LIMITS.functions, 'functions');
    for (let i = 0; i < count; i++) {
      if (pace.isDue(reader.pos)) yield;
      this.functions.push(this.functionType());
    }
  }

  *tableSection(): Steps<void> {
    const { reader } = this;
    const pace = new Pace(reader.pos);
    const count = reader.count(MODULE_LIMITS.tables, 'tables');
    for (let i = 0; i < count; i++) {
      if (pace.isDue(reader.pos)) yield;
      yield* this.table();
    }
  }

  private *table(): Steps<void> {
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
    this.tableInits.push(yield* this.constExpr(type.element));
    this.objectBytes += EXPRESSION_BYTES;
    this.tables.push(type);
  }

  *tagSection(): Steps<void> {
    const { reader } = this;
    const pace = new Pace(reader.pos);
    const count = reader.count(MODULE_LIMITS.tags, 'tags');
    for (let i = 0; i < count; i++) {
      if (pace.isDue(reader.pos)) yield;
      this.tags.push(this.tagType());
    }
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

  *globalSection(): Steps<void> {
    const { reader } = this;
    const pace = new Pace(reader.pos);
    const count = reader.count(MODULE_LIMITS.globals, 'globals');
    this.globalInits.reserve(count, (reader.end - reader.pos) / 3);
    for (let i = 0; i < count; i++) {
      if (pace.isDue(reader.pos)) yield;
      const type = this.globalType();
      const init = yield* this.constExpr(type.type);
      // Added only now: an initial value may refer to the globals before it.
      this.globals.push(type);
      this.globalInits.push(init);
    }
  }

  *exportSection(): Steps<void> {
    const { reader } = this;
    const pace = new Pace(reader.pos);
    const count = reader.count(MODULE_LIMITS.exports, 'exports');
    const { functions, tables, memories, globals, tags, exports, exportsByName } = this;
    const spaces = { function: functions, table: tables, memory: memories, global: globals, tag: tags };
    for (let i = 0; i < count; i++) {
      if (pace.isDue(reader.pos)) yield;
      const start = reader.pos;
      const name = reader.name();
      const kind = this.externKind();
      const index = reader.u32();
      if (index >= spaces[kind].length) reader.fail(`unknown ${kind} ${index} exported as ${quote(name)}`, start);
      const item = { name, kind, index };
      if (exportsByName.set(name, item).size === exports.length) {
        reader.fail(`duplicate export name ${quote(name)}`, start);
      }
      if (kind === 'function') {
        this.declare(index);
        this.validator.carryType(functionTypeAt(this, functions[index] as number), start);
      }
      exports.push(item);
      this.objectBytes += namedBytes(name);
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

  /** Says that bodies may refer to a function. */
  declare(index: number): void {
    // All functions are known before any is named.
    if (this.declared.length === 0) this.declared = new Uint8Array(this.functions.length);
    this.declared[index] = 1;
  }

  /** Element segments (specification 5.5.12): the low three bits say which of the eight forms follows. */
  *elementSection(): Steps<void> {
    const { reader, elements } = this;
    const pace = new Pace(reader.pos);
    const count = reader.count(MODULE_LIMITS.elementSegments, 'element segments');
    elements.reserve(count, (reader.end - reader.pos) / 3);
    for (let i = 0; i < count; i++) {
      if (pace.isDue(reader.pos)) yield;
      const start = reader.pos;
      const flags = reader.u32();
      if (flags > 7) reader.fail('malformed elements segment kind', start);
      const isActive = (flags & 1) === 0;
      const hasExplicitIndex = (flags & 2) !== 0;
      const areExpressions = (flags & 4) !== 0;
      const mode = isActive
        ? yield* this.activeElements(hasExplicitIndex, start)
        : hasExplicitIndex
          ? DECLARATIVE
          : PASSIVE;
      const type = flags === 0 || flags === 4 ? FUNCREF : this.elementType(areExpressions);
      if (mode.mode === 'active') {
        // No function that is named is null.
        const precise = areExpressions ? type : nonNull(type);
        if (!this.validator.matches(precise, this.tables[mode.index]?.element as RefType)) {
          reader.fail('type mismatch: element segment and table differ', start);
        }
      }
      const length = reader.count(MODULE_LIMITS.tableElements, 'elements');
      elements.push(mode, type, areExpressions, length);
      for (let item = 0; item < length; item++) {
        if (pace.isDue(reader.pos)) yield;
        if (areExpressions) {
          elements.item(reader.pos);
          yield* this.constant(type);
        } else elements.item(this.functionIndex());
      }
      if (areExpressions) elements.item(reader.pos);
    }
  }

  private *activeElements(hasExplicitIndex: boolean, start: number): Steps<SegmentMode> {
    const { reader } = this;
    const index = hasExplicitIndex ? reader.u32() : 0;
    const { address } = this.tables[index] ?? reader.fail(`unknown table ${index}`, start);
    return { mode: 'active', index, offset: yield* this.constExpr(address) };
  }

  private elementType(hasExpressions: boolean): RefType {
    const { reader } = this;
    if (hasExpressions) return reader.refType();
    if (reader.u8() !== 0) reader.fail('malformed element kind', reader.pos - 1);
    return FUNCREF;
  }

  private functionIndex(): number {
    const { reader } = this;
    const index = reader.u32();
    if (index >= this.functions.length) reader.fail(`unknown function ${index}`);
    this.declare(index);
    return index;
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

  /** Begins an entry of the code section, of which the size has been read; `validator.advance` validates it. */
  beginBody(end: number): void {
    const { reader, validator } = this;
    const functionIndex = this.importedFunctions + this.bodies.length;
    const type = functionTypeAt(this, this.functions[functionIndex] as number);
    reader.end = end;
    validator.begin(functionIndex, type);
    this.locals = 0;
    const runs = reader.count(MODULE_LIMITS.locals, 'runs of locals');
    for (let i = 0; i < runs; i++) {
      const at = reader.pos;
      const count = reader.u32();
      this.locals += count;
      if (this.locals + type.params.length > MODULE_LIMITS.locals) {
        throw new CompileError(`too many locals: the limit is ${MODULE_LIMITS.locals}`, { functionIndex, offset: at });
      }
      validator.declare(count, reader.valType());
    }
  }

  endBody(start: number, codeStart: number, end: number): void {
    this.bodies.push(start, end, codeStart, this.locals, this.validator.maxHeight);
  }

  /** Data segments (specification 5.5.14). */
  *dataSection(): Steps<void> {
    const { reader, data } = this;
    const pace = new Pace(reader.pos);
    const count = reader.count(MODULE_LIMITS.dataSegments, 'data segments');
    data.reserve(count, (reader.end - reader.pos) / 2);
    for (let i = 0; i < count; i++) {
      if (pace.isDue(reader.pos)) yield;
      const start = reader.pos;
      const flags = reader.u32();
      if (flags > 2) reader.fail('malformed data segment kind', start);
      const mode = flags === 1 ? PASSIVE : yield* this.activeData(flags === 2, start);
      const length = reader.u32();
      reader.skip(length);
      data.push(mode, reader.pos - length, reader.pos);
    }
  }

  private *activeData(hasExplicitIndex: boolean, start: number): Steps<SegmentMode> {
    const { reader } = this;
    const index = hasExplicitIndex ? reader.u32() : 0;
    const { address } = this.memories[index] ?? reader.fail(`unknown memory ${index}`, start);
    return { mode: 'active', index, offset: yield* this.constExpr(address) };
  }

  customSection(): void {
    const { reader } = this;
    const name = reader.pos;
    reader.skipName();
    this.customSections.push(name, reader.pos, reader.end);
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

  private externKind(place?: ProposedPlace): ExternKind {
    const byte = this.reader.u8();
    const kind = EXTERN_KINDS[byte];
    return kind ?? this.unknownKind(byte, place);
  }

  private unknownKind(byte: number, place: ProposedPlace | undefined): never {
    const offset = this.reader.pos - 1;
    const message = 'malformed import or export kind';
    throw place === undefined ? new CompileError(message, { offset }) : unassigned(place, byte, offset, message);
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
    const { length } = functionTypeAt(this, index).results;
    if (length > 0) throw unassigned('results of a tag', length, start, 'non-empty tag result type');
    return index;
  }

  /** Limits (specification 5.3.15): a flag says that there is a maximum, another that addresses are of 64 bits. */
  private limits(
    bounds: Readonly<Record<AddressType, number>>,
    what: 'memory' | 'table',
  ): { address: AddressType; limits: Limits; isShared: boolean } {
    const { reader } = this;
    const start = reader.pos;
    const flags = reader.u8();
    const known = what === 'memory' ? HAS_MAX | IS_64 | IS_SHARED : HAS_MAX | IS_64;
    if ((flags & ~known) !== 0) {
      throw unassigned(`limits of a ${what}`, flags, start, 'malformed limits flags');
    }
    const address = flags & IS_64 ? I64 : I32;
    if (address === I64) this.features.add('memory64');
    const isShared = (flags & IS_SHARED) !== 0;
    if (isShared) this.features.add('threads');
    const min = reader.u64();
    const max = flags & HAS_MAX ? reader.u64() : undefined;
    const bound = bounds[address];
    if (min > bound || (max ?? 0) > bound) reader.fail(`${what} size must be at most ${bound}`, start);
    if (max !== undefined && min > max) reader.fail('size minimum must not be greater than maximum', start);
    if (isShared && max === undefined) reader.fail('shared memory must have maximum', start);
    return { address, limits: { min, max }, isShared };
  }

  private tableType(): TableType {
    const element = this.reader.refType();
    const { address, limits } = this.limits(TABLE_BOUNDS, 'table');
    const key = `${element},${address},${limits.min},${limits.max}`;
    const known = this.tableTypes.get(key);
    if (known !== undefined) return known;
    const type = { element, address, limits };
    this.tableTypes.set(key, type);
    this.objectBytes += LIMITED_TYPE_BYTES;
    return type;
  }

  private memoryType(): MemoryType {
    return this.limits(MEMORY_BOUNDS, 'memory');
  }

  private globalType(): GlobalType {
    const type = this.reader.valType();
    const mutability = this.reader.u8();
    if (mutability > 1) throw unassigned('global', mutability, this.reader.pos - 1, 'malformed mutability');
    const key = 2 * type + mutability;
    const known = this.globalTypes.get(key);
    if (known !== undefined) return known;
    const global = { type, mutable: mutability === 1 };
    this.globalTypes.set(key, global);
    return global;
  }

  private *constExpr(type: ValType): Steps<ConstExpr> {
    const start = this.reader.pos;
    yield* this.constant(type);
    return { start, end: this.reader.pos };
  }

  private *constant(type: ValType): Steps<void> {
    const { validator } = this;
    for (;;) {
      validator.constantExpression(type);
      if (!validator.isHeld) return;
      yield* loading(laterValidation);
    }
  }
}

/** Where the decoder is within the module. */
type State = 'header' | 'section' | 'bodies';

/** Takes the bytes of a module in pieces. */
export class ModuleDecoder {
  private buffer: Uint8Array = new Uint8Array(0);
  private length = 0;
  private readonly sections: Sections;
  private readonly maxBytes: number;
  private state: State = 'header';
  /** All before it has been decoded. */
  private pos = 0;
  private order = 0;
  private codeEnd = 0;

  /** @param maxBytes modules larger than this are refused; at most {@link MODULE_LIMITS}.moduleBytes */
  constructor(maxBytes: number = MODULE_LIMITS.moduleBytes) {
    this.maxBytes = Math.min(maxBytes, MODULE_LIMITS.moduleBytes);
    this.sections = new Sections(new InstructionReader(this.buffer), { bytes: this.buffer });
  }

  /**
   * Adds bytes, which are copied. Not while {@link decode} has been left between its steps.
   * @throws CompileError where they are too many
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
  }

  /**
   * Decodes as far as the bytes reach. A step takes some {@link STEP_BYTES}, whatever is in them. Once it has been left
   * before its end, the decoder is of no more use.
   * @throws CompileError as soon as what was pushed cannot begin a valid module
   */
  *decode(): Steps<void> {
    const { sections, buffer } = this;
    const { reader } = sections;
    // The instruction reader survives growth of the buffer: only its bytes change.
    reader.bytes = sections.source.bytes = buffer;
    reader.pos = this.pos;
    reader.end = this.length;
    if (this.state === 'header' && !this.header(reader)) return;
    const pace = new Pace(reader.pos);
    for (;;) {
      if (pace.isDue(reader.pos)) yield;
      const isThere = this.state === 'section' ? yield* this.section(reader) : yield* this.bodies(reader, pace);
      if (!isThere) return;
    }
  }

  /**
   * Says that there are no more bytes. All that are there have been decoded.
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
    return freeze(sections, length === this.buffer.length ? this.buffer : this.buffer.slice(0, length));
  }

  private bound(length: number): void {
    if (length > this.maxBytes) {
      throw new CompileError(`module of more than ${this.maxBytes} bytes: too large`, { offset: this.maxBytes });
    }
  }

  private header(reader: Reader): boolean {
    if (this.length < HEADER_BYTES) return false;
    reader.fixed32();
    if (reader.low !== MAGIC) reader.fail('magic header not detected', 0);
    reader.fixed32();
    if (reader.low !== VERSION) throw unassigned('version', reader.low, 4, 'unknown binary version');
    this.state = 'section';
    this.pos = reader.pos;
    return true;
  }

  /** Decodes a section, or what is before the first body; false when its bytes are not there yet. */
  private *section(reader: Reader): Steps<boolean> {
    const start = reader.pos;
    if (start === this.length) return false;
    const id = this.buffer[start] as number;
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
    if (end > this.length) return false;
    reader.end = end;
    if (known === undefined) this.sections.customSection();
    else {
      const steps = known[2](this.sections);
      if (steps !== undefined) yield* steps;
      this.order = known[1];
    }
    if (reader.pos !== end) reader.fail(`section size mismatch: ${end - reader.pos} bytes left`);
    reader.end = this.length;
    this.pos = end;
    return true;
  }

  private code(reader: Reader, end: number): boolean {
    if (end > this.length && !this.hasInteger(reader.pos)) return false;
    reader.end = Math.min(end, this.length);
    this.sections.codeStart = reader.pos;
    this.sections.codeCount();
    reader.end = this.length;
    this.order = (SECTIONS[CODE] as (typeof SECTIONS)[number])[1];
    this.state = 'bodies';
    this.codeEnd = end;
    this.pos = reader.pos;
    return true;
  }

  /** Decodes all bodies that are there; false where some are not. */
  private *bodies(reader: Reader, pace: Pace): Steps<boolean> {
    const { sections, codeEnd, length } = this;
    const { validator } = sections;
    while (sections.bodies.length < sections.ownFunctions) {
      const start = reader.pos;
      reader.end = Math.min(codeEnd, length);
      if (codeEnd > length && !this.hasInteger(start)) return false;
      const size = reader.u32();
      const first = reader.pos;
      const end = first + size;
      if (end > codeEnd) reader.fail('unexpected end: function body reaches past its section', start);
      if (size > MODULE_LIMITS.functionBytes) {
        reader.fail(`function body of ${size} bytes exceeds the limit of ${MODULE_LIMITS.functionBytes}`, start);
      }
      if (end > length) return false;
      sections.beginBody(end);
      const codeStart = reader.pos;
      while (!validator.advance(pace.due)) {
        if (validator.isHeld) yield* loading(laterValidation);
        else if (pace.isDue(reader.pos)) yield;
      }
      sections.endBody(first, codeStart, end);
      reader.end = length;
      this.pos = end;
    }
    if (reader.pos !== codeEnd) reader.fail('section size mismatch: junk after the last function');
    this.state = 'section';
    return true;
  }

  /** Whether the bytes from `pos` hold a whole integer, or too many bytes for one. */
  private hasInteger(pos: number): boolean {
    const { buffer, length } = this;
    for (let i = pos; i < Math.min(length, pos + 5); i++) if ((buffer[i] as number) < 0x80) return true;
    return length - pos >= 5;
  }
}

function freeze(sections: Sections, bytes: Uint8Array): WasmModule {
  const { types, imports, functions, tables, memories, tableInits, tags, globals, globalInits } = sections;
  const { exports, exportsByName, elements, data, bodies, codeStart, customSections, start } = sections;
  const { importedFunctions, importedTables, importedMemories, importedGlobals, importedTags } = sections;
  sections.source.bytes = bytes;
  for (const list of [globalInits, elements, data, bodies, customSections]) list.trim();
  return Object.freeze({
    bytes,
    types,
    imports,
    functions,
    tables,
    memories,
    globals,
    tags,
    importedFunctions,
    importedTables,
    importedMemories,
    importedGlobals,
    importedTags,
    tableInits,
    globalInits,
    exports,
    exportsByName,
    start,
    elements,
    data,
    bodies,
    codeStart,
    customSections,
    features: [...sections.features],
    usesVectors: sections.usesVectors,
    changesTables: sections.changesTables,
    objectBytes: sections.objectBytes,
  });
}

/**
 * Decodes and validates a whole module, in steps. The bytes are copied at once.
 * @throws CompileError
 */
export function decodeSteps(bytes: Uint8Array, maxBytes?: number): Steps<WasmModule> {
  const decoder = new ModuleDecoder(maxBytes);
  decoder.push(bytes);
  return rest(decoder);
}

function* rest(decoder: ModuleDecoder): Steps<WasmModule> {
  yield* decoder.decode();
  return decoder.finish();
}
