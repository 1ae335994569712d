/** `poll_oneoff`: waiting for times and streams. */

import { whenReady } from '../../wasm/thenable.ts';
import type { HostCallContext } from '../call.ts';
import { type ClockKind, least, U64_MAX } from '../clock.ts';
import { FsError } from '../fs/filesystem.ts';
import {
  ABSOLUTE_TIME,
  CLOCK_IDS,
  EVENT,
  EVENT_TYPE,
  HANGUP,
  RIGHTS,
  SUBSCRIPTION_CLOCK,
  SUBSCRIPTION_DESCRIPTOR,
  SUBSCRIPTION_HEAD,
  SUBSCRIPTION_SIZE,
  U32,
} from './abi.ts';
import { ERRNO, type Errno } from './errno.ts';
import { type FileDescriptor, MAX_VECTORS, type WasiResult, type WasiState } from './state.ts';

type Event = Parameters<typeof EVENT.write>[1];

/** An event, and in how many nanoseconds it is due. */
interface Due {
  readonly event: Event;
  readonly rest: bigint;
}

/** Bytes reported as ready where a number has no meaning. */
const SOME_BYTES = 65_536;

/**
 * Waits for the first of the subscriptions: streams are ready at once, so a call waits only where all are times.
 * A virtual clock advances to the earliest; on the real clock the call returns a promise, which suspends the guest.
 */
export function pollOneoff(
  state: WasiState,
  call: HostCallContext,
  subscriptionsPointer: number,
  eventsPointer: number,
  count: number,
  resultPointer: number,
): WasiResult {
  if (count === 0 || count > MAX_VECTORS) return ERRNO.inval;
  const bytes = call.view(subscriptionsPointer, count * SUBSCRIPTION_SIZE);
  const out = call.view(eventsPointer, count * EVENT.size);
  if (bytes === undefined || out === undefined || call.view(resultPointer, U32.size) === undefined) return ERRNO.fault;
  call.chargeOverhead(bytes.length + out.length);

  const now: Record<ClockKind, bigint> = {
    realtime: state.sources.clock.peek('realtime'),
    monotonic: state.sources.clock.peek('monotonic'),
  };
  const all: Due[] = [];
  for (let at = 0; at < bytes.length; at += SUBSCRIPTION_SIZE) {
    const due = subscribe(state, now, bytes.subarray(at, at + SUBSCRIPTION_SIZE));
    if (due === undefined) return ERRNO.inval;
    all.push(due);
  }
  const first = all.reduce((earliest, { rest }) => least(earliest, rest), U64_MAX);
  const events = all.filter(({ rest }) => rest === first).map(({ event }) => event);
  const deliver = (): Errno => {
    // The guest's memory may have moved while it was suspended.
    const results = call.view(eventsPointer, events.length * EVENT.size);
    const result = call.view(resultPointer, U32.size);
    if (results === undefined || result === undefined) return ERRNO.fault;
    for (const [index, event] of events.entries()) EVENT.write(results.subarray(index * EVENT.size), event);
    U32.write(result, { value: events.length });
    return ERRNO.success;
  };
  const waiting = first === 0n ? undefined : state.sources.clock.wait(first);
  return whenReady(waiting, deliver);
}

/** Undefined for a subscription of no known kind. */
function subscribe(state: WasiState, now: Readonly<Record<ClockKind, bigint>>, bytes: Uint8Array): Due | undefined {
  const { userdata, tag } = SUBSCRIPTION_HEAD.read(bytes);
  const rest = bytes.subarray(SUBSCRIPTION_HEAD.size);
  const blank = { userdata, error: ERRNO.success, type: tag, bytes: 0n, flags: 0 };
  if (tag === EVENT_TYPE.clock) {
    const { id, timeout, flags } = SUBSCRIPTION_CLOCK.read(rest);
    const kind = CLOCK_IDS[id];
    if (kind === undefined || (flags & ~ABSOLUTE_TIME) !== 0) {
      return { event: { ...blank, error: ERRNO.inval }, rest: 0n };
    }
    const isAbsolute = (flags & ABSOLUTE_TIME) !== 0;
    const duration = isAbsolute ? timeout - now[kind] : timeout;
    return { event: blank, rest: duration < 0n ? 0n : duration };
  }
  if (tag !== EVENT_TYPE.read && tag !== EVENT_TYPE.write) return undefined;
  const descriptor = state.descriptors.get(SUBSCRIPTION_DESCRIPTOR.read(rest).descriptor);
  if (tag === EVENT_TYPE.read && descriptor?.kind === 'input') {
    const { bytes: known, ended } = descriptor.stream.available;
    // More than is known can be had by reading, which suspends the guest if it must.
    const ready = known > 0 || ended ? known : 1;
    return { event: { ...blank, bytes: BigInt(ready), flags: known === 0 && ended ? HANGUP : 0 }, rest: 0n };
  }
  if (tag === EVENT_TYPE.write && descriptor?.kind === 'output') {
    return { event: { ...blank, bytes: BigInt(Math.min(descriptor.stream.rest, SOME_BYTES)) }, rest: 0n };
  }
  if (descriptor?.kind === 'file') return { event: pollFile(descriptor, blank, tag), rest: 0n };
  return { event: { ...blank, error: ERRNO.badf }, rest: 0n };
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
