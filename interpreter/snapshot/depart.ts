/** Takes the innermost frame off the stack of a call that was left, for another engine to go on with, and gives it its results. */

import type { LeftPoint, LeftValue } from '../../wasm/left.ts';
import { FUNCREF, isReference, slotsOf, V128, type ValType } from '../../wasm/types.ts';
import { HALT_PC } from '../code/index.ts';
import type { Thread } from '../machine/index.ts';
import { FunctionNumbers, type Instance } from '../store/index.ts';
import type { Reference } from '../values/index.ts';
import { knownFunction, writeValue } from './arrive-stack.ts';

/** The places of a function, and the types of its locals. */
export interface PointsOf<P extends LeftPoint> {
  readonly locals: readonly ValType[];
  readonly points: readonly P[];
}

/** A frame that somebody else can go on with. */
export interface Departure<P extends LeftPoint> {
  readonly body: number;
  readonly point: P;
  /** Locals that may still be read, operands, and results of the call that it is behind. */
  readonly values: readonly LeftValue[];
}

/**
 * What the innermost frame holds. The thread has no gas at hand.
 * @param pointsOf says where the function of a body can be left; always the same
 * @returns undefined where the frame stands at none of these, or holds what has no number
 */
export function departure<P extends LeftPoint>(
  thread: Thread,
  pointsOf: (body: number) => PointsOf<P>,
): Departure<P> | undefined {
  const instance = thread.instance as Instance;
  const frame = instance.code.frameAt(thread.pc);
  if (frame === undefined) return undefined;
  const { body, entry } = frame;
  const { locals: types, points } = pointsOf(body);
  const known = knownFunction(instance.module, body);
  const point = known.find(thread.pc - entry, points);
  if (point === undefined) return undefined;
  const { locals } = known;
  const { base, registers, constants } = known.at(point);
  const reader = new Reader(thread, instance);
  const values = [
    ...point.locals.map((local) => reader.at(locals[local] as number, types[local] as ValType)),
    ...point.operands.map((type, position) => {
      const words = constants.get(position);
      const register = registers.get(position) as number;
      // A constant is in a register only where something has needed it there.
      return words === undefined ? reader.at(register, type) : { type, words, reference: null };
    }),
  ];
  if (point.kind === 'call') {
    let register = base;
    for (const type of point.results) {
      values.push(reader.at(register, type));
      register += 2 * slotsOf([type]);
    }
  }
  return reader.isComplete ? { body, point, values } : undefined;
}

class Reader {
  isComplete = true;
  private readonly thread: Thread;
  private readonly numbers: FunctionNumbers;

  constructor(thread: Thread, instance: Instance) {
    this.thread = thread;
    this.numbers = new FunctionNumbers(instance);
  }

  at(register: number, type: ValType): LeftValue {
    const { thread } = this;
    const first = thread.fp + register;
    if (isReference(type)) {
      return { type, words: [], reference: this.number(type, thread.references.get(first >> 1)) };
    }
    return { type, words: [...thread.registers.subarray(first, first + (type === V128 ? 4 : 2))], reference: null };
  }

  private number(type: ValType, reference: Reference): unknown {
    if (type !== FUNCREF || reference === null) return reference;
    const number = this.numbers.of(reference);
    this.isComplete &&= number !== undefined;
    return number;
  }
}

/** Takes the innermost frame off: the call is where it goes on when that has returned. */
export function removeFrame(thread: Thread): void {
  const { code } = thread.instance as Instance;
  thread.depth -= code.frameAt(thread.pc)?.weight ?? 0;
  thread.pc = thread.frames[--thread.sp] as number;
  if (thread.pc !== HALT_PC) thread.fp -= code.words[thread.pc - 1] as number;
}

/** Gives the frame that is innermost now the results of the one that was, or the call its own. Returns whether that has ended. */
export function giveResults(thread: Thread, values: readonly LeftValue[]): boolean {
  const instance = thread.instance as Instance;
  const isOver = thread.pc === HALT_PC;
  let register = thread.fp + (isOver ? 0 : (instance.code.words[thread.pc - 1] as number));
  for (const value of values) {
    writeValue(thread, register, value, instance);
    register += 2 * slotsOf([value.type]);
  }
  return isOver;
}
