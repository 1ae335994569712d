/**
 * A running guest: registers, return addresses and counters, all in typed arrays and numbers, so that it can be left
 * at any checkpoint and taken up again. The dispatch loop copies the counters into locals while it runs.
 */

import { STACK_WEIGHT } from '../../wasm/gas.ts';
import type { FuncType } from '../../wasm/types.ts';
import { EXIT, type ModuleCode, op, placesOf, trapExit, wordsOf } from '../code/index.ts';
import type { Mutator, Stack } from '../gc/index.ts';
import {
  type GuestFunction,
  hasType,
  type Instance,
  type LinearMemory,
  NO_MEMORY,
  WasmFunction,
} from '../store/index.ts';
import {
  ExceptionInstance,
  exceptionBytes,
  type Reference,
  readCells,
  SlotReferences,
  type TagInstance,
} from '../values/index.ts';
import { WARMTH } from './warmth.ts';

/** Stack weight a new thread has room for, and the factor by which that grows. */
const FIRST_ROOM = 2_048;
const ROOM_FACTOR = 4;
/** A thread that has grown beyond this gives its arrays up when it ends. */
const KEPT_ROOM = 65_536;
const NOTHING = new Int32Array(0);

const CALL = op('call');
const IN_CALL = placesOf('call');
const IN_CALL_LAZY = placesOf('call_lazy');
const IN_CALL_IMPORT = placesOf('call_import');
const IN_CALL_INDIRECT = placesOf('call_indirect');
const CALL_IMPORT_WORDS = wordsOf('call_import');
const CALL_INDIRECT_WORDS = wordsOf('call_indirect');
const CALL_REF_WORDS = wordsOf('call_ref');

/** A wait for a notification (proposal for threads): the value there is still what was expected. */
export interface Wait {
  readonly memory: LinearMemory;
  readonly address: number;
  /** Of the value: 4 or 8. */
  readonly bytes: number;
  readonly expected: bigint;
  /** Nanoseconds; negative: without end. */
  readonly timeout: bigint;
}

export class Thread implements Mutator {
  /** Limit on `depth`. */
  stackLimit = 0;
  /** What of it the arrays have room for: they grow where a guest needs more, so that one that waits holds little. */
  depthLimit = 0;
  registers: Int32Array = NOTHING;
  floats: Float32Array = new Float32Array(0);
  doubles: Float64Array = new Float64Array(0);
  /** Return addresses. */
  frames: Int32Array = NOTHING;
  readonly references: SlotReferences = new SlotReferences();
  /** Instances that wait for a call into another to return. */
  readonly callers: Instance[] = [];

  pc = 0;
  fp = 0;
  sp = 0;
  /** Stack weight in use. */
  depth = 0;
  /** Gas at hand; and what it was when the count was last published. */
  gas = 0;
  published = 0;
  /** Whether the instance's tank has given out the gas at hand. */
  hasGas = false;
  /** Where a host function that calls back may put its arguments. */
  top = 0;

  instance: Instance | undefined;
  code: Int32Array = new Int32Array(0);
  /** The bytes of `code`. */
  constants: DataView = NO_MEMORY.data;
  globals: Int32Array = new Int32Array(0);
  memory: Pick<LinearMemory, keyof typeof NO_MEMORY> = NO_MEMORY;

  /** The function outside of the instance that is being called, and the register of its first argument. */
  target: GuestFunction | undefined;
  argBase = 0;

  /** What it is to wait for. */
  wait: Wait | undefined;

  /** What has been thrown, until somebody catches it. */
  exception: ExceptionInstance | undefined;
  /** The memory that accesses go to, where it is not the first. */
  private other: LinearMemory | undefined;

  /** Calls that stand on the JavaScript stack above the outermost one, with host functions between them. */
  nesting = 0;
  /** Parameters and results of the functions that the host called there, and of those of the host's that run. */
  nestedValues = 0;

  /** Whether nothing can be waited for: the caller wants the results at once. */
  isSynchronous = false;
  /** Whether its outermost call may wait for a promise wherever no JavaScript stands above that. */
  isPromising = false;
  /** The thread in whose host call this one runs, on a stack of its own. */
  below: Thread | undefined;

  /** Takes the limit on the stack's weight that is to hold. */
  prepare(stackBytes: number): void {
    this.stackLimit = stackBytes;
    if (this.registers.length === 0) this.allocate(FIRST_ROOM);
    this.depthLimit = Math.min(this.room, stackBytes);
  }

  private room = 0;

  private allocate(room: number): void {
    this.room = room;
    // Every slot of a frame weighs 8 bytes, so all of them fit. A frame is at most two return addresses.
    const buffer = new ArrayBuffer(8 * Math.ceil(room / 8) + 64);
    const { registers, frames } = this;
    this.registers = new Int32Array(buffer);
    this.floats = new Float32Array(buffer);
    this.doubles = new Float64Array(buffer);
    this.frames = new Int32Array(2 * Math.ceil(room / STACK_WEIGHT.frame) + 8);
    this.registers.set(registers);
    this.frames.set(frames);
  }

