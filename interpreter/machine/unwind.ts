/** What happens to a thrown exception (specification 4.4.9 and 4.6.11): frame by frame, who catches it is looked for. */

import { HALT_PC, LEAVE_PC } from '../code/index.ts';
import type { Instance } from '../store/index.ts';
import type { ExceptionInstance } from '../values/index.ts';
import { catching } from './parts.ts';
import type { Thread } from './thread.ts';

/** The last frame of an instance has ended: back to the one that called it. */
export function returnToCaller(thread: Thread): void {
  thread.returnGas(thread.gas);
  thread.bind(thread.callers.pop() as Instance);
  thread.pc = thread.frames[--thread.sp] as number;
  thread.fp -= thread.code[thread.pc - 1] as number;
  thread.takeGas();
}

/**
 * Finds the clause that catches the thread's exception, thrown by the instruction that the word at `at` belongs to.
 * @returns false where nothing does up to the function that was entered from outside
 */
export function unwind(thread: Thread, at: number): boolean {
  const exception = thread.exception as ExceptionInstance;
  let place = at;
  // After a tail call there may be no frame left of the instance, or of the whole call.
  if (thread.pc === LEAVE_PC) {
    returnToCaller(thread);
    place = thread.pc - 1;
  }
  while (thread.pc !== HALT_PC) {
    const instance = thread.instance as Instance;
    const frame = instance.code.frameAt(place);
    const regions = frame?.regions ?? [];
    // Only modules with exceptions have any.
    if (regions.length > 0 && catching.now.catches(thread, regions, place, exception, instance)) {
      thread.exception = undefined;
      return true;
    }
    thread.depth -= frame?.weight ?? 0;
    thread.pc = thread.frames[--thread.sp] as number;
    if (thread.pc === LEAVE_PC) returnToCaller(thread);
    else if (thread.pc !== HALT_PC) thread.fp -= thread.code[thread.pc - 1] as number;
    // What stands there follows the call.
    place = thread.pc - 1;
  }
  return false;
}
