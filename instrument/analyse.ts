/**
 * Reads a function body once and decides what has to be changed in it, and where: a list of edits. Three questions
 * are answered on the way: which additions of gas are really needed (charges.ts), where the count must be written to
 * where the host can see it, and which results must have their NaN made canonical. docs/stages.md shows a small function
 * before and after it, and says why one pass answers all three.
 */

import { blockType, type CatchClause } from '../wasm/instructions.ts';
import { Ints } from '../wasm/ints.ts';
import { functionTypeAt, typeOfFunction, type WasmModule } from '../wasm/module.ts';
import { type Handled, IS_ACCESS, type Later, type Mnemonic, OPCODES, opcode } from '../wasm/opcodes.ts';
import { ChargePoints, type FunctionPlan, planSteps } from '../wasm/plan.ts';
import { ReachableReader } from '../wasm/reachable.ts';
import { STEP_BYTES, type Steps } from '../wasm/steps.ts';
import { F32, F64, type FuncType, type FunctionBody, funcType, V128, type ValType } from '../wasm/types.ts';
import { Charges, EXACT } from './charges.ts';
import type { Continues, Layout } from './layout.ts';
import type { LeavePoint } from './leave/points.ts';
import type { LeaveWriter } from './leave/writer.ts';
import { EVENT, Publications } from './publications.ts';
import { ANY, CLEAN, LEVELS_IN_TWO, Sources } from './sources.ts';
import { CALLS_PER_BRANCH, HOST_BYTES, NOTED_PER_CATCH } from './tracking.ts';

/** What is to be done at a place. The comments say what `a` and `b` of the edit are. */
export const EDIT = {
  /** Insert an addition. `a`: slot. */
  slot: 0,
  /** Insert charge and check of a loop header. `a`: slot, `b`: constructs around, the loop included. The row is its length. */
  loop: 1,
  /** `a`: local. */
  local: 2,
  /** `a`: global. */
  global: 3,
  /** `a`: function. */
  call: 4,
  /** `a`: type, `b`: table. */
  callIndirect: 5,
  return: 6,
  /** `a`: function. */
  functionReference: 7,
  /** Leave out, as it cannot be reached. `a`: whether validation has to be told so. */
  remove: 8,
  /** Insert what tells a NaN from a number out of range. `a`: type of the operand. */
  conversion: 9,
  /** Insert what makes a NaN canonical, if the value is observed. `a`: source, `b`: type. */
  canonical: 10,
  /** An instruction that has become a function. `a`, `b`: its indices. */
  operation: 11,
  /** `data.drop` and `elem.drop`. `a`: segment. */
  drop: 12,
  /** Insert what a loop is put into, before it. `a`: the edit of its header. */
  loopStart: 13,
  /** The same, behind its end. `a`: the edit of its header. */
  loopEnd: 14,
  /** A branch in a loop. `a`: the edit of the loop's header, `b`: the first label outside of it. */
  branch: 15,
  /** Insert what takes up the gas where an exception was caught. */
  caught: 16,
  /** Write the count out before what throws. */
  throw: 17,
  /** A branch whose labels have changed. `a`: where they are in {@link Analyser.labels}. */
  labels: 18,
  /** A `try_table` with clauses. `a`: where its pads are in {@link Analyser.pads}. */
  tryTable: 19,
  /** Its pads, behind its end. `a`: the same. */
  tryTableEnd: 20,
  /** An atomic access, which has become a function. `a`, `b`: its indices. */
  atomic: 21,
  /** `a`: function. */
  tailCall: 22,
  /** `a`: type, `b`: table. */
  tailCallIndirect: 23,
  /** The beginning of a construct, where code can be left. */
  construct: 24,
} as const;

/** Words of an edit: where the instruction begins and where it ends, the kind with what is set, `a`, `b`. */
const EDIT_WORDS = 5;
const KIND_BITS = 5;
const KIND_MASK = 2 ** KIND_BITS - 1;
/** Of a call, and of the header of a loop: the count has to be written out. */
const PUBLISHES = 1 << KIND_BITS;
/** Of the header of a loop: no other loop and no call is in it. */
const IS_SIMPLE = 2 << KIND_BITS;
const ROW_SHIFT = KIND_BITS + 2;

/** Edits, in the order of their places. */
export class Edits {
  private readonly words = new Ints();
  length = 0;

  /**
   * Start and end are the same where something is inserted.
   * @param row place in the opcode table of the instruction that is replaced
   */
  add(kind: number, start: number, end: number, a = 0, b = 0, row = 0): number {
    const { words } = this;
    words.push(start);
    words.push(end);
    words.push(kind | (row << ROW_SHIFT));
    words.push(a);
    words.push(b);
    return this.length++;
  }

  clear(): void {
    this.words.clear();
    this.length = 0;
  }

  start(edit: number): number {
    return this.words.values[edit * EDIT_WORDS] as number;
  }

  end(edit: number): number {
    return this.words.values[edit * EDIT_WORDS + 1] as number;
  }

  private properties(edit: number): number {
    return this.words.values[edit * EDIT_WORDS + 2] as number;
  }

  kind(edit: number): number {
    return this.properties(edit) & KIND_MASK;
  }

  row(edit: number): number {
    return this.properties(edit) >> ROW_SHIFT;
  }

  a(edit: number): number {
    return this.words.values[edit * EDIT_WORDS + 3] as number;
  }

  b(edit: number): number {
    return this.words.values[edit * EDIT_WORDS + 4] as number;
  }

  publishes(edit: number): boolean {
    return (this.properties(edit) & PUBLISHES) !== 0;
  }

  isSimple(edit: number): boolean {
    return (this.properties(edit) & IS_SIMPLE) !== 0;
  }

  setPublishes(edit: number): void {
    this.set(edit, PUBLISHES);
  }

  setSimple(edit: number): void {
    this.set(edit, IS_SIMPLE);
  }

