/** What instances that call one another have in common (specification 4.2.3): the stack they run on. */

import type { Account, Instance, SharedStack } from '../store/index.ts';
import { threads } from './parts.ts';
import { Thread } from './thread.ts';
import type { Waits } from './waits.ts';

/** Idle threads that are kept, for all stores. */
const MAX_IDLE = 8;
const idle: Thread[] = [];

/** A dispatch loop: runs a guest until something ends or interrupts it, and returns why, one of EXIT. */
export type Loop = (thread: Thread) => number;

export interface StoreOptions {
  readonly unmetered?: Loop | undefined;
  /** What all instances draw on; each on one of its own where there is none. */
  readonly account?: Account<Instance> | undefined;
  /** By the host's clock unless given, and as others of the store may notify. Called when a guest waits. */
  readonly waits?: (() => Waits) | undefined;
}

export class Store implements SharedStack {
  /** Limit on the stack weight of a call, in bytes. */
  readonly stackBytes: number;
  /** The thread whose host call is going on: a call from there back into a guest continues on its stack. */
  active: Thread | undefined;
  readonly left: Set<Thread> = new Set();
  keepsExceptions = false;
  /** Runs the guests in place of the main loop, and counts no gas. */
  readonly unmetered: Loop | undefined;
  readonly account: Account<Instance> | undefined;
  private readonly makeWaits: () => Waits;
  private madeWaits: Waits | undefined;

  constructor(stackBytes: number, { unmetered, account, waits = waitsTogether }: StoreOptions = {}) {
    this.stackBytes = stackBytes;
    this.unmetered = unmetered;
    this.account = account;
    this.makeWaits = waits;
  }

  /** What becomes of guests that wait for notifications. */
  get waits(): Waits {
    this.madeWaits ??= this.makeWaits();
    return this.madeWaits;
  }

  set waits(waits: Waits) {
    this.madeWaits = waits;
  }

  get isMetered(): boolean {
    return this.unmetered === undefined;
  }

  /** A thread with nothing on its stack. */
  acquire(): Thread {
    const thread = idle.pop() ?? new Thread();
    thread.prepare(this.stackBytes);
    return thread;
  }

  /** Gives a thread back that nothing runs on any more. */
  release(thread: Thread): void {
    thread.clear();
    if (idle.length < MAX_IDLE) idle.push(thread);
  }
}

function waitsTogether(): Waits {
  return new threads.now.WaitsTogether();
}

/** Instances are made with nothing else. */
export function storeOf({ store }: Instance): Store {
  return store as Store;
}
