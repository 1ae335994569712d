/** The bodies of `try_table` in lowered code. */

/** A clause of a `try_table`, as lowered. */
export interface CatchTarget {
  /** One of `CATCH`. */
  readonly kind: number;
  /** Index of the tag; -1 where it catches all. */
  readonly tag: number;
  /** First word of the code that leads to its label. */
  readonly target: number;
  /** Register, from the frame pointer, of the first value that is passed on; and slot of the exception itself. */
  readonly base: number;
  readonly place: number;
}

/** Words of the body of a `try_table`. */
export interface TryRegion {
  readonly start: number;
  readonly end: number;
  readonly clauses: readonly CatchTarget[];
}