  /** The loop is not treated as simple after all. */
  complicate(edit: number): void {
    this.words.values[edit * EDIT_WORDS + 2] = this.properties(edit) & ~IS_SIMPLE;
  }

  private set(edit: number, property: number): void {
    this.words.values[edit * EDIT_WORDS + 2] = this.properties(edit) | property;
  }
}

const EFFECT = {
  ordinary: 0,
  block: 1,
  loop: 2,
  if: 3,
  else: 4,
  end: 5,
  br: 6,
  br_if: 7,
  br_table: 8,
  return: 9,
  unreachable: 10,
  call: 11,
  call_indirect: 12,
  drop: 13,
  select: 14,
  'local.get': 15,
  'local.set': 16,
  'local.tee': 17,
  global: 18,
  'ref.func': 19,
  bulk: 20,
  'memory.grow': 21,
  'table.grow': 22,
  segment: 23,
  'table.get': 24,
  'table.set': 25,
  push: 26,
  'ref.is_null': 27,
  producer: 28,
  'vector producer': 29,
  conversion: 30,
  constant: 31,
  'vector comparison': 32,
  wait: 33,
  throw: 34,
  try: 35,
  catch: 36,
  delegate: 37,
  try_table: 38,
  atomic: 39,
  return_call: 40,
  return_call_indirect: 41,
} as const;

/** Instructions that compute on floats and do not look at the bits of a NaN. */
const IS_BLIND = OPCODES.map(
  ({ params, meaning, immediates, alias }) =>
    /^[fd]+$/.test(params) && immediates === 'none' && meaning !== undefined && !meaning.startsWith('bits ') && !alias,
);

/** Of what came after release 2.0, what is metered. Modules with others are refused. */
const HANDLED_LATER: Readonly<Partial<Record<Mnemonic, number>>> = {
  'memory.atomic.wait32': EFFECT.wait,
  'memory.atomic.wait64': EFFECT.wait,
  throw: EFFECT.throw,
  rethrow: EFFECT.throw,
  try: EFFECT.try,
  catch: EFFECT.catch,
  catch_all: EFFECT.catch,
  delegate: EFFECT.delegate,
  try_table: EFFECT.try_table,
  return_call: EFFECT.return_call,
  return_call_indirect: EFFECT.return_call_indirect,
};

/** A missing one is a type error. */
const HANDLED: Readonly<Record<Exclude<Handled, Later>, number>> = {
  unreachable: EFFECT.unreachable,
  nop: EFFECT.ordinary,
  block: EFFECT.block,
  loop: EFFECT.loop,
  if: EFFECT.if,
  else: EFFECT.else,
  end: EFFECT.end,
  br: EFFECT.br,
  br_if: EFFECT.br_if,
  br_table: EFFECT.br_table,
  return: EFFECT.return,
  call: EFFECT.call,
  call_indirect: EFFECT.call_indirect,
  drop: EFFECT.drop,
  select: EFFECT.select,
  select_t: EFFECT.select,
  'local.get': EFFECT['local.get'],
  'local.set': EFFECT['local.set'],
  'local.tee': EFFECT['local.tee'],
  'global.get': EFFECT.global,
  'global.set': EFFECT.global,
  'i32.const': EFFECT.ordinary,
  'i64.const': EFFECT.ordinary,
  'f32.const': EFFECT.constant,
  'f64.const': EFFECT.constant,
  'ref.null': EFFECT.push,
  'ref.is_null': EFFECT['ref.is_null'],
  'ref.func': EFFECT['ref.func'],
  'memory.size': EFFECT.ordinary,
  'memory.grow': EFFECT['memory.grow'],
  'memory.fill': EFFECT.bulk,
  'memory.copy': EFFECT.bulk,
  'memory.init': EFFECT.bulk,
  'data.drop': EFFECT.segment,
  'table.get': EFFECT['table.get'],
  'table.set': EFFECT['table.set'],
  'table.size': EFFECT.ordinary,
  'table.grow': EFFECT['table.grow'],
  'table.fill': EFFECT.bulk,
  'table.copy': EFFECT.bulk,
  'table.init': EFFECT.bulk,
  'elem.drop': EFFECT.segment,
};

const EFFECT_OF = OPCODES.map(({ index, mnemonic, results, traps, immediates, lanes, gas, bytes }): number => {
  const handled = (HANDLED as Partial<Record<Mnemonic, number>>)[mnemonic] ?? HANDLED_LATER[mnemonic];
  if (handled !== undefined) return handled;
  if (immediates === 'v128') return EFFECT.constant;
  if (IS_BLIND[index] && (results === 'f' || results === 'd')) return EFFECT.producer;
  if (IS_BLIND[index] && traps.length > 0) return EFFECT.conversion;
  if (gas === 'atomic' && (bytes ?? 1) > 1) return EFFECT.atomic;
  if (lanes === undefined) return EFFECT.ordinary;
  return lanes.endsWith(':') ? EFFECT['vector comparison'] : EFFECT['vector producer'];
});
const PARAMS = OPCODES.map(({ params }) => params.length);
const RESULTS = OPCODES.map(({ results }) => results.length);
const MAY_TRAP = OPCODES.map(({ traps, immediates }) => traps.length > 0 || immediates.startsWith('memarg'));
const NEVER_NAN = OPCODES.map(({ neverNaN }) => neverNaN === true);
const FLOAT_TYPE = OPCODES.map(({ results }) => (results === 'f' ? F32 : F64));
/** Types of the lanes that a computation on vectors reads, and of those it makes. */
const VECTOR_SHAPE = OPCODES.map(({ lanes }) => (lanes?.startsWith('f') ? F32 : F64));
const VECTOR_RESULT = OPCODES.map(({ lanes }) => (lanes?.endsWith('f') ? F32 : F64));
const FLOAT_PARAM = OPCODES.map(({ params }) => (params === 'f' ? F32 : F64));
const HAS_SECOND = OPCODES.map(({ immediates }) => immediates.includes(' ') || immediates === 'memarg');
const GLOBAL_GET = opcode('global.get').index;
const LOCAL_GET = opcode('local.get').index;
const LOCAL_TEE = opcode('local.tee').index;
const CATCH = opcode('catch').index;
const THROW = opcode('throw').index;

