/**
 * Rewrites a module so that it meters itself by its plan: gas, stack weight, growth, NaN. The result is an ordinary
 * module that imports the meter and exports what the meter needs to see; host.ts is the other side.
 *
 * Gas at hand and stack weight left travel as two more parameters and one more result, so that calls cost no memory
 * traffic; the gas is written to a global only where the host, or whoever looks after a trap, could see it.
 */

import { IS_SHARED, SECTION_IDS } from '../wasm/encoding.ts';
import { type InstructionReader, InstructionReader as Reader } from '../wasm/instructions.ts';
import { MODULE_LIMITS } from '../wasm/limits.ts';
import type { ElementSegments } from '../wasm/lists.ts';
import { typeOfFunction, type WasmModule } from '../wasm/module.ts';
import { OPCODES, opcode } from '../wasm/opcodes.ts';
import { STEP_BYTES, type Steps } from '../wasm/steps.ts';
import {
  type ConstExpr,
  type ExternKind,
  FUNCREF,
  type FuncType,
  I32,
  I64,
  type Import,
  type MemoryType,
  type ValType,
} from '../wasm/types.ts';
import { Writer } from '../wasm/writer.ts';
import type { WeaveOptions } from './analyse.ts';
import { BodyWeaver } from './body.ts';
import { blank, CodeWriter } from './code.ts';
import {
  BARRED,
  functionTypes,
  HELPERS,
  Layout,
  METER_EXPORTS,
  METER_FUNCTIONS,
  METER_GLOBALS,
  type MeterGlobal,
  memoryExport,
  ownMutableGlobals,
  tooLarge,
} from './layout.ts';
import { restoreGlobals, saveGlobals } from './leave/globals.ts';
import type { Calling } from './metered.ts';
import { operationType, sayCaller, writeOperation } from './operations.ts';
import type { WovenPlaces } from './places.ts';
import { writeFuncType, writeLimits } from './sections.ts';
import { checkItems, checkTypes } from './tracking.ts';

/** A rewritten module, and what has to be known to run it. */
export interface Woven {
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly importName: string;
  readonly exportPrefix: string;
  readonly meterGlobals: readonly MeterGlobal[];
  readonly tailCalled: readonly number[];
  /** As {@link MeteredModule} has them. */
  readonly referable: readonly number[];
  readonly seenImports: readonly number[];
  readonly calling: Calling | undefined;
  readonly places: WovenPlaces;
}

type MeterExport = readonly [name: string, kind: ExternKind, index: number];

const KINDS: readonly ExternKind[] = ['function', 'table', 'memory', 'global', 'tag'];

const REF_FUNC = opcode('ref.func').index;
const GLOBAL_GET = opcode('global.get').index;
const END = opcode('end').code;

/** The elements that may be seen from outside, and are therefore exported for the meter under names of their own. */
class Weaver {
  private readonly module: WasmModule;
  private readonly layout: Layout;
  private readonly options: WeaveOptions;
  private readonly starts: Int32Array;

  constructor(module: WasmModule, options: WeaveOptions) {
    this.module = module;
    this.starts = new Int32Array(module.bodies.length);
    const isLinked = options.isLinked === true;
    const isProgram = isLinked && options.sharesMemory !== true;
    this.layout = new Layout(module, isLinked, isProgram, options.leaves !== undefined, options.continues);
    this.options = options;
  }

