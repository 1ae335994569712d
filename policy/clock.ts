/** The clocks a guest can read and wait upon. Times are nanoseconds, as WASI has them. */

import { SnapshotError } from '../wasm/errors.ts';
import { damaged, type WireReader, type WireWriter } from '../wasm/wire.ts';
import type { ClockCapability } from './capability.ts';
import type { Saved } from './saved.ts';

/** Real time since 1970, or time that only ever advances, from the start of the host's record. */
export type ClockKind = 'realtime' | 'monotonic';

/** Where real time comes from. Whoever limits a call's time can pass a `sleep` that ends with it. */
export interface TimeSources {
  /** Milliseconds since 1970; `Date.now` unless given. */
  readonly wallClock: () => number;
  /** Milliseconds from any start, never going back; `performance.now` unless given. */
  readonly monotonic: () => number;
  /** Settles after at least about so many milliseconds (at most 2³¹ − 1); `setTimeout` unless given. */
  readonly sleep: (milliseconds: number) => Promise<void>;
}

export interface Clock extends Saved {
  /** A reading. */
  now(kind: ClockKind): bigint;
  /** A reading that does not count as one: it leaves a virtual clock where it is. */
  peek(kind: ClockKind): bigint;
  resolution(kind: ClockKind): bigint;
  /** Lets time pass: at once for a virtual clock, as a promise for the real one. */
  wait(duration: bigint): Promise<void> | undefined;
  /** Back to the start; the real clock's monotonic time starts at 0 again. */
  reset(): void;
}

export const U64_MAX = (1n << 64n) - 1n;

/** The smaller, as sums of times must not wrap: a clock that reaches the end of its range stays there. */
export function least(a: bigint, b: bigint): bigint {
  return a < b ? a : b;
}

const LONGEST_SLEEP = 2 ** 31 - 1;
/** Milliseconds, some hundred years, that are exact as nanoseconds of 64 bits. */
const LONGEST_TIME = 2 ** 42;
/** In a millisecond. */
const NANOSECONDS = 1_000_000;

const DEFAULT_SOURCES: TimeSources = {
  wallClock: () => Date.now(),
  monotonic: () => performance.now(),
  sleep: (milliseconds) =>
    new Promise((resolve) => {
      setTimeout(resolve, milliseconds);
    }),
};

function withDefaults(sources: Partial<TimeSources>): TimeSources {
  const { wallClock, monotonic, sleep } = DEFAULT_SOURCES;
  return {
    wallClock: sources.wallClock ?? wallClock,
    monotonic: sources.monotonic ?? monotonic,
    sleep: sources.sleep ?? sleep,
  };
}

export function createClock(capability: ClockCapability, sources: Partial<TimeSources>): Clock {
  return capability.source === 'virtual'
    ? new VirtualClock(capability.start, capability.step)
    : new RealClock(withDefaults(sources));
}

const SOURCES = ['virtual', 'real'] as const;

/** @throws SnapshotError where the clock in the snapshot was another than the policy grants */
function requireSource(from: WireReader, wanted: (typeof SOURCES)[number]): void {
  const found = SOURCES[from.u8()] ?? damaged('its clock is of no known kind');
  if (found === wanted) return;
  throw new SnapshotError(`the snapshot was made with the ${found} clock, and the policy grants the ${wanted} one`);
}

/** Advances by a fixed step with every reading, and by what the guest waits. */
class VirtualClock implements Clock {
  private readonly start: bigint;
  private readonly step: bigint;
  private elapsed = 0n;

  constructor(start: bigint, step: bigint) {
    this.start = start;
    this.step = step;
  }

  peek(kind: ClockKind): bigint {
    return kind === 'monotonic' ? this.elapsed : least(this.start + this.elapsed, U64_MAX);
  }

  now(kind: ClockKind): bigint {
    const time = this.peek(kind);
    this.wait(this.step);
    return time;
  }

  resolution(): bigint {
    return this.step;
  }

  wait(duration: bigint): undefined {
    this.elapsed = least(this.elapsed + duration, U64_MAX);
  }

  reset(): void {
    this.elapsed = 0n;
  }

  save(to: WireWriter): void {
    to.u8(SOURCES.indexOf('virtual'));
    to.u64(this.elapsed);
  }

  load(from: WireReader): void {
    requireSource(from, 'virtual');
    this.elapsed = from.u64();
  }
}

/** Without losing digits: milliseconds since 1970 do not fit a double as nanoseconds. */
function toNanoseconds(milliseconds: number): bigint {
  const whole = Math.floor(milliseconds);
  return BigInt(whole) * BigInt(NANOSECONDS) + BigInt(Math.floor((milliseconds - whole) * NANOSECONDS));
}

class RealClock implements Clock {
  private readonly sources: TimeSources;
  private origin: number;

  constructor(sources: TimeSources) {
    this.sources = sources;
    this.origin = sources.monotonic();
  }

  peek(kind: ClockKind): bigint {
    const { monotonic, wallClock } = this.sources;
    const milliseconds = kind === 'monotonic' ? monotonic() - this.origin : wallClock();
    return toNanoseconds(Math.max(0, milliseconds));
  }

  now(kind: ClockKind): bigint {
    return this.peek(kind);
  }

  resolution(kind: ClockKind): bigint {
    return kind === 'monotonic' ? 1_000n : 1_000_000n;
  }

  async wait(duration: bigint): Promise<void> {
    const end = this.peek('monotonic') + duration;
    // Timers may fire early, and none waits longer than a 31-bit number of milliseconds.
    for (let rest = duration; rest > 0n; rest = end - this.peek('monotonic')) {
      await this.sources.sleep(Math.min(Math.ceil(Number(rest) / NANOSECONDS), LONGEST_SLEEP));
    }
  }

  reset(): void {
    this.origin = this.sources.monotonic();
  }

  save(to: WireWriter): void {
    to.u8(SOURCES.indexOf('real'));
    to.number(this.sources.monotonic() - this.origin);
  }

  /** Monotonic time goes on where it stood. */
  load(from: WireReader): void {
    requireSource(from, 'real');
    const elapsed = from.number();
    if (!(elapsed >= 0 && elapsed <= LONGEST_TIME)) damaged('its clock is out of range');
    this.origin = this.sources.monotonic() - elapsed;
  }
}
