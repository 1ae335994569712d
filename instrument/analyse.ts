/**
 * Reads a function body once and decides what has to be changed in it, and where: a list of edits. Three questions
 * are answered on the way: which additions of gas are really needed (charges.ts), where the count must be written to
 * where the host can see it, and which results must have their NaN made canonical.
 */

import { blockType, InstructionReader } from '../wasm/instructions.ts';
import { type Mnemonic, OPCODES, opcode } from '../wasm/opcodes.ts';
import { type FunctionPlan, planFunction } from '../wasm/plan.ts';
import { F32, F64, type FuncType, typeOfFunction, V128, type ValType, type WasmModule } from '../wasm/types.ts';
import { Charges, EXACT } from './charges.ts';

/** What is to be done at a place. The comments say what `a` and `b` of the edit are. */
export const EDIT = {
  /** Insert an addition. `a`: slot. */
  slot: 0,
  /** Insert an `else` with an addition. `a`: slot. */
  elseSlot: 1,
  /** Insert charge and check of a loop header. `a`: slot. */
  loop: 2,
  /** A `br_if` with room for an addition when it is taken. `a`: slot, `b`: label. */
  branchIf: 3,
  /** `a`: local. */
  local: 4,
  /** `a`: global. */
  global: 5,
  /** `a`: function. */
  call: 6,
  /** `a`: type, `b`: table. */
  callIndirect: 7,
  return: 8,
  /** `a`: function. */
  functionReference: 9,
  /** Leave out, as it cannot be reached. `a`: whether validation has to be told so. */
  remove: 10,
  /** Insert what tells a NaN from a number out of range. `a`: type of the operand. */
  conversion: 11,
  /** Insert what makes a NaN canonical, if the value is observed. `a`: source, `b`: type. */
  canonical: 12,
  memoryGrow: 13,
  /** `a`: table. */
  tableGrow: 14,
  /** `a`, `b`: the instruction's indices. */
  bulk: 15,
  /** `data.drop` and `elem.drop`. `a`: segment. */
  drop: 16,
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
  /** By source: whether its NaN has to be made canonical. */
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
  if (immediates === 'f32' || immediates === 'f64') return EFFECT.constant;
  if (IS_BLIND[row.index] && (results === 'f' || results === 'd')) return EFFECT.producer;
  if (IS_BLIND[row.index] && row.traps.length > 0) return EFFECT.conversion;
  if (FLOAT_VECTOR.test(mnemonic)) return EFFECT['vector producer'];
  return EFFECT.ordinary;
});
const PARAMS = OPCODES.map(({ params }) => params.length);
const RESULTS = OPCODES.map(({ results }) => results.length);
const MAY_TRAP = OPCODES.map(({ traps, immediates }) => traps.length > 0 || immediates.startsWith('memarg'));
const IS_CONVERT = OPCODES.map(({ mnemonic }) => /^f(32|64)\.convert/.test(mnemonic));
const FLOAT_TYPE = OPCODES.map(({ results }) => (results === 'f' ? F32 : F64));
const FLOAT_PARAM = OPCODES.map(({ params }) => (params === 'f' ? F32 : F64));
const GLOBAL_GET = opcode('global.get').index;
const LOCAL_GET = opcode('local.get').index;
const LOCAL_TEE = opcode('local.tee').index;

/** Values on the operand stack that are not a source: any bits; or never a NaN that is not canonical. */
const ANY = -1;
const CLEAN = -2;

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

