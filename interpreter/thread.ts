/**
 * A running guest: registers, return addresses and counters, all in typed arrays and numbers, so that it can be left
 * at any checkpoint and taken up again. The dispatch loop copies the counters into locals while it runs.
 */

import { STACK_WEIGHT } from '../wasm/gas.ts';
import type { FuncType } from '../wasm/types.ts';
import { type GuestFunction, hasType, type Reference, WasmFunction } from './function.ts';
import type { Instance } from './instance.ts';
import { EXIT, FIRST_SYSTEM, op, trapExit } from './isa.ts';
import type { LinearMemory } from './memory.ts';
import { SYSTEM } from './system.ts';

const CALL = op('call');

/** Stands for the memory of an instance that has none: nothing is in bounds. */
const NO_MEMORY = { bytes: new Uint8Array(0), data: new DataView(new ArrayBuffer(0)), byteLength: 0 };

export class Thread {
  /** Limit on `depth`; the arrays are large enough for every stack within it. */
  readonly depthLimit: number;
  readonly registers: Int32Array;
  readonly floats: Float32Array;
  readonly doubles: Float64Array;
  /** Return addresses. */
  readonly frames: Int32Array;
  /** References in registers: slot by slot beside `registers`. */
  readonly references: Reference[] = [];
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
  globals: Int32Array = new Int32Array(0);
  memory: Pick<LinearMemory, 'bytes' | 'data' | 'byteLength'> = NO_MEMORY;

  /** The function outside of the instance that is being called, and the register of its first argument. */
  target: GuestFunction | undefined;
  argBase = 0;

  constructor(stackBytes: number) {
    this.depthLimit = stackBytes;
    // Every slot of a frame weighs 8 bytes, so all of them fit. A frame is at most two return addresses.
    const buffer = new ArrayBuffer(8 * Math.ceil(stackBytes / 8) + 64);
    this.registers = new Int32Array(buffer);
    this.floats = new Float32Array(buffer);
    this.doubles = new Float64Array(buffer);
    this.frames = new Int32Array(2 * Math.ceil(stackBytes / STACK_WEIGHT.frame) + 8);
  }

  /** Forgets everything, references above all. */
  clear(): void {
    this.references.length = 0;
    this.callers.length = 0;
    this.pc = this.fp = this.sp = this.depth = this.top = 0;
    this.instance = this.target = undefined;
    this.memory = NO_MEMORY;
  }

  /** Makes an instance the one that runs; also after anything that may have moved its code or memory. */
  bind(instance: Instance): void {
    this.instance = instance;
    this.code = instance.code.words;
    this.globals = instance.cells;
    this.memory = instance.memory ?? NO_MEMORY;
  }

  /** Takes gas from the instance's tank. */
  takeGas(): void {
    this.gas = (this.instance as Instance).tank.fill();
    this.published = this.gas;
    this.hasGas = true;
  }

  /** Gives gas back to the tank: `left` of what was at hand. */
  returnGas(left: number): void {
    if (this.hasGas) (this.instance as Instance).tank.settle(left);
    this.hasGas = false;
  }

  /** Lowers the callee of the `call_lazy` at `pc`, makes that a `call`, and returns the code. */
  link(pc: number, index: number): Int32Array {
    const { code, module } = this.instance as Instance;
    const entry = code.entry(index - module.importedFunctions);
    code.words[pc] = CALL;
    code.words[pc + 1] = entry;
    this.code = code.words;
    return code.words;
  }

  toImport(index: number, argBase: number): void {
    this.target = (this.instance as Instance).function(index);
    this.argBase = argBase;
  }

  /** The entry of a table's element, if it is a function of this instance; else an exit, negated. */
  toElement(table: number, type: number, index: number, argBase: number): number {
    const instance = this.instance as Instance;
    const { elements } = instance.tables[table] as (typeof instance.tables)[number];
    if (index >>> 0 >= elements.length) return -trapExit('undefined-element');
    const func = elements[index >>> 0] as GuestFunction | null;
    if (func === null) return -trapExit('uninitialized-element');
    if (!hasType(func, instance.module.types[type] as FuncType)) return -trapExit('indirect-call-type-mismatch');
    if (func instanceof WasmFunction && func.instance === instance) {
      const entry = func.entry();
      this.code = instance.code.words;
      return entry;
    }
    this.target = func;
    this.argBase = argBase;
    return -EXIT.call;
  }

  /** Executes the instruction at `pc`, one of system.ts; returns 0 or an exit. */
  system(): number {
    const handler = SYSTEM[(this.code[this.pc] as number) - FIRST_SYSTEM] as (thread: Thread) => number;
    return handler(this);
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
