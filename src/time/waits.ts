/** Work that is the same whether or not its parts are waited for: whoever drives it does that, or does not. */

import { complete } from '../../wasm/steps.ts';

/** Yields what has to be there before it goes on, and is given what came of it. */
export type Waits<T> = Generator<unknown, T, unknown>;

/** Waits for each part. What a part is rejected with is thrown where it was yielded. @throws what the work throws */
export async function waitFor<T>(work: Waits<T>): Promise<T> {
  let step = work.next();
  while (step.done !== true) {
    let value: unknown;
    try {
      value = await step.value;
    } catch (error) {
      step = work.throw(error);
      continue;
    }
    step = work.next(value);
  }
  return step.value;
}

/** Does it at once: the parts are there when they are yielded. @throws what the work throws */
export const atOnce: <T>(work: Waits<T>) => T = complete;