/** A frequency as a power of two, in the steps of {@link LEVELS_IN_TWO}: products become sums. */
const levelOf = (frequency: number): number => Math.round(LEVELS_IN_TWO * Math.log2(frequency));

/** How much more often a loop's body runs than what is around it, as far as anyone can guess. */
const IN_LOOP = levelOf(8);
const IN_ARM = levelOf(1 / 2);
/** Behind a branch that was not taken: loops go on more often than they end, and a branch more often skips what is rare. */
const BEHIND = { toLoop: levelOf(0.1), outOfLoop: levelOf(0.9), other: levelOf(0.7) } as const;
const MOST_FREQUENT = levelOf(2 ** 40);
const LEAST_FREQUENT = levelOf(2 ** -500);

/**
 * What is found out about a whole function takes time and memory of which a long one would need too much at once. It is
 * cut into windows, and at their borders everything is as the plan has it.
 */
export interface Windows {
  /** Bytes of the longest function that is looked at as a whole. */
  readonly whole: number;
  /** Bytes of a window, about. */
  readonly bytes: number;
}

export const WINDOWS: Windows = { whole: 1 << 18, bytes: STEP_BYTES };

interface Frame {
  readonly kind: number;
  readonly type: FuncType;
  /** Operands below the construct's parameters. */
  readonly height: number;
  /** Where a branch to the construct's label leads. */
  readonly vertex: number;
  /** How frequent it is. */
  readonly level: number;
  /** Of an `if`: where its arms begin. */
  readonly arms: number;
  /** The same two as blocks, for what locals hold. */
  readonly block: number;
  readonly armsBlock: number;
  /** Number of the last `br_table` that has it as a target. */
  table: number;
  /** Whether it is a `try` in one of whose arms the code is. */
  isCatching: boolean;
  /** Constructs that are put around it and those that it is in, between them and those in which they are. */
  readonly added: number;
  /** Of a `try_table` with clauses: where its pads are. */
  readonly pads: number;
}

/** Where the exceptions of a `try_table` are caught first: constructs around it, one for each clause. */
export interface Pads {
  readonly type: FuncType;
  /** The type of the block as it was written. */
  readonly typeStart: number;
  readonly typeEnd: number;
  /** With the labels that they have behind the construct. */
  readonly clauses: readonly (CatchClause & { readonly values: readonly ValType[] })[];
}

const NO_PADS = -1;

export interface WeaveOptions {
  /** Whether NaN results get the canonical bits. */
  readonly canonicalNaN: boolean;
  /** Whether the gas at hand may be refilled, as time slices need it; else the guest ends when it is used up. */
  readonly refills: boolean;
  /** How functions are cut into windows; {@link WINDOWS} unless given. */
  readonly windows?: Windows | undefined;
  /** Whether instances share an account with those of other modules; false unless given. */
  readonly isLinked?: boolean | undefined;
  /** Whether other threads may have its shared memories, which are memories like others if not; false unless given. */
  readonly sharesMemory?: boolean | undefined;
  /** Makes what writes how functions are left, where the code is to be; the gas may be refilled then. */
  readonly leaves?: ((layout: Layout) => LeaveWriter) | undefined;
  /** Of code that goes on for a function of another module. */
  readonly continues?: Continues | undefined;
}

/** Finds out about one function after another. What it says is about the window that was read last. */
export class Analyser {
  readonly edits: Edits = new Edits();
  /** By slot: what is to be added there. */
  amounts: Float64Array = new Float64Array(0);
  /** By source: the shape in which its NaN has to be made canonical; 0 where it need not be. */
  canonical: Uint8Array = new Uint8Array(0);
  plan: FunctionPlan = { entryCost: 0, weight: 0, points: new ChargePoints(), catches: false };
  /** Of the branches whose labels have changed: those that they have now. */
  readonly labels: Ints = new Ints();
  readonly pads: Pads[] = [];
  /** Where the function can be left, in the order of the code; none unless it can. */
  leaves: readonly LeavePoint[] = [];
  /** Of those of the window: what is saved there, one after the other, as sources or {@link ANY}. */
  readonly saved: Ints = new Ints();
  /** Whether the count has to be written out at function entry; known from the first window on. */
  publishesEntry = true;
  /** Whether a branch leads to the label of the function itself; the same. */
  branchesToEnd = true;
  /** Most constructs inside one another, the function included. */
  depth = 0;
  /** Locals and operands, added up over the places at which a compiler has to note where each of them is. */
  noted = 0;
  /** Arms around, each of which has its exception below its operands. */
  private catching = 0;
  /** Bytes that a compiler keeps, about, beside the code that it makes. */
  weight = 0;

  private readonly module: WasmModule;
  private readonly canonicalNaN: boolean;
  private readonly refills: boolean;
  private readonly isLeavable: boolean;
  private readonly given: FunctionPlan | undefined;
  private readonly windows: Windows;
  private readonly charges = new Charges();
  private readonly publications = new Publications();
  private readonly sources = new Sources();
  private readonly reader: ReachableReader;
  private params = 0;
  private locals = 0;
  private localTypes = new Int32Array(64);
  private isWhole = true;

  private readonly frames: Frame[] = [];
  /** Of the loops that are open: place among the frames, and edit of the header. */
  private readonly loopPlaces = new Ints();
  private readonly loopHeaders = new Ints();
  /** Whether the innermost of them may be simple: one with another in it is not. */
  private mayBeSimple = false;
  /** Headers of loops that turned out to be simple. */
  private readonly simple = new Ints();
  private readonly stack: number[] = [];
  /** Where the unreachable code at hand begins. */
  private deadFrom = 0;
  /** Place in the opcode table of what was read last. */
  private index = 0;
  private looksAlive = false;
  private nextPoint = 0;
  /** The next of the places where the function can be left. */
  private nextLeave = 0;
  /** By place: where its values begin among {@link saved}. */
  private readonly savedFrom: number[] = [];
  private level = 0;
  private vertex: number = EXACT;
  private block = 0;
  /** How many there have been. */
  private tables = 0;