/** What matters for writing out the count, in the order of execution as far as it can be read off. */
const TRACE = { trap: 0, publish: 1, call: 2, loop: 3, block: 4, if: 5, else: 6, end: 7, br: 8, br_if: 9, stop: 10 };

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

  private readonly trace: number[] = [];
  private readonly traceArgument: number[] = [];

  private readonly observed: number[] = [];
  /** By source: the local it reads, or -1 where it computes. */
  private readonly sourceLocal: number[] = [];
  /** By local: 1 where all that is ever put there is a source or clean. */
  private readonly lazy: Uint8Array;
  /** Pairs of a local and the source that was put there. */
  private readonly assignments: number[] = [];

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
    this.lazy = new Uint8Array(this.params + localCount).fill(canonicalNaN ? 1 : 0, this.params);
    // The entry's charge is no slot: what is at hand there must be exact.
    this.slot = -1;
    this.frames.push({
      kind: EFFECT.block,
      type: { params: [], results: type.results, key: '' },
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
    const { edits, publishes, publishesEntry } = this.publications();
    return {
      plan: this.plan,
      edits,
      amounts: this.charges.solve(),
      publishes,
      publishesEntry,
      canonical: this.observations(),
      branchesToEnd: this.branchesToEnd,
    };
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
        if (MAY_TRAP[index]) this.note(TRACE.trap);
        if (RESULTS[index] === 1) stack.push(IS_CONVERT[index] ? CLEAN : ANY);
        return;
      }
      case EFFECT.producer:
        for (let i = PARAMS[index] as number; i > 0; i--) stack.pop();
        if (IS_CONVERT[index]) stack.push(CLEAN);
        else this.produce(FLOAT_TYPE[index] as ValType);
        return;
      case EFFECT['vector producer']: {
        for (let i = PARAMS[index] as number; i > 0; i--) stack.pop();
        const type = OPCODES[index]?.mnemonic.startsWith('f32x4') ? F32 : F64;
        if (this.canonicalNaN) edits.add(EDIT.canonical, reader.pos, reader.pos, type, V128);
        stack.push(ANY);
        return;
      }
      case EFFECT.conversion:
        stack.pop();
        edits.add(EDIT.conversion, reader.offset, reader.offset, FLOAT_PARAM[index]);
        this.note(TRACE.trap);
        stack.push(ANY);
        return;
      case EFFECT.constant: {
        const { low, high } = reader;
        const isNotANumber = OPCODES[index]?.immediates === 'f32' ? isNaN32(low) : isNaN64(low, high);
        stack.push(isNotANumber ? ANY : CLEAN);
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
        this.note(TRACE.trap);
        stack.push(ANY);
        return;
      case EFFECT['table.set']:
        stack.pop();
        stack.pop();
        this.note(TRACE.trap);
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

  private observe(): void {
    const source = this.stack.pop() as number;
    if (source >= 0) this.observed[source] = 1;
  }

  private produce(type: ValType): void {
    if (!this.canonicalNaN) {
      this.stack.push(ANY);
      return;
    }
    const source = this.source(-1);
    this.edits.add(EDIT.canonical, this.reader.pos, this.reader.pos, source, type);
    this.stack.push(source);
  }

  private source(local: number): number {
    this.observed.push(0);
    return this.sourceLocal.push(local) - 1;
  }

  private select(): void {
    const { stack } = this;
    stack.pop();
    const second = stack.pop() as number;
    const first = stack.pop() as number;
    let isClean = true;
    for (const source of [first, second]) {
      if (source >= 0) this.observed[source] = 1;
      // A local may hold anything: whether it does is known only in the end.
      if (source === ANY || (source >= 0 && this.sourceLocal[source] !== -1)) isClean = false;
    }
    stack.push(isClean ? CLEAN : ANY);
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
    if (!this.canonicalNaN || (type !== F32 && type !== F64)) {
      stack.push(ANY);
      return;
    }
    const source = this.source(local);
    edits.add(EDIT.canonical, reader.pos, reader.pos, source, type);
    stack.push(source);
  }

  private localSet(index: number): void {
    const { reader, edits, stack } = this;
    const local = reader.a;
    const isTee = index === LOCAL_TEE;
    const source = (isTee ? stack.at(-1) : stack.pop()) as number;
    if (local >= this.params) edits.add(EDIT.local, reader.offset, reader.pos, local, 0, index);
    if (source >= 0) this.assignments.push(local, source);
    else if (source === ANY) this.lazy[local] = 0;
  }

  /** An instruction around which the count is exact and written out. */
  private publish(): void {
    this.note(TRACE.publish);
    this.beExact();
  }

  private beExact(): void {
    this.charges.merge(this.vertex, EXACT);
  }

  private apply(type: FuncType, edit: number): void {
    for (let i = type.params.length; i > 0; i--) this.observe();
    for (let i = type.results.length; i > 0; i--) this.stack.push(ANY);
    this.note(TRACE.call, edit);
    this.beExact();
  }

  private note(what: number, argument = 0): void {
    this.trace.push(what);
    this.traceArgument.push(argument);
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
        this.note(TRACE.else);
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
        this.note(TRACE.br, reader.a);
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
          this.note(i === reader.a ? TRACE.br : TRACE.br_if, label);
        }
        this.die();
        return;
      }
      case EFFECT.return:
        this.observeTop((this.frames[0] as Frame).type.results.length);
        edits.add(EDIT.return, reader.offset, reader.pos);
        this.beExact();
        this.note(TRACE.stop);
        this.die();
        return;
      case EFFECT.unreachable:
        this.note(TRACE.trap);
        this.note(TRACE.stop);
        this.die();
        return;
    }
  }

  private pushAny(count: number): void {
    for (let i = 0; i < count; i++) this.stack.push(ANY);
  }

  /** The topmost operands pass to other code. */
  private observeTop(count: number): void {
    const { stack, observed } = this;
    for (let i = stack.length - count; i < stack.length; i++) {
      const source = stack[i] as number;
      if (source >= 0) observed[source] = 1;
    }
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
    if (kind === EFFECT.block) this.note(TRACE.block);
    else if (kind === EFFECT.if) {
      this.note(TRACE.if);
      this.begin(this.vertex, frequency / 2);
    } else {
      charges.merge(this.vertex, vertex);
      this.frequency = Math.min(frequency * LOOP_FACTOR, MAX_FREQUENCY);
      this.vertex = EXACT;
      this.slot = charges.slot(this.cost(), vertex, EXACT, this.frequency);
      this.note(TRACE.loop, edits.add(EDIT.loop, reader.pos, reader.pos, this.slot));
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
    const { reader, stack, charges, edits } = this;
    stack.pop();
    const label = reader.a;
    const frame = this.frameOf(label);
    const isLoop = frame.kind === EFFECT.loop;
    const { frequency } = this;
    // Whoever leaves a loop does so seldom, and whoever can go on with it often does.
    const stays = isLoop ? 0.1 : this.leavesLoop(label) ? 0.9 : 0.6;
    if (labelTypes(frame).length === 0) {
      frame.isJumpedTo = true;
      const slot = charges.slot(0, this.vertex, frame.vertex, frequency * (1 - stays));
      edits.add(EDIT.branchIf, reader.offset, reader.pos, slot, label);
    } else this.jump(frame, labelTypes(frame).length);
    this.note(TRACE.br_if, label);
    this.begin(this.vertex, frequency * stays);
  }

  /** Whether a branch to a label leads out of a loop. */
  private leavesLoop(label: number): boolean {
    for (let i = 0; i < label; i++) if (this.frames[this.frames.length - 1 - i]?.kind === EFFECT.loop) return true;
    return false;
  }

  private end(): void {
    const { stack, charges, edits, reader, frames } = this;
    const frame = frames.pop() as Frame;
    const { kind, type, isOneArmed, height } = frame;
    const isLive = this.dead < 0;
    if (isLive) this.observeTop(type.results.length);
    this.note(TRACE.end, kind);
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
    if (isOneArmed) {
      const slot = charges.slot(0, frame.arms, frame.vertex, frame.frequency / 2);
      edits.add(EDIT.elseSlot, reader.offset, reader.offset, slot);
    }
    this.begin(frame.vertex, frame.frequency);
  }

  // Results.

  /**
   * Decides backwards where the count must be written out: at a loop header, after a call and at entry, but only if
   * something may trap before it is written out again, since only a trap leaves it as it was.
   */
  private publications(): { edits: Edits; publishes: Uint8Array; publishesEntry: boolean } {
    const { trace, traceArgument, edits } = this;
    const publishes = new Uint8Array(edits.length);
    /** Innermost last: kind, what holds behind the end, and at the start of the second arm. */
    const kinds: number[] = [];
    const behind: boolean[] = [];
    const second: (boolean | undefined)[] = [];
    let may = false;
    const atLabel = (label: number): boolean => {
      const place = kinds.length - 1 - label;
      return kinds[place] !== EFFECT.loop && (behind[place] as boolean);
    };
    for (let i = trace.length - 1; i >= 0; i--) {
      const argument = traceArgument[i] as number;
      switch (trace[i]) {
        case TRACE.trap:
          may = true;
          break;
        case TRACE.publish:
        case TRACE.stop:
          may = false;
          break;
        case TRACE.call:
          publishes[argument] = may ? 1 : 0;
          may = false;
          break;
        case TRACE.end:
          kinds.push(argument);
          behind.push(may);
          second.push(undefined);
          break;
        case TRACE.else:
          second[second.length - 1] = may;
          may = behind.at(-1) as boolean;
          break;
        case TRACE.if:
          may ||= second.at(-1) ?? (behind.at(-1) as boolean);
          kinds.pop();
          behind.pop();
          second.pop();
          break;
        case TRACE.loop:
          publishes[argument] = may ? 1 : 0;
          may = false;
          kinds.pop();
          behind.pop();
          second.pop();
          break;
        case TRACE.block:
          kinds.pop();
          behind.pop();
          second.pop();
          break;
        case TRACE.br:
          may = atLabel(argument);
          break;
        case TRACE.br_if:
          may ||= atLabel(argument);
          break;
      }
    }
    return { edits, publishes, publishesEntry: may };
  }

  /** Which sources are observed, also by way of the locals that they are put into. */
  private observations(): Uint8Array {
    const { assignments, lazy, sourceLocal, observed } = this;
    for (let changed = true; changed; ) {
      changed = false;
      for (let i = 0; i < assignments.length; i += 2) {
        const target = assignments[i] as number;
        const local = sourceLocal[assignments[i + 1] as number] as number;
        if (local !== -1 && lazy[local] === 0 && lazy[target] === 1) {
          lazy[target] = 0;
          changed = true;
        }
      }
    }
    for (let i = 0; i < assignments.length; i += 2) {
      if (lazy[assignments[i] as number] === 0) observed[assignments[i + 1] as number] = 1;
    }
    // What a local holds that is not lazy has its final bits.
    return Uint8Array.from(observed, (isObserved, source) => {
      const local = sourceLocal[source] as number;
      return isObserved === 1 && (local === -1 || lazy[local] === 1) ? 1 : 0;
    });
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
