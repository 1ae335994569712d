/** Work on a module that can be left between its steps: to look at the clock, or to let others have a turn. */

/** Yields where it may be left; whoever drives it decides whether it goes on. Dropping it leaves nothing half done. */
export type Steps<T> = Generator<undefined, T, undefined>;

/**
 * Bytes of a module after which work on it yields. Preparing is linear in the bytes, and some hundred nanoseconds for
 * each where the host has not optimised it yet: a step takes a few milliseconds at most.
 */
export const STEP_BYTES = 16_384;

/** Does it all at once. @throws what it throws */
export function complete<T>(steps: Steps<T>): T {
  for (;;) {
    const { done, value } = steps.next();
    if (done === true) return value;
  }
}
