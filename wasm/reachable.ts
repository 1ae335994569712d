/**
 * Which constructs of a validated body are open, and which of its instructions can be reached (specification 3.3.8): all who
 * walk one ask here.
 */

import { InstructionReader } from './instructions.ts';
import { OPCODES, OPENS } from './opcodes.ts';

const IS_END = OPCODES.map(({ flow }) => flow === 'end' || flow === 'delegate');
const BEGINS_ARM = OPCODES.map(({ flow }) => flow === 'else' || flow === 'catch');

/** What is known of a construct that is open: bits. */
const IS_LOOP = 1;
const IS_ONE_ARMED = 2;
/** A branch, or the end of an arm, leads to its end. */
const IS_LED_TO = 4;

/**
 * The walker says which constructs begin and end, and where the course of code branches and stops; what can be reached
 * follows. What else it has to know of a construct it keeps itself, by the same places. Validation has its own account, as
 * it gives types to what cannot be reached.
 */
export class ReachableReader extends InstructionReader {
  /** Whether the instruction behind the last one can be reached. */
  isReachable = true;
  /** Constructs that are open around code that can be reached, the function's among them. */
  depth = 0;
  /** By place, the outermost first. */
  private readonly constructs: number[] = [];
  /** Constructs opened in the unreachable code at hand. */
  private opened = 0;

  /** Reads code from `start` to `end` next. */
  begin(start: number, end: number): void {
    this.pos = start;
    this.end = end;
    this.depth = 0;
    this.isReachable = true;
  }

  /** A construct begins: the function itself, first. */
  enter(isLoop = false, isOneArmed = false): void {
    this.constructs[this.depth++] = (isLoop ? IS_LOOP : 0) | (isOneArmed ? IS_ONE_ARMED : 0);
  }

  /** A branch leads to a label. */
  branch(label: number): void {
    this.leadTo(this.depth - 1 - label);
  }

  /** A branch leads to the label of the construct at a place. */
  leadTo(place: number): void {
    (this.constructs[place] as number) |= IS_LED_TO;
  }

  /** The next arm of the innermost construct begins, where the one before can lead to its end. */
  arm(): void {
    const place = this.depth - 1;
    if (this.isReachable) this.leadTo(place);
    (this.constructs[place] as number) &= ~IS_ONE_ARMED;
    this.isReachable = true;
  }

  /** Whether the innermost construct is an `if` whose `else` has not come. */
  get isOneArmed(): boolean {
    return ((this.constructs[this.depth - 1] as number) & IS_ONE_ARMED) !== 0;
  }

  /** The innermost construct ends. Returns whether other ways lead to what follows than the code before. */
  leave(): boolean {
    const construct = this.constructs[--this.depth] as number;
    const isJoined = (construct & IS_LOOP) === 0 && construct !== 0;
    if (isJoined) this.isReachable = true;
    return isJoined;
  }

  /** What follows cannot be reached, up to the next arm or the end of the innermost construct at least. */
  stop(): void {
    this.isReachable = false;
    this.opened = 0;
  }

  /**
   * In unreachable code: whether the instruction that was read is part of it, rather than what begins the next arm, or
   * ends the construct in which it began.
   */
  skips(index: number): boolean {
    if (OPENS[index]) this.opened++;
    else if (this.opened === 0) return !IS_END[index] && !BEGINS_ARM[index];
    else if (IS_END[index]) this.opened--;
    return true;
  }
}
