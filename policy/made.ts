/** Capabilities as such: how they are told from look-alikes, and those in force where a policy says nothing. */

import type { Capability, ClockCapability, RandomCapability } from './capability.ts';

/** 2000-01-01T00:00:00Z, in nanoseconds since 1970. */
export const VIRTUAL_START = 946_684_800_000_000_000n;

/** Nanoseconds: long enough that a guest that polls the clock for a second gets there in a thousand calls. */
export const VIRTUAL_STEP = 1_000_000n;

/** What {@link make} made. A look-alike might not be frozen all through, and change after it was decided upon. */
const made = new WeakSet<object>();

export function make<T extends Capability>(capability: T): T {
  made.add(capability);
  return Object.freeze(capability);
}

/** Whether it was made by {@link Capability}: a look-alike is none. */
export function isCapability(value: unknown): value is Capability {
  return typeof value === 'object' && value !== null && made.has(value);
}

/** What the clock is where no policy says more: the same at every run. */
export const DEFAULT_CLOCK: ClockCapability = make({
  kind: 'clock',
  source: 'virtual',
  start: VIRTUAL_START,
  step: VIRTUAL_STEP,
});

/** What randomness is where no policy says more: the same at every run. */
export const DEFAULT_RANDOM: RandomCapability = make({ kind: 'random', source: 'seeded', seed: 0n });
