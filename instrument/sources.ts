/**
 * Which NaN must be made canonical. Between floats that are only computed with, the bits of a NaN do not matter; they
 * do where a value is stored, passed on, or looked at as an integer. A source is an instruction whose result may be a
 * NaN with bits of the engine's choosing: a computation, or the reading of a local that holds such results.
 *
 * A vector has the shape in which it was computed: the type of its lanes. To a computation on lanes of another type
 * it is nothing but bits.
 */

/** Values that are no source: of any bits; or never a NaN that is not canonical. */
export const ANY = -1;
export const CLEAN = -2;

/** Shape of a local of which nothing is known yet. */
const UNKNOWN = 0;

export class Sources {
  private readonly observed: number[] = [];
  /** By source: the local it reads, or -1 where it computes. */
  private readonly locals: number[] = [];
  /** By source: its shape, a value type; unknown for what reads a local. */
  private readonly shapes: number[] = [];
  /** By local: 1 while nothing but sources and clean values is put there, so that its NaN may wait. */
  private readonly lazy: Uint8Array;
  /** Pairs of a local and the source that is put there. */
  private readonly assignments: number[] = [];
  /** Pairs of a source and the shape in which it is computed with. */
  private readonly uses: number[] = [];

  /** @param params come with any bits, so they are never lazy */
  constructor(params: number, locals: number) {
    this.lazy = new Uint8Array(params + locals).fill(1, params);
  }

  /** A computation of a shape: the type of a float, or of a vector's lanes. */
  compute(shape: number): number {
    this.shapes.push(shape);
    this.observed.push(0);
    return this.locals.push(-1) - 1;
  }

  read(local: number): number {
    this.shapes.push(UNKNOWN);
    this.observed.push(0);
    return this.locals.push(local) - 1;
  }

  observe(value: number): void {
    if (value >= 0) this.observed[value] = 1;
  }

  /** The value is computed with, in a shape. */
  use(value: number, shape: number): void {
    if (value >= 0) this.uses.push(value, shape);
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

  /** By source: the shape in which its result must be made canonical; 0 where it need not be. */
  solve(): Uint8Array {
    const { assignments, uses, lazy, locals, observed } = this;
    const localShapes = new Uint8Array(lazy.length);
    const shapeOf = (source: number): number => {
      const local = locals[source] as number;
      return (local === -1 ? this.shapes[source] : localShapes[local]) as number;
    };
    for (let changed = true; changed; ) {
      changed = false;
      for (let i = 0; i < assignments.length; i += 2) {
        const target = assignments[i] as number;
        const source = assignments[i + 1] as number;
        if (lazy[target] === 0) continue;
        const local = locals[source] as number;
        const shape = shapeOf(source);
        const isStrange = shape !== UNKNOWN && localShapes[target] !== UNKNOWN && shape !== localShapes[target];
        if (isStrange || (local !== -1 && lazy[local] === 0)) {
          lazy[target] = 0;
          changed = true;
        } else if (localShapes[target] === UNKNOWN && shape !== UNKNOWN) {
          localShapes[target] = shape;
          changed = true;
        }
      }
    }
    for (let i = 0; i < assignments.length; i += 2) {
      if (lazy[assignments[i] as number] === 0) observed[assignments[i + 1] as number] = 1;
    }
    for (let i = 0; i < uses.length; i += 2) {
      const source = uses[i] as number;
      if (shapeOf(source) !== uses[i + 1]) observed[source] = 1;
    }
    // What is in a local that is not lazy has its final bits.
    return Uint8Array.from(observed, (isObserved, source) => {
      const local = locals[source] as number;
      return isObserved === 1 && (local === -1 || lazy[local] === 1) ? shapeOf(source) : 0;
    });
  }
}
