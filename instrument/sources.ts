/**
 * Which NaN must be made canonical. Between floats that are only computed with, the bits of a NaN do not matter; they
 * do where a value is stored, passed on, or looked at as an integer. A source is an instruction whose result may be a
 * NaN with bits of the engine's choosing: a computation, or the reading of a local that holds such results.
 */

/** Values that are no source: of any bits; or never a NaN that is not canonical. */
export const ANY = -1;
export const CLEAN = -2;

export class Sources {
  private readonly observed: number[] = [];
  /** By source: the local it reads, or -1 where it computes. */
  private readonly locals: number[] = [];
  /** By local: 1 while nothing but sources and clean values is put there, so that its NaN may wait. */
  private readonly lazy: Uint8Array;
  /** Pairs of a local and the source that is put there. */
  private readonly assignments: number[] = [];

  /** @param params come with any bits, so they are never lazy */
  constructor(params: number, locals: number) {
    this.lazy = new Uint8Array(params + locals).fill(1, params);
  }

  compute(): number {
    return this.read(-1);
  }

  read(local: number): number {
    this.observed.push(0);
    return this.locals.push(local) - 1;
  }

  observe(value: number): void {
    if (value >= 0) this.observed[value] = 1;
  }

  /** Whether a value, once observed, is certainly without a NaN that is not canonical. */
  isCleanOnceObserved(value: number): boolean {
    // What a local holds is known only in the end.
    return value === CLEAN || (value >= 0 && this.locals[value] === -1);
  }

  assign(local: number, value: number): void {
    if (value >= 0) this.assignments.push(local, value);
    else if (value === ANY) this.lazy[local] = 0;
  }

  /** By source: 1 where its result must be made canonical. */
  solve(): Uint8Array {
    const { assignments, lazy, locals, observed } = this;
    for (let changed = true; changed; ) {
      changed = false;
      for (let i = 0; i < assignments.length; i += 2) {
        const target = assignments[i] as number;
        const local = locals[assignments[i + 1] as number] as number;
        if (local !== -1 && lazy[local] === 0 && lazy[target] === 1) {
          lazy[target] = 0;
          changed = true;
        }
      }
    }
    for (let i = 0; i < assignments.length; i += 2) {
      if (lazy[assignments[i] as number] === 0) observed[assignments[i + 1] as number] = 1;
    }
    // What is in a local that is not lazy has its final bits.
    return Uint8Array.from(observed, (isObserved, source) => {
      const local = locals[source] as number;
      return isObserved === 1 && (local === -1 || lazy[local] === 1) ? 1 : 0;
    });
  }
}
