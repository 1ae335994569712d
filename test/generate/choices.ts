/**
 * A short list of small numbers read as decisions. A decision that is no longer in the list is 0, the simplest one, so
 * that a list made shorter, or smaller, by shrinking still means something.
 */

import fc from 'fast-check';

export class Choices {
  private readonly values: readonly number[];
  private at = 0;

  constructor(values: readonly number[]) {
    this.values = values;
  }

  /** From 0 to `count - 1`. */
  below(count: number): number {
    const value = this.values[this.at++] ?? 0;
    return count > 0 ? value % count : 0;
  }

  /** True once in `count` times, and never when nothing is left to decide. */
  once(count: number): boolean {
    return this.below(count) === count - 1;
  }

  /** @param items not empty */
  pick<T>(items: readonly T[]): T {
    return items[this.below(items.length)] as T;
  }
}

/** The decisions of one step. */
export const anyChoices: fc.Arbitrary<number[]> = fc.noBias(
  fc.array(fc.nat(9999), { minLength: 8, maxLength: 16, size: 'max' }),
);
