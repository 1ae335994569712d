/** `poll_oneoff`: waiting for times and streams. */

import { LOOK } from '../../wasm/gas.ts';
import { whenReady } from '../../wasm/thenable.ts';
import type { HostCallContext } from '../call.ts';
import { type ClockKind, U64_MAX } from '../clock.ts';
import { FsError } from '../fs/filesystem.ts';
import {
  ABSOLUTE_TIME,
  type Abi,
  CLOCK_IDS,
  EVENT,
  EVENT_TYPE,
  HANGUP,
  RIGHTS,
  SUBSCRIPTION_HEAD,
  U32,
} from './abi.ts';
import type { FileDescriptor } from './descriptor.ts';
import { ERRNO, type Errno } from './errno.ts';
import { MAX_VECTORS, type WasiResult, type WasiState } from './state.ts';

type Event = Parameters<typeof EVENT.write>[1];

/** Where the fields stand that are read one by one, as there may be many subscriptions. */
const TAG_AT = SUBSCRIPTION_HEAD.offsets.tag;
const BODY_AT = SUBSCRIPTION_HEAD.size;
type ClockAt = Abi['clock']['offsets'];

/** Bytes reported as ready where a number has no meaning. */
const SOME_BYTES = 65_536;

/**
 * Waits for the first of the subscriptions: streams are ready at once, so a call waits only where all are times.
 * A virtual clock advances to the earliest; on the real clock the call returns a promise, which suspends the guest.
 */
export function pollOneoff({ clock: { size, offsets: clockAt } }: Abi) {
  const subscriptionSize = BODY_AT + size;
  return (
    state: WasiState,
    call: HostCallContext,
    subscriptionsPointer: number,
    eventsPointer: number,
    count: number,
    resultPointer: number,
  ): WasiResult => {
    if (count === 0 || count > MAX_VECTORS) return ERRNO.inval;
    const bytes = call.view(subscriptionsPointer, count * subscriptionSize);
    const out = call.view(eventsPointer, count * EVENT.size);
    if (bytes === undefined || out === undefined || call.view(resultPointer, U32.size) === undefined)
      return ERRNO.fault;
    call.chargeWork(LOOK.subscription * count);

    const clock = state.sources.clock;
    const now = { realtime: clock.peek('realtime'), monotonic: clock.peek('monotonic') };
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    // Which are due first, by where they stand; nothing is made for the others.
    let first = U64_MAX;
    let due: number[] = [];
    for (let at = 0; at < bytes.length; at += subscriptionSize) {
      const rest = restOf(view, at, clockAt, now);
      if (rest === undefined) return ERRNO.inval;
      if (rest < first || due.length === 0) {
        first = rest;
        due = [];
      }
      if (rest === first) due.push(at);
    }
    const events = due.map((at) => eventOf(state, call, view, at, clockAt));
    const deliver = (): Errno => {
      // The guest's memory may have moved while it was suspended.
      const results = call.view(eventsPointer, events.length * EVENT.size);
      const result = call.view(resultPointer, U32.size);
      if (results === undefined || result === undefined) return ERRNO.fault;
      for (const [index, event] of events.entries()) EVENT.write(results.subarray(index * EVENT.size), event);
      U32.write(result, { value: events.length });
      return ERRNO.success;
    };
    const waiting = first === 0n ? undefined : clock.wait(first);
    return whenReady(waiting, deliver);
  };
}

/** The kind of clock, and what it is asked for; undefined where there is no such thing. */
function clockOf(view: DataView, at: number, clockAt: ClockAt): { kind: ClockKind; flags: number } | undefined {
  const clock = at + BODY_AT;
  const kind = CLOCK_IDS[view.getUint32(clock + clockAt.id, true)];
  const flags = view.getUint16(clock + clockAt.flags, true);
  return kind === undefined || (flags & ~ABSOLUTE_TIME) !== 0 ? undefined : { kind, flags };
}

/** In how many nanoseconds a subscription is due; undefined for one of no known kind. */
function restOf(
  view: DataView,
  at: number,
  clockAt: ClockAt,
  now: Readonly<Record<ClockKind, bigint>>,
): bigint | undefined {
  const tag = view.getUint8(at + TAG_AT);
  if (tag === EVENT_TYPE.read || tag === EVENT_TYPE.write) return 0n;
  if (tag !== EVENT_TYPE.clock) return undefined;
  const clock = clockOf(view, at, clockAt);
  if (clock === undefined) return 0n;
  const timeout = view.getBigUint64(at + BODY_AT + clockAt.timeout, true);
  if ((clock.flags & ABSOLUTE_TIME) === 0) return timeout;
  const past = now[clock.kind];
  return timeout > past ? timeout - past : 0n;
}

/** What a subscription that is due gives. */
function eventOf(state: WasiState, call: HostCallContext, view: DataView, at: number, clockAt: ClockAt): Event {
  const type = view.getUint8(at + TAG_AT);
  const blank = { userdata: view.getBigUint64(at, true), error: ERRNO.success, type, bytes: 0n, flags: 0 };
  if (type === EVENT_TYPE.clock)
    return clockOf(view, at, clockAt) === undefined ? { ...blank, error: ERRNO.inval } : blank;
  const descriptor = state.descriptors.get(view.getUint32(at + BODY_AT, true));
  if (type === EVENT_TYPE.read && descriptor?.kind === 'input') {
    const { bytes: known, ended } = descriptor.stream.available;
    // More than is known can be had by reading, which suspends the guest if it must.
    const ready = known > 0 || ended ? known : 1;
    return { ...blank, bytes: BigInt(ready), flags: known === 0 && ended ? HANGUP : 0 };
  }
  if (type === EVENT_TYPE.write && descriptor?.kind === 'output') {
    return { ...blank, bytes: BigInt(Math.min(descriptor.stream.rest, SOME_BYTES)) };
  }
  if (descriptor?.kind !== 'file') return { ...blank, error: ERRNO.badf };
  call.chargeWork(descriptor.file.fileSystem.work.call);
  return pollFile(descriptor, blank, type);
}

/** A file is always ready. */
function pollFile({ file, position, rights }: FileDescriptor, blank: Event, tag: number): Event {
  if ((rights & RIGHTS.poll) === 0n) return { ...blank, error: ERRNO.notcapable };
  if (tag === EVENT_TYPE.write) return { ...blank, bytes: BigInt(SOME_BYTES) };
  try {
    const rest = file.stat().size - position;
    return { ...blank, bytes: rest > 0n ? rest : 0n };
  } catch (error) {
    if (error instanceof FsError) return { ...blank, error: ERRNO[error.code] };
    throw error;
  }
}
