/**
 * Reads a function body once and decides what has to be changed in it, and where: a list of edits. Three questions
 * are answered on the way: which additions of gas are really needed (charges.ts), where the count must be written to
 * where the host can see it, and which results must have their NaN made canonical.
 */

import { blockType, InstructionReader } from '../wasm/instructions.ts';
import { type Mnemonic, OPCODES, opcode } from '../wasm/opcodes.ts';
import { type FunctionPlan, planFunction } from '../wasm/plan.ts';
import {
  F32,
  F64,
  type FuncType,
  funcType,
  localTypes,
  typeOfFunction,
  V128,
  type ValType,
  type WasmModule,
} from '../wasm/types.ts';
import { Charges, EXACT } from './charges.ts';
import { STEP, Steps } from './publications.ts';
import { ANY, CLEAN, Sources } from './sources.ts';

/** What is to be done at a place. The comments say what `a` and `b` of the edit are. */
export const EDIT = {
  /** Insert an addition. `a`: slot. */
  slot: 0,
  /** Insert charge and check of a loop header. `a`: slot, `b`: constructs around, the loop included. */
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
  memoryGrow: 11,
  /** `a`: table. */
  tableGrow: 12,
  /** `a`, `b`: the instruction's indices. */
  bulk: 13,
  /** `data.drop` and `elem.drop`. `a`: segment. */
  drop: 14,
  /** Insert what a loop is put into, before it. `a`: the edit of its header. */
  loopStart: 15,
  /** The same, behind its end. `a`: the edit of its header. */
  loopEnd: 16,
  /** A branch in a loop. `a`: the edit of the loop's header, `b`: the first label outside of it. */
  branch: 17,
} as const;

/** Edits, in the order of their places. */
export class Edits {
  /** Where the instruction begins, and where it ends; the same where something is inserted. */
  readonly start: number[] = [];
  readonly end: number[] = [];
  readonly kind: number[] = [];
  readonly a: number[] = [];
  readonly b: number[] = [];
  /** Place in the opcode table of the instruction that is replaced. */
  readonly row: number[] = [];

  get length(): number {
    return this.kind.length;
  }

  add(kind: number, start: number, end: number, a = 0, b = 0, row = -1): number {
    this.start.push(start);
    this.end.push(end);
    this.a.push(a);
    this.b.push(b);
    this.row.push(row);
    return this.kind.push(kind) - 1;
  }
}

export interface Analysis {
  readonly plan: FunctionPlan;
  readonly edits: Edits;
  /** By slot. */
  readonly amounts: Float64Array;
  /** Whether the count has to be written out at function entry. */
  readonly publishesEntry: boolean;
  /** By edit: whether the count has to be written out after a call or at a loop header. */
  readonly publishes: Uint8Array;
  /** By source: the shape in which its NaN has to be made canonical; 0 where it need not be. */
  readonly canonical: Uint8Array;
  /** By edit: whether this is the header of a loop in which no other loop and no call is. */
  readonly isSimple: Uint8Array;
  /** Whether a branch leads to the label of the function itself. */
  readonly branchesToEnd: boolean;
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
  'memory.grow': 20,
  'table.grow': 21,
  bulk: 22,
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
} as const;

const BULK: ReadonlySet<Mnemonic> = new Set<Mnemonic>([
  'memory.init',
  'memory.copy',
  'memory.fill',
  'table.init',
  'table.copy',
  'table.fill',
]);
const FLOAT_VECTOR =
  /^f(32x4|64x2)\.(ceil|floor|trunc|nearest|sqrt|add|sub|mul|div|min|max|demote_f64x2_zero|promote_low_f32x4)$/;

const FLOAT_VECTOR_COMPARISON = /^f(32x4|64x2)\.(eq|ne|lt|gt|le|ge)$/;

/** Instructions that compute on floats and do not look at the bits of a NaN. */
const IS_BLIND = OPCODES.map(
  ({ params, meaning, immediates, mnemonic }) =>
    /^[fd]+$/.test(params) &&
    immediates === 'none' &&
    meaning !== undefined &&
    !meaning.startsWith('bits ') &&
    !mnemonic.includes('reinterpret'),
);

