/** What the rewritten module has beside the original's content, and the numbers of everything in it. */

import { CompileError, type TrapKind } from '../wasm/errors.ts';
import type { WasmModule } from '../wasm/module.ts';
import type { Mnemonic } from '../wasm/opcodes.ts';
import type { FunctionPlan } from '../wasm/plan.ts';
import {
  EXTERNREF,
  type Feature,
  FUNCREF,
  type FuncType,
  type GlobalType,
  I32,
  I64,
  type ValType,
} from '../wasm/types.ts';
import { SLOT_TYPES, type SlotKind, type SlotPlace, slotPlaces } from './leave/slots.ts';

/** The functions that the rewritten module imports from the meter, in this order. */
export const METER_FUNCTIONS = {
  /** The gas at hand is used up. Sets the gas at hand anew, or leaves it negative to end the guest. */
  refill: [[], []],
  /** The argument, a cost, exceeds the gas at hand. Puts at least as much at hand, or ends the guest. */
  need: [[I64], []],
  /** The next frame would exceed the stack limit. Ends the guest. */
  overflow: [[], []],
  /** Grows memory 0 by so many pages, if the limits allow it: returns the pages before, or -1. May end the guest. */
  growMemory: [[I32], [I32]],
  /** May a table (its number, the elements to add, the elements it has) grow? Charges for it. May end the guest. */
  growTable: [[I32, I32, I32], [I32]],
  /** The instruction that follows traps, and the engine would not say with which kind: see `TRAP_CODES`. */
  trap: [[I32], []],
  /** Waits at an address of a memory (its number), as long as what was expected is there: value, time-out, bytes of it. */
  wait: [[I32, I32, I64, I64, I32], [I32]],
  /** As `growMemory`, of the memory of a number. */
  growOther: [[I32, I32], [I32]],
  /** Of modules that can be left: a frame has saved what it holds. Which body it is of, and at which of its points. */
  left: [[I32, I32], []],
} as const satisfies Record<string, readonly [readonly ValType[], readonly ValType[]]>;

export type MeterFunction = keyof typeof METER_FUNCTIONS;
export const METER_FUNCTION_NAMES = Object.keys(METER_FUNCTIONS) as MeterFunction[];

/** Those that only modules import which use something beyond release 2.0. */
const NEEDS_FEATURE: Readonly<Partial<Record<MeterFunction, Feature>>> = {
  wait: 'threads',
  growOther: 'multi-memory',
};

/** Whether there are modules that do not import it. */
export function isOptional(name: MeterFunction): boolean {
  return name === 'left' || NEEDS_FEATURE[name] !== undefined;
}

/** The globals that the rewritten module may import from the meter, in this order. */
export const METER_GLOBALS = {
  /** Stack weight that is left, in bytes. All instances of a store share it. */
  depth: { type: I64, mutable: true },
  /** The host's side of the instance whose code last made a call that may reach the host. All of a store share it. */
  caller: { type: EXTERNREF, mutable: true },
  /** That of the instance itself. */
  self: { type: EXTERNREF, mutable: false },
  /** Of instances that share an account: gas at hand, and as {@link METER_EXPORTS} describes it, the last element. */
  gas: { type: I64, mutable: true },
  element: { type: I64, mutable: true },
  /** Of these, which instance it is that says what the last element was: a number, from bit {@link ORIGIN_BIT} on. */
  origin: { type: I64, mutable: false },
  /**
   * 1 where a guest or a host function has thrown what is under way: only that is caught. The host's own stack being full
   * is an exception to engines, too. All instances of a store share it.
   */
  raised: { type: I32, mutable: true },
} as const satisfies Record<string, GlobalType>;

/** Above the numbers of tables and elements. */
export const ORIGIN_BIT = 49n;
/** Numbers of instances are below this. */
export const MOST_ORIGINS = 1 << 14;

