/** A machine instruction where it stands: what its operands, and the ways on from it, are in the loop's code. */

import type { TrapKind } from '../../wasm/errors.ts';
import { type Kind, lengthOf, type MachineOp, placesIn, trapExit } from '../code/index.ts';
import { type Block, type Expression, name } from './syntax.ts';
import { code, expression } from './template.ts';

/** An instruction's place in a sequence that is executed at once. */
export interface Within {
  /** Words before it. */
  readonly start: number;
  /** The operand that the instruction before has left in `x`; in `x` and `z` if it is an i64, in `y` if it is a float. */
  readonly taken: string;
  /** What the next takes its result for, which is left there; undefined where it does not. */
  readonly handsAs: Kind | undefined;
  readonly isLast: boolean;
}

const ALONE: Within = { start: 0, taken: '', handsAs: undefined, isLast: true };

/** Operands are asked for by name; where the names are known when this is compiled, it is seen that they exist. */
export class Site<in Operand extends string = string> {
  readonly op: MachineOp;
  /** Whether the loop counts gas. */
  readonly isMetered: boolean;
  private readonly within: Within;
  private readonly places: ReadonlyMap<string, number>;

  constructor(op: MachineOp, isMetered: boolean, within: Within = ALONE) {
    this.op = op;
    this.isMetered = isMetered;
    this.within = within;
    this.places = placesIn(op.operands);
  }

  /** Whether the result is left for the next instruction. */
  get hands(): boolean {
    return this.handsAs !== undefined;
  }

  get handsAs(): Kind | undefined {
    return this.within.handsAs;
  }

  takes(operand: string): boolean {
    return operand === this.within.taken;
  }

  private isHanded(operand: string): boolean {
    return operand === 'result' ? this.hands : this.takes(operand);
  }

  /** Where an operand's word is, or another of its words. */
  placeOf(operand: Operand, offset = 0): Expression {
    const place = this.places.get(operand);
    if (place === undefined) throw new TypeError(`${this.op.name} has no operand ${operand}`);
    return this.from(place + offset);
  }

  word(operand: Operand, offset = 0): Expression {
    return expression`C[${this.placeOf(operand, offset)}]`;
  }

  /** The word that is a variable behind an operand's. */
  wordBehind(operand: Operand, offset: Expression): Expression {
    return expression`C[pc + ${this.within.start + (this.places.get(operand) as number)} + ${offset} | 0]`;
  }

  /** The index of an operand's register. */
  register(operand: Operand): Expression {
    return expression`fp + ${this.word(operand)} | 0`;
  }

  /** A register's low word. */
  low(operand: Operand): Expression {
    return this.isHanded(operand) ? name('x') : expression`R[${this.register(operand)}]`;
  }

  /** A register as an f32. */
  single(operand: Operand): Expression {
    return this.isHanded(operand) ? name('y') : expression`F32[${this.register(operand)}]`;
  }

  /** A register as an f64. */
  double(operand: Operand): Expression {
    return this.isHanded(operand) ? name('y') : expression`F64[${this.register(operand)} >> 1]`;
  }

  /** So many words on. It needs no `| 0`, as the loop has made `pc` a small number. */
  private from(words: number): Expression {
    return words + this.within.start === 0 ? name('pc') : expression`pc + ${this.within.start + words}`;
  }

  /** The place of the next instruction. */
  behind(): Expression {
    return this.from(lengthOf(this.op.operands));
  }

  /** Goes on to the next instruction; within a sequence it follows anyway. */
  next(): Block {
    return this.within.isLast ? code`pc = ${this.behind()};` : [];
  }

  /** Leaves the loop with `pc` at this instruction. */
  exit(exit: number | Expression): Block {
    return code`${this.stay()} exit = ${exit}; break loop;`;
  }

  /** Sets `pc` to this instruction, where it is not there. */
  stay(): Block {
    return this.within.start === 0 ? [] : code`pc = ${this.from(0)};`;
  }

  trap(kind: TrapKind): Block {
    return this.exit(trapExit(kind));
  }

  /** What only a loop does that counts gas. */
  metered(block: Block): Block {
    return this.isMetered ? block : [];
  }

  /** Counts so much gas. */
  charge(gas: Expression): Block {
    return this.metered(code`gas = gas - ${gas} | 0;`);
  }
}
