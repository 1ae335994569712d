/**
 * A function while it is lowered to the register machine, its metering plan built in: what is known of its registers,
 * the constructs that are open, and how each kind of code is emitted.
 *
 * Gas rides on instructions that are there anyway: function headers, loop headers, both ways out of a conditional
 * branch. What a join costs is added to every edge that leads to it, as far as no checkpoint lies between, since
 * between checkpoints nobody can see the count.
 */

import type { TrapKind } from '../../wasm/errors.ts';
import { blockType } from '../../wasm/instructions.ts';
import { functionTypeAt, typeOfFunction, type WasmModule } from '../../wasm/module.ts';
import { IS_ACCESS, OPCODES, type Opcode, opcode, PREFIX_VECTOR } from '../../wasm/opcodes.ts';
import type { FunctionPlan } from '../../wasm/plan.ts';
import { ReachableReader } from '../../wasm/reachable.ts';
import {
  F32,
  F64,
  type Feature,
  type FuncType,
  type FunctionBody,
  funcType,
  I32,
  I64,
  isReference,
  type RefType,
  slotsOf,
  V128,
  type ValType,
} from '../../wasm/types.ts';
import type { CodeBuffer } from './buffer.ts';
import {
  accessName,
  atomicName,
  find,
  GLOBAL_WORDS,
  lengthOf,
  MACHINE_OPS,
  type MachineOp,
  type ObjectName,
  op,
  type SystemName,
  trapExit,
} from './isa.ts';
import { Locals } from './locals.ts';
import { isWide, OperandStack } from './operand-stack.ts';
import type { TryRegion } from './regions.ts';

/** Offsets beyond this can never be in bounds, as no memory reaches 2 GiB. */
const MAX_OFFSET = 0x7fff_0000;
/** A join that more edges lead to than this is charged where they have met. */
const MAX_EDGES = 24;

const TYPE_OF_LETTER: Readonly<Record<string, ValType>> = { i: I32, l: I64, f: F32, d: F64, v: V128 };

/** By place in the opcode table: the machine's instructions for a row, -1 where there is none. */
const ON_REGISTERS = OPCODES.map((row) => find(row.mnemonic));
const WITH_CONSTANT = OPCODES.map((row) => find(`${row.mnemonic}.k`));
const ACCESS = OPCODES.map((row) => (row.immediates === 'memarg' && row.meaning ? find(accessName(row)) : -1));
const RESULT = OPCODES.map((row) => TYPE_OF_LETTER[row.results]);
const IS_ALIAS = OPCODES.map(({ alias }) => alias === true);
const IS_VECTOR = OPCODES.map((row) => row.code >> 16 === PREFIX_VECTOR);
/** The instruction for an atomic one. */
const ATOMIC_OP = OPCODES.map((row) => (row.gas === 'atomic' ? op(atomicName(row)) : -1));
const IS_LOAD = OPCODES.map((row) => row.results !== '');

/** The row that computes the same from exchanged operands; -1 where none does. */
const MIRROR = OPCODES.map(({ index, commutes }) => (commutes ? index : -1));
for (const { index, exchanged } of OPCODES) {
  if (exchanged === undefined) continue;
  MIRROR[index] = opcode(exchanged).index;
  MIRROR[opcode(exchanged).index] = index;
}

/** The row that computes the same where the right operand is a constant, and how that changes. */
const OTHER_CONSTANT = OPCODES.map(({ mnemonic, byConstant }) => {
  if (byConstant === undefined) return undefined;
  const [instead, change] = byConstant;
  return { row: opcode(instead).index, change, isSigned: !mnemonic.endsWith('_u') };
});

/** By the machine's instruction that computes a condition: the branch that does both. */
const BRANCH_IF = MACHINE_OPS.map(({ name }) => find(`br.${name}`));

/** The name of what holds when this one does not; undefined for orders of floats, where NaN forbids it. */
function opposite({ row, form }: MachineOp): string | undefined {
  if (row?.opposite === undefined) return undefined;
  return form === 'value' ? row.opposite : form === 'constant' ? `${row.opposite}.k` : undefined;
}
const OPPOSITE = MACHINE_OPS.map((machineOp) => find(opposite(machineOp) ?? ''));
const BRANCH_UNLESS = MACHINE_OPS.map((machineOp) => {
  const inverse = opposite(machineOp);
  return find(inverse === undefined ? `br_unless.${machineOp.name}` : `br.${inverse}`);
});
/** Words between the destination of a comparison and its end. */
const SOURCE_WORDS = MACHINE_OPS.map(({ operands }) => lengthOf(operands) - 2);