export type MeterGlobal = keyof typeof METER_GLOBALS;
export const METER_GLOBAL_NAMES = Object.keys(METER_GLOBALS) as MeterGlobal[];
/** What the rewritten module exports for the meter. */
export const METER_EXPORTS = {
  /** A global: the gas at hand when it was last written out. The one that is imported, where one is. */
  gas: 'gas',
  /** A global: table and element of the last indirect call, as `table << 32 | element`; below 0 where there was none. */
  element: 'element',
  /** The first one; followed by its number for the others. */
  memory: 'memory',
  /** Followed by its number. */
  table: 'table',
  /** Followed by its number: a global that the module defines and may change. */
  global: 'global',
  start: 'start',
  /** A function that copies the active segments, where the engine is not to do that itself. */
  segments: 'segments',
  /** The imported functions that are referred to where the host may get to see that, as a table. */
  imported: 'imports',
  /** Of modules that can be left: the functions that can be referred to, as a table; in the order of their numbers. */
  functions: 'functions',
  /** The same of those that are called by their numbers, as these calls find them. */
  called: 'called',
  /** A function that saves the globals that can be changed, as frames save what they hold; and one that takes them from there. */
  save: 'save',
  restore: 'restore',
  /** What stands for an instruction that names a segment; followed by its name and indices. */
  operation: 'operation ',
  /** A global, followed by its kind and number: what a frame has saved there. */
  slot: 'slot',
  /** A global, followed by the kind and number of a segment: its length, 0 once it has been dropped. */
  length: 'length',
} as const;

/** The name of a memory, without the prefix. */
export function memoryExport(memory: number): string {
  return memory === 0 ? METER_EXPORTS.memory : METER_EXPORTS.memory + memory;
}

/** Gas at hand below this stands for none whatever: the guest is being ended, or may not be entered. */
export const BARRED: number = -(2 ** 53);
/** What the meter sets the gas to for that. */
export const BARRED_GAS: bigint = -(2n ** 62n);

/** What it sets it to for a guest that is being left; and what is below, in code that can be, ends it. */
export const LEFT_GAS: bigint = -(2n ** 60n);
const ENDED: number = -(2 ** 61);

/** Kinds of traps that the rewritten code tells apart itself, by what it calls `trap` with. */
export const TRAP_CODES = [
  'invalid-conversion',
  'expected-shared-memory',
  'unaligned-atomic',
] as const satisfies readonly TrapKind[];

/** Functions of the rewritten module's own that others call. */
export const HELPERS = ['check', 'enter'] as const;

/** The types of a module that has none but of functions: `meterModule` refuses the others. */
export function functionTypes(module: WasmModule): readonly FuncType[] {
  return module.types as readonly FuncType[];
}

function holdsFunctions({ params, results }: FuncType): boolean {
  return params.includes(FUNCREF) || results.includes(FUNCREF);
}

/**
 * Whether no reference to a function can leave the module or come into it. Then every function, also one in a table,
 * takes gas and depth as its last parameters and returns the gas. Otherwise only direct calls do, and whatever can be
 * referred to is a wrapper of the original type.
 */
export function isClosed(module: WasmModule): boolean {
  const { imports, exports, types, tables, globals, functions } = module;
  const known = new Map<number, boolean>();
  const passes = (index: number): boolean => {
    let found = known.get(index);
    if (found === undefined) {
      found = holdsFunctions(types[index] as FuncType);
      known.set(index, found);
    }
    return found;
  };
  const comesIn = imports.some((item) => {
    if (item.kind === 'function') return passes(item.typeIndex);
    if (item.kind === 'table') return item.type.element === FUNCREF;
    return item.kind === 'global' && item.type.type === FUNCREF;
  });
  const leaves = exports.some(({ kind, index }) => {
    if (kind === 'function') return passes(functions[index] as number);
    if (kind === 'table') return tables[index]?.element === FUNCREF;
    return kind === 'global' && globals[index]?.type === FUNCREF;
  });
  return !comesIn && !leaves;
}

/** Whether the host functions that an instance is given can be called by the code of another. */
function lendsHostFunctions(module: WasmModule, closed: boolean): boolean {
  const { importedFunctions, exports } = module;
  return !closed || exports.some(({ kind, index }) => kind === 'function' && index < importedFunctions);
}

/**
 * Whether functions of an instance can be called though one of its active segments does not fit: by way of a table that
 * it was given. They need a meter, which they can only be given when there is an instance: its segments have to wait.
 */