  /** Makes room for a deeper stack; false where that is at its limit. What reported {@link EXIT.stack} is tried again. */
  grow(): boolean {
    if (this.depthLimit >= this.stackLimit) return false;
    this.allocate(Math.min(ROOM_FACTOR * this.room, this.stackLimit));
    this.depthLimit = this.room;
    return true;
  }

  /** Forgets everything: references above all, and numbers too, as a snapshot must hold nothing of another guest's. */
  clear(): void {
    if (this.room > KEPT_ROOM) {
      this.registers = this.frames = NOTHING;
      this.floats = new Float32Array(NOTHING.buffer);
      this.doubles = new Float64Array(NOTHING.buffer);
      this.references.drop();
      this.room = 0;
    } else this.registers.fill(0);
    this.nesting = 0;
    this.nestedValues = 0;
    this.isPromising = this.isSynchronous = false;
    this.below = undefined;
    this.references.cut(0);
    this.callers.length = 0;
    this.pc = this.fp = this.sp = this.depth = this.top = 0;
    this.instance = this.target = this.exception = this.other = this.wait = undefined;
    this.memory = NO_MEMORY;
  }

  /** Makes an instance the one that runs; also after anything that may have moved its code or memory. */
  bind(instance: Instance): void {
    this.instance = instance;
    this.useCode(instance.code);
    this.globals = instance.cells;
    this.memory = this.other ?? instance.memory ?? NO_MEMORY;
  }

  /** Makes a memory the one that accesses go to. */
  use(memory: number): void {
    this.other = memory === 0 ? undefined : (this.instance as Instance).memories[memory];
  }

  private useCode({ words, data }: ModuleCode): void {
    this.code = words;
    this.constants = data;
  }

  /**
   * Takes gas from the instance's tank.
   * @param most units, where it is to be little
   */
  takeGas(most: number | undefined = WARMTH.portion): void {
    this.gas = (this.instance as Instance).tank.fill(this.nesting === 0, most);
    this.published = this.gas;
    this.hasGas = true;
  }

  /** Gives gas back to the tank: `left` of what was at hand. */
  returnGas(left: number): void {
    if (this.hasGas) WARMTH.spent += (this.instance as Instance).tank.settle(left);
    this.hasGas = false;
  }

  /**
   * Enters the function of the bound instance at `entry`, with its arguments at `base`.
   * @returns 0, or an exit: the stack limit does not allow it, or the gas at hand is used up once it is entered
   */
  enter(entry: number, base: number, returnTo: number): number {
    const { code, registers } = this;
    const deeper = this.depth + (code[entry - 4] as number);
    if (deeper > this.depthLimit) return EXIT.stack;
    this.depth = deeper;
    this.frames[this.sp++] = returnTo;
    this.fp = base;
    const end = base + (code[entry - 1] as number);
    for (let i = base + (code[entry - 2] as number); i < end; i++) registers[i] = 0;
    this.gas -= code[entry - 3] as number;
    this.published = this.gas;
    this.pc = entry;
    return this.gas < 0 ? EXIT.gas : EXIT.none;
  }

  /** Lowers the callee of the `call_lazy` at `pc`, and makes that a `call`. */
  link(): number {
    const { code, module, patron } = this.instance as Instance;
    const entry = code.entry((this.code[this.pc + IN_CALL_LAZY.func] as number) - module.importedFunctions, patron);
    if (entry === 0) return EXIT.lowering;
    code.words[this.pc] = CALL;
    code.words[this.pc + IN_CALL.entry] = entry;
    this.useCode(code);
    return EXIT.none;
  }

  /** Finds the callee of the `call_import` at `pc`, and goes on behind it. */
  toImport(): number {
    const { pc, code } = this;
    this.target = (this.instance as Instance).function(code[pc + IN_CALL_IMPORT.func] as number);
    this.argBase = code[pc + IN_CALL_IMPORT.base] as number;
    this.pc = pc + CALL_IMPORT_WORDS;
    return EXIT.call;
  }

  /** Finds the callee of the `call_indirect` at `pc`; enters it, if it is a function of this instance. */
  toElement(): number {
    const { pc, code, fp } = this;
    const at = IN_CALL_INDIRECT;
    const index = (this.registers[fp + (code[pc + at.index] as number)] as number) >>> 0;
    const func = this.element(code[pc + at.table] as number, code[pc + at.type] as number, index);
    if (typeof func === 'number') return func;
    return this.toFunction(func, code[pc + at.base] as number, pc + CALL_INDIRECT_WORDS);
  }

