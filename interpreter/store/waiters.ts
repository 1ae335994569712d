/** Who waits at addresses of a memory, until somebody notifies (proposal for threads). */

import type { Waiter } from './waiter.ts';

/** What waiting gives the guest. */
export const WAITED = { notified: 0, differs: 1, timedOut: 2 } as const;

/** Those of one memory: at each address in the order in which they came. */
export class Waiters {
  private readonly byAddress = new Map<number, Set<Waiter>>();

  /** Those of an address in their order. */
  get all(): readonly Waiter[] {
    return [...this.byAddress.values()].flatMap((waiting) => [...waiting]);
  }

  add(waiter: Waiter): Waiter {
    const { address } = waiter;
    let waiting = this.byAddress.get(address);
    if (waiting === undefined) this.byAddress.set(address, (waiting = new Set()));
    waiting.add(waiter);
    return waiter;
  }

  delete(waiter: Waiter): void {
    const { address } = waiter;
    const waiting = this.byAddress.get(address);
    waiting?.delete(waiter);
    if (waiting?.size === 0) this.byAddress.delete(address);
  }

  /** Lets the first of those at an address go on, so many at most; returns how many. */
  notify(address: number, count: number): number {
    let notified = 0;
    for (const waiter of this.byAddress.get(address) ?? []) {
      if (notified >= count) break;
      this.delete(waiter);
      waiter.end(WAITED.notified);
      notified++;
    }
    return notified;
  }
}