export const BR = op('br');
export const BR_NZ = op('br_nz');
const BR_Z = op('br_z');
const I32_EQZ_K = op('i32.eq.k');
const TRAP = op('trap');
const WAIT = op('atomic.wait');
const LOOP = opcode('loop').index;
const IF = opcode('if').index;
const ELSE = opcode('else').index;
export const BLOCK = opcode('block').index;
export const CATCH_ARM = opcode('catch').index;
const EXTEND = opcode('i64.extend_i32_s').index;

/**
 * Told of every place in a function at which the registers hold what {@link Lowering.operands} says: before each
 * instruction, with its place in the opcode table, also where an `else` or `end` is only a way out of unreachable code;
 * and where a clause of a `try_table`, or an arm of a `try`, is entered by an exception, with -1.
 */
export type Watch = (lowering: Lowering, index: number) => void;

/** A structured construct that is open. */
export interface Frame {
  /** Row of `block`, `loop`, `if`, `else`, or of `catch` for any arm of a `try` that an exception leads to. */
  kind: number;
  readonly type: FuncType;
  /** Among those that are open, the outermost first. */
  readonly place: number;
  /** Operands below the construct's own. */
  readonly height: number;
  /** Of a loop: where it is continued, and what that costs. */
  readonly target: number;
  readonly cost: number;
  /** Words that await the target of the end; the gas of the edge follows each. */
  readonly edges: number[];
  /** Of an `if`: the word that awaits the target of the else branch; -1 once it is known. */
  otherwise: number;
  /** Of a `try` or `try_table`. */
  region?: TryRegion;
  /** Whose clauses are tried first for what is thrown in the code at hand. */
  guard: TryRegion | undefined;
  /** Of a `try`: the tags that have an arm, -1 for all. */
  caught?: Set<number>;
}

function selectOf(type: ValType): number {
  if (type === V128) return op('select.v128');
  if (isReference(type)) return op('select.ref');
  return op(isWide(type) ? 'select64' : 'select32');
}

const NO_REGIONS: readonly TryRegion[] = [];

/** Features whose objects are traced. */
const TRACED: readonly Feature[] = ['gc', 'exception-handling', 'exception-references', 'legacy-exception-handling'];

/** Lowers the instruction at hand. */
export type Handler = (l: Lowering) => void;

export class Lowering {
  readonly code: CodeBuffer;
  readonly module: WasmModule;
  readonly reader: ReachableReader;
  readonly operands: OperandStack;
  readonly locals: Locals;
  /** How many of the locals are parameters. */
  readonly params: number;
  private readonly plan: FunctionPlan;
  private readonly results: readonly ValType[];
  readonly frames: Frame[] = [];
  private nextPoint = 0;
  /** Words of gas that are charged just before what follows, and may be raised for a join; none after a checkpoint. */
  slots: number[] = [];
  readonly watch: Watch | undefined;
  /** Bodies of `try_table` and `try`, the innermost first. */
  private regions: TryRegion[] | undefined;

  constructor(code: CodeBuffer, module: WasmModule, body: number, plan: FunctionPlan, watch?: Watch) {
    const declared = module.bodies.at(body);
    const { codeStart, end } = declared;
    const type = typeOfFunction(module, module.importedFunctions + body);
    this.code = code;
    this.watch = watch;
    this.module = module;
    this.plan = plan;
    this.results = type.results;
    this.reader = new ReachableReader(module.bytes, codeStart, end);
    this.locals = new Locals(type.params, declared.locals);
    this.params = type.params.length;
    this.operands = new OperandStack(code, this.locals);
    this.emit(this.plan.weight, this.plan.entryCost, 2 * slotsOf(type.params), 2 * this.locals.slots);
    this.clearReferences(type.params, declared.locals);
    this.open(BLOCK, funcType([], type.results));
  }