  *weave(): Steps<Woven> {
    const { layout, module } = this;
    checkItems(module);
    // The order in which the parts are made: what needs wrappers and types says so before they are written.
    const code = yield* this.bodies();
    const globals = yield* this.globals();
    const elements = yield* this.elements();
    const exports = yield* this.exports();
    const wrappers = yield* this.wrappers();
    const functions = yield* this.functions();
    const imports = yield* this.imports();

    const out = new Writer();
    out.copy(module.bytes, 0, 8);
    out.section(SECTION_IDS.type, yield* this.types());
    out.section(SECTION_IDS.import, imports);
    out.section(SECTION_IDS.function, functions);
    this.tablesAndMemories(out);
    this.tags(out);
    out.section(SECTION_IDS.global, globals);
    out.section(SECTION_IDS.export, exports);
    if (elements.length > 0) out.section(SECTION_IDS.element, elements);
    if (module.data.length > 0) {
      const count = new Writer(8);
      count.u32(module.data.length);
      out.section(SECTION_IDS.dataCount, count);
    }
    const codeSection = new Writer();
    codeSection.u32(this.ownFunctions);
    this.helpers(codeSection);
    if (layout.segments !== undefined) yield* this.copying(codeSection);
    const beforeBodies = codeSection.length;
    codeSection.append(code);
    codeSection.append(wrappers);
    const { length } = codeSection;
    out.section(SECTION_IDS.code, codeSection);
    const base = out.length - length + beforeBodies;
    if (module.data.length > 0) out.section(SECTION_IDS.data, yield* this.data());
    if (this.options.continues !== undefined) nameModule(out, this.options.continues.name);
    bounded('moduleBytes', out.length);
    const bytes = yield* out.takeSteps();
    const { importName, exportPrefix, meterGlobals, tailCalled, referable, seenImports, closed, lends, called } =
      layout;
    const operations = Array.from(layout.segmentOperations(), ([key]) => key);
    const calling = layout.isLeavable ? { closed, lends, called: [...called.keys()], operations } : undefined;
    const rest = {
      tailCalled: [...tailCalled],
      referable: [...referable.keys()],
      seenImports: [...seenImports.keys()],
      calling,
    };
    const places = { layout, options: this.options, base, starts: this.starts };
    return { bytes, importName, exportPrefix, meterGlobals, places, ...rest };
  }

  private *types(): Steps<Writer> {
    const { module, layout } = this;
    const out = new Writer();
    const count = module.types.length + layout.types.length;
    checkTypes(module, count);
    out.u32(bounded('types', count));
    const write = (type: Parameters<typeof writeFuncType>[1]) => writeFuncType(out, type);
    yield* each(out, functionTypes(module), write);
    yield* each(out, layout.types, write);
    return out;
  }

  private *imports(): Steps<Writer> {
    const { module, layout } = this;
    const out = new Writer();
    out.u32(bounded('imports', module.imports.length + layout.meterFunctions.length + layout.meterGlobals.length));
    yield* each(out, module.imports, (item) => {
      this.importItem(out, item.kind === 'function' ? { ...item, typeIndex: this.importedType(item) } : item);
    });
    for (const name of layout.meterFunctions) {
      const [params, results] = METER_FUNCTIONS[name];
      const typeIndex = layout.type(params, results);
      this.importItem(out, { module: layout.importName, name, kind: 'function', typeIndex });
    }
    for (const name of layout.meterGlobals) {
      this.importItem(out, { module: layout.importName, name, kind: 'global', type: METER_GLOBALS[name] });
    }
    return out;
  }

  /** Code that goes on for others imports functions as these call them. */
  private importedType({ name, typeIndex }: Import & { kind: 'function' }): number {
    const { layout, options } = this;
    if (options.continues === undefined) return typeIndex;
    const { params, results } = layout.module.types[typeIndex] as FuncType;
    const isOperation = options.continues.operations.has(name);
    return isOperation ? layout.type([...params, I64], [...results, I64]) : layout.threadedType(typeIndex);
  }

  private importItem(out: Writer, item: Import): void {
    out.name(item.module);
    out.name(item.name);
    out.u8(KINDS.indexOf(item.kind));
    switch (item.kind) {
      case 'function':
        out.u32(item.typeIndex);
        return;
      case 'table':
        out.u8(item.type.element);
        writeLimits(out, item.type.limits);
        return;
      case 'memory':
        this.memory(out, item.type);
        return;
      case 'global':
        out.raw(item.type.type, item.type.mutable ? 1 : 0);
        return;
      case 'tag':
        out.u8(0);
        out.u32(item.typeIndex);
    }
  }

