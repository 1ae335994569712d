/** Who waits at addresses of a memory, until somebody notifies (proposal for threads). */

import { PendingResult } from '../../wasm/host-call.ts';

/** What waiting gives the guest. */
export const WAITED = { notified: 0, differs: 1, timedOut: 2 } as const;

/** A guest that waits. */
export class Waiter {
  /** In the memory, of the first byte. */
  readonly address: number;
  /** Nanoseconds of the clock at which it has waited long enough; undefined: it never has. */
  readonly deadline: bigint | undefined;
  readonly result: PendingResult = new PendingResult();

  constructor(address: number, deadline: bigint | undefined) {
    this.address = address;
    this.deadline = deadline;
  }

  get isOver(): boolean {
    return this.result.outcome !== undefined;
  }

  /** What it has come to, where it is over. */
  get value(): number | undefined {
    const { outcome } = this.result;
    return outcome !== undefined && 'value' in outcome ? (outcome.value as number) : undefined;
  }

  /** Lets it go on with what {@link WAITED} says; whoever looks sees it at once. */
  end(value: number): void {
    this.result.settle({ value });
  }
}

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