function outlivesFailure({ importedTables, elements }: WasmModule): boolean {
  if (importedTables === 0) return false;
  for (const segment of elements) if (segment.mode === 'active' && segment.index < importedTables) return true;
  return false;
}

/** Whether a module has anything to do with exceptions. */
export function handlesExceptions({ features }: WasmModule): boolean {
  return features.includes('exception-handling') || features.includes('legacy-exception-handling');
}

/** Numbers of the globals that a module defines and may change. */
export function ownMutableGlobals({ globals, importedGlobals }: WasmModule): readonly number[] {
  return globals.flatMap(({ mutable }, i) => (mutable && i >= importedGlobals ? [i] : []));
}

/** The same, with the places where they are saved when a guest is left. */
export function savedGlobals(module: WasmModule): readonly (readonly [global: number, place: SlotPlace])[] {
  const globals = ownMutableGlobals(module);
  const places = slotPlaces(globals.map((global) => module.globals[global]?.type as ValType));
  return globals.map((global, i) => [global, places[i] as SlotPlace]);
}

/** @throws CompileError: what has to be added has no room */
export function tooLarge(what: string): never {
  throw new CompileError(`the module is too large to be instrumented, use the interpreter: ${what}`);
}

export function segmentLength({ data, elements }: WasmModule, kind: 'data' | 'elements', segment: number): number {
  if (kind === 'elements') return elements.count(segment);
  const { start, end } = data.bytesOf(segment);
  return end - start;
}

const PREFIX = 'meter';
const NUMBERED = /^meter(\d{1,7})'/;

/** A prefix that none of the texts begins with. It is short whatever they are. */
function unused(taken: readonly { readonly [K in 'module' | 'name']?: string }[], key: 'module' | 'name'): string {
  const numbers = new Set<number>();
  let isTaken = false;
  for (const item of taken) {
    const text = item[key] as string;
    if (!text.startsWith(PREFIX)) continue;
    isTaken = true;
    const number = NUMBERED.exec(text)?.[1];
    if (number !== undefined) numbers.add(Number(number));
  }
  if (!isTaken) return PREFIX;
  let number = 1;
  while (numbers.has(number)) number++;
  return `${PREFIX}${number}'`;
}

/** Parameters and results the specification's JavaScript API allows at most. */
const MAX_VALUES = 1_000;

/** Instructions that become functions. */
export type OperationName =
  | 'memory.grow'
  | 'memory.fill'
  | 'memory.copy'
  | 'memory.init'
  | 'table.grow'
  | 'table.fill'
  | 'table.copy'
  | 'table.init'
  | 'data.drop'
  | 'elem.drop'
  | 'memory.atomic.wait32'
  | 'memory.atomic.wait64'
  /** Any atomic access that has to be aligned, and `memory.atomic.notify`: see {@link Operation.row}. */
  | 'atomic';

/** What else can become one: see `INLINE` in operations.ts. */
export type InlineName = 'check' | 'resume' | 'caught' | 'f32' | 'f64';

/** What a function stands for, with the indices of the instruction. */
export interface Operation {
  readonly name: OperationName | InlineName;
  readonly a: number;
  readonly b: number;
  /** Place in the opcode table, where the name says of no instruction which it is. */
  readonly row?: number;
}

/** A function beside the original's: around one of them, or in place of an instruction. */
export type Wrapper =
  | { readonly kind: 'imported' | 'outer'; readonly original: number }
  | { readonly kind: 'operation'; readonly operation: Operation }
  /** Saves the globals that can be changed; or takes them from where they have been saved. */
  | { readonly kind: 'save' }
  | { readonly kind: 'restore' };

/** Of code that goes on for a function of another module, with whose instance it shares everything. */
export interface Continues {
  /** Of its module, for the engine to write into stacks. */
  readonly name: string;
  /** The plan of its function. */
  readonly plan: FunctionPlan;
  /** Units that are given back where it begins. */
  readonly refund: number;
  /** What the other module's layout says. */
  readonly closed: boolean;
  readonly lends: boolean;
  /** What stands for instructions that name segments, which are the other module's: imported functions, by {@link segmentKey}. */
  readonly operations: ReadonlyMap<string, number>;
}