  /** References begin as null. Where objects are traced, nothing that an earlier frame left is taken for one. */
  private clearReferences(params: readonly ValType[], locals: FunctionBody['locals']): void {
    const { features } = this.module;
    const holdsAny = TRACED.some((feature) => features.includes(feature));
    if (holdsAny || locals.some(({ count, type }) => count > 0 && isReference(type))) {
      this.emit(op('null.refs'), 2 * slotsOf(params));
    }
  }

  /** Whether the function's end has not been lowered. */
  get isOpen(): boolean {
    return this.frames.length > 0;
  }

  get guarded(): readonly TryRegion[] {
    return this.regions ?? NO_REGIONS;
  }

  emit(...words: number[]): void {
    this.operands.open = -1;
    for (const word of words) this.code.emit(word);
  }

  trap(kind: TrapKind): void {
    this.emit(TRAP, trapExit(kind));
  }

  /** An instruction that the opcode table gives a meaning. */
  ordinary(index: number): void {
    if (IS_ALIAS[index]) this.operands.retype(RESULT[index] as ValType);
    else if (IS_VECTOR[index]) this.vector(index);
    else if (ATOMIC_OP[index] !== -1) this.atomic(index);
    else if (ACCESS[index] !== -1) this.access(index);
    else this.compute(index);
  }

  /** Emits an instruction whose first operand is its destination, and pushes its result. */
  produce(instruction: number, type: ValType, ...rest: number[]): void {
    const { operands, code } = this;
    code.emit(instruction);
    const destination = code.length;
    code.emit(operands.home(operands.height));
    for (const word of rest) code.emit(word);
    operands.pushHome(type, isReference(type) ? -1 : destination);
  }

  compute(index: number): void {
    const { operands } = this;
    const arity = (OPCODES[index] as Opcode).params.length;
    const type = RESULT[index] as ValType;
    if (arity === 1) {
      const a = operands.pop();
      this.produce(ON_REGISTERS[index] as number, type, operands.register(a));
      return;
    }
    let b = operands.pop();
    let a = operands.pop();
    let row = index;
    const exchange = () => {
      [a, b] = [b, a];
      row = MIRROR[row] as number;
    };
    if (operands.isConstant(a) && !operands.isConstant(b) && MIRROR[row] !== -1) exchange();
    if (operands.isConstant(b)) {
      const other = OTHER_CONSTANT[row];
      if (other !== undefined && operands.change(b, other.change, other.isSigned)) row = other.row;
      const constant = WITH_CONSTANT[row] as number;
      if (constant !== -1) {
        const left = operands.register(a);
        if (isWide(operands.type(b))) this.produce(constant, type, left, operands.low(b), operands.high(b));
        else this.produce(constant, type, left, operands.low(b));
        return;
      }
    }
    if (ON_REGISTERS[row] === -1) exchange();
    const left = operands.register(a);
    this.produce(ON_REGISTERS[row] as number, type, left, operands.register(b));
  }

  eqz(): void {
    const { operands, code } = this;
    const open = operands.openTop();
    const inverse = open < 0 ? -1 : (OPPOSITE[code.words[open - 1] as number] as number);
    if (inverse !== -1) {
      code.words[open - 1] = inverse;
      return;
    }
    const a = operands.pop();
    this.produce(I32_EQZ_K, I32, operands.register(a), 0);
  }

  access(index: number): void {
    const { operands, reader } = this;
    this.narrow(IS_LOAD[index] ? 0 : 1, this.memoryIs64(reader.b));
    const value = IS_LOAD[index] ? -1 : operands.pop();
    const address = operands.pop();
    if (reader.a > MAX_OFFSET) {
      this.trap('memory-out-of-bounds');
      if (IS_LOAD[index]) operands.pushHome(RESULT[index] as ValType);
    } else if (IS_LOAD[index]) {
      const base = operands.register(address);
      this.useMemory(reader.b);
      this.produce(ACCESS[index] as number, RESULT[index] as ValType, base, reader.a);
      this.useMemory(reader.b, 0);
    } else {
      const base = operands.register(address);
      const from = operands.register(value);
      this.useMemory(reader.b);
      this.emit(ACCESS[index] as number, base, reader.a, from);
      this.useMemory(reader.b, 0);
    }
  }

  /** Around an access to a memory that is not the first: accesses go there, or back to the first. */
  private useMemory(index: number, use: number = index): void {
    if (index !== 0) this.emit(op('memory.use'), use);
  }

  memoryIs64(index: number): boolean {
    return this.module.memories[index]?.address === I64;
  }

