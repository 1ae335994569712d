/** How much gas lies between two looks at the clock: as much as takes a millisecond or so, whatever it buys. */

/** Units that a slice has at most: about a millisecond on the interpreter, once the host has optimised it. */
export const MOST_GAS = 500_000;
/** Units that it has at first: before that, the interpreter is some ten times as slow. */
const FIRST_GAS = 62_500;
/** Units that it has at least: checkpoints are further apart than that anyway. */
const LEAST_GAS = 1_000;
/** Milliseconds between two looks below which slices grow, and above which they shrink. */
const SHORT = 1;
const LONG = 4;

export class SlicePace {
  gas = FIRST_GAS;
  private lookedAt = 0;

  /** Begins to measure: the guest is entered. */
  begin(now: number): void {
    this.lookedAt = now;
  }

  /** The clock has been looked at, as a slice is used up. */
  look(now: number): void {
    const taken = now - this.lookedAt;
    this.lookedAt = now;
    if (taken > LONG) this.gas = Math.max(LEAST_GAS, Math.floor((this.gas * LONG) / taken / 2));
    else if (taken < SHORT) this.gas = Math.min(MOST_GAS, 2 * this.gas);
  }
}
