/** Making a module ready to run, under the limits of the sandbox that it is for. */

import { CpuTimeoutExceeded } from '../../wasm/errors.ts';
import { Part } from '../../wasm/part.ts';
import type { Steps } from '../../wasm/steps.ts';
import { aborted } from './signal.ts';
import { nextTurn, settlesWithin } from './turn.ts';

export interface PreparationLimits {
  /** Milliseconds of work that it may take; waiting for the module's bytes is none. */
  readonly cpuTimeout?: number | undefined;
  /** Milliseconds of work after which the event loop goes round. */
  readonly yieldEvery?: number | undefined;
  /** Looked at whenever the event loop has gone round. */
  readonly signal?: AbortSignal | undefined;
  /** Told after every step. */
  readonly onStep?: (() => void) | undefined;
}

/** Work that is driven step by step. One of these serves all that is done for one sandbox. */
export class Preparation {
  private readonly limits: PreparationLimits;
  private spent = 0;
  private turnAt = performance.now();

  constructor(limits: PreparationLimits) {
    this.limits = limits;
  }

  /** Milliseconds that are left of `cpuTimeout`; undefined where there is none. */
  get left(): number | undefined {
    const { cpuTimeout } = this.limits;
    return cpuTimeout === undefined ? undefined : Math.max(0, cpuTimeout - this.spent);
  }

  /** Counts the time of work that looks at a clock of its own. @throws what it throws */
  count<T>(work: () => T): T {
    const begun = performance.now();
    try {
      return work();
    } finally {
      this.spent += performance.now() - begun;
    }
  }

  /** Whether it may not go on. */
  get isOver(): boolean {
    return this.limits.signal?.aborted === true || this.left === 0;
  }

  /** @throws CpuTimeoutExceeded, CallAborted, and what a step throws */
  async run<T>(steps: Steps<T>): Promise<T> {
    for (;;) {
      this.refuseAborted();
      const outcome = this.stretch(steps, this.limits.yieldEvery ?? Number.POSITIVE_INFINITY);
      if (outcome instanceof Part) await outcome.load();
      else if (outcome !== undefined) return outcome.value;
      else await nextTurn();
      this.turnAt = performance.now();
    }
  }

  /** The same without letting the event loop go round. @throws CpuTimeoutExceeded, and what a step throws */
  runSync<T>(steps: Steps<T>): T {
    this.refuseAborted();
    for (;;) {
      const outcome = this.stretch(steps, Number.POSITIVE_INFINITY);
      if (outcome !== undefined && !(outcome instanceof Part)) return outcome.value;
    }
  }

  /** Waits for work that this thread does not do; what comes of it later is ignored. @throws as {@link run}, and what it is rejected with */
  async wait<T>(work: Promise<T>): Promise<T> {
    const { signal } = this.limits;
    const begun = performance.now();
    // Nobody may be left to look at it.
    const settled = work.then(
      () => undefined,
      () => undefined,
    );
    let stop = (): void => undefined;
    const stopped = new Promise<void>((resolve) => {
      stop = resolve;
    });
    signal?.addEventListener('abort', stop, { once: true });
    try {
      const isInTime = await settlesWithin(Promise.race([settled, stopped]), this.left ?? Number.POSITIVE_INFINITY);
      if (!isInTime) throw this.exceeded();
      this.refuseAborted();
      return await work;
    } finally {
      signal?.removeEventListener('abort', stop);
      this.turnAt = performance.now();
      this.spent += this.turnAt - begun;
    }
  }

  /** Steps until it is done, a part has to be loaded, or the event loop is to go round. */
  private stretch<T>(steps: Steps<T>, yieldEvery: number): { readonly value: T } | Part<unknown> | undefined {
    const { cpuTimeout = Number.POSITIVE_INFINITY, onStep } = this.limits;
    const begun = performance.now();
    const before = this.spent;
    for (;;) {
      const { done, value } = steps.next();
      const now = performance.now();
      this.spent = before + now - begun;
      if (done === true) return { value };
      onStep?.();
      if (this.spent >= cpuTimeout) throw this.exceeded();
      if (value !== undefined || now - this.turnAt >= yieldEvery) return value;
    }
  }

  private exceeded(): CpuTimeoutExceeded {
    return new CpuTimeoutExceeded(
      `CPU timeout exceeded: the module was not ready within ${this.limits.cpuTimeout} ms; a cache or a pool makes it ready once for many sandboxes`,
    );
  }

  private refuseAborted(): void {
    const { signal } = this.limits;
    if (signal?.aborted !== true) return;
    throw aborted('making the module ready', signal.reason);
  }
}
