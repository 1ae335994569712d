/** Guests that wait for notifications (proposal for threads): how long, and on which clock. */

import type { GuestClock } from '../../wasm/engine.ts';
import { HostError, Trap } from '../../wasm/errors.ts';
import { PendingResult } from '../../wasm/host-call.ts';
import { type LinearMemory, WAITED, Waiter } from '../store/index.ts';
import { location } from './failure.ts';
import type { Thread, Wait } from './thread.ts';

/** Says what becomes of a guest that is to wait. */
export interface Waits {
  /** @returns what it waits for, which may have come already. @throws what ends the guest */
  begin(wait: Wait, thread: Thread): PendingResult;
}

/** A guest that nothing else can notify: it waits until its time is over. */
export class WaitsAlone implements Waits {
  private readonly clock: GuestClock;

  constructor(clock: GuestClock = HOST_CLOCK) {
    this.clock = clock;
  }

  begin(wait: Wait, thread: Thread): PendingResult {
    const { memory, address, timeout } = wait;
    if (timeout < 0n) throw deadlock(thread, `this one, the only one, at address ${address}`);
    const waiter = register(wait, 0n);
    const passing = this.clock.wait(timeout);
    if (passing === undefined) timeOut(memory, waiter);
    else void passing.then(() => timeOut(memory, waiter));
    return waiter.result;
  }
}

/** Guests among which any may be called while others wait, by the host's clock; and other threads of JavaScript. */
export class WaitsTogether implements Waits {
  begin(wait: Wait, thread: Thread): PendingResult {
    const { memory, timeout } = wait;
    if (memory.mayBeElsewhere) return thread.mayLeave ? elsewhere(wait) : PendingResult.of(block(wait, thread));
    const waiter = register(wait, 0n);
    waiter.result.onDropped = () => memory.waiters.delete(waiter);
    if (timeout >= 0n) after(wait, waiter);
    return waiter.result;
  }
}

type Answer = 'ok' | 'not-equal' | 'timed-out';
type Waiting =
  | { readonly async: false; readonly value: Answer }
  | { readonly async: true; readonly value: Promise<Answer> };
/** Not in the types of the language that this is written for. */
type WaitAsync = {
  (cells: Int32Array, place: number, expected: number, limit: number): Waiting;
  (cells: BigInt64Array, place: number, expected: bigint, limit: number): Waiting;
};

/** Waits for other threads too, as the runtime has it. */
function elsewhere(wait: Wait): PendingResult {
  const { memory, address, bytes, expected, timeout } = wait;
  const { waitAsync } = Atomics as { waitAsync?: WaitAsync };
  if (waitAsync === undefined) return polling(wait);
  const limit = timeout < 0n ? Number.POSITIVE_INFINITY : Number(timeout) / NANOSECONDS;
  const answer =
    bytes === 8
      ? waitAsync(memory.longs, address / 8, expected, limit)
      : waitAsync(memory.words, address / 4, Number(expected), limit);
  if (!answer.async) return PendingResult.of(ANSWERS[answer.value]);
  const result = new PendingResult(answer.value.then((how) => ANSWERS[how]));
  // Runtimes end where nothing is left to do, and of waits as such they know nothing.
  const alive = setInterval(() => undefined, LONGEST_SLEEP);
  result.onSettled = result.onDropped = () => clearInterval(alive);
  return result;
}

const ANSWERS = { ok: WAITED.notified, 'not-equal': WAITED.differs, 'timed-out': WAITED.timedOut } as const;

/** Looks now and then whether the value is another one, which nobody who notifies leaves as it is. */
function polling({ memory, address, bytes, expected, timeout }: Wait): PendingResult {
  const end = timeout < 0n ? Number.POSITIVE_INFINITY : performance.now() + Number(timeout) / NANOSECONDS;
  let timer: ReturnType<typeof setInterval>;
  const result = new PendingResult(
    new Promise<number>((resolve) => {
      timer = setInterval(() => {
        if (valueAt(memory, address, bytes) !== expected) resolve(WAITED.notified);
        else if (performance.now() >= end) resolve(WAITED.timedOut);
      }, POLL_EVERY);
    }),
  );
  result.onSettled = result.onDropped = () => clearInterval(timer);
  return result;
}

