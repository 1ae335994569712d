/** `wasi:io/poll`: waiting for times. Streams are always ready: what they have is had at once. */

import { HostError } from '../../wasm/errors.ts';
import { LOOK } from '../../wasm/gas.ts';
import type { HostCallContext } from '../call.ts';
import type { PolicyRequest } from '../decide.ts';
import { Kind } from './resources.ts';
import { type Interface, type Preview2, row } from './table.ts';

/** When it is ready, in nanoseconds of monotonic time. */
export interface Pollable {
  readonly at: bigint;
}

export const POLLABLE = new Kind<Pollable>('pollable');
const READY: Pollable = { at: 0n };

/** Most pollables in one call, as subscriptions in preview 1. */
const MOST_POLLABLES = 1_024;

const CLOCK: PolicyRequest = { kind: 'clock' };

export function readyPollable(host: Preview2): object {
  return host.hold(POLLABLE, READY);
}

function rest({ state }: Preview2, { at }: Pollable): bigint {
  const past = at === 0n ? 0n : state.sources.clock.peek('monotonic');
  return at > past ? at - past : 0n;
}

function block(host: Preview2, pollable: Pollable): unknown {
  const duration = rest(host, pollable);
  return duration === 0n ? undefined : host.state.sources.clock.wait(duration);
}

/** Of those that are ready first, the places. A virtual clock advances to then. */
function poll(host: Preview2, call: HostCallContext, list: readonly unknown[]): unknown {
  if (list.length === 0 || list.length > MOST_POLLABLES) {
    throw new HostError(`the component waits for ${list.length} events at once, of 1 to ${MOST_POLLABLES}`);
  }
  call.chargeWork(LOOK.subscription * list.length);
  const rests = list.map((each) => rest(host, POLLABLE.of(each)));
  const first = rests.reduce((least, each) => (each < least ? each : least));
  const waiting = first === 0n ? undefined : host.state.sources.clock.wait(first);
  if (waiting !== undefined) return waiting;
  return Uint32Array.from(rests.flatMap((each, i) => (each === first ? [i] : [])));
}

export const POLL: Interface = {
  '[method]pollable.ready': row(CLOCK, (host, _call, self: unknown) => rest(host, POLLABLE.of(self)) === 0n),
  '[method]pollable.block': row(CLOCK, (host, _call, self: unknown) => block(host, POLLABLE.of(self))),
  '[resource-drop]pollable': row({ kind: 'process' }, (_host, _call, self: unknown) => void POLLABLE.drop(self)),
  poll: row(CLOCK, poll),
};