  tableIs64(index: number): boolean {
    return this.module.tables[index]?.address === I64;
  }

  /**
   * Makes a 64-bit address or length one of 32 bits, so many operands below the top: one that does not fit becomes
   * 2^32 - 1, which is beyond every table and memory.
   */
  narrow(below: number, is64: boolean): void {
    if (!is64) return;
    const { operands, code } = this;
    const position = operands.height - 1 - below;
    const from = operands.register(position);
    operands.open = -1;
    code.emit(op('address'));
    code.emit(operands.home(position));
    code.emit(from);
    operands.settleAs(position, I32);
  }

  /** The operands of a copy: its length is as wide as the narrower of the addresses. */
  narrowCopy(toIs64: boolean, fromIs64: boolean): void {
    this.narrow(0, toIs64 && fromIs64);
    this.narrow(1, fromIs64);
    this.narrow(2, toIs64);
  }

  /** Makes a size on top of the stack one of 64 bits. */
  widen(is64: boolean): void {
    if (is64) this.compute(EXTEND);
  }

  /** An instruction of system.ts: indices, then the destination if there is one, then the operands' registers. */
  system(name: SystemName | ObjectName, indices: readonly number[], arity: number, result?: ValType): void {
    const { operands } = this;
    const sources = this.registers(arity);
    if (result === undefined) this.emit(op(name), ...indices, ...sources);
    else {
      this.emit(op(name), ...indices, operands.home(operands.height), ...sources);
      operands.pushHome(result);
    }
    this.slots = [];
  }

  /** Puts the topmost operands in consecutive registers, and takes them away; returns the first. */
  gather(count: number): number {
    const { operands } = this;
    const first = operands.height - count;
    operands.toHomes(first);
    operands.cut(first);
    return operands.home(first);
  }

  /** Takes the topmost operands away; returns their registers. */
  registers(count: number): number[] {
    const { operands } = this;
    const sources: number[] = [];
    for (let i = 0; i < count; i++) sources.unshift(operands.register(operands.pop()));
    return sources;
  }

  /** An instruction on vectors: destination, operands, offset, lane, 16 bytes, as far as it has them. */
  vector(index: number): void {
    const { operands, reader } = this;
    const { params, immediates } = OPCODES[index] as Opcode;
    if (IS_ACCESS[index]) this.narrow(params.length - 1, this.memoryIs64(reader.b));
    const words = this.registers(params.length);
    if (IS_ACCESS[index] && reader.a > MAX_OFFSET) {
      this.trap('memory-out-of-bounds');
      if (RESULT[index] !== undefined) operands.pushHome(RESULT[index]);
      return;
    }
    if (IS_ACCESS[index]) words.push(reader.a);
    if (immediates.endsWith('lane')) words.push(reader.lane);
    if (immediates === 'v128' || immediates === 'shuffle') {
      const bytes = new DataView(reader.bytes.buffer, reader.bytes.byteOffset + reader.a, 16);
      for (let i = 0; i < 16; i += 4) words.push(bytes.getInt32(i, true));
    }
    const type = RESULT[index];
    const instruction = ON_REGISTERS[index] as number;
    if (IS_ACCESS[index]) this.useMemory(reader.b);
    if (type === undefined) this.emit(instruction, ...words);
    else this.produce(instruction, type, ...words);
    if (IS_ACCESS[index]) this.useMemory(reader.b, 0);
  }

  atomic(index: number): void {
    const { operands, reader } = this;
    const { params, immediates } = OPCODES[index] as Opcode;
    const instruction = ATOMIC_OP[index] as number;
    if (immediates !== 'memarg') {
      this.emit(instruction);
      return;
    }
    this.narrow(params.length - 1, this.memoryIs64(reader.b));
    const sources = this.registers(params.length);
    const type = RESULT[index];
    if (reader.a > MAX_OFFSET) {
      this.trap('memory-out-of-bounds');
      if (type !== undefined) operands.pushHome(type);
    } else if (type === undefined) this.emit(instruction, reader.b, reader.a, index, ...sources);
    else this.produce(instruction, type, reader.b, reader.a, index, ...sources);
    if (instruction === WAIT) this.slots = [];
  }

  tableType(index: number): RefType {
    return this.module.tables[index]?.element as RefType;
  }

