/** Code around which exceptions are looked for who catches them: the bodies of `try_table`, and of `try` up to its first arm. */

/** A clause of a `try_table`, or an arm of a `try`, as lowered. */
export interface CatchTarget {
  /** One of `CATCH`. */
  readonly kind: number;
  /** Index of the tag; -1 where it catches all. */
  readonly tag: number;
  /** First word of the code that leads to its label, or of the arm. */
  readonly target: number;
  /** Register, from the frame pointer, of the first value that is passed on; and slot of the exception itself. */
  readonly base: number;
  readonly place: number;
}

/** Words of such a body. */
export interface TryRegion {
  readonly start: number;
  end: number;
  clauses: CatchTarget[];
  /** Of a `try` that ends with `delegate`: whose clauses are tried, with those around it; null for none of the function. */
  delegate?: TryRegion | null;
}
