/**
 * The operand stack while a function is lowered. A position of the stack has a register of its own, its home, behind
 * the locals. `local.get` and constants are remembered and emitted only when something needs them in a register.
 */

import type { ConstantChange } from '../../wasm/opcodes.ts';
import { F64, I64, isReference, V128, type ValType } from '../../wasm/types.ts';
import type { CodeBuffer } from './buffer.ts';
import { op } from './isa.ts';
import type { Locals } from './locals.ts';

const HOME = 0;
const LOCAL = 1;
const CONSTANT = 2;

const COPY32 = op('copy32');
const COPY64 = op('copy64');
const COPY_F64 = op('copy.f64');
const COPY_REF = op('copy.ref');
const COPY_VECTOR = op('copy.v128');
const CONST32 = op('const32');
const CONST64 = op('const64');
const CONST_F64 = op('const.f64');

export function isWide(type: ValType): boolean {
  return type === I64 || type === F64;
}

/** Whether an f64 with this high word may be a NaN, whose bits must not pass through a JavaScript number. */
function isSpecial(high: number): boolean {
  return (high & 0x7ff00000) === 0x7ff00000;
}

function copyOf(type: ValType): number {
  if (type === V128) return COPY_VECTOR;
  if (isReference(type)) return COPY_REF;
  if (type === F64) return COPY_F64;
  return isWide(type) ? COPY64 : COPY32;
}

export class OperandStack {
  readonly code: CodeBuffer;
  height = 0;
  /** The word that names the destination of the last instruction, while it may still be changed; else -1. */
  open = -1;
  private openPosition = 0;
  private readonly locals: Locals;
  /** Slot of every position, up to that of the next. */
  private readonly slots: number[];
  private readonly kinds: number[] = [];
  private readonly types: ValType[] = [];
  /** Local index, or the low word of a constant. */
  private readonly values: number[] = [];
  /** The high word of a constant; for a local, the position below that holds the same local, or -1. */
  private readonly extras: number[] = [];
  /** For every local, the highest position that holds it, or -1. */
  private readonly holders: Int32Array;
  /** Positions below this hold no locals. */
  private settled = 0;

  constructor(code: CodeBuffer, locals: Locals) {
    this.code = code;
    this.locals = locals;
    this.slots = [locals.slots];
    this.holders = new Int32Array(locals.count).fill(-1);
  }

  /** Register of a local. */
  local(index: number): number {
    return this.locals.register(index);
  }

  home(position: number): number {
    return 2 * (this.slots[position] as number);
  }

  type(position: number): ValType {
    return this.types[position] as ValType;
  }

  /** Pushes a value that is in its home, as the last word but `openAt` of the code says where it was put. */
  pushHome(type: ValType, openAt = -1): void {
    this.openPosition = this.height;
    this.open = openAt;
    this.push(HOME, type, 0, 0);
  }

  pushConstant(type: ValType, low: number, high: number): void {
    this.push(CONSTANT, type, low, high);
  }

  pushLocal(type: ValType, local: number): void {
    this.push(LOCAL, type, local, this.holders[local] as number);
    this.holders[local] = this.height - 1;
  }

  private push(kind: number, type: ValType, value: number, extra: number): void {
    const position = this.height++;
    this.kinds[position] = kind;
    this.types[position] = type;
    this.values[position] = value;
    this.extras[position] = extra;
    this.slots[position + 1] = (this.slots[position] as number) + (type === V128 ? 2 : 1);
  }

  /** Drops the topmost value; returns its position, which may be read until the next push. */
  pop(): number {
    const position = --this.height;
    if (this.kinds[position] === LOCAL) this.holders[this.values[position] as number] = this.extras[position] as number;
    if (this.settled > position) this.settled = position;
    return position;
  }

  /** Drops everything down to `height`. */
  cut(height: number): void {
    while (this.height > height) this.pop();
    this.open = -1;
  }

  /** Pushes values that are in their homes. */
  pushHomes(types: readonly ValType[]): void {
    for (const type of types) this.pushHome(type);
  }

  /** {@link open}, if it is the topmost value that the last instruction computed; else -1. */
  openTop(): number {
    return this.openPosition === this.height - 1 ? this.open : -1;
  }

  /** Gives the topmost value another type; what is in its register stays. */
  retype(type: ValType): void {
    this.types[this.height - 1] = type;
  }

