/** Guests that wait for notifications (proposal for threads): how long, and on which clock. */

import type { GuestClock } from '../../wasm/engine.ts';
import { Trap } from '../../wasm/errors.ts';
import type { PendingResult } from '../../wasm/host-call.ts';
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

  constructor(clock: GuestClock) {
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

/** Guests among which any may be called while others wait, by the host's clock. */
export class WaitsTogether implements Waits {
  begin(wait: Wait): PendingResult {
    const waiter = register(wait, 0n);
    if (wait.timeout >= 0n) after(wait, waiter);
    return waiter.result;
  }
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