const EFFECT_OF = OPCODES.map((row) => {
  const { mnemonic, results, immediates } = row;
  if (mnemonic === 'select_t') return EFFECT.select;
  if (mnemonic === 'global.get' || mnemonic === 'global.set') return EFFECT.global;
  if (mnemonic === 'data.drop' || mnemonic === 'elem.drop') return EFFECT.segment;
  if (mnemonic === 'ref.null') return EFFECT.push;
  if (BULK.has(mnemonic)) return EFFECT.bulk;
  if (Object.hasOwn(EFFECT, mnemonic)) return EFFECT[mnemonic as keyof typeof EFFECT];
  if (immediates === 'f32' || immediates === 'f64' || immediates === 'v128') return EFFECT.constant;
  if (IS_BLIND[row.index] && (results === 'f' || results === 'd')) return EFFECT.producer;
  if (IS_BLIND[row.index] && row.traps.length > 0) return EFFECT.conversion;
  if (FLOAT_VECTOR.test(mnemonic)) return EFFECT['vector producer'];
  if (FLOAT_VECTOR_COMPARISON.test(mnemonic)) return EFFECT['vector comparison'];
  return EFFECT.ordinary;
});
const PARAMS = OPCODES.map(({ params }) => params.length);
const RESULTS = OPCODES.map(({ results }) => results.length);
const MAY_TRAP = OPCODES.map(({ traps, immediates }) => traps.length > 0 || immediates.startsWith('memarg'));
const IS_CONVERT = OPCODES.map(({ mnemonic }) => /^f(32|64)\.convert/.test(mnemonic));
const FLOAT_TYPE = OPCODES.map(({ results }) => (results === 'f' ? F32 : F64));
/** Types of the lanes that a computation on vectors reads, and of those it makes. */
const VECTOR_RESULT = OPCODES.map(({ mnemonic }) => (mnemonic.startsWith('f32x4') ? F32 : F64));
const VECTOR_SHAPE = OPCODES.map(({ mnemonic }, index) => {
  if (mnemonic === 'f32x4.demote_f64x2_zero') return F64;
  return mnemonic === 'f64x2.promote_low_f32x4' ? F32 : VECTOR_RESULT[index];
});
const FLOAT_PARAM = OPCODES.map(({ params }) => (params === 'f' ? F32 : F64));
const GLOBAL_GET = opcode('global.get').index;
const LOCAL_GET = opcode('local.get').index;
const LOCAL_TEE = opcode('local.tee').index;

/** How much more often a loop's body runs than what is around it, as far as anyone can guess. */
const LOOP_FACTOR = 8;
const MAX_FREQUENCY = 1e12;

interface Frame {
  readonly kind: number;
  readonly type: FuncType;
  /** Operands below the construct's parameters. */
  readonly height: number;
  /** Where a branch to the construct's label leads. */
  readonly vertex: number;
  readonly frequency: number;
  /** Of an `if`: where its arms begin. */
  readonly arms: number;
  /** The same two as blocks, for what locals hold. */
  readonly block: number;
  readonly armsBlock: number;
  isJumpedTo: boolean;
  isOneArmed: boolean;
}

/** A loop that is open. */
interface Loop {
  /** Place among the frames, and edit of the header. */
  readonly place: number;
  readonly header: number;
  isSimple: boolean;
}

export interface AnalyseOptions {
  readonly canonicalNaN: boolean;
  /** Whether a guest whose gas at hand is used up may get more, and go on. */
  readonly refills: boolean;
}

class Analyser {
  private readonly module: WasmModule;
  private readonly reader: InstructionReader;
  private readonly plan: FunctionPlan;
  private readonly params: number;
  private readonly localTypes: readonly ValType[];
  private readonly edits = new Edits();
  private readonly charges = new Charges();
  private readonly canonicalNaN: boolean;
  private readonly refills: boolean;

  private readonly frames: Frame[] = [];
  private readonly loops: Loop[] = [];
  /** Headers of loops that turned out to be simple. */
  private readonly simple: number[] = [];
  private readonly stack: number[] = [];
  /** Constructs opened in unreachable code; -1 in code that can be reached. */
  private dead = -1;
  private deadFrom = 0;
  private looksAlive = false;
  private nextPoint = 0;
  private frequency = 1;
  private slot: number;
  private vertex: number = EXACT;
  private block = 0;
  private branchesToEnd = false;

  private readonly steps = new Steps();
  private readonly sources: Sources;

  constructor(module: WasmModule, body: number, { canonicalNaN, refills }: AnalyseOptions) {
    const declared = module.bodies.at(body);
    const { localCount, codeStart, end } = declared;
    const type = typeOfFunction(module, module.importedFunctions + body);
    this.module = module;
    this.canonicalNaN = canonicalNaN;
    this.refills = refills;
    this.plan = planFunction(module, body);
    this.params = type.params.length;
    this.reader = new InstructionReader(module.bytes, codeStart, end);
    this.localTypes = localTypes(type.params, declared);
    this.sources = new Sources(this.params, localCount, end - codeStart);
    // The entry's charge is no slot: what is at hand there must be exact.
    this.slot = -1;
    this.frames.push({
      kind: EFFECT.block,
      type: funcType([], type.results),
      height: 0,
      vertex: EXACT,
      frequency: 1,
      arms: 0,
      block: this.sources.webs.block(),
      armsBlock: 0,
      isJumpedTo: false,
      isOneArmed: false,
    });
  }