  constructor(module: WasmModule, { canonicalNaN, refills, windows = WINDOWS, leaves, continues }: WeaveOptions) {
    this.module = module;
    this.windows = windows;
    this.canonicalNaN = canonicalNaN;
    this.refills = refills;
    this.isLeavable = leaves !== undefined;
    this.given = continues?.plan;
    this.reader = new ReachableReader(module.bytes, 0, 0);
  }

  /** Begins with one of the module's own functions; `body` counts from its first. */
  *begin(body: number): Steps<void> {
    const { module } = this;
    const declared = module.bodies.at(body);
    const { codeStart, end } = declared;
    const { params, results } = typeOfFunction(module, module.importedFunctions + body);
    this.plan = this.given ?? (yield* planSteps(module, body));
    this.reader.begin(codeStart, end);
    this.declare(params, declared);
    this.isWhole = end - codeStart <= this.windows.whole;
    this.publishesEntry = true;
    this.branchesToEnd = !this.isWhole;
    this.depth = 0;
    this.noted = 0;
    this.catching = 0;
    this.weight = 0;
    this.loopPlaces.clear();
    this.loopHeaders.clear();
    this.mayBeSimple = false;
    if (this.stack.length > 0) this.stack.length = 0;
    this.nextPoint = 0;
    // At the first, the entry, there are parameters and nothing else.
    this.nextLeave = 1;
    this.savedFrom.length = 0;
    // The entry's charge is no slot: what is at hand there must be exact.
    this.level = 0;
    this.vertex = EXACT;
    this.tables = 0;
    // What a local holds where an exception is caught depends on where it was thrown.
    this.sources.begin(params.length, end - codeStart, this.isWhole && !this.plan.catches);
    this.block = 0;
    this.pads.length = 0;
    this.enter(EFFECT.block, funcType([], results), EXACT, this.sources.block());
  }

  private declare(params: readonly ValType[], { localCount, locals }: FunctionBody): void {
    this.params = params.length;
    this.locals = params.length + localCount;
    if (this.locals > this.localTypes.length) this.localTypes = new Int32Array(2 * this.locals);
    let at = 0;
    for (const type of params) this.localTypes[at++] = type;
    for (const { count, type } of locals) {
      this.localTypes.fill(type, at, at + count);
      at += count;
    }
  }

  /** Reads the next window. Returns whether it was the last one. */
  *window(): Steps<boolean> {
    const { reader, edits, charges, publications, sources, simple, isWhole, windows } = this;
    edits.clear();
    this.labels.clear();
    this.saved.clear();
    charges.clear();
    publications.clear();
    simple.clear();
    if (!isWhole) this.forget();
    let isLast = this.read(reader.pos + windows.bytes);
    while (isWhole && !isLast) {
      yield;
      isLast = this.read(reader.pos + windows.bytes);
    }
    if (isWhole) {
      this.publishesEntry = publications.solve(edits);
      for (let i = 0; i < simple.length; i++) edits.setSimple(simple.values[i] as number);
    } else this.observeTop(this.stack.length);
    const isLong = edits.length > STEP_BYTES;
    if (isLong) yield;
    this.amounts = charges.solve();
    if (isLong) yield;
    this.canonical = sources.solve();
    return isLast;
  }

  /** What an earlier window has computed has been made canonical. */
  private forget(): void {
    this.stack.fill(ANY);
    this.sources.clear();
  }

  /** Reads up to an offset, or to the end. Returns whether it is the end. */
  private read(until: number): boolean {
    const { reader, frames } = this;
    while (frames.length > 0 && reader.pos < until) {
      const index = reader.next();
      this.index = index;
      if (!reader.isReachable) {
        if (reader.skips(index)) continue;
        this.removeDead();
      }
      this.visit(index, EFFECT_OF[index] as number);
    }
    return frames.length === 0;
  }

  private enter(kind: number, type: FuncType, vertex: number, block: number, pads = NO_PADS): void {
    const { frames } = this;
    const added = this.added + (pads === NO_PADS ? 0 : (this.pads[pads] as Pads).clauses.length + 1);
    const length = frames.push({
      kind,
      type,
      height: this.stack.length - type.params.length,
      vertex,
      level: this.level,
      arms: this.vertex,
      block,
      armsBlock: this.block,
      table: 0,
      isCatching: false,
      added,
      pads,
    });
    this.reader.enter(kind === EFFECT.loop, kind === EFFECT.if);
    if (length + added > this.depth) this.depth = length + added;
  }

  /** Constructs that were put around those that are open. */
  private get added(): number {
    return this.frames.at(-1)?.added ?? 0;
  }

  /** A place at which a compiler notes where every local and operand is, or compares that with what it noted. */
  private note(): void {
    this.noted += this.locals + this.stack.length;
    this.weight += HOST_BYTES.branch;
  }

  /** One at which it notes what is in registers, and which of all those is a reference: a call, of the host's functions too. */
  private noteCall(): void {
    this.noted += (this.locals + this.stack.length) / CALLS_PER_BRANCH;
  }

  private newVertex(): number {
    return this.isWhole ? this.charges.vertex() : EXACT;
  }

  private happens(event: number, argument = 0): void {
    if (this.isWhole) this.publications.add(event, argument);
    else if (event === EVENT.call || event === EVENT.loop) this.edits.setPublishes(argument);
  }

  /** The construct in which code became unreachable ends here, or its other arm begins. */
  private removeDead(): void {
    if (this.reader.offset > this.deadFrom)
      this.edits.add(EDIT.remove, this.deadFrom, this.reader.offset, this.looksAlive ? 1 : 0);
  }

