/** `wasi:io/poll`: waiting for times. Streams are always ready: what they have is had at once. */

import { HostError } from '../../wasm/errors.ts';
import { LOOK } from '../../wasm/gas.ts';
import { whenReady } from '../../wasm/thenable.ts';
import type { HostCallContext } from '../call.ts';
import { U64_MAX } from '../clock.ts';
import type { PolicyRequest } from '../decide.ts';
import { Kind } from './resources.ts';
import { type Interface, type Preview2, row, waiting } from './table.ts';

/** When it is ready, in nanoseconds of monotonic time. */
export interface Pollable {
  readonly at: bigint;
}

export const POLLABLE = new Kind<Pollable>('pollable');
/** For what no time brings about. */
export const NEVER: bigint = U64_MAX + 1n;

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

/** At once where the clock is virtual, or there is nothing to wait for. @throws HostError for what would never end */
function wait({ state }: Preview2, pollables: readonly Pollable[], duration: bigint): PromiseLike<void> | undefined {
  if (duration === 0n) return undefined;
  if (pollables.every(({ at }) => at === NEVER)) {
    throw new HostError('the component waits for the response to a request whose body it has not finished');
  }
  return state.sources.clock.wait(duration);
}

function block(host: Preview2, pollable: Pollable): unknown {
  return wait(host, [pollable], rest(host, pollable));
}

/** Of those that are ready first, the places. A virtual clock advances to then. */
function poll(host: Preview2, call: HostCallContext, list: readonly unknown[]): unknown {
  if (list.length === 0 || list.length > MOST_POLLABLES) {
    throw new HostError(`the component waits for ${list.length} events at once, of 1 to ${MOST_POLLABLES}`);
  }
  call.chargeWork(LOOK.subscription * list.length);
  const pollables = list.map((each) => POLLABLE.of(each));
  const rests = pollables.map((each) => rest(host, each));
  const first = rests.reduce((least, each) => (each < least ? each : least));
  const places = () => Uint32Array.from(rests.flatMap((each, i) => (each === first ? [i] : [])));
  return whenReady(wait(host, pollables, first), places);
}

export const POLL: Interface = {
  '[method]pollable.ready': row(CLOCK, (host, _call, self: unknown) => rest(host, POLLABLE.of(self)) === 0n),
  '[method]pollable.block': waiting(CLOCK, (host, _call, self: unknown) => block(host, POLLABLE.of(self))),
  '[resource-drop]pollable': row({ kind: 'process' }, (_host, _call, self: unknown) => void POLLABLE.drop(self)),
  poll: waiting(CLOCK, poll),
};