  global(): { index: number; type: ValType; suffix: string } {
    const { module, reader } = this;
    const { type } = module.globals[reader.a] as { type: ValType };
    const isFar = reader.a < module.importedGlobals || isReference(type) || type === V128;
    if (isFar) return { index: reader.a, type, suffix: '.far' };
    return { index: GLOBAL_WORDS * (reader.a - module.importedGlobals), type, suffix: isWide(type) ? '64' : '32' };
  }

  setLocal(local: number, keep: boolean): void {
    const { operands, code } = this;
    const type = this.locals.type(local);
    const open = operands.openTop();
    const value = operands.pop();
    if (open >= 0 && !operands.isHeld(local)) {
      code.words[open] = operands.local(local);
      operands.open = -1;
      if (keep) operands.pushLocal(type, local);
      return;
    }
    operands.release(local);
    operands.moveTo(value, operands.local(local));
    operands.open = -1;
    if (keep) operands.pushLocal(type, local);
  }

  /** @param declared of the result, where the instruction says it */
  select(declared?: ValType): void {
    const { operands } = this;
    const condition = operands.pop();
    const second = operands.pop();
    const first = operands.pop();
    const type = declared ?? operands.type(first);
    const sources = [first, second, condition].map((position) => operands.register(position));
    this.produce(selectOf(type), type, ...sources);
  }

  call(): void {
    const { module, reader } = this;
    const index = reader.a;
    const isImport = index < module.importedFunctions;
    const instruction = op(isImport ? 'call_import' : 'call_lazy');
    this.apply(typeOfFunction(module, index), (base) => this.emit(instruction, index, base));
  }

  callIndirect(): void {
    const { operands, reader, module } = this;
    const { a: typeIndex, b: table } = reader;
    this.narrow(0, this.tableIs64(table));
    const element = operands.register(operands.pop());
    this.apply(functionTypeAt(module, typeIndex), (base) =>
      this.emit(op('call_indirect'), table, typeIndex, element, base),
    );
  }

  /** Calls in place of the frame at hand: words of the instruction, first argument, their registers, own weight. */
  tailCall(type: FuncType, ...words: number[]): void {
    const base = this.gather(type.params.length);
    this.emit(...words, base, 2 * slotsOf(type.params), this.plan.weight);
    this.die();
  }

  apply(type: FuncType, emit: (base: number) => void): void {
    emit(this.gather(type.params.length));
    this.operands.pushHomes(type.results);
    this.slots = [];
  }

  /** What the segment that begins behind the instruction just read costs. */
  segment(): number {
    const { pos } = this.reader;
    const { points } = this.plan;
    // Behind a clause that never catches there may be segments that nothing leads to.
    while (points.offsetAt(this.nextPoint) < pos) this.nextPoint++;
    return points.offsetAt(this.nextPoint) === pos ? points.costAt(this.nextPoint++) : 0;
  }

  open(kind: number, type: FuncType, target = -1, cost = 0, otherwise = -1): void {
    const height = this.operands.height - type.params.length;
    const guard = this.frames.at(-1)?.guard;
    const { reader, frames } = this;
    frames.push({ kind, type, place: frames.length, height, target, cost, edges: [], otherwise, guard });
    reader.enter(kind === LOOP, kind === IF);
  }

  blockType(): FuncType {
    return blockType(this.reader.a, this.module.types) as FuncType;
  }

  /** All operands are put where every path finds them. */
  enter(type: FuncType): void {
    const { operands } = this;
    operands.toHomes(operands.height - type.params.length);
    operands.settle();
    operands.open = -1;
  }

  enterBlock(): void {
    const type = this.blockType();
    this.enter(type);
    this.open(BLOCK, type);
  }

  /** The body of a `try_table`, or that of a `try` before its arms, has ended. */
  leaveGuarded(frame: Frame): void {
    const { region } = frame;
    if (region === undefined || frame.kind === CATCH_ARM) return;
    region.end = this.code.length;
    this.regions ??= [];
    this.regions.push(region);
    frame.guard = this.frames.at(-2)?.guard;
  }

  /** Puts the results of a construct where what follows it finds them. */
  arrive(frame: Frame): void {
    if (frame.kind === CATCH_ARM) this.moveTo(frame);
    else this.resultsHome(frame.type.results);
  }

