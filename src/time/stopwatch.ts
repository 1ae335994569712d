/** Wall-clock time on the main thread: the engine looks here whenever the guest has used up a slice of gas. */

import type { Slices } from '../../wasm/engine.ts';
import { CpuTimeoutExceeded } from '../../wasm/errors.ts';
import { isSpent, pass, spend } from './rounds.ts';
import { SlicePace } from './slice-pace.ts';

export interface TimeLimits {
  /** Milliseconds that the call may take; no limit unless given. */
  readonly limit?: number | undefined;
  /** How many of them are left, where it has had some already. */
  readonly left?: number | undefined;
  /** Milliseconds after which the guest pauses; it does not unless given. */
  readonly yieldEvery?: number | undefined;
}

/** The time of one call, or of a stretch of it. */
export class CallTime {
  /** When it must have ended, and how many milliseconds it was given. */
  readonly at: number;
  readonly limit: number;
  readonly begun: number;
  private readonly clock: Stopwatch;
  private readonly yieldEvery: number;
  /** When the event loop was last known to go round. */
  private turnAt: number;
  /** Whether a host function made it: the guest that called that waits on the JavaScript stack. */
  private readonly isNested: boolean;
  private enteredAt: number;

  constructor(clock: Stopwatch, now: number, { limit, left, yieldEvery }: TimeLimits, outer: CallTime | undefined) {
    this.clock = clock;
    this.begun = now;
    const at = now + (left ?? limit ?? Number.POSITIVE_INFINITY);
    // A call made by a host function cannot outlive the call that the host function serves.
    const isShorter = outer !== undefined && outer.at < at;
    this.at = isShorter ? outer.at : at;
    this.limit = isShorter ? outer.limit : (limit ?? Number.POSITIVE_INFINITY);
    this.yieldEvery = yieldEvery ?? Number.POSITIVE_INFINITY;
    this.turnAt = now;
    this.enteredAt = now;
    this.isNested = outer !== undefined;
  }

  /** Runs a stretch of the guest on the JavaScript stack. @throws what it throws */
  run<T>(stretch: () => T): T {
    this.enteredAt = performance.now();
    return this.clock.enter(this, this.enteredAt, stretch);
  }

  /** Whether the event loop has been kept from going round for as long as it may be, by this guest or by all. */
  get isDue(): boolean {
    return performance.now() - this.turnAt >= this.yieldEvery || (!this.isNested && isSpent(this.yieldEvery));
  }

  /** Lets it go round. */
  async pass(): Promise<void> {
    await pass(this.yieldEvery);
    this.turnAt = performance.now();
  }

  /** Milliseconds until it must have ended. */
  get left(): number {
    return this.at - performance.now();
  }

  /** @throws CpuTimeoutExceeded; returns whether the guest is to pause */
  check(now: number): boolean {
    if (now >= this.at) throw this.exceeded();
    const isTired = now - this.turnAt >= this.yieldEvery;
    return isTired || (!this.isNested && isSpent(this.yieldEvery, now - this.enteredAt));
  }

  exceeded(): CpuTimeoutExceeded {
    return new CpuTimeoutExceeded(`CPU timeout exceeded: the call did not end within ${this.limit} ms`);
  }

  end(): void {
    this.clock.end(this);
  }
}

export class Stopwatch {
  /** Of the calls that have not ended. */
  private readonly active: CallTime[] = [];
  /** Of the guest that stands on the JavaScript stack, the innermost where there are several. */
  private current: CallTime | undefined;
  private runningSince = 0;
  private total = 0;

  private readonly pace = new SlicePace();
  /** Ends the guest's call when its time is over, and makes it pause. */
  readonly slices: Slices;

  constructor() {
    const { pace } = this;
    this.slices = {
      get gas() {
        return pace.gas;
      },
      onSlice: () => {
        const now = performance.now();
        pace.look(now);
        return this.current?.check(now);
      },
    };
  }

  /** To be ended by {@link CallTime.end}. */
  begin(limits: TimeLimits): CallTime {
    const now = performance.now();
    const time = new CallTime(this, now, limits, this.current);
    if (this.active.length === 0) this.runningSince = now;
    this.active.push(time);
    return time;
  }

  /**
   * Runs a call that has ended when it returns.
   * @param limit milliseconds it may take, or undefined
   * @param left how many of them are left
   * @throws what the call throws
   */
  runSync<T>(limit: number | undefined, call: () => T, left = limit): T {
    const time = this.begin({ limit, left });
    try {
      return time.run(call);
    } finally {
      time.end();
    }
  }

  /** The same for a call that the engine cannot leave, or that nobody may leave. */
  async run<T>(limit: number | undefined, call: () => Promise<T>, left = limit): Promise<T> {
    const time = this.begin({ limit, left });
    try {
      return await time.run(call);
    } finally {
      time.end();
    }
  }

  /** @internal */
  enter<T>(time: CallTime, now: number, stretch: () => T): T {
    const outer = this.current;
    this.current = time;
    this.pace.begin(now);
    try {
      return stretch();
    } finally {
      this.current = outer;
      if (outer === undefined) spend(performance.now() - now);
    }
  }

  /** @internal */
  end(time: CallTime): void {
    const index = this.active.indexOf(time);
    if (index < 0) return;
    this.active.splice(index, 1);
    if (this.active.length === 0) this.total += performance.now() - this.runningSince;
  }

  /** Milliseconds until the call that is under way must have ended; without limit where there is none. */
  get left(): number {
    return (this.current ?? this.active.at(-1))?.left ?? Number.POSITIVE_INFINITY;
  }

  /** Milliseconds in which calls were under way; calls that overlap count once. */
  get elapsed(): number {
    return this.total + (this.active.length > 0 ? performance.now() - this.runningSince : 0);
  }

  /** Whether a guest stands on the JavaScript stack. */
  get isRunning(): boolean {
    return this.current !== undefined;
  }

  /** Counts from 0 again. */
  reset(): void {
    this.active.length = 0;
    this.total = 0;
  }
}
