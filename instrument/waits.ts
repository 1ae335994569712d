/** Guests that wait for notifications natively (proposal for threads), where the thread of JavaScript has to be blocked. */

import type { GuestClock } from '../wasm/engine.ts';
import { HostError, Trap } from '../wasm/errors.ts';

/** What waiting gives the guest. */
const WAITED = { notified: 0, differs: 1, timedOut: 2 } as const;

/** What a guest waits for: that somebody notifies at an address. */
export interface NativeWait {
  readonly memory: WebAssembly.Memory;
  readonly address: number;
  readonly expected: bigint;
  /** Nanoseconds; negative: without end. */
  readonly timeout: bigint;
  /** Of the value: 4 or 8. */
  readonly bytes: number;
}

/**
 * Waits, and looks at the limit on time meanwhile.
 * @param look throws where the time is over
 * @throws what ends the guest
 */
export type Waits = (wait: NativeWait, look: () => void) => number;

const NANOSECONDS = 1e6;
/** Milliseconds between two looks. */
const LOOK_EVERY = 20;

/** A guest that nothing else can notify: it waits until its time is over. */
export function waitingAlone(clock: GuestClock | undefined): Waits {
  return ({ address, timeout }, look) => {
    if (timeout < 0n) throw new Trap('deadlock', { hint: `this one, the only one, at address ${address}` });
    if (clock?.isVirtual === true) clock.wait(timeout);
    else block((rest) => sleep(rest), timeout, look);
    return WAITED.timedOut;
  };
}

/**
 * A guest that other threads of JavaScript may notify.
 * @param isElsewhere whether there are any that may have the memory
 */
export function waitingTogether(isElsewhere: (memory: WebAssembly.Memory) => boolean): Waits {
  return ({ memory, address, expected, timeout, bytes }, look) => {
    if (!isElsewhere(memory)) {
      throw new HostError('the guest waits for a notification, but was called synchronously: use an asynchronous call');
    }
    const { buffer } = memory;
    const wait =
      bytes === 8
        ? (rest: number) => Atomics.wait(new BigInt64Array(buffer), address / 8, expected, rest)
        : (rest: number) => Atomics.wait(new Int32Array(buffer), address / 4, Number(expected), rest);
    let isFirst = true;
    let result: number = WAITED.timedOut;
    block(
      (rest) => {
        const answer = wait(rest);
        if (answer === 'timed-out') {
          isFirst = false;
          return false;
        }
        result = answer === 'not-equal' && isFirst ? WAITED.differs : WAITED.notified;
        return true;
      },
      timeout,
      look,
    );
    return result;
  };
}

/** Blocks for pieces of the time, until one of them says that it is enough. @throws HostError where nobody may block */
function block(wait: (milliseconds: number) => boolean, timeout: bigint, look: () => void): void {
  const end = timeout < 0n ? Number.POSITIVE_INFINITY : performance.now() + Number(timeout) / NANOSECONDS;
  for (;;) {
    const rest = Math.min(Math.max(end - performance.now(), 0), LOOK_EVERY);
    let isOver: boolean;
    try {
      isOver = wait(rest);
    } catch (cause) {
      throw new HostError(
        "the guest waits for a notification, but runs natively on a thread that must not block: choose the engine 'interpreter', or run it in a worker",
        { cause },
      );
    }
    if (isOver || performance.now() >= end) return;
    look();
  }
}

/** @throws where the runtime lets nobody block */
function sleep(milliseconds: number): boolean {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT)), 0, 0, milliseconds);
  return false;
}
