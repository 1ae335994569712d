/** Work on a module that can be left between its steps: to look at the clock, or to let others have a turn. */

/** Yields where it may be left; whoever drives it decides whether it goes on. Dropping it leaves nothing half done. */
export type Steps<T> = Generator<undefined, T, undefined>;

/**
 * Bytes of a module after which work on it yields. Preparing is linear in the bytes, and some hundred nanoseconds for
 * each where the host has not optimised it yet: a step takes a few milliseconds at most.
 */
export const STEP_BYTES = 16_384;

/** Says when work on a module is to yield, by how far in its bytes it is. */
export class Pace {
  /** Where it yields next. */
  due: number;

  constructor(from: number) {
    this.due = from + STEP_BYTES;
  }

  isDue(at: number): boolean {
    if (at < this.due) return false;
    this.due = at + STEP_BYTES;
    return true;
  }
}

/** Does it all at once: what it yields is what it goes on with. @throws what it throws */
export function complete<T>(work: Generator<unknown, T, unknown>): T {
  let step = work.next();
  while (step.done !== true) step = work.next(step.value);
  return step.value;
}