  private *functions(): Steps<Writer> {
    const { module, layout } = this;
    const out = new Writer();
    const { importedFunctions, bodies, functions } = module;
    const count = this.ownFunctions;
    bounded('functions', importedFunctions + layout.meterFunctions.length + count);
    out.u32(count);
    for (const name of HELPERS) out.u32(layout.type(...HELPER_TYPES[name]));
    if (layout.segments !== undefined) out.u32(layout.type([], []));
    yield* each(out, bodies, (_, i) => out.u32(layout.threadedType(functions[importedFunctions + i] as number)));
    yield* each(out, layout.wrappers, (wrapper) => {
      if (wrapper.kind === 'operation') {
        out.u32(layout.type(...operationType(module, wrapper.operation)));
        return;
      }
      if (wrapper.kind === 'save' || wrapper.kind === 'restore') {
        out.u32(layout.type([], []));
        return;
      }
      const type = functions[wrapper.original] as number;
      out.u32(wrapper.kind === 'outer' ? type : layout.threadedType(type));
    });
    return out;
  }

  /** How many functions there are beside the imported ones. */
  private get ownFunctions(): number {
    const { module, layout } = this;
    return HELPERS.length + (layout.segments === undefined ? 0 : 1) + module.bodies.length + layout.wrappers.length;
  }

  private tablesAndMemories(out: Writer): void {
    const { module, layout } = this;
    const tables = module.tables.slice(module.importedTables);
    for (const [, { size }] of layout.tables) {
      tables.push({ element: FUNCREF, limits: { min: size, max: size }, address: I32 });
    }
    if (tables.length > 0) {
      const content = new Writer();
      content.u32(tables.length);
      for (const type of tables) {
        content.u8(type.element);
        writeLimits(content, type.limits);
      }
      out.section(SECTION_IDS.table, content);
    }
    const memories = module.memories.slice(module.importedMemories);
    if (memories.length > 0) {
      const content = new Writer();
      content.u32(memories.length);
      for (const type of memories) this.memory(content, type);
      out.section(SECTION_IDS.memory, content);
    }
  }

  private tags(out: Writer): void {
    const tags = this.module.tags.slice(this.module.importedTags);
    if (tags.length === 0) return;
    const content = new Writer();
    content.u32(tags.length);
    for (const type of tags) {
      content.u8(0);
      content.u32(type);
    }
    out.section(SECTION_IDS.tag, content);
  }

  private memory(out: Writer, type: MemoryType): void {
    const isShared = type.isShared && this.options.sharesMemory === true;
    writeLimits(out, type.limits, isShared ? IS_SHARED : 0);
  }

  private *globals(): Steps<Writer> {
    const { module, layout, options } = this;
    const out = new CodeWriter();
    const meters = options.isLinked === true || options.continues !== undefined ? [] : [0, -1];
    const count = module.globalInits.length + meters.length + layout.lengths.length;
    bounded('globals', module.importedGlobals + layout.meterGlobals.length + count);
    out.u32(count);
    yield* each(out, module.globalInits, (init, i) => {
      const { type, mutable } = module.globals[module.importedGlobals + i] as { type: ValType; mutable: boolean };
      out.u8(type);
      out.u8(mutable ? 1 : 0);
      this.expression(out, init);
    });
    // The gas and the last element, where they are not imported.
    for (const initial of meters) {
      out.raw(I64, 1);
      out.i64(initial);
      out.op('end');
    }
    yield* each(out, layout.lengths, ({ initial, type }) => {
      out.raw(type ?? I32, 1);
      if (type === undefined) out.i32(initial);
      else blank(out, type);
      out.op('end');
    });
    return out;
  }

  /** A constant expression, with the numbers that functions and globals have now. */
  private expression(out: Writer, { start, end }: ConstExpr): void {
    const { module, layout } = this;
    const reader: InstructionReader = new Reader(module.bytes, start, end);
    while (reader.pos < end) {
      const index = reader.next();
      if (index !== REF_FUNC && index !== GLOBAL_GET) {
        out.copy(module.bytes, reader.offset, reader.pos);
        continue;
      }
      out.u8(OPCODES[index]?.code as number);
      out.u32(index === REF_FUNC ? layout.referred(reader.a) : layout.global(reader.a));
    }
  }

