/** `wasi:clocks`. */

import { type ClockKind, least, U64_MAX } from '../clock.ts';
import type { PolicyRequest } from '../decide.ts';
import { POLLABLE } from './poll.ts';
import { type Interface, row } from './table.ts';

const CLOCK: PolicyRequest = { kind: 'clock' };
const SECOND = 1_000_000_000n;

/** Nanoseconds since 1970 as WIT has them. */
export interface Datetime {
  readonly seconds: bigint;
  readonly nanoseconds: number;
}

export function datetimeOf(nanoseconds: bigint): Datetime {
  return { seconds: nanoseconds / SECOND, nanoseconds: Number(nanoseconds % SECOND) };
}

/** Up to the last time that 64 bits of nanoseconds have. */
export function nanosecondsOf({ seconds, nanoseconds }: Datetime): bigint {
  return least(seconds * SECOND + BigInt(nanoseconds), U64_MAX);
}

const now = (kind: ClockKind) => row(CLOCK, ({ state }) => state.sources.clock.now(kind));
const resolution = (kind: ClockKind) => row(CLOCK, ({ state }) => state.sources.clock.resolution(kind));

export const CLOCKS: Readonly<Record<string, Interface>> = {
  'wasi:clocks/wall-clock': {
    now: row(CLOCK, ({ state }) => datetimeOf(state.sources.clock.now('realtime'))),
    resolution: row(CLOCK, ({ state }) => datetimeOf(state.sources.clock.resolution('realtime'))),
  },
  'wasi:clocks/monotonic-clock': {
    now: now('monotonic'),
    resolution: resolution('monotonic'),
    'subscribe-instant': row(CLOCK, (host, _call, at: bigint) => host.hold(POLLABLE, { at })),
    'subscribe-duration': row(CLOCK, (host, _call, duration: bigint) => {
      const past = host.state.sources.clock.peek('monotonic');
      return host.hold(POLLABLE, { at: least(past + duration, U64_MAX) });
    }),
  },
};