  run(): Analysis {
    const { reader, frames } = this;
    while (frames.length > 0) {
      const index = reader.next();
      const effect = EFFECT_OF[index] as number;
      if (this.dead >= 0 && !this.revives(effect)) continue;
      this.visit(index, effect);
    }
    const { plan, edits, branchesToEnd } = this;
    const publishes = new Uint8Array(edits.length);
    const publishesEntry = this.steps.solve(publishes);
    const amounts = this.charges.solve();
    const canonical = this.sources.solve();
    const isSimple = new Uint8Array(edits.length);
    for (const header of this.simple) isSimple[header] = 1;
    return { plan, edits, amounts, publishes, publishesEntry, canonical, isSimple, branchesToEnd };
  }

  /** In unreachable code: whether the construct in which it became so ends here. */
  private revives(effect: number): boolean {
    if (effect === EFFECT.block || effect === EFFECT.loop || effect === EFFECT.if) this.dead++;
    else if (effect === EFFECT.end) {
      if (this.dead === 0) return this.resume();
      this.dead--;
    } else if (effect === EFFECT.else && this.dead === 0) return this.resume();
    return false;
  }

  private resume(): true {
    if (this.reader.offset > this.deadFrom)
      this.edits.add(EDIT.remove, this.deadFrom, this.reader.offset, this.looksAlive ? 1 : 0);
    return true;
  }

  private die(): void {
    this.dead = 0;
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
        if (MAY_TRAP[index]) this.steps.add(STEP.trap);
        if (RESULTS[index] === 1) stack.push(IS_CONVERT[index] ? CLEAN : ANY);
        return;
      }
      case EFFECT.producer:
        for (let i = PARAMS[index] as number; i > 0; i--) stack.pop();
        if (IS_CONVERT[index]) stack.push(CLEAN);
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
        this.steps.add(STEP.trap);
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
        stack.push(ANY);
        return;
      case EFFECT['ref.is_null']:
        stack.pop();
        stack.push(ANY);
        return;
      case EFFECT['table.get']:
        stack.pop();
        this.steps.add(STEP.trap);
        stack.push(ANY);
        return;
      case EFFECT['table.set']:
        stack.pop();
        stack.pop();
        this.steps.add(STEP.trap);
        return;
      case EFFECT['memory.grow']:
        edits.add(EDIT.memoryGrow, reader.offset, reader.pos);
        this.complicate();
        this.publish();
        return;
      case EFFECT['table.grow']:
        edits.add(EDIT.tableGrow, reader.offset, reader.pos, reader.a);
        stack.pop();
        this.complicate();
        this.publish();
        return;
      case EFFECT.bulk:
        edits.add(EDIT.bulk, reader.offset, reader.pos, reader.a, reader.b, index);
        stack.length -= 3;
        this.complicate();
        this.publish();
        return;
      case EFFECT.segment:
        edits.add(EDIT.drop, reader.offset, reader.pos, reader.a, 0, index);
        return;
      case EFFECT.call:
        this.apply(typeOfFunction(module, reader.a), edits.add(EDIT.call, reader.offset, reader.pos, reader.a));
        return;
      case EFFECT.call_indirect:
        stack.pop();
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

  private produce(shape: ValType, type: ValType): void {
    if (!this.canonicalNaN) {
      this.stack.push(ANY);
      return;
    }
    const source = this.sources.compute(shape, type, this.frequency);
    this.edits.add(EDIT.canonical, this.reader.pos, this.reader.pos, source, type);
    this.stack.push(source);
  }

  private select(): void {
    const { stack, sources, edits, reader } = this;
    stack.pop();
    const second = stack.pop() as number;
    const first = stack.pop() as number;
    const source = sources.either(first, second, this.frequency);
    stack.push(source);
    if (source >= 0) edits.add(EDIT.canonical, reader.pos, reader.pos, source, sources.typeOf(source));
  }