/**
 * Blocks the thread of JavaScript, as a call that wants its results at once cannot be left. The clock is looked at now and then.
 * @throws HostError where the runtime lets nobody block, and what ends the guest
 */
function block({ memory, address, bytes, expected, timeout }: Wait, { instance }: Thread): number {
  const end = timeout < 0n ? Number.POSITIVE_INFINITY : performance.now() + Number(timeout) / NANOSECONDS;
  for (let isFirst = true; ; isFirst = false) {
    const rest = Math.min(Math.max(end - performance.now(), 0), LOOK_EVERY);
    const answer = blockFor(memory, address, bytes, expected, rest);
    if (answer === 'not-equal') return isFirst ? WAITED.differs : WAITED.notified;
    if (answer === 'ok') return WAITED.notified;
    if (performance.now() >= end) return WAITED.timedOut;
    instance?.tank.look();
  }
}

function blockFor(memory: LinearMemory, address: number, bytes: number, expected: bigint, milliseconds: number) {
  try {
    if (bytes === 8) return Atomics.wait(memory.longs, address / 8, expected, milliseconds);
    return Atomics.wait(memory.words, address / 4, Number(expected), milliseconds);
  } catch (cause) {
    throw new HostError(
      'the guest waits for a notification, but was called synchronously on a thread that must not block: call the export through WebAssembly.promising, or in a worker',
      { cause },
    );
  }
}

/** The value that a wait is about. */
export function valueAt({ longs, words }: LinearMemory, address: number, bytes: number): bigint {
  return bytes === 8 ? Atomics.load(longs, address / 8) : BigInt(Atomics.load(words, address / 4));
}

/** Ends a wait when its time is over. A timer that nobody needs any more is taken back: it would keep the process alive. */
function after({ memory, timeout }: Wait, waiter: Waiter): void {
  const end = performance.now() + Number(timeout) / NANOSECONDS;
  let timer: ReturnType<typeof setTimeout>;
  const look = (): void => {
    const rest = end - performance.now();
    if (rest <= 0) timeOut(memory, waiter);
    else timer = setTimeout(look, Math.min(Math.ceil(rest), LONGEST_SLEEP));
  };
  look();
  waiter.result.onSettled = () => clearTimeout(timer);
  waiter.result.onDropped = () => {
    clearTimeout(timer);
    memory.waiters.delete(waiter);
  };
}

/** Registers a guest with its memory, for others to notify. */
export function register({ memory, address, timeout }: Wait, now: bigint): Waiter {
  return memory.waiters.add(new Waiter(address, timeout < 0n ? undefined : now + timeout));
}

/** Ends a wait whose time is over. */
export function timeOut(memory: LinearMemory, waiter: Waiter): void {
  if (waiter.isOver) return;
  memory.waiters.delete(waiter);
  waiter.end(WAITED.timedOut);
}

/** @param who waits for what */
export function deadlock(thread: Thread, who: string): Trap {
  return new Trap('deadlock', { ...location(thread), hint: who });
}

const NANOSECONDS = 1e6;
const LONGEST_SLEEP = 2 ** 31 - 1;
/** Milliseconds between two looks: at the clock of a call that blocks, and at a value. */
const LOOK_EVERY = 20;
const POLL_EVERY = 1;

/** The host's. */
export const HOST_CLOCK: GuestClock = {
  isVirtual: false,
  now: () => BigInt(Math.floor(performance.now() * NANOSECONDS)),
  wait: (duration) =>
    new Promise<void>((resolve) => {
      setTimeout(resolve, Math.min(Math.ceil(Number(duration) / NANOSECONDS), LONGEST_SLEEP));
    }),
};