/** Instructions that name a segment, and whether that is one of elements. */
const ON_SEGMENTS: Readonly<Partial<Record<Operation['name'] | Mnemonic, 'data' | 'elements'>>> = {
  'memory.init': 'data',
  'data.drop': 'data',
  'table.init': 'elements',
  'elem.drop': 'elements',
};

export const segmentsOf = (name: Operation['name'] | Mnemonic): 'data' | 'elements' | undefined => ON_SEGMENTS[name];

/** Names an instruction on a segment. */
export const segmentKey = ({ name, a, b }: Operation): string => `${name} ${a} ${b}`;

/** Atomic accesses that differ by instruction or offset, each of which becomes a function. */
const MOST_ATOMICS = 10_000;

export class Layout {
  readonly module: WasmModule;
  readonly closed: boolean;
  /** Whether the host functions that its instances are given can be called by the code of others. */
  readonly lends: boolean;
  /** Module name of the meter's imports; prefix of the meter's exports. No name of the guest's begins so. */
  readonly importName: string;
  readonly exportPrefix: string;
  readonly meterGlobals: readonly MeterGlobal[];
  readonly meterFunctions: readonly MeterFunction[];
  private readonly isProgram: boolean;
  /** Imported functions that are called in tail position. */
  readonly tailCalled = new Set<number>();
  /** Whether its code can be left. */
  readonly isLeavable: boolean;
  private readonly continues: Continues | undefined;
  /** Gas at hand below this, when the host has been asked, ends the guest. */
  readonly ended: number;
  /** The same behind a call of the host. */
  readonly endedByCall: number;

  /** Types beside the original's, in their order. */
  readonly types: { params: readonly ValType[]; results: readonly ValType[] }[] = [];
  private readonly typeNumbers = new Map<string, number>();
  private readonly threaded = new Map<number, number>();

  /** Number of the first function that is imported from the meter, of the first helper, of the first own function. */
  readonly firstMeter: number;
  readonly firstHelper: number;
  readonly firstOwn: number;
  /** Wrappers, behind the own functions in this order. */
  readonly wrappers: Wrapper[] = [];
  private atomics = 0;
  private readonly wrapperNumbers = new Map<string, number>();
  private readonly inlineNumbers: Partial<Record<InlineName, number>> = {};

  /** The function that copies the active segments; undefined where the engine does that. */
  readonly segments: number | undefined;
  readonly gas: number;
  readonly element: number;
  private readonly firstLength: number;
  /** Lengths of the segments that may be dropped, as globals. */
  readonly lengths: { initial: number; type?: ValType }[] = [];
  /** By kind and number of the segment. */
  readonly lengthNumbers: Map<string, number> = new Map();
  /** Of code that can be left: where frames save what they hold, by kind and number; and what can be referred to. */
  readonly slots: Map<string, number> = new Map();
  private readonly slotNumbers: Readonly<Record<SlotKind, Map<number, number>>> = {
    i32: new Map(),
    i64: new Map(),
    funcref: new Map(),
    externref: new Map(),
  };
  readonly referable: Map<number, number> = new Map();
  /** And what is called. */
  readonly called: Map<number, number> = new Map();
  /** Imported functions that are referred to, of which the host may get to see the reference. */
  readonly seenImports: Map<number, number> = new Map();
  /** Functions that bodies refer to. */
  readonly references = new Set<number>();