  enterLoop(): void {
    const { operands } = this;
    const type = this.blockType();
    this.enter(type);
    // Whoever branches back brings what the type says, which may be less than what is there the first time.
    operands.cut(operands.height - type.params.length);
    operands.pushHomes(type.params);
    const cost = this.segment();
    this.emit(op('loop'), cost);
    this.slots = [];
    this.open(LOOP, type, this.code.length, cost);
  }

  enterIf(): void {
    const type = this.blockType();
    const condition = this.takeCondition();
    this.enter(type);
    const edge = this.emitCondition(condition, false);
    this.open(IF, type, -1, 0, edge);
    this.fallThrough();
  }

  /** After a conditional branch: the segment behind it is charged by the branch when it is not taken. */
  private fallThrough(): void {
    const word = this.code.length - 1;
    this.code.words[word] = this.segment();
    this.slots = [word];
  }

  otherwise(): void {
    const frame = this.frames.at(-1) as Frame;
    const { operands, code } = this;
    if (this.reader.isReachable) {
      this.resultsHome(frame.type.results);
      this.emit(BR, 0, 0);
      frame.edges.push(code.length - 2);
    }
    this.reader.arm();
    operands.cut(frame.height);
    operands.pushHomes(frame.type.params);
    frame.kind = ELSE;
    code.words[frame.otherwise] = code.length;
    code.words[frame.otherwise + 1] = this.segment();
    this.slots = [frame.otherwise + 1];
    frame.otherwise = -1;
  }

  /** The topmost operands, which are a construct's results, are put into their homes. */
  private resultsHome(results: readonly ValType[]): void {
    const { operands } = this;
    operands.toHomes(operands.height - results.length);
  }

  end(): void {
    const frame = this.frames.at(-1) as Frame;
    const { operands } = this;
    const isLive = this.reader.isReachable;
    if (isLive) this.arrive(frame);
    this.leaveGuarded(frame);
    this.frames.pop();
    this.reader.leave();
    const { region } = frame;
    // What is pushed onto has room for more, which thousands of regions would keep.
    if (region !== undefined) region.clauses = region.clauses.slice();
    if (frame.kind === LOOP) return;
    const edges = frame.otherwise >= 0 ? [...frame.edges, frame.otherwise] : frame.edges;
    if (this.reader.isReachable) {
      operands.cut(frame.height);
      operands.pushHomes(frame.type.results);
      this.join(edges, isLive);
    }
    if (this.frames.length === 0 && this.reader.isReachable) this.leave();
  }

  /** The place where `edges`, and perhaps the code before, lead. */
  private join(edges: readonly number[], isLive: boolean): void {
    const { code, operands } = this;
    operands.open = -1;
    const slots = edges.map((edge) => edge + 1);
    const cost = this.segment();
    if (isLive && edges.length > 0 && cost > 0 && this.slots.length === 0) {
      this.emit(op('charge'), 0);
      this.slots = [code.length - 1];
    }
    const isCharged = edges.length === 0 && this.slots.length === 0;
    if (isLive) slots.push(...this.slots);
    for (const edge of edges) code.words[edge] = code.length;
    if (slots.length > MAX_EDGES || isCharged) {
      if (cost > 0) this.emit(op('charge'), cost);
      this.slots = cost > 0 ? [code.length - 1] : [];
    } else {
      for (const slot of slots) (code.words[slot] as number) += cost;
      this.slots = !isLive || this.slots.length > 0 ? slots : [];
    }
  }

  get isDead(): boolean {
    return !this.reader.isReachable;
  }

  /** From here on nothing can be reached until the construct at hand ends. */
  die(): void {
    this.reader.stop();
    this.operands.open = -1;
  }

  private labelTypes(frame: Frame): readonly ValType[] {
    return frame.kind === LOOP ? frame.type.params : frame.type.results;
  }

  frameOf(label: number): Frame {
    return this.frames[this.frames.length - 1 - label] as Frame;
  }

  /** Emits the target and the gas of an edge. */
  edge(frame: Frame): void {
    this.await(frame, this.code.length);
    this.emit(frame.target, frame.cost);
  }

  /** The word of an edge's target gets it once it is known. */
  private await(frame: Frame, word: number): void {
    this.reader.leadTo(frame.place);
    if (frame.kind !== LOOP) frame.edges.push(word);
  }

