/** A machine instruction where it stands: what its operands, and the ways on from it, are in the loop's code. */

import type { TrapKind } from '../../wasm/errors.ts';
import { lengthOf, type MachineOp, placesIn, trapExit } from '../code/index.ts';
import { type Block, type Expression, name } from './syntax.ts';
import { code, expression } from './template.ts';

/** An instruction's place in a sequence that is executed at once. */
export interface Within {
  /** Words before it. */
  readonly start: number;
  /** The operand that the instruction before has left in `x`, or `y` if it is an f64. */
  readonly taken: string;
  /** Whether its result is left there for the next. */
  readonly hands: boolean;
  readonly isLast: boolean;
}

const ALONE: Within = { start: 0, taken: '', hands: false, isLast: true };

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
    return this.within.hands;
  }

  private isHanded(operand: string): boolean {
    return operand === 'result' ? this.hands : operand === this.within.taken;
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

  /** A register as an f64. */
  double(operand: Operand): Expression {
    return this.isHanded(operand) ? name('y') : expression`F64[${this.register(operand)} >> 1]`;
  }

  private from(words: number): Expression {
    return expression`pc + ${this.within.start + words} | 0`;
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
    const here = this.within.start === 0 ? [] : code`pc = ${this.from(0)};`;
    return code`${here} exit = ${exit}; break loop;`;
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
