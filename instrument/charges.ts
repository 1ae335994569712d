/**
 * Where a function's charges are really made. Between two checkpoints nobody can see the count, so it may run ahead of
 * the plan or behind it there, as long as it is exact at every checkpoint, whichever path led to it.
 *
 * Seen as a graph: its vertices are the places between segments that every path passes with the same lead over the
 * plan; a segment is an edge between two of them, with a slot for one addition. The edges of a spanning tree can do
 * without: the leads of their ends are chosen to make it so. The tree is taken from the most frequent segments, and
 * what is left to add stands on the rare ones.
 */

/** The vertex where the count is exact. */
export const EXACT = 0;

export class Charges {
  /** Union-find over vertices that turned out to be the same. */
  private readonly same: number[] = [EXACT];
  private readonly from: number[] = [];
  private readonly to: number[] = [];
  private readonly cost: number[] = [];
  private readonly frequency: number[] = [];

  vertex(): number {
    return this.same.push(this.same.length) - 1;
  }

  /** An edge leads from one vertex to the other that has no room for an addition. */
  merge(a: number, b: number): void {
    a = this.find(a);
    b = this.find(b);
    // The smaller number stays, so that EXACT remains what it is.
    if (a < b) this.same[b] = a;
    else this.same[a] = b;
  }

  private find(vertex: number): number {
    const { same } = this;
    while (same[vertex] !== vertex) {
      same[vertex] = same[same[vertex] as number] as number;
      vertex = same[vertex] as number;
    }
    return vertex;
  }

  /** A segment with room for an addition at its start; returns the slot's number. */
  slot(cost: number, from: number, to: number, frequency: number): number {
    this.from.push(from);
    this.to.push(to);
    this.frequency.push(frequency);
    return this.cost.push(cost) - 1;
  }

  raise(slot: number, cost: number): void {
    this.cost[slot] = (this.cost[slot] as number) + cost;
  }

  /** By slot: what is to be added there; may be negative. */
  solve(): Float64Array {
    const { cost, frequency } = this;
    const order = cost.map((_, slot) => slot);
    order.sort((a, b) => (frequency[b] as number) - (frequency[a] as number) || a - b);
    const amounts = new Float64Array(cost.length);
    const tree = new Leads(this.same.length);
    for (const slot of order) {
      const from = this.find(this.from[slot] as number);
      const to = this.find(this.to[slot] as number);
      amounts[slot] = tree.connect(from, to, cost[slot] as number);
    }
    return amounts;
  }
}

/** A forest of vertices whose leads over the plan are known relative to one another. */
class Leads {
  private readonly parent: Int32Array;
  /** Lead relative to the parent's. */
  private readonly lead: Float64Array;

  constructor(size: number) {
    this.parent = Int32Array.from({ length: size }, (_, i) => i);
    this.lead = new Float64Array(size);
  }

  /** The root; afterwards the vertex hangs directly under it. */
  private root(vertex: number): number {
    const { parent, lead } = this;
    let root = vertex;
    let total = 0;
    while (parent[root] !== root) {
      total += lead[root] as number;
      root = parent[root] as number;
    }
    while (parent[vertex] !== root && vertex !== root) {
      const next = parent[vertex] as number;
      const own = lead[vertex] as number;
      parent[vertex] = root;
      lead[vertex] = total;
      total -= own;
      vertex = next;
    }
    return root;
  }

  /** What has to be added on an edge of `cost`: nothing where it can become part of the tree. */
  connect(from: number, to: number, cost: number): number {
    const fromRoot = this.root(from);
    const toRoot = this.root(to);
    const fromLead = from === fromRoot ? 0 : (this.lead[from] as number);
    const toLead = to === toRoot ? 0 : (this.lead[to] as number);
    if (fromRoot === toRoot) return cost + toLead - fromLead;
    // lead(to) = lead(from) - cost.
    this.parent[toRoot] = fromRoot;
    this.lead[toRoot] = fromLead - cost - toLead;
    return 0;
  }
}
