/** Wall-clock time on the main thread: the engine looks here whenever the guest has used up a slice of gas. */

import type { Slices } from '../wasm/engine.ts';
import { CpuTimeoutExceeded } from '../wasm/errors.ts';

/** Units of gas between two looks at the clock: about a millisecond on the interpreter. */
const SLICE_GAS = 500_000;

/** When a call must have ended, and how many milliseconds it was given. */
interface Deadline {
  readonly at: number;
  readonly limit: number;
}

const NEVER: Deadline = { at: Number.POSITIVE_INFINITY, limit: Number.POSITIVE_INFINITY };

export class Clock {
  /** Of the calls that have not settled. The guest that runs is the last one's. */
  private readonly active: Deadline[] = [];
  /** How many calls stand on the JavaScript stack. */
  private depth = 0;
  private runningSince = 0;
  private total = 0;

  /** Ends the guest's call when the time given to {@link run} is over. */
  readonly slices: Slices = {
    gas: SLICE_GAS,
    onSlice: () => {
      const { at, limit } = this.active.at(-1) ?? NEVER;
      if (performance.now() >= at) {
        throw new CpuTimeoutExceeded(`CPU timeout exceeded: the call did not end within ${limit} ms`);
      }
    },
  };

  /**
   * Runs a call.
   * @param limit milliseconds it may take, or undefined
   * @throws what the call throws
   */
  async run<T>(limit: number | undefined, call: () => Promise<T>): Promise<T> {
    const isNested = this.depth > 0;
    const deadline = this.begin(limit, isNested);
    let result: Promise<T> | undefined;
    this.depth++;
    try {
      result = call();
    } finally {
      this.depth--;
      if (isNested || result === undefined) this.end(deadline);
    }
    try {
      return await result;
    } finally {
      if (!isNested) this.end(deadline);
    }
  }

  /** Milliseconds until the call that runs must have ended; without limit where it has none. */
  get left(): number {
    return (this.active.at(-1) ?? NEVER).at - performance.now();
  }

  private begin(limit: number | undefined, isNested: boolean): Deadline {
    const now = performance.now();
    let deadline = limit === undefined ? { ...NEVER } : { at: now + limit, limit };
    const outer = this.active.at(-1);
    // A call made by a host function cannot outlive the call that the host function serves.
    if (isNested && outer !== undefined && outer.at < deadline.at) deadline = { ...outer };
    if (this.active.length === 0) this.runningSince = now;
    this.active.push(deadline);
    return deadline;
  }

  private end(deadline: Deadline): void {
    const index = this.active.indexOf(deadline);
    this.active.splice(index, 1);
    if (this.active.length === 0) this.total += performance.now() - this.runningSince;
  }

  /** Milliseconds in which calls were under way; calls that overlap count once. */
  get elapsed(): number {
    return this.total + (this.active.length > 0 ? performance.now() - this.runningSince : 0);
  }
}