  /**
   * @param isLinked whether its instances share an account with others, and get their segments when all of them are there
   * @param isProgram whether these others are the rest of a program, from which it may import functions
   * @param isLeavable whether its code can be left
   */
  constructor(module: WasmModule, isLinked: boolean, isProgram: boolean, isLeavable = false, continues?: Continues) {
    this.module = module;
    this.continues = continues;
    this.isProgram = isProgram;
    this.isLeavable = isLeavable;
    this.ended = isLeavable ? ENDED : 0;
    this.endedByCall = isLeavable ? ENDED : BARRED;
    this.closed = continues?.closed ?? isClosed(module);
    const lends = continues?.lends ?? lendsHostFunctions(module, this.closed);
    const isGiven = isLinked || continues !== undefined;
    this.lends = lends;
    const isNeeded: Readonly<Record<MeterGlobal, boolean>> = {
      depth: true,
      caller: lends,
      self: lends,
      gas: isGiven,
      element: isGiven,
      origin: isLinked,
      raised: handlesExceptions(module),
    };
    this.meterGlobals = METER_GLOBAL_NAMES.filter((name) => isNeeded[name]);
    this.importName = unused(module.imports, 'module');
    this.exportPrefix = unused(module.exports, 'name');
    this.firstMeter = module.importedFunctions;
    this.meterFunctions = METER_FUNCTION_NAMES.filter((name) => {
      const feature = NEEDS_FEATURE[name];
      return (feature === undefined || module.features.includes(feature)) && (isLeavable || name !== 'left');
    });
    this.firstHelper = this.firstMeter + this.meterFunctions.length;
    this.segments = isLinked || outlivesFailure(module) ? this.firstHelper + HELPERS.length : undefined;
    this.firstOwn = this.firstHelper + HELPERS.length + (this.segments === undefined ? 0 : 1);
    const own = this.global(module.globals.length);
    this.gas = isGiven ? this.meterGlobal('gas') : own;
    this.element = isGiven ? this.meterGlobal('element') : own + 1;
    this.firstLength = isGiven ? own : own + 2;
  }

  meter(name: MeterFunction): number {
    return this.firstMeter + this.meterFunctions.indexOf(name);
  }

  /** One of {@link meterGlobals}. */
  meterGlobal(name: MeterGlobal): number {
    return this.module.importedGlobals + this.meterGlobals.indexOf(name);
  }

  helper(name: (typeof HELPERS)[number]): number {
    return this.firstHelper + HELPERS.indexOf(name);
  }

  global(original: number): number {
    return original < this.module.importedGlobals ? original : original + this.meterGlobals.length;
  }

  /** The number of a type, which is added if it is not there. */
  type(params: readonly ValType[], results: readonly ValType[]): number {
    const key = `${params.join()}:${results.join()}`;
    let number = this.typeNumbers.get(key);
    if (number === undefined) {
      if (params.length > MAX_VALUES || results.length > MAX_VALUES) {
        throw new CompileError(
          `a function of ${params.length} parameters and ${results.length} results leaves no room for the meter's: use the interpreter`,
        );
      }
      number = this.module.types.length + this.types.push({ params, results }) - 1;
      this.typeNumbers.set(key, number);
    }
    return number;
  }

  /** The type with gas and depth behind its parameters, and gas behind its results. */
  threadedType(original: number): number {
    let number = this.threaded.get(original);
    if (number === undefined) {
      const { params, results } = this.module.types[original] as FuncType;
      number = this.type([...params, I64, I64], [...results, I64]);
      this.threaded.set(original, number);
    }
    return number;
  }

  private wrapper(kind: 'imported' | 'outer', original: number): number {
    return this.added(kind + original, () => ({ kind, original }));
  }

  /** What saves the globals of the module's own that can be changed, or restores them. */
  globals(kind: 'save' | 'restore'): number {
    return this.added(kind, () => {
      for (const [, { kind, first, count }] of savedGlobals(this.module)) {
        for (let place = first; place < first + count; place++) this.slot(kind, place);
      }
      return { kind };
    });
  }

  /** What stands for an instruction that has become a function. */
  operation(operation: Operation): number {
    const { name, a, b, row } = operation;
    const given = this.continues?.operations.get(segmentKey(operation));
    if (given !== undefined) return given;
    return this.added(`${name} ${a} ${b} ${row}`, () => {
      if (name === 'atomic' && ++this.atomics > MOST_ATOMICS) tooLarge('too many different atomic accesses');
      // Globals are written before functions.
      const kind = segmentsOf(name);
      if (kind !== undefined) this.lengthGlobal(kind, a);
      return { kind: 'operation', operation };
    });
  }

  /** What is called where a function has a lot of what stands inline elsewhere: asked for at each of the places. */
  outlined(name: InlineName): number {
    const known = this.inlineNumbers[name];
    if (known !== undefined) return known;
    const number = this.operation({ name, a: 0, b: 0 });
    this.inlineNumbers[name] = number;
    return number;
  }

  private added(key: string, make: () => Wrapper): number {
    let number = this.wrapperNumbers.get(key);
    if (number === undefined) {
      number = this.firstOwn + this.module.bodies.length + this.wrappers.push(make()) - 1;
      this.wrapperNumbers.set(key, number);
    }
    return number;
  }