  private die(): void {
    this.reader.stop();
    this.deadFrom = this.reader.pos;
    this.looksAlive = false;
  }

  /** Behind the end of a construct that is never left there: to validation, this code looks like any other. */
  private stayDead(): void {
    this.deadFrom = this.reader.pos;
    this.looksAlive = true;
  }

  private visit(index: number, effect: number): void {
    const { reader, stack, edits, module } = this;
    switch (effect) {
      case EFFECT.ordinary: {
        const isBlind = IS_BLIND[index] as boolean;
        for (let i = PARAMS[index] as number; i > 0; i--) {
          if (isBlind) stack.pop();
          else this.observe();
        }
        if (MAY_TRAP[index]) {
          this.happens(EVENT.trap);
          if (!IS_ACCESS[index]) this.weight += HOST_BYTES.trap;
        }
        if (RESULTS[index] === 1) stack.push(NEVER_NAN[index] ? CLEAN : ANY);
        return;
      }
      case EFFECT.atomic:
        edits.add(EDIT.atomic, reader.offset, reader.pos, reader.a, reader.b, index);
        this.noteCall();
        stack.length -= PARAMS[index] as number;
        this.happens(EVENT.trap);
        this.weight += HOST_BYTES.call;
        if (RESULTS[index] === 1) stack.push(ANY);
        return;
      case EFFECT.producer:
        for (let i = PARAMS[index] as number; i > 0; i--) stack.pop();
        if (NEVER_NAN[index]) stack.push(CLEAN);
        else this.produce(FLOAT_TYPE[index] as ValType, FLOAT_TYPE[index] as ValType);
        return;
      case EFFECT['vector producer']:
      case EFFECT['vector comparison']: {
        const shape = VECTOR_SHAPE[index] as ValType;
        for (let i = PARAMS[index] as number; i > 0; i--) this.sources.use(stack.pop() as number, shape);
        if (effect === EFFECT['vector producer']) this.produce(VECTOR_RESULT[index] as ValType, V128);
        else stack.push(ANY);
        return;
      }
      case EFFECT.conversion:
        stack.pop();
        edits.add(EDIT.conversion, reader.offset, reader.offset, FLOAT_PARAM[index]);
        this.happens(EVENT.trap);
        this.weight += HOST_BYTES.trap;
        stack.push(ANY);
        return;
      case EFFECT.constant: {
        stack.push(this.mayBeNaN(index) ? ANY : CLEAN);
        return;
      }
      case EFFECT.push:
        stack.push(ANY);
        return;
      case EFFECT.drop:
        stack.pop();
        return;
      case EFFECT.select:
        this.select();
        return;
      case EFFECT['local.get']:
        this.localGet();
        return;
      case EFFECT['local.set']:
      case EFFECT['local.tee']:
        this.localSet(index);
        return;
      case EFFECT.global:
        if (reader.a >= module.importedGlobals) edits.add(EDIT.global, reader.offset, reader.pos, reader.a, 0, index);
        if (index === GLOBAL_GET) stack.push(ANY);
        else this.observe();
        return;
      case EFFECT['ref.func']:
        edits.add(EDIT.functionReference, reader.offset, reader.pos, reader.a);
        this.noteCall();
        stack.push(ANY);
        return;
      case EFFECT['ref.is_null']:
        stack.pop();
        stack.push(ANY);
        return;
      case EFFECT['table.get']:
        this.noteCall();
        stack.pop();
        this.happens(EVENT.trap);
        stack.push(ANY);
        return;
      case EFFECT['table.set']:
        this.noteCall();
        stack.pop();
        stack.pop();
        this.happens(EVENT.trap);
        return;
      case EFFECT.bulk:
        this.operation(index, 3);
        return;
      case EFFECT['memory.grow']:
        this.operation(index, 1);
        stack.push(ANY);
        return;
      case EFFECT.wait:
        this.operation(index, 3);
        stack.push(ANY);
        return;
      case EFFECT['table.grow']:
        this.operation(index, 2);
        stack.push(ANY);
        return;
      case EFFECT.throw:
        if (index === THROW) {
          const { params } = functionTypeAt(module, module.tags[reader.a] as number);
          for (let i = params.length; i > 0; i--) this.observe();
        }
        edits.add(EDIT.throw, reader.offset, reader.offset);
        this.noteCall();
        if (index !== THROW) {
          this.complicate();
          this.relabelBeyondPads(reader.a);
        }
        this.publish();
        this.happens(EVENT.stop);
        this.die();
        return;
      case EFFECT.segment:
        edits.add(EDIT.drop, reader.offset, reader.pos, reader.a, 0, index);
        this.noteCall();
        return;
      case EFFECT.return_call:
        edits.add(EDIT.tailCall, reader.offset, reader.pos, reader.a);
        this.leaveFor(typeOfFunction(module, reader.a));
        return;
      case EFFECT.return_call_indirect:
        stack.pop();
        edits.add(EDIT.tailCallIndirect, reader.offset, reader.pos, reader.a, reader.b);
        this.weight += HOST_BYTES.trap;
        this.leaveFor(functionTypeAt(module, reader.a));
        return;
      case EFFECT.call:
        this.apply(typeOfFunction(module, reader.a), edits.add(EDIT.call, reader.offset, reader.pos, reader.a));
        return;
      case EFFECT.call_indirect:
        stack.pop();
        this.weight += HOST_BYTES.trap;
        this.apply(
          module.types[reader.a] as FuncType,
          edits.add(EDIT.callIndirect, reader.offset, reader.pos, reader.a, reader.b),
        );
        return;
      default:
        this.control(effect);
        return;
    }
  }

  /** Whether the constant just read may be a NaN. */
  private mayBeNaN(index: number): boolean {
    const { low, high, bytes, a, pos } = this.reader;
    const immediates = OPCODES[index]?.immediates;
    if (immediates === 'f32') return isNaN32(low);
    if (immediates === 'f64') return isNaN64(low, high);
    // A vector that is zero is none whatever its lanes are.
    return bytes.subarray(a, pos).some((byte) => byte !== 0);
  }

