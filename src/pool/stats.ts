/** What pools count. */

/** Since the pool was made. */
export interface PoolTotals {
  /** Leases given, and given back. */
  readonly acquired: number;
  readonly released: number;
  /** Sandboxes made, and disposed of for whatever reason. */
  readonly created: number;
  readonly destroyed: number;
  /** Sandboxes that could not be made. */
  readonly failedStarts: number;
  /** Sandboxes that came back and could not be reset, or failed the health check: they were disposed of. */
  readonly failedResets: number;
  readonly unhealthy: number;
  /** Leases that were never given back, as far as that has been found out. */
  readonly leaked: number;
  /** Callers that were turned away: too many waited, or the pool was being drained. */
  readonly refused: number;
  /** Callers whose time was over, and whose signal was aborted, before they got anything. */
  readonly timedOut: number;
  readonly aborted: number;
  /** The most leases that were out at a time, and the most callers that waited. */
  readonly peakLeased: number;
  readonly peakWaiting: number;
}

export interface PoolStats extends PoolTotals {
  /** As its options say. */
  readonly min: number;
  readonly max: number;
  /** Sandboxes there are: the sum of the next four. */
  readonly size: number;
  /** Ready, and lent to nobody. */
  readonly idle: number;
  /** Lent. */
  readonly leased: number;
  /** Being made. */
  readonly starting: number;
  /** Given back, and not ready yet. */
  readonly resetting: number;
  /** Callers that wait. */
  readonly waiting: number;
}

export type Counts = { -readonly [K in keyof PoolTotals]: PoolTotals[K] };

export function newCounts(): Counts {
  return {
    acquired: 0,
    released: 0,
    created: 0,
    destroyed: 0,
    failedStarts: 0,
    failedResets: 0,
    unhealthy: 0,
    leaked: 0,
    refused: 0,
    timedOut: 0,
    aborted: 0,
    peakLeased: 0,
    peakWaiting: 0,
  };
}
