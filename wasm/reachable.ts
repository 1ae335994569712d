/** Which instructions of a validated body can be reached (specification 3.3.8): all who walk one ask here. */

import { InstructionReader } from './instructions.ts';
import { OPCODES, OPENS } from './opcodes.ts';

const IS_END = OPCODES.map(({ flow }) => flow === 'end' || flow === 'delegate');
const BEGINS_ARM = OPCODES.map(({ flow }) => flow === 'else' || flow === 'catch');

/**
 * The walker says where the course of code stops and where it goes on; which constructs lie between is counted here.
 * Validation keeps its own account, as it has to know the types of what cannot be reached.
 */
export class ReachableReader extends InstructionReader {
  /** Whether the instruction behind the last one can be reached. */
  isReachable = true;
  /** Constructs opened in the unreachable code at hand. */
  private opened = 0;

  /** Reads code from `start` to `end` next. */
  begin(start: number, end: number): void {
    this.pos = start;
    this.end = end;
    this.isReachable = true;
  }

  /** What follows cannot be reached, up to the next arm or the end of the innermost construct at least. */
  stop(): void {
    this.isReachable = false;
    this.opened = 0;
  }

  /** What follows can be reached. */
  resume(): void {
    this.isReachable = true;
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