  private observe(): void {
    this.sources.observe(this.stack.pop() as number);
  }

  /** The next place where the function can be left is here: whoever takes its values over sees their bits. */
  private leave(): void {
    if (!this.isLeavable) return;
    const { stack, sources, block } = this;
    const { locals, operands } = this.leaves[this.nextLeave] as LeavePoint;
    this.savedFrom[this.nextLeave++] = this.saved.length;
    for (const local of locals) {
      const type = this.localTypes[local] as ValType;
      this.save(this.mayHoldNaN(type) ? sources.read(block, local, type, LEAST_FREQUENT) : ANY);
    }
    for (let i = 0; i < operands.length; i++) {
      const operand = stack[i] as number;
      this.save(operand < 0 ? ANY : sources.either(operand, operand, LEAST_FREQUENT));
    }
  }

  private save(source: number): void {
    this.sources.observe(source);
    this.saved.push(source);
  }

  /** The source of a value that is saved, by its place among the locals and operands there. */
  savedAt(leave: number, value: number): number {
    const from = this.savedFrom[leave];
    return from === undefined ? ANY : (this.saved.values[from + value] as number);
  }

  private produce(shape: ValType, type: ValType): void {
    if (!this.canonicalNaN) {
      this.stack.push(ANY);
      return;
    }
    const source = this.sources.compute(shape, type, this.level);
    this.edits.add(EDIT.canonical, this.reader.pos, this.reader.pos, source, type);
    this.stack.push(source);
  }

  private select(): void {
    const { stack, sources, edits, reader } = this;
    stack.pop();
    const second = stack.pop() as number;
    const first = stack.pop() as number;
    const source = sources.either(first, second, this.level);
    stack.push(source);
    if (source >= 0) edits.add(EDIT.canonical, reader.pos, reader.pos, source, sources.typeOf(source));
  }

  private localGet(): void {
    const { reader, edits, stack } = this;
    const local = reader.a;
    if (local >= this.params) edits.add(EDIT.local, reader.offset, reader.pos, local, 0, LOCAL_GET);
    const type = this.localTypes[local] as ValType;
    const source = this.mayHoldNaN(type) ? this.sources.read(this.block, local, type, this.level) : ANY;
    if (source >= 0) edits.add(EDIT.canonical, reader.pos, reader.pos, source, type);
    stack.push(source);
  }

  private localSet(index: number): void {
    const { reader, edits, stack } = this;
    const local = reader.a;
    const isTee = index === LOCAL_TEE;
    const source = (isTee ? stack.at(-1) : stack.pop()) as number;
    if (local >= this.params) edits.add(EDIT.local, reader.offset, reader.pos, local, 0, index);
    if (this.mayHoldNaN(this.localTypes[local] as ValType)) this.sources.assign(this.block, local, source);
  }

  /** Whether a local of a type may hold a NaN that waits. */
  private mayHoldNaN(type: ValType): boolean {
    return this.canonicalNaN && (type === F32 || type === F64 || type === V128);
  }

  /** An instruction around which the count is exact and written out. */
  private publish(): void {
    this.happens(EVENT.publish);
    this.beExact();
  }

  /** The innermost loop has a call in it. */
  private complicate(): void {
    this.mayBeSimple = false;
  }

  private beExact(): void {
    if (this.isWhole) this.charges.merge(this.vertex, EXACT);
  }

  private apply(type: FuncType, edit: number): void {
    for (let i = type.params.length; i > 0; i--) this.observe();
    this.leave();
    for (let i = type.results.length; i > 0; i--) this.stack.push(ANY);
    this.happens(EVENT.call, edit);
    this.noteCall();
    this.weight += HOST_BYTES.call;
    this.complicate();
    this.beExact();
  }

  /** A call in tail position. What has been used before it is written out by the function that is called. */
  private leaveFor(type: FuncType): void {
    for (let i = type.params.length; i > 0; i--) this.observe();
    this.noteCall();
    this.weight += HOST_BYTES.call;
    this.complicate();
    this.beExact();
    this.happens(EVENT.publish);
    this.happens(EVENT.stop);
    this.die();
  }

  // Control.

  /** What becomes a function, and takes so many operands. */
  private operation(index: number, operands: number): void {
    const { reader, stack } = this;
    const { offset, pos, a, b } = reader;
    this.edits.add(EDIT.operation, offset, pos, a, HAS_SECOND[index] ? b : 0, index);
    this.noteCall();
    this.leave();
    stack.length -= operands;
    this.complicate();
    this.publish();
    this.weight += HOST_BYTES.call;
  }

  private control(effect: number): void {
    const { reader, stack, edits } = this;
    switch (effect) {
      case EFFECT.try:
        this.complicate();
        this.open(EFFECT.block);
        return;
      case EFFECT.block:
      case EFFECT.loop:
      case EFFECT.if:
        this.open(effect);
        return;
      case EFFECT.try_table:
        this.complicate();
        if (reader.catches.length === 0) this.open(EFFECT.block);
        else this.openTryTable();
        return;
      case EFFECT.catch:
        this.catch(this.index === CATCH ? reader.a : undefined);
        return;
      case EFFECT.else: {
        const frame = this.frames.at(-1) as Frame;
        this.note();
        if (reader.isReachable) {
          this.observeTop(frame.type.results.length);
          this.jump(frame);
        }
        this.happens(EVENT.else);
        reader.arm();
        stack.length = frame.height;
        this.pushAny(frame.type.params.length);
        this.segment(frame.arms, frame.level + IN_ARM, this.blockBehind(frame.armsBlock));
        return;
      }
      case EFFECT.delegate:
      case EFFECT.end:
        this.end();
        return;
      case EFFECT.br:
        this.branch(reader.a);
        this.jumpTo(reader.a);
        this.happens(EVENT.br, reader.a);
        this.die();
        return;
      case EFFECT.br_if:
        this.branchIf();
        return;
      case EFFECT.br_table:
        stack.pop();
        this.branchByTable();
        this.die();
        return;
      case EFFECT.return:
        this.observeTop((this.frames[0] as Frame).type.results.length);
        edits.add(EDIT.return, reader.offset, reader.pos);
        this.beExact();
        this.happens(EVENT.stop);
        this.die();
        return;
      case EFFECT.unreachable:
        this.happens(EVENT.trap);
        this.happens(EVENT.stop);
        this.die();
        return;
    }
  }

