/** How far the process has come with the loop that counts gas; see metered.ts. */

/** Gas before any loop is trained: whoever ends before that is over sooner, and V8 does not take the loop for hot yet. */
const LITTLE = 1 << 9;

export const WARMTH: {
  /** Gas that guests have used in this process. */
  spent: number;
  /** What that is when there is something to do for the loops. */
  next: number;
  /** Most gas that guests take at once; undefined: as much as they may. */
  portion: number | undefined;
} = { spent: 0, next: LITTLE, portion: LITTLE };
