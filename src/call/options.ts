/** What may be said about a single call. */

import { milliseconds } from '../checks/check.ts';
import { type Checks, checkNamed } from '../checks/named.ts';
import { checkSignal } from '../time/signal.ts';

/** Options of one call, or of each call of a batch. */
export interface CallOptions {
  /**
   * Ends the call with CallAborted when it is aborted: at once where the guest waits or has yielded, at its next
   * checkpoint where a host function aborts it. A guest that runs without `yieldEvery` lets nobody else run who could.
   * The guest's memory stays as it is then, and it can be called again. The native engine looks at it only before.
   */
  readonly signal?: AbortSignal | undefined;
  /** Milliseconds of wall-clock time; the sandbox's own limit holds where that is less. */
  readonly timeout?: number | undefined;
  /** Milliseconds after which the guest lets the event loop go round; the sandbox's own unless given. Interpreter only. */
  readonly yieldEvery?: number | undefined;
}

export const CALL_CHECKS: Checks<CallOptions> = {
  signal: checkSignal,
  timeout: (value) => milliseconds('the timeout', value),
  yieldEvery: (value) => milliseconds('yieldEvery', value),
};

/** @throws UsageError */
export function checkCallOptions(options: unknown): CallOptions {
  return options === undefined ? {} : checkNamed<CallOptions>('a call', options, CALL_CHECKS);
}
