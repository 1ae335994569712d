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
  /** Insert charge and check of a loop header. `a`: slot. */
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
  isJumpedTo: boolean;
  isOneArmed: boolean;
}

const NO_RESULT = funcType([], []);

class Analyser {
  private readonly module: WasmModule;
  private readonly reader: InstructionReader;
  private readonly plan: FunctionPlan;
  private readonly params: number;
  private readonly localTypes: Uint8Array;
  private readonly edits = new Edits();
  private readonly charges = new Charges();
  private readonly canonicalNaN: boolean;

  private readonly frames: Frame[] = [];
  private readonly stack: number[] = [];
  /** Constructs opened in unreachable code; -1 in code that can be reached. */
  private dead = -1;
  private deadFrom = 0;
  private looksAlive = false;
  private nextPoint = 0;
  private frequency = 1;
  private slot: number;
  private vertex: number = EXACT;
  private branchesToEnd = false;

  private readonly steps = new Steps();
  private readonly sources: Sources;

  constructor(module: WasmModule, body: number, canonicalNaN: boolean) {
    const { locals, localCount, codeStart, end } = module.bodies[body] as NonNullable<(typeof module.bodies)[number]>;
    const type = typeOfFunction(module, module.importedFunctions + body);
    this.module = module;
    this.canonicalNaN = canonicalNaN;
    this.plan = planFunction(module, body);
    this.params = type.params.length;
    this.reader = new InstructionReader(module.bytes, codeStart, end);
    this.localTypes = new Uint8Array(this.params + localCount);
    this.localTypes.set(type.params);
    let at = this.params;
    for (const run of locals) {
      this.localTypes.fill(run.type, at, at + run.count);
      at += run.count;
    }
    this.sources = new Sources(this.params, localCount);
    // The entry's charge is no slot: what is at hand there must be exact.
    this.slot = -1;
    this.frames.push({
      kind: EFFECT.block,
      type: { ...NO_RESULT, results: type.results },
      height: 0,
      vertex: EXACT,
      frequency: 1,
      arms: 0,
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
    return { plan, edits, amounts, publishes, publishesEntry, canonical, branchesToEnd };
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
        this.publish();
        return;
      case EFFECT['table.grow']:
        edits.add(EDIT.tableGrow, reader.offset, reader.pos, reader.a);
        stack.pop();
        this.publish();
        return;
      case EFFECT.bulk:
        edits.add(EDIT.bulk, reader.offset, reader.pos, reader.a, reader.b, index);
        stack.length -= 3;
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
    const source = this.sources.compute(shape);
    this.edits.add(EDIT.canonical, this.reader.pos, this.reader.pos, source, type);
    this.stack.push(source);
  }

  private select(): void {
    const { stack, sources } = this;
    stack.pop();
    const second = stack.pop() as number;
    const first = stack.pop() as number;
    sources.observe(first);
    sources.observe(second);
    stack.push(sources.isCleanOnceObserved(first) && sources.isCleanOnceObserved(second) ? CLEAN : ANY);
  }

  private localGet(): void {
    const { reader, edits, stack } = this;
    const local = reader.a;
    if (local < this.params) {
      stack.push(ANY);
      return;
    }
    edits.add(EDIT.local, reader.offset, reader.pos, local, 0, LOCAL_GET);
    const type = this.localTypes[local] as ValType;
    if (!this.canonicalNaN || (type !== F32 && type !== F64 && type !== V128)) {
      stack.push(ANY);
      return;
    }
    const source = this.sources.read(local);
    edits.add(EDIT.canonical, reader.pos, reader.pos, source, type);
    stack.push(source);
  }

  private localSet(index: number): void {
    const { reader, edits, stack } = this;
    const local = reader.a;
    const isTee = index === LOCAL_TEE;
    const source = (isTee ? stack.at(-1) : stack.pop()) as number;
    if (local >= this.params) edits.add(EDIT.local, reader.offset, reader.pos, local, 0, index);
    this.sources.assign(local, source);
  }

  /** An instruction around which the count is exact and written out. */
  private publish(): void {
    this.steps.add(STEP.publish);
    this.beExact();
  }

  private beExact(): void {
    this.charges.merge(this.vertex, EXACT);
  }

  private apply(type: FuncType, edit: number): void {
    for (let i = type.params.length; i > 0; i--) this.observe();
    for (let i = type.results.length; i > 0; i--) this.stack.push(ANY);
    this.steps.add(STEP.call, edit);
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
        this.begin(frame.arms, frame.frequency / 2);
        return;
      }
      case EFFECT.end:
        this.end();
        return;
      case EFFECT.br:
        this.jumpTo(reader.a);
        this.steps.add(STEP.br, reader.a);
        this.die();
        return;
      case EFFECT.br_if:
        this.branchIf();
        return;
      case EFFECT.br_table: {
        stack.pop();
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

  /** A segment begins behind the instruction just read. */
  private begin(from: number, frequency: number): void {
    this.frequency = frequency;
    this.vertex = this.charges.vertex();
    this.slot = this.charges.slot(this.cost(), from, this.vertex, frequency);
    this.edits.add(EDIT.slot, this.reader.pos, this.reader.pos, this.slot);
  }

  private cost(): number {
    const { points } = this.plan;
    const { pos } = this.reader;
    while ((points[this.nextPoint]?.offset ?? Number.POSITIVE_INFINITY) < pos) this.nextPoint++;
    const point = points[this.nextPoint];
    return point?.offset === pos ? point.cost : 0;
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
    this.frames.push({
      kind,
      type,
      height,
      vertex,
      frequency,
      arms: this.vertex,
      isJumpedTo: false,
      isOneArmed: kind === EFFECT.if,
    });
    if (kind === EFFECT.block) this.steps.add(STEP.block);
    else if (kind === EFFECT.if) {
      this.steps.add(STEP.if);
      this.begin(this.vertex, frequency / 2);
    } else {
      charges.merge(this.vertex, vertex);
      this.frequency = Math.min(frequency * LOOP_FACTOR, MAX_FREQUENCY);
      this.vertex = EXACT;
      this.slot = charges.slot(this.cost(), vertex, EXACT, this.frequency);
      this.steps.add(STEP.loop, edits.add(EDIT.loop, reader.pos, reader.pos, this.slot));
    }
  }

  /** An edge to where the label of a construct leads, taking the topmost operands along. */
  private jump(frame: Frame, arity: number): void {
    frame.isJumpedTo = true;
    this.observeTop(arity);
    this.charges.merge(this.vertex, frame.vertex);
  }

  private frameOf(label: number): Frame {
    const place = this.frames.length - 1 - label;
    if (place === 0) this.branchesToEnd = true;
    return this.frames[place] as Frame;
  }

  private jumpTo(label: number): void {
    const frame = this.frameOf(label);
    this.jump(frame, labelTypes(frame).length);
  }

  private branchIf(): void {
    const { reader, stack } = this;
    stack.pop();
    const label = reader.a;
    const frame = this.frameOf(label);
    const isLoop = frame.kind === EFFECT.loop;
    const { frequency } = this;
    // Loops go on more often than they end, and a branch more often skips what is rare.
    const stays = isLoop ? 0.1 : this.leavesLoop(label) ? 0.9 : 0.7;
    this.jump(frame, labelTypes(frame).length);
    this.steps.add(STEP.br_if, label);
    this.begin(this.vertex, frequency * stays);
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
    if (isLive) charges.merge(this.vertex, frame.vertex);
    if (isOneArmed) charges.merge(frame.arms, frame.vertex);
    this.begin(frame.vertex, frame.frequency);
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
export function analyse(module: WasmModule, body: number, canonicalNaN: boolean): Analysis {
  return new Analyser(module, body, canonicalNaN).run();
}