  /** The function in a table's element, which must be of a type; or an exit. */
  element(table: number, typeIndex: number, index: number): GuestFunction | number {
    const instance = this.instance as Instance;
    // Every call publishes, also one that fails.
    this.published = this.gas;
    const { elements } = instance.tables[table] as (typeof instance.tables)[number];
    if (index >= elements.length) return trapExit('undefined-element');
    const func = elements[index] as GuestFunction | null;
    if (func === null) return trapExit('uninitialized-element');
    const type = instance.module.types[typeIndex] as FuncType;
    return hasType(func, type) ? func : trapExit('indirect-call-type-mismatch');
  }

  /** Calls the function that the `call_ref` at `pc` refers to. */
  toReference(reference: Reference, argBase: number): number {
    this.published = this.gas;
    if (reference === null) return trapExit('null-reference');
    return this.toFunction(reference as GuestFunction, argBase, this.pc + CALL_REF_WORDS);
  }

  private toFunction(func: GuestFunction, argBase: number, next: number): number {
    const { fp } = this;
    const instance = this.instance as Instance;
    if (func instanceof WasmFunction && func.instance === instance) {
      const entry = func.entry();
      if (entry === 0) return EXIT.lowering;
      this.useCode(instance.code);
      return this.enter(entry, fp + argBase, next);
    }
    this.target = func;
    this.argBase = argBase;
    this.pc = next;
    return EXIT.call;
  }

  /**
   * Replaces the frame at hand, of so much weight, by one of the function that is called; its arguments take `words`
   * registers.
   */
  tailCall(func: GuestFunction, argBase: number, words: number, weight: number): number {
    this.published = this.gas;
    const instance = this.instance as Instance;
    const { fp } = this;
    if (func instanceof WasmFunction && func.instance === instance) {
      const entry = func.entry();
      if (entry === 0) return EXIT.lowering;
      this.useCode(instance.code);
      // Looked at before anything changes: the call is tried again where there is room for a deeper stack.
      if (this.depth - weight + (this.code[entry - 4] as number) > this.depthLimit) return EXIT.stack;
      this.moveArguments(argBase, words);
      this.depth -= weight;
      return this.enter(entry, fp, this.frames[--this.sp] as number);
    }
    this.moveArguments(argBase, words);
    this.depth -= weight;
    this.pc = this.frames[--this.sp] as number;
    this.fp -= this.code[this.pc - 1] as number;
    this.target = func;
    this.argBase = fp - this.fp;
    return EXIT.call;
  }

  private moveArguments(argBase: number, words: number): void {
    const { registers, references, fp } = this;
    const from = fp + argBase;
    registers.copyWithin(fp, from, from + words);
    references.moveDown(fp >> 1, from >> 1, words >> 1);
  }

  /** Throws an exception with the values that begin at a register. */
  throw(tag: TagInstance, register: number): number {
    this.published = this.gas;
    const { heap, store } = this.instance as Instance;
    const bytes = exceptionBytes(tag, store.keepsExceptions);
    const outcome = bytes === 0 ? 'done' : heap.allocate(bytes, this);
    if (outcome !== 'done') return outcome === 'full' ? EXIT.memory : EXIT.exhausted;
    this.exception = new ExceptionInstance(tag, readCells(this, register, tag.type.params), bytes);
    return EXIT.throw;
  }

  /** Whether what is called can be left, to be taken up again. */
  get mayLeave(): boolean {
    return !this.isSynchronous && this.nesting === 0;
  }

  /** Calls on the JavaScript stack, down to its end. */
  get nestedCalls(): number {
    return this.nesting + (this.below === undefined ? 0 : this.below.nestedCalls + 1);
  }

  stacks(): ReadonlySet<Stack> {
    const stacks = new Set<Stack>((this.instance as Instance).store.left);
    for (let thread: Thread | undefined = this; thread !== undefined; thread = thread.below) stacks.add(thread);
    return stacks;
  }

  /** The instances on the stack. */
  roots(): readonly Instance[] {
    return [this.instance as Instance, ...this.callers];
  }

  /** The references that frames in use hold. */
  usedReferences(): Reference[] {
    const frame = (this.instance as Instance).code.frameAt(this.pc);
    const slots = frame === undefined ? 0 : (frame.weight - STACK_WEIGHT.frame) / STACK_WEIGHT.slot;
    return this.references.before((this.fp >> 1) + slots);
  }

  /**
   * Charges for work of dynamic cost, after the checkpoint that precedes it.
   * @returns false where the limit does not allow it; nothing is charged then
   */
  charge(cost: number): boolean {
    if (cost <= this.gas) this.gas -= cost;
    else {
      this.returnGas(this.gas);
      const isPaid = (this.instance as Instance).tank.charge(cost);
      this.takeGas();
      if (!isPaid) return false;
    }
    this.published = this.gas;
    return true;
  }
}
