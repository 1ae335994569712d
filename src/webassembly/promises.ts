/** Promise integration (JavaScript API): guests that wait for what the embedder's functions promise. */

import { promisingExecution } from '../../interpreter/machine/execution.ts';
import type { GuestFunction } from '../../interpreter/store/instance.ts';
import { RuntimeError } from '../../wasm/errors.ts';
import type { WasmValue } from '../../wasm/host.ts';

/** The time of a call that may wait. */
export interface CallClock {
  /** Surrounds each stretch in which the guest runs. */
  readonly enter: <T>(run: () => T) => T;
  /** Waits for what is never rejected. @throws RuntimeError where the time of the call is over then, or before */
  wait(settled: Promise<void>): Promise<void>;
}

/**
 * Thrown into a guest whose call cannot be suspended: no `promising` function began it, or functions of JavaScript stand in
 * between. The guest can catch it, with `JSTag`, which it could not if it were one of the errors that end guests.
 */
export class SuspendError extends Error {
  static {
    Object.defineProperty(SuspendError.prototype, 'name', {
      value: 'SuspendError',
      configurable: true,
      writable: true,
    });
  }
}

export function cannotSuspend(): SuspendError {
  return new SuspendError(
    'a Suspending import was called where the guest cannot be suspended: call the export through WebAssembly.promising, with no function of JavaScript between the two',
  );
}

type AnyFunction = (...args: unknown[]) => unknown;

let wrapped: (value: object) => AnyFunction | undefined;

/** Marks a function as an import whose promises suspend the guest. Belongs to no namespace in particular. */
export class Suspending {
  readonly #func: AnyFunction;

  /** @throws TypeError for what is no function */
  constructor(func: AnyFunction) {
    if (typeof func !== 'function') throw new TypeError('Suspending takes a function');
    this.#func = func;
  }

  static {
    wrapped = (value) => (#func in value ? value.#func : undefined);
  }
}

/** The function that an import is to suspend for; undefined where it is none of those. */
export function suspendingFunction(value: unknown): AnyFunction | undefined {
  return typeof value === 'object' && value !== null ? wrapped(value) : undefined;
}

/**
 * Calls a guest's function on a stack of its own, and waits wherever that does. The first stretch runs at once.
 * @throws whatever ends the call
 */
export async function callPromising(
  func: GuestFunction,
  args: readonly WasmValue[],
  clock: CallClock,
): Promise<readonly WasmValue[]> {
  const begun = promisingExecution(func, args);
  for (;;) {
    const stop = clock.enter(() => begun.advance());
    if (stop === 'done') return begun.results;
    if (stop !== 'waiting') continue;
    try {
      await clock.wait(begun.settled);
    } catch (error) {
      // What the clock throws; the call is dropped, and its promise with it.
      throw error instanceof RuntimeError ? begun.abort(error) : error;
    }
  }
}