  private *exports(): Steps<Writer> {
    const { module, layout } = this;
    const { start } = module;
    const isPart = this.options.continues !== undefined;
    // What is another instance's is found there.
    const { tables, memories } = isPart ? { tables: [], memories: [] } : module;
    const functions = [start, layout.segments].filter((number) => number !== undefined).length;
    const seen = isPart ? [] : layout.isLeavable ? [...module.globals.keys()] : ownMutableGlobals(module);
    const own = this.ownTables();
    const left = this.exportsOfLeavable();
    const meters = isPart ? 0 : 2;
    const others = meters + memories.length + tables.length + seen.length + functions + own.length + left.length;
    const out = new Writer();
    const write = (name: string, kind: ExternKind, index: number) => {
      out.name(name);
      out.u8(KINDS.indexOf(kind));
      out.u32(index);
    };
    out.u32(bounded('exports', module.exports.length + others));
    yield* each(out, module.exports, ({ name, kind, index }) => {
      write(name, kind, kind === 'function' ? layout.outer(index) : kind === 'global' ? layout.global(index) : index);
    });
    const add = (name: string, kind: ExternKind, index: number) => write(layout.exportPrefix + name, kind, index);
    if (!isPart) {
      add(METER_EXPORTS.gas, 'global', layout.gas);
      add(METER_EXPORTS.element, 'global', layout.element);
    }
    for (let i = 0; i < memories.length; i++) add(memoryExport(i), 'memory', i);
    yield* each(out, tables, (_, i) => add(METER_EXPORTS.table + i, 'table', i));
    yield* each(out, seen, (global) => add(METER_EXPORTS.global + global, 'global', layout.global(global)));
    for (const item of own) add(...item);
    yield* each(out, left, (item) => add(...item));
    if (start !== undefined) add(METER_EXPORTS.start, 'function', layout.outer(start));
    if (layout.segments !== undefined) add(METER_EXPORTS.segments, 'function', layout.segments);
    return out;
  }

  /** Those beside the module's. */
  private ownTables(): readonly MeterExport[] {
    const { layout, module } = this;
    return layout.tables.map(([name], i) => [name, 'table', module.tables.length + i]);
  }

  /** What the host reads where a guest is left. */
  private exportsOfLeavable(): readonly MeterExport[] {
    const { layout, options } = this;
    if (!layout.isLeavable) return [];
    const globals = options.continues === undefined ? (['save', 'restore'] as const) : [];
    return [
      ...globals.map((kind) => [METER_EXPORTS[kind], 'function', layout.globals(kind)] as const),
      ...Array.from(
        layout.segmentOperations(),
        ([key, number]) => [METER_EXPORTS.operation + key, 'function', number] as const,
      ),
      ...Array.from(layout.slots, ([key, number]) => [METER_EXPORTS.slot + key, 'global', number] as const),
      ...Array.from(layout.lengthNumbers, ([key, number]) => [METER_EXPORTS.length + key, 'global', number] as const),
    ];
  }

  private *elements(): Steps<Writer> {
    const { module, layout } = this;
    const segments = new CodeWriter();
    yield* this.segments(segments);
    // Only now is it known what can be referred to.
    const added = (layout.references.size > 0 ? 1 : 0) + layout.tables.length;
    const count = module.elements.length + added;
    const out = new Writer();
    if (count === 0) return out;
    out.u32(bounded('elementSegments', count));
    out.append(segments);
    return out;
  }

  private *segments(out: CodeWriter): Steps<void> {
    const { module, layout } = this;
    const { elements } = module;
    let pause = STEP_BYTES;
    for (let i = 0; i < elements.length; i++) {
      const areExpressions = elements.areExpressions(i);
      const items = elements.count(i);
      this.elementHead(out, elements.headAt(i), areExpressions);
      out.u32(items);
      for (let item = 0; item < items; item++) {
        if (areExpressions) this.expression(out, elements.expressionAt(i, item));
        else out.u32(layout.referred(elements.functionAt(i, item)));
        if (out.length < pause) continue;
        pause = out.length + STEP_BYTES;
        yield;
      }
      if (out.length < pause) continue;
      pause = out.length + STEP_BYTES;
      yield;
    }
    if (layout.references.size > 0) {
      // Says that bodies may refer to these functions.
      out.raw(3, 0);
      out.u32(layout.references.size);
      yield* each(out, layout.references, (original) => out.u32(layout.referred(original)));
    }
    for (const [i, [, functions]] of layout.tables.entries()) {
      out.u8(2);
      out.u32(module.tables.length + i);
      out.i32(0);
      out.raw(END, 0);
      out.u32(functions.size);
      yield* each(out, functions.values(), (number) => out.u32(number));
    }
  }