  /** What stands for a function where it is called with gas and depth. */
  inner(original: number): number {
    const own = original - this.module.importedFunctions;
    if (own < 0 && this.continues !== undefined) return original;
    return own < 0 ? this.wrapper('imported', original) : this.firstOwn + own;
  }

  /** The same where it is called by its number. */
  callee(original: number): number {
    const number = this.inner(original);
    if (this.isLeavable) this.called.set(original, number);
    return number;
  }

  /** What stands for a function where it has its original type. */
  outer(original: number): number {
    return original < this.module.importedFunctions ? original : this.wrapper('outer', original);
  }

  /**
   * A call in tail position must not need room on the host's stack: what is called takes gas and depth, and returns the gas.
   * Imported ones may be another instance's; where those are known is looked at once they are.
   * @param original the function; one that is found in a table unless given
   * @throws CompileError where it may be one that does not
   */
  checkTailCall(original?: number): void {
    const isImported = original !== undefined && original < this.module.importedFunctions;
    if (isImported) this.tailCalled.add(original);
    if (original === undefined ? this.closed : !(isImported && this.isProgram)) return;
    throw new CompileError(
      "the module calls what may be another instance's function in tail position, for which natively there is no room: use the interpreter",
      { feature: 'tail-call' },
    );
  }

  /** What stands for a function where a reference to it is taken. */
  referred(original: number): number {
    const number = this.closed ? this.inner(original) : this.outer(original);
    if (!this.closed && original < this.module.importedFunctions) this.seenImports.set(original, original);
    if (this.isLeavable) this.referable.set(original, number);
    return number;
  }

  /** Functions that stand for instructions on segments, by {@link segmentKey}. */
  *segmentOperations(): Iterable<readonly [key: string, number: number]> {
    for (const [i, wrapper] of this.wrappers.entries()) {
      if (wrapper.kind !== 'operation' || segmentsOf(wrapper.operation.name) === undefined) continue;
      yield [segmentKey(wrapper.operation), this.firstOwn + this.module.bodies.length + i];
    }
  }

  /** Tables beside the module's own, for the host: what each is exported as, and what is in it. None is empty. */
  get tables(): readonly (readonly [name: string, functions: ReadonlyMap<number, number>])[] {
    const all: [name: string, functions: ReadonlyMap<number, number>][] = [[METER_EXPORTS.functions, this.referable]];
    // Code that goes on for a function finds these in the function's own module.
    if (this.continues === undefined) {
      all.push([METER_EXPORTS.called, this.called], [METER_EXPORTS.imported, this.seenImports]);
    }
    return all.filter(([, { size }]) => size > 0);
  }

  /** The global in which a frame saves a value. */
  slot(kind: SlotKind, place: number): number {
    const known = this.slotNumbers[kind];
    let number = known.get(place);
    if (number === undefined) {
      number = this.firstLength + this.lengths.push({ initial: 0, type: SLOT_TYPES[kind] }) - 1;
      known.set(place, number);
      this.slots.set(`${kind} ${place}`, number);
    }
    return number;
  }

  /** What the global says of a segment that has been dropped: of code that can be left also whether an empty one has. */
  droppedLength(kind: 'data' | 'elements', segment: number): number {
    return this.isLeavable && this.isEmpty(kind, segment) ? -1 : 0;
  }

  /** Whether a segment has nothing in it. */
  isEmpty(kind: 'data' | 'elements', segment: number): boolean {
    return segmentLength(this.module, kind, segment) === 0;
  }

  /** The global with the length of a segment that may be dropped; undefined where the length never changes. */
  lengthGlobal(kind: 'data' | 'elements', segment: number): number | undefined {
    const { module } = this;
    if (module[kind].mode(segment) !== 'passive') return undefined;
    const key = `${kind} ${segment}`;
    let number = this.lengthNumbers.get(key);
    if (number === undefined) {
      const initial = segmentLength(module, kind, segment);
      number = this.firstLength + this.lengths.push({ initial }) - 1;
      this.lengthNumbers.set(key, number);
    }
    return number;
  }
}
