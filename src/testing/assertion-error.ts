/** What an assertion fails with: by its code, `node:test` and other runners show what was expected beside what was. */

import type { Verdict } from './checks.ts';

/** A check that did not hold. */
export class AssertionError extends Error {
  /** That of Node's own. */
  readonly code = 'ERR_ASSERTION';
  readonly actual: unknown;
  readonly expected: unknown;

  /** @internal */
  constructor({ message, actual, expected }: Verdict) {
    super(message());
    this.actual = actual;
    this.expected = expected;
  }

  /** That of Node's own, too. */
  override get name(): string {
    return 'AssertionError';
  }
}