  private elementHead(out: Writer, segment: ReturnType<ElementSegments['headAt']>, areExpressions: boolean): void {
    const { type } = segment;
    const flags = areExpressions ? 4 : 0;
    if (segment.mode === 'active' && this.layout.segments === undefined) {
      const isPlain = segment.index === 0 && type === FUNCREF;
      out.u8(flags | (isPlain ? 0 : 2));
      if (!isPlain) out.u32(segment.index);
      this.expression(out, segment.offset);
      if (!isPlain) out.u8(areExpressions ? type : 0);
    } else {
      out.u8(flags | (segment.mode === 'declarative' ? 3 : 1));
      out.u8(areExpressions ? type : 0);
    }
  }

  private *data(): Steps<Writer> {
    const { module } = this;
    const out = new Writer();
    out.u32(module.data.length);
    yield* each(out, module.data, (segment) => {
      const { start, end } = segment.bytes;
      if (segment.mode === 'active' && this.layout.segments === undefined) {
        const isFirst = segment.index === 0;
        out.u8(isFirst ? 0 : 2);
        if (!isFirst) out.u32(segment.index);
        this.expression(out, segment.offset);
      } else out.u8(1);
      out.u32(end - start);
      out.copy(module.bytes, start, end);
    });
    return out;
  }

  /** A function that does with passive segments what the engine would do with active ones, in the same order. */
  private *copying(out: Writer): Steps<void> {
    const { module } = this;
    const code = new CodeWriter();
    code.raw(0);
    const copy = (offset: ConstExpr, length: number) => {
      // Without its end.
      this.expression(code, { start: offset.start, end: offset.end - 1 });
      code.i32(0);
      code.i32(length);
    };
    yield* each(code, module.elements, (segment, i) => {
      if (segment.mode !== 'active') return;
      copy(segment.offset, segment.items.length);
      code.at('table.init', i, segment.index);
      code.at('elem.drop', i);
    });
    yield* each(code, module.data, (segment, i) => {
      if (segment.mode !== 'active') return;
      copy(segment.offset, segment.bytes.end - segment.bytes.start);
      code.at('memory.init', i, segment.index);
      code.at('data.drop', i);
    });
    code.u8(END);
    bounded('functionBytes', code.length);
    out.u32(code.length);
    out.append(code);
  }

  private *bodies(): Steps<Writer> {
    const { module, layout, options } = this;
    const out = new Writer();
    const weaver = new BodyWeaver(layout, options);
    let pause = STEP_BYTES;
    for (let body = 0; body < module.bodies.length; body++) {
      this.starts[body] = out.length;
      yield* weaver.weave(body, out);
      if (out.length < pause) continue;
      pause = out.length + STEP_BYTES;
      yield;
    }
    const isWhole = layout.isLeavable && options.continues === undefined;
    if (isWhole) for (const kind of ['save', 'restore'] as const) layout.globals(kind);
    return out;
  }

  private *wrappers(): Steps<Writer> {
    const { layout } = this;
    const out = new Writer();
    const code = new CodeWriter();
    // Writing one may ask for another.
    yield* each(out, layout.wrappers, (wrapper) => {
      if (wrapper.kind === 'operation') writeOperation(code, layout, wrapper.operation);
      else if (wrapper.kind === 'outer') this.outerWrapper(code, wrapper.original);
      else if (wrapper.kind === 'save') saveGlobals(code, layout);
      else if (wrapper.kind === 'restore') restoreGlobals(code, layout);
      else this.importWrapper(code, wrapper.original);
      code.u8(END);
      out.u32(code.length);
      out.append(code);
    });
    return out;
  }

  /** Of the original type: takes gas and depth from where they are written, and writes them back. */
  private outerWrapper(code: CodeWriter, original: number): void {
    const { layout, module } = this;
    const { params } = typeOfFunction(module, original);
    const depth = params.length;
    code.raw(1, 1, I64);
    code.at('global.get', layout.gas);
    code.i64(BARRED);
    code.op('i64.lt_s');
    code.if();
    code.at('call', layout.meter('refill'));
    code.op('unreachable');
    code.op('end');
    for (let i = 0; i < params.length; i++) code.at('local.get', i);
    code.at('global.get', layout.gas);
    code.at('global.get', layout.meterGlobal('depth'));
    code.at('local.tee', depth);
    code.at('call', layout.inner(original));
    code.at('global.set', layout.gas);
    code.at('local.get', depth);
    code.at('global.set', layout.meterGlobal('depth'));
  }

