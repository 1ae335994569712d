/** How long guests may keep the event loop from going round: so long in all, however many there are. */

import { nextTurn } from './turn.ts';

/** Milliseconds that guests have run since the event loop was last known to have gone round. */
let spent = 0;
/** Raised when it is known to have. */
let round = 0;
/** Who waits is let in by number: the next one to be, and the next one to come. */
let next = 0;
let last = 0;

/** A guest has kept it for so many milliseconds. */
export function spend(milliseconds: number): void {
  spent += milliseconds;
}

/** Whether guests have kept it for as long as they may: for the limit, with what one has run beside. */
export function isSpent(limit: number, beside = 0): boolean {
  return spent + beside >= limit;
}

/**
 * Lets it go round, and lets those in first who came before: in each round as many as run for no longer than the limit in
 * all, and one at least.
 * @param limit milliseconds
 */
export async function pass(limit: number): Promise<void> {
  const number = last++;
  // Each round lets one in. Whoever has not come by then never will, as some runtimes end what belonged to a request.
  for (let patience = number - next; ; patience--) {
    const before = round;
    await nextTurn();
    if (round === before) {
      round++;
      spent = 0;
    }
    const isFree = number <= next && (spent === 0 || spent < limit);
    if (isFree || patience < 0) break;
  }
  next = Math.max(next, number + 1);
}