  private pushAny(count: number): void {
    for (let i = 0; i < count; i++) this.stack.push(ANY);
  }

  /** The topmost operands pass to other code. */
  private observeTop(count: number): void {
    const { stack, sources } = this;
    for (let i = stack.length - count; i < stack.length; i++) sources.observe(stack[i] as number);
  }

  /** A segment begins behind the instruction just read, and with it a block. */
  private segment(from: number, level: number, block: number): void {
    this.block = block;
    this.level = Math.max(level, LEAST_FREQUENT);
    this.vertex = this.newVertex();
    const slot = this.charges.slot(this.cost(), from, this.vertex, this.level);
    this.edits.add(EDIT.slot, this.reader.pos, this.reader.pos, slot);
  }

  private blockBehind(earlier: number): number {
    const { sources } = this;
    const block = sources.block();
    sources.edge(earlier, block);
    return block;
  }

  private cost(): number {
    const { points } = this.plan;
    const { pos } = this.reader;
    while (points.offsetAt(this.nextPoint) < pos) this.nextPoint++;
    return points.offsetAt(this.nextPoint) === pos ? points.costAt(this.nextPoint) : 0;
  }

  private open(kind: number): void {
    const { reader, stack, charges, edits, sources, module, level } = this;
    const type = blockType(reader.a, module.types) as FuncType;
    const { length } = type.params;
    if (this.isLeavable) edits.add(EDIT.construct, reader.offset, reader.offset);
    if (kind === EFFECT.if) stack.pop();
    this.observeTop(length);
    if (length > 0) stack.fill(ANY, stack.length - length);
    const vertex = this.newVertex();
    if (kind === EFFECT.block) {
      this.enter(kind, type, vertex, sources.block());
      this.happens(EVENT.block);
      return;
    }
    this.note();
    if (kind === EFFECT.if) {
      this.enter(kind, type, vertex, sources.block());
      this.happens(EVENT.if);
      this.segment(this.vertex, level + IN_ARM, this.blockBehind(this.block));
      return;
    }
    this.openLoop(type);
    const block = this.blockBehind(this.block);
    this.enter(kind, type, vertex, block);
    if (this.isWhole) charges.merge(this.vertex, vertex);
    this.level = Math.min(level + IN_LOOP, MOST_FREQUENT);
    this.vertex = EXACT;
    this.block = block;
    this.leave();
    const slot = charges.slot(this.cost(), vertex, EXACT, this.level);
    const { pos, offset } = reader;
    const around = this.frames.length - 1 + this.added;
    this.happens(EVENT.loop, edits.add(EDIT.loop, pos, pos, slot, around, pos - offset));
  }

  /** Clauses lead to pads, which stand around the construct, and from there to their labels. */
  private openTryTable(): void {
    const { reader, module, sources, edits } = this;
    const type = blockType(reader.a, module.types) as FuncType;
    const clauses = reader.catches.map((clause) => {
      const { kind, tag, label } = clause;
      const frame = this.frameOf(label);
      // The count is exact where an exception is caught.
      if (this.isWhole) this.charges.merge(EXACT, frame.vertex);
      this.note();
      const values = tag < 0 ? [] : functionTypeAt(module, module.tags[tag] as number).params;
      return { kind, tag, label: label + this.added - frame.added, values };
    });
    const typeStart = reader.offset + 1;
    const pads = this.pads.push({ type, typeStart, typeEnd: this.endOfBlockType(typeStart), clauses }) - 1;
    edits.add(EDIT.tryTable, reader.offset, reader.pos, pads);
    const { length } = type.params;
    this.observeTop(length);
    if (length > 0) this.stack.fill(ANY, this.stack.length - length);
    this.enter(EFFECT.block, type, this.newVertex(), sources.block(), pads);
    this.happens(EVENT.block);
  }

  /** Where the immediate ends that begins there: an integer, or a type of one byte. */
  private endOfBlockType(start: number): number {
    const { bytes } = this.module;
    let end = start;
    while ((bytes[end] as number) >= 0x80) end++;
    return end + 1;
  }

  /** An arm to which an exception leads: of a tag, or any. */
  private catch(tag: number | undefined): void {
    const { reader, module, stack } = this;
    const frame = this.frames.at(-1) as Frame;
    this.note();
    if (!frame.isCatching) this.catching++;
    frame.isCatching = true;
    this.noted += NOTED_PER_CATCH * this.catching;
    if (reader.isReachable) {
      this.observeTop(frame.type.results.length);
      this.jump(frame);
    }
    this.happens(EVENT.catch);
    reader.arm();
    stack.length = frame.height;
    if (tag !== undefined) this.pushAny(functionTypeAt(module, module.tags[tag] as number).params.length);
    this.edits.add(EDIT.caught, reader.pos, reader.pos);
    this.weight += HOST_BYTES.call;
    this.segment(EXACT, frame.level + IN_ARM, this.sources.block());
  }

  private openLoop(type: FuncType): void {
    const { edits, reader } = this;
    // The edit of the header is the next one, or the one behind that.
    const header = edits.length + (this.wrapsLoops ? 1 : 0);
    if (this.wrapsLoops) edits.add(EDIT.loopStart, reader.offset, reader.offset, header);
    this.loopPlaces.push(this.frames.length);
    this.loopHeaders.push(header);
    this.mayBeSimple = this.isWhole && type.params.length === 0 && this.added === 0;
  }