  private localGet(): void {
    const { reader, edits, stack } = this;
    const local = reader.a;
    if (local >= this.params) edits.add(EDIT.local, reader.offset, reader.pos, local, 0, LOCAL_GET);
    const type = this.localTypes[local] as ValType;
    if (!this.mayHoldNaN(type)) {
      stack.push(ANY);
      return;
    }
    const source = this.sources.read(this.block, local, type, this.frequency);
    edits.add(EDIT.canonical, reader.pos, reader.pos, source, type);
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
    this.steps.add(STEP.publish);
    this.beExact();
  }

  /** The innermost loop has a call in it. */
  private complicate(): void {
    const loop = this.loops.at(-1);
    if (loop !== undefined) loop.isSimple = false;
  }

  private beExact(): void {
    this.charges.merge(this.vertex, EXACT);
  }

  private apply(type: FuncType, edit: number): void {
    for (let i = type.params.length; i > 0; i--) this.observe();
    for (let i = type.results.length; i > 0; i--) this.stack.push(ANY);
    this.steps.add(STEP.call, edit);
    this.complicate();
    this.beExact();
  }

  // Control.

  private control(effect: number): void {
    const { reader, stack, edits } = this;
    switch (effect) {
      case EFFECT.block:
      case EFFECT.loop:
      case EFFECT.if:
        this.open(effect);
        return;
      case EFFECT.else: {
        const frame = this.frames.at(-1) as Frame;
        frame.isOneArmed = false;
        if (this.dead < 0) this.jump(frame, frame.type.results.length);
        this.steps.add(STEP.else);
        this.dead = -1;
        stack.length = frame.height;
        this.pushAny(frame.type.params.length);
        this.begin(frame.arms, frame.frequency / 2, this.blockBehind(frame.armsBlock));
        return;
      }
      case EFFECT.end:
        this.end();
        return;
      case EFFECT.br:
        this.branch(reader.a);
        this.jumpTo(reader.a);
        this.steps.add(STEP.br, reader.a);
        this.die();
        return;
      case EFFECT.br_if:
        this.branchIf();
        return;
      case EFFECT.br_table: {
        stack.pop();
        this.branch(reader.labels.subarray(0, reader.a + 1).reduce((a, b) => Math.max(a, b), 0));
        for (let i = 0; i <= reader.a; i++) {
          const label = reader.labels[i] as number;
          this.jumpTo(label);
          this.steps.add(i === reader.a ? STEP.br : STEP.br_if, label);
        }
        this.die();
        return;
      }
      case EFFECT.return:
        this.observeTop((this.frames[0] as Frame).type.results.length);
        edits.add(EDIT.return, reader.offset, reader.pos);
        this.beExact();
        this.steps.add(STEP.stop);
        this.die();
        return;
      case EFFECT.unreachable:
        this.steps.add(STEP.trap);
        this.steps.add(STEP.stop);
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
  private begin(from: number, frequency: number, block: number): void {
    this.block = block;
    this.frequency = frequency;
    this.vertex = this.charges.vertex();
    this.slot = this.charges.slot(this.cost(), from, this.vertex, frequency);
    this.edits.add(EDIT.slot, this.reader.pos, this.reader.pos, this.slot);
  }

  private blockBehind(earlier: number): number {
    const { webs } = this.sources;
    const block = webs.block();
    webs.edge(earlier, block);
    return block;
  }

  private cost(): number {
    const { points } = this.plan;
    const { pos } = this.reader;
    while (points.offsetAt(this.nextPoint) < pos) this.nextPoint++;
    return points.offsetAt(this.nextPoint) === pos ? points.costAt(this.nextPoint) : 0;
  }

  private open(kind: number): void {
    const { reader, stack, charges, edits } = this;
    const type = blockType(reader.a, this.module.types) as FuncType;
    if (kind === EFFECT.if) stack.pop();
    this.observeTop(type.params.length);
    const height = stack.length - type.params.length;
    stack.length = height;
    this.pushAny(type.params.length);
    const { frequency } = this;
    const vertex = charges.vertex();
    const header = kind === EFFECT.loop ? this.openLoop(type) : -1;
    this.frames.push({
      kind,
      type,
      height,
      vertex,
      frequency,
      arms: this.vertex,
      block: kind === EFFECT.loop ? this.blockBehind(this.block) : this.sources.webs.block(),
      armsBlock: this.block,
      isJumpedTo: false,
      isOneArmed: kind === EFFECT.if,
    });
    if (kind === EFFECT.block) this.steps.add(STEP.block);
    else if (kind === EFFECT.if) {
      this.steps.add(STEP.if);
      this.begin(this.vertex, frequency / 2, this.blockBehind(this.block));
    } else {
      charges.merge(this.vertex, vertex);
      this.frequency = Math.min(frequency * LOOP_FACTOR, MAX_FREQUENCY);
      this.vertex = EXACT;
      this.block = (this.frames.at(-1) as Frame).block;
      this.slot = charges.slot(this.cost(), vertex, EXACT, this.frequency);
      edits.add(EDIT.loop, reader.pos, reader.pos, this.slot, this.frames.length - 1);
      this.steps.add(STEP.loop, header);
    }
  }

  /** Returns the edit of the header, which is to be made next. */
  private openLoop(type: FuncType): number {
    const { edits, loops, reader, frames } = this;
    this.complicate();
    const header = edits.length + (this.refills ? 1 : 0);
    if (this.refills) edits.add(EDIT.loopStart, reader.offset, reader.offset, header);
    loops.push({ place: frames.length, header, isSimple: type.params.length === 0 });
    return header;
  }

  private closeLoop(): void {
    const { header, isSimple } = this.loops.pop() as Loop;
    if (isSimple) this.simple.push(header);
    if (this.refills) this.edits.add(EDIT.loopEnd, this.reader.pos, this.reader.pos, header);
  }

  /** An edge to where the label of a construct leads, taking the topmost operands along. */
  private jump(frame: Frame, arity: number): void {
    frame.isJumpedTo = true;
    this.observeTop(arity);
    this.charges.merge(this.vertex, frame.vertex);
    this.sources.webs.edge(this.block, frame.block);
  }

  private frameOf(label: number): Frame {
    const place = this.frames.length - 1 - label;
    if (place === 0) this.branchesToEnd = true;
    return this.frames[place] as Frame;
  }

  /** The labels of a branch change if it leaves a loop that is put into blocks. */
  private branch(farthest: number): void {
    const { reader, edits, frames } = this;
    const loop = this.loops.at(-1);
    if (!this.refills || !loop?.isSimple) return;
    const outside = frames.length - loop.place;
    if (farthest >= outside) edits.add(EDIT.branch, reader.offset, reader.pos, loop.header, outside);
  }

  private jumpTo(label: number): void {
    const frame = this.frameOf(label);
    this.jump(frame, labelTypes(frame).length);
  }

  private branchIf(): void {
    const { reader, stack } = this;
    stack.pop();
    const label = reader.a;
    this.branch(label);
    const frame = this.frameOf(label);
    const isLoop = frame.kind === EFFECT.loop;
    const { frequency } = this;
    // Loops go on more often than they end, and a branch more often skips what is rare.
    const stays = isLoop ? 0.1 : this.leavesLoop(label) ? 0.9 : 0.7;
    this.jump(frame, labelTypes(frame).length);
    this.steps.add(STEP.br_if, label);
    this.begin(this.vertex, frequency * stays, this.blockBehind(this.block));
  }

  /** Whether a branch to a label leads out of a loop. */
  private leavesLoop(label: number): boolean {
    for (let i = 0; i < label; i++) if (this.frames[this.frames.length - 1 - i]?.kind === EFFECT.loop) return true;
    return false;
  }

  private end(): void {
    const { stack, charges, frames } = this;
    const frame = frames.pop() as Frame;
    const { kind, type, isOneArmed, height } = frame;
    const isLive = this.dead < 0;
    if (isLive) this.observeTop(type.results.length);
    this.steps.add(STEP.end, kind === EFFECT.loop ? 1 : 0);
    if (frames.length === 0) {
      if (isLive) this.beExact();
      return;
    }
    if (kind === EFFECT.loop) {
      this.closeLoop();
      // Unreachable code goes on where the loop cannot be left at its end.
      if (isLive) {
        stack.length = height;
        this.pushAny(type.results.length);
        this.frequency = Math.min(this.frequency, frame.frequency);
      } else this.stayDead();
      return;
    }
    const isReached = isLive || frame.isJumpedTo || isOneArmed;
    if (!isReached) {
      this.stayDead();
      return;
    }
    this.dead = -1;
    stack.length = height;
    this.pushAny(type.results.length);
    if (!frame.isJumpedTo && !isOneArmed) return;
    const { webs } = this.sources;
    if (isLive) {
      charges.merge(this.vertex, frame.vertex);
      webs.edge(this.block, frame.block);
    }
    if (isOneArmed) {
      charges.merge(frame.arms, frame.vertex);
      webs.edge(frame.armsBlock, frame.block);
    }
    this.begin(frame.vertex, frame.frequency, frame.block);
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

/** Analyses one of the module's own functions; `body` counts from its first. */
export function analyse(module: WasmModule, body: number, options: AnalyseOptions): Analysis {
  return new Analyser(module, body, options).run();
}
