/** What is counted of a module's calls: plain numbers, which every exporter of metrics takes, and JSON. */

import { newCounts, type PoolStats } from '../pool/stats.ts';
import { type ProblemName, problemOf } from './problems.ts';

/** Since the service was made. */
export interface ModuleMetrics {
  /** Sandboxes asked for, for a call, a run or whatever else. */
  readonly calls: number;
  /** Those that have not ended. */
  readonly active: number;
  /** Those that have failed, by the kind of problem; kinds that there were none of are left out. */
  readonly failures: { readonly [K in ProblemName]?: number };
  /** Units of gas of all calls; exact up to 2⁵³. */
  readonly gasUsed: number;
  /** Milliseconds that callers have waited for sandboxes, and that they have had them. */
  readonly waitedMs: number;
  readonly busyMs: number;
  /** As it stands, and since the module was loaded last. */
  readonly pool: PoolStats;
}

const NO_POOL: PoolStats = {
  min: 0,
  max: 0,
  size: 0,
  idle: 0,
  leased: 0,
  starting: 0,
  resetting: 0,
  waiting: 0,
  ...newCounts(),
};

export class Counts {
  #calls = 0;
  #active = 0;
  #gasUsed = 0n;
  #waitedMs = 0;
  #busyMs = 0;
  readonly #failures: { [K in ProblemName]?: number } = {};

  /** A call begins; what is returned is to be told of what becomes of it, `done` in the end. */
  begin() {
    this.#calls++;
    this.#active++;
    const begun = performance.now();
    let lentAt: number | undefined;
    return {
      lent: () => {
        lentAt = performance.now();
      },
      used: (gas: bigint) => {
        if (gas > 0n) this.#gasUsed += gas;
      },
      failed: (error: unknown) => {
        const problem = problemOf(error);
        this.#failures[problem] = (this.#failures[problem] ?? 0) + 1;
      },
      done: () => {
        const now = performance.now();
        this.#active--;
        this.#waitedMs += (lentAt ?? now) - begun;
        this.#busyMs += now - (lentAt ?? now);
      },
    };
  }

  with(pool: PoolStats = NO_POOL): ModuleMetrics {
    return {
      calls: this.#calls,
      active: this.#active,
      failures: { ...this.#failures },
      gasUsed: Number(this.#gasUsed),
      waitedMs: this.#waitedMs,
      busyMs: this.#busyMs,
      pool,
    };
  }
}