  isConstant(position: number): boolean {
    return this.kinds[position] === CONSTANT;
  }

  isHome(position: number): boolean {
    return this.kinds[position] === HOME;
  }

  /** The register in which a value is that is no constant. */
  place(position: number): number {
    return this.kinds[position] === LOCAL ? this.local(this.values[position] as number) : this.home(position);
  }

  low(position: number): number {
    return this.values[position] as number;
  }

  high(position: number): number {
    return this.extras[position] as number;
  }

  /** Changes an integer constant; or does not, and returns false, if one more would not be a larger number of its type. */
  change(position: number, change: ConstantChange, isSigned: boolean): boolean {
    const wide = isWide(this.type(position));
    const low = this.low(position);
    const high = this.high(position);
    const largest = isSigned ? 0x7fff_ffff : -1;
    if (change === 'increment' && (wide ? high === largest && low === -1 : low === largest)) return false;
    const isNegation = change === 'negate';
    const sum = ((isNegation ? ~low : low) + 1) | 0;
    this.values[position] = sum;
    if (wide) this.extras[position] = ((isNegation ? ~high : high) + (sum === 0 ? 1 : 0)) | 0;
    return true;
  }

  /** A register that holds the value; emits a constant that is in none. */
  register(position: number): number {
    const kind = this.kinds[position];
    if (kind === LOCAL) return this.local(this.values[position] as number);
    if (kind === CONSTANT) this.toHome(position);
    return this.home(position);
  }

  /** Sees to it that the value is in its home. */
  toHome(position: number): void {
    const kind = this.kinds[position];
    if (kind === HOME) return;
    this.moveTo(position, this.home(position));
    if (kind === LOCAL && position < this.height) this.unlink(position);
    this.kinds[position] = HOME;
  }

  /** Sees to it that everything from `first` up to the top is in its home. */
  toHomes(first: number): void {
    // From the top down, each is the first of its local's list; only then are they moved, in the order of their homes.
    for (let position = this.height - 1; position >= first; position--) {
      if (this.kinds[position] === LOCAL)
        this.holders[this.values[position] as number] = this.extras[position] as number;
    }
    for (let position = first; position < this.height; position++) {
      if (this.kinds[position] === HOME) continue;
      this.moveTo(position, this.home(position));
      this.kinds[position] = HOME;
    }
  }

  /** Emits what puts the value into `register`. */
  moveTo(position: number, register: number): void {
    this.open = -1;
    const { code } = this;
    const type = this.types[position] as ValType;
    if (this.kinds[position] === CONSTANT) {
      const high = this.extras[position] as number;
      const isNumber = type === F64 && !isSpecial(high);
      code.emit(isNumber ? CONST_F64 : isWide(type) ? CONST64 : CONST32);
      code.emit(register);
      code.emit(this.values[position] as number);
      if (isWide(type)) code.emit(high);
      return;
    }
    const from = this.register(position);
    if (from === register) return;
    code.emit(copyOf(type));
    code.emit(register);
    code.emit(from);
  }

  /** Says that what was just put into the position's home is its value, of a type as wide as before. */
  settleAs(position: number, type: ValType): void {
    if (this.kinds[position] === LOCAL) this.unlink(position);
    this.kinds[position] = HOME;
    this.types[position] = type;
  }

  /** Takes a position out of the list of its local's holders. */
  private unlink(position: number): void {
    const local = this.values[position] as number;
    const top = this.holders[local] as number;
    if (top === position) {
      this.holders[local] = this.extras[position] as number;
      return;
    }
    let above = top;
    while (this.extras[above] !== position) above = this.extras[above] as number;
    this.extras[above] = this.extras[position] as number;
  }

  isHeld(local: number): boolean {
    return this.holders[local] !== -1;
  }

  /** Before a local is written: everything on the stack that stands for it gets its present value. */
  release(local: number): void {
    // The holders are copied from the top down, so that each is the first of its list.
    while (this.isHeld(local)) this.toHome(this.holders[local] as number);
  }

  /** Before the paths of control divide or join: no position stands for a local any more. */
  settle(): void {
    // From the top down, so that each is the first of its local's list.
    for (let position = this.height - 1; position >= this.settled; position--) {
      if (this.kinds[position] === LOCAL) this.toHome(position);
    }
    this.settled = this.height;
  }
}
