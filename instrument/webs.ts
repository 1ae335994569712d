/**
 * Which values of a local can be read where: a local that a compiler uses for one thing here and another there counts
 * as two. A web is the set of all assignments that some reading may see, and of all readings that may see one of them.
 *
 * The code is cut into blocks; a reading that nothing precedes in its block is looked up in the blocks before it once
 * all of them are known.
 */

/**
 * Blocks looked at for each byte of the body, and at all. Beyond that, all values of a local count as one. Compilers'
 * code needs a third of one at most.
 */
const PATIENCE = 2;
const MOST_STEPS = 1_000_000;

export class Webs {
  private readonly locals: number;
  /** Union-find. The first nodes stand for what locals hold at the start. */
  private readonly same: number[];
  /** By block: the blocks before it. */
  private readonly before: number[][] = [[]];
  /** By block and local: what is assigned there last; what is there at its start, as far as it was asked for. */
  private readonly assigned = new Map<number, number>();
  private readonly atStart = new Map<number, number>();
  /** Readings to be looked up: block, local, node. */
  private readonly open: number[] = [];
  /** By node of an assignment: its local. */
  private readonly localOf: number[] = [];
  private steps: number;

  /** @param bytes of the body */
  constructor(locals: number, bytes: number) {
    this.locals = locals;
    this.same = Array.from({ length: locals }, (_, local) => local);
    this.localOf = [...this.same];
    this.steps = Math.min(PATIENCE * bytes, MOST_STEPS);
  }

  private node(local: number): number {
    this.localOf.push(local);
    return this.same.push(this.same.length) - 1;
  }

  private key(block: number, local: number): number {
    return block * this.locals + local;
  }

  block(): number {
    return this.before.push([]) - 1;
  }

  /** Control may pass from the end of one block to the start of the other. */
  edge(from: number, to: number): void {
    (this.before[to] as number[]).push(from);
  }

  /** Returns the node of the assignment. */
  assign(block: number, local: number): number {
    const node = this.node(local);
    this.assigned.set(this.key(block, local), node);
    return node;
  }

  /** Returns a node of which {@link find} knows what it belongs to after {@link solve}. */
  read(block: number, local: number): number {
    const assigned = this.assigned.get(this.key(block, local));
    if (assigned !== undefined) return assigned;
    const node = this.node(local);
    this.open.push(block, local, node);
    return node;
  }

  /** A node that belongs to no local. */
  other(): number {
    return this.node(-1);
  }

  private unite(a: number, b: number): void {
    this.same[this.find(a)] = this.find(b);
  }

  /** The web of a node. */
  find(node: number): number {
    const { same } = this;
    while (same[node] !== node) {
      same[node] = same[same[node] as number] as number;
      node = same[node] as number;
    }
    return node;
  }

  get nodes(): number {
    return this.same.length;
  }

  solve(): void {
    const { open } = this;
    for (let i = 0; i < open.length && this.steps > 0; i += 3) {
      this.unite(open[i + 2] as number, this.lookUp(open[i] as number, open[i + 1] as number));
    }
    if (this.steps > 0) return;
    this.localOf.forEach((local, node) => {
      if (local >= 0) this.unite(node, local);
    });
  }

  /** What a local holds at the start of a block. Where blocks meet, the lookup goes on by way of `open`. */
  private lookUp(block: number, local: number): number {
    const { before, atStart, assigned, open } = this;
    const passed: number[] = [];
    let found: number | undefined;
    for (;;) {
      this.steps--;
      const key = this.key(block, local);
      found = atStart.get(key);
      if (found !== undefined) break;
      passed.push(key);
      const from = before[block] as number[];
      if (from.length !== 1) {
        // Nothing comes before the first block.
        found = from.length === 0 ? local : this.node(local);
        this.steps -= from.length;
        for (const earlier of from) {
          const last = assigned.get(this.key(earlier, local));
          if (last !== undefined) this.unite(found, last);
          else open.push(earlier, local, found);
        }
        break;
      }
      block = from[0] as number;
      found = assigned.get(this.key(block, local));
      if (found !== undefined) break;
    }
    for (const key of passed) atStart.set(key, found);
    return found;
  }
}