  private closeLoop(): void {
    this.loopPlaces.pop();
    const header = this.loopHeaders.pop();
    if (this.mayBeSimple) this.simple.push(header);
    this.mayBeSimple = false;
    if (this.wrapsLoops) this.edits.add(EDIT.loopEnd, this.reader.pos, this.reader.pos, header);
  }

  /** Whether loops are put into something, if they turn out to be simple. */
  private get wrapsLoops(): boolean {
    return this.refills && this.isWhole;
  }

  /** An edge to where the label of a construct leads. The operands that it takes along have been observed. */
  private jump(frame: Frame): void {
    if (!this.isWhole) return;
    this.charges.merge(this.vertex, frame.vertex);
    this.sources.edge(this.block, frame.block);
  }

  /** The construct that a branch leads to. */
  private frameOf(label: number): Frame {
    const place = this.frames.length - 1 - label;
    this.reader.leadTo(place);
    if (place === 0) this.branchesToEnd = true;
    return this.frames[place] as Frame;
  }

  /** The labels of a branch change if it leaves a loop that is put into blocks. */
  private branch(farthest: number): void {
    if (this.relabelBeyondPads(farthest)) return;
    if (!this.refills || !this.mayBeSimple) return;
    const { reader, edits } = this;
    const outside = this.frames.length - (this.loopPlaces.last as number);
    if (farthest >= outside)
      edits.add(EDIT.branch, reader.offset, reader.pos, this.loopHeaders.last as number, outside);
  }

  /** The labels of an instruction change if pads stand around what is in between. Returns whether they do. */
  private relabelBeyondPads(farthest: number): boolean {
    const { reader, edits, labels, frames, added } = this;
    if (added === (frames[frames.length - 1 - farthest] as Frame).added) return false;
    edits.add(EDIT.labels, reader.offset, reader.pos, labels.length);
    const add = (label: number) => labels.push(label + added - (frames[frames.length - 1 - label] as Frame).added);
    if (EFFECT_OF[this.index] !== EFFECT.br_table) add(reader.a);
    else for (let i = 0; i <= reader.a; i++) add(reader.labels[i] as number);
    return true;
  }

  private jumpTo(label: number): void {
    const frame = this.frameOf(label);
    this.observeTop(labelTypes(frame).length);
    this.note();
    this.jump(frame);
  }

  private branchIf(): void {
    const { reader, stack, frames } = this;
    stack.pop();
    const label = reader.a;
    const place = frames.length - 1 - label;
    this.branch(label);
    this.jumpTo(label);
    this.happens(EVENT.br_if, label);
    const leavesLoop = (this.loopPlaces.last ?? 0) > place;
    const isLoop = frames[place]?.kind === EFFECT.loop;
    const stays = isLoop ? BEHIND.toLoop : leavesLoop ? BEHIND.outOfLoop : BEHIND.other;
    this.segment(this.vertex, this.level + stays, this.blockBehind(this.block));
  }

  /** However often a construct is a target, it is one once. */
  private branchByTable(): void {
    const { reader } = this;
    const { labels, a: last } = reader;
    let farthest = 0;
    for (let i = 0; i <= last; i++) if ((labels[i] as number) > farthest) farthest = labels[i] as number;
    this.branch(farthest);
    const table = ++this.tables;
    const fallback = labels[last] as number;
    this.frameOf(fallback).table = table;
    for (let i = 0; i < last; i++) {
      const label = labels[i] as number;
      const frame = this.frameOf(label);
      if (frame.table === table) continue;
      frame.table = table;
      this.note();
      this.jump(frame);
      this.happens(EVENT.br_if, label);
    }
    this.jumpTo(fallback);
    this.happens(EVENT.br, fallback);
  }

  /** Takes operands off the stack, down to a height. */
  private cut(height: number): void {
    // To set a length takes V8 long, even where it stays the same.
    if (this.stack.length !== height) this.stack.length = height;
  }

  private end(): void {
    const { charges, frames, reader } = this;
    const frame = frames.pop() as Frame;
    const { kind, type, height } = frame;
    if (frame.isCatching) this.catching--;
    if (EFFECT_OF[this.index] === EFFECT.delegate) this.relabelBeyondPads(this.reader.a);
    const isLive = reader.isReachable;
    const { isOneArmed } = reader;
    const isJoined = reader.leave();
    if (isLive) this.observeTop(type.results.length);
    this.happens(EVENT.end, kind === EFFECT.loop ? 1 : 0);
    if (frame.pads !== NO_PADS) this.edits.add(EDIT.tryTableEnd, this.reader.pos, this.reader.pos, frame.pads);
    if (frames.length === 0) {
      if (isLive) this.beExact();
      return;
    }
    if (kind === EFFECT.loop) {
      this.closeLoop();
      // Unreachable code goes on where the loop cannot be left at its end.
      if (isLive) {
        this.cut(height);
        this.pushAny(type.results.length);
        this.level = Math.min(this.level, frame.level);
      } else this.stayDead();
      return;
    }
    if (!reader.isReachable) {
      this.stayDead();
      return;
    }
    this.cut(height);
    this.pushAny(type.results.length);
    if (!isJoined) return;
    this.note();
    if (this.isWhole) {
      const { sources } = this;
      if (isLive) {
        charges.merge(this.vertex, frame.vertex);
        sources.edge(this.block, frame.block);
      }
      if (isOneArmed) {
        charges.merge(frame.arms, frame.vertex);
        sources.edge(frame.armsBlock, frame.block);
      }
    }
    this.segment(frame.vertex, frame.level, frame.block);
  }
}

function labelTypes(frame: Frame): readonly ValType[] {
  return frame.kind === EFFECT.loop ? frame.type.params : frame.type.results;
}

function isNaN32(low: number): boolean {
  return (low & 0x7fff_ffff) > 0x7f80_0000;
}

function isNaN64(low: number, high: number): boolean {
  const upper = high & 0x7fff_ffff;
  return upper > 0x7ff0_0000 || (upper === 0x7ff0_0000 && low !== 0);
}
