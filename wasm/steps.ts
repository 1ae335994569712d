/** Work on a module that can be left between its steps: to look at the clock, or to let others have a turn. */

import type { Part } from './part.ts';

/**
 * Yields where it may be left; whoever drives it decides whether it goes on. Dropping it leaves nothing half done. Where it
 * yields a part of the library, that has to be loaded before it does.
 */
export type Steps<T> = Generator<Part<unknown> | undefined, T, undefined>;

/** @throws UsageError where nobody has loaded it */
export function* loading(part: Part<unknown>): Steps<void> {
  yield part;
  part.check();
}

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