  /** Writes gas and depth out, calls the host, and takes up the gas that is left. */
  private importWrapper(code: CodeWriter, original: number): void {
    const { layout, module } = this;
    const { params } = typeOfFunction(module, original);
    const gas = params.length;
    code.raw(0);
    code.at('local.get', gas);
    code.at('global.set', layout.gas);
    code.at('local.get', gas + 1);
    code.at('global.set', layout.meterGlobal('depth'));
    sayCaller(code, layout);
    for (let i = 0; i < params.length; i++) code.at('local.get', i);
    code.at('call', original);
    code.at('global.get', layout.gas);
    code.at('local.tee', gas);
    code.i64(layout.endedByCall);
    code.op('i64.lt_s');
    code.if();
    code.op('unreachable');
    code.op('end');
    code.at('local.get', gas);
  }

  private helpers(out: Writer): void {
    for (const name of HELPERS) {
      const code = new CodeWriter(64);
      HELPER_BODIES[name](code, this.layout);
      code.u8(END);
      out.u32(code.length);
      out.append(code);
    }
  }
}

/** The custom section with names, of which there is the module's (specification, appendix 7.4.1). */
function nameModule(out: Writer, name: string): void {
  const text = new Writer();
  text.name(name);
  const section = new Writer();
  section.name('name');
  section.section(0, text);
  out.section(0, section);
}

/** Writes items one by one; more may come while it does. */
function* each<T>(out: Writer, items: Iterable<T>, write: (item: T, i: number) => void): Steps<void> {
  let pause = out.length + STEP_BYTES;
  let i = 0;
  for (const item of items) {
    write(item, i++);
    if (out.length < pause) continue;
    pause = out.length + STEP_BYTES;
    yield;
  }
}

/** @throws CompileError where a number is beyond what a module may have */
function bounded(limit: keyof typeof MODULE_LIMITS, count: number): number {
  const most = MODULE_LIMITS[limit];
  if (count > most) tooLarge(`${count} of at most ${most} (${limit})`);
  return count;
}

type HelperName = (typeof HELPERS)[number];

const HELPER_TYPES: Readonly<Record<HelperName, readonly [readonly ValType[], readonly ValType[]]>> = {
  check: [[I64], [I64]],
  enter: [[I64, I64, I64], [I64]],
};

const HELPER_BODIES: Readonly<Record<HelperName, (code: CodeWriter, layout: Layout) => void>> = {
  /** With the gas at hand, which is used up; returns what is at hand then. */
  check(code, layout) {
    code.raw(0);
    code.at('local.get', 0);
    code.at('global.set', layout.gas);
    code.at('call', layout.meter('refill'));
    code.at('global.get', layout.gas);
    code.at('local.tee', 0);
    code.i64(layout.ended);
    code.op('i64.lt_s');
    code.if();
    code.op('unreachable');
    code.op('end');
    code.at('local.get', 0);
  },
  /** With the gas at hand after the entry's charge, that charge, and the depth left: one of them is used up. */
  enter(code, layout) {
    code.raw(0);
    code.at('local.get', 2);
    code.i64(0);
    code.op('i64.lt_s');
    code.if();
    // The call that failed has written out what was used before it.
    code.at('local.get', 0);
    code.at('local.get', 1);
    code.op('i64.add');
    code.at('global.set', layout.gas);
    code.at('call', layout.meter('overflow'));
    code.op('unreachable');
    code.op('end');
    code.at('local.get', 0);
    code.at('call', layout.helper('check'));
  },
};

/**
 * Rewrites a module. The result does the same, and stops where the meter says so.
 * @throws CompileError where there is no room for what has to be added
 */
export function weave(module: WasmModule, options: WeaveOptions): Steps<Woven> {
  return new Weaver(module, options).weave();
}