  /** Moves the values a label takes from the top of the stack to where it expects them. */
  moveTo(frame: Frame): void {
    const { operands } = this;
    const types = this.labelTypes(frame);
    const from = operands.height - types.length;
    let register = operands.home(frame.height);
    // In ascending order: what is overwritten lies below everything that is still to be moved.
    types.forEach((type, i) => {
      operands.moveTo(from + i, register);
      register += 2 * slotsOf([type]);
    });
  }

  branch(label: number): void {
    const frame = this.frameOf(label);
    this.moveTo(frame);
    this.emit(BR);
    this.edge(frame);
  }

  branchIf(label: number): void {
    const frame = this.frameOf(label);
    const types = this.labelTypes(frame);
    const condition = this.takeCondition();
    const { operands } = this;
    if (types.length === 0 || operands.height - types.length === frame.height) {
      this.resultsHome(types);
      const edge = this.emitCondition(condition, true);
      this.await(frame, edge);
      this.code.words[edge] = frame.target;
      this.code.words[edge + 1] = frame.cost;
      this.fallThrough();
      return;
    }
    // The values have to be moved, but only if the branch is taken.
    const skip = this.emitCondition(condition, false);
    this.moveTo(frame);
    this.emit(BR);
    this.edge(frame);
    this.code.words[skip] = this.code.length;
    this.code.words[skip + 1] = this.segment();
    this.slots = [skip + 1];
  }

  branchTable(): void {
    const { operands, code, reader } = this;
    const count = reader.a;
    const index = operands.register(operands.pop());
    this.emit(op('br_table'), index, count);
    const table = code.length;
    for (let i = 0; i <= count; i++) {
      const frame = this.frameOf(reader.labels[i] as number);
      if (this.labelTypes(frame).length === 0) this.edge(frame);
      else this.emit(0, 0);
    }
    // Labels that take values are reached by way of the moves, once for each label.
    const stubs = new Map<Frame, number>();
    for (let i = 0; i <= count; i++) {
      const frame = this.frameOf(reader.labels[i] as number);
      if (this.labelTypes(frame).length === 0) continue;
      let stub = stubs.get(frame);
      if (stub === undefined) {
        stub = code.length;
        stubs.set(frame, stub);
        this.moveTo(frame);
        this.emit(BR);
        this.edge(frame);
      }
      code.words[table + 2 * i] = stub;
    }
  }

  /** Returns from the function with the topmost operands. */
  leave(): void {
    const { operands, results } = this;
    const { weight } = this.plan;
    const from = operands.height - results.length;
    const [only] = results;
    if (results.length === 1 && only !== undefined && !isReference(only) && only !== V128) {
      const register = operands.register(from);
      this.emit(op(isWide(only) ? 'return64' : 'return32'), weight, register);
      return;
    }
    // Through their homes: a result may be a local that an earlier result overwrites.
    operands.toHomes(from);
    let register = 0;
    results.forEach((type, i) => {
      operands.moveTo(from + i, register);
      register += 2 * slotsOf([type]);
    });
    this.emit(op('return'), weight);
  }

  /** Pops a condition. A comparison that was emitted just before is taken back, to be made part of a branch. */
  private takeCondition(): readonly number[] {
    const { operands, code } = this;
    const open = operands.openTop();
    const last = open - 1;
    const position = operands.pop();
    const comparison = open >= 0 ? (code.words[last] as number) : -1;
    if (comparison === -1 || BRANCH_IF[comparison] === -1) {
      const register = operands.register(position);
      operands.open = -1;
      return [BR_NZ, register];
    }
    const sources = code.words.slice(last + 2, last + 2 + (SOURCE_WORDS[comparison] as number));
    code.length = last;
    operands.open = -1;
    return [comparison, ...sources];
  }

  /**
   * Emits a branch on a condition, with words for target, gas of the branch, and gas of the way on; returns the place
   * of the first.
   */
  emitCondition([comparison, ...sources]: readonly number[], onTrue: boolean): number {
    const instruction =
      comparison === BR_NZ
        ? onTrue
          ? BR_NZ
          : BR_Z
        : ((onTrue ? BRANCH_IF : BRANCH_UNLESS)[comparison as number] as number);
    this.emit(instruction, ...sources);
    const edge = this.code.length;
    this.emit(0, 0, 0);
    return edge;
  }
}
