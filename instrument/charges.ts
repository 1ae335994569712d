/**
 * Where a function's charges are really made. Between two checkpoints nobody can see the count, so it may run ahead of
 * the plan or behind it there, as long as it is exact at every checkpoint, whichever path led to it.
 *
 * Seen as a graph: its vertices are the places between segments that every path passes with the same lead over the
 * plan; a segment is an edge between two of them, with a slot for one addition. The edges of a spanning tree can do
 * without: the leads of their ends are chosen to make it so. The tree is taken from the most frequent segments, and
 * what is left to add stands on the rare ones.
 */

import { Ints } from '../wasm/ints.ts';

/** The vertex where the count is exact. */
export const EXACT = 0;

const NOTHING = new Float64Array(0);

/** Of one function after another. */
export class Charges {
  /** Union-find over vertices that turned out to be the same. */
  private readonly same = new Ints();
  private readonly from = new Ints();
  private readonly to = new Ints();
  private readonly level = new Ints();
  private readonly cost: number[] = [];

  constructor() {
    this.same.push(EXACT);
  }

  clear(): void {
    this.same.length = 1;
    this.from.clear();
    this.to.clear();
    this.level.clear();
    if (this.cost.length > 0) this.cost.length = 0;
  }

  vertex(): number {
    return this.same.push(this.same.length);
  }

  /** An edge leads from one vertex to the other that has no room for an addition. */
  merge(a: number, b: number): void {
    a = this.find(a);
    b = this.find(b);
    // The smaller number stays, so that EXACT remains what it is.
    if (a < b) this.same.values[b] = a;
    else this.same.values[a] = b;
  }

  private find(vertex: number): number {
    const { values } = this.same;
    while (values[vertex] !== vertex) {
      values[vertex] = values[values[vertex] as number] as number;
      vertex = values[vertex] as number;
    }
    return vertex;
  }

  /**
   * A segment with room for an addition at its start; returns the slot's number.
   * @param level how frequent it is
   */
  slot(cost: number, from: number, to: number, level: number): number {
    this.from.push(from);
    this.to.push(to);
    this.level.push(level);
    return this.cost.push(cost) - 1;
  }

  /** By slot: what is to be added there; may be negative. */
  solve(): Float64Array {
    const { cost, from, to, level } = this;
    if (cost.length === 0) return NOTHING;
    const amounts = new Float64Array(cost.length);
    const tree = new Leads(this.same.length);
    const order = descending(level);
    for (let i = 0; i < order.length; i++) {
      const slot = order[i] as number;
      const start = this.find(from.values[slot] as number);
      const end = this.find(to.values[slot] as number);
      amounts[slot] = tree.connect(start, end, cost[slot] as number);
    }
    return amounts;
  }
}

/** The places of a list, those of larger values first, and of equal ones in their order. */
function descending({ values, length }: Ints): Int32Array {
  let least = values[0] as number;
  let most = least;
  for (let i = 1; i < length; i++) {
    const value = values[i] as number;
    if (value < least) least = value;
    else if (value > most) most = value;
  }
  /** Where the next place goes, by how far its value is below the largest. */
  const next = new Int32Array(most - least + 2);
  for (let i = 0; i < length; i++) {
    const rank = most - (values[i] as number) + 1;
    next[rank] = (next[rank] as number) + 1;
  }
  for (let i = 1; i < next.length; i++) next[i] = (next[i] as number) + (next[i - 1] as number);
  const order = new Int32Array(length);
  for (let i = 0; i < length; i++) {
    const rank = most - (values[i] as number);
    const place = next[rank] as number;
    order[place] = i;
    next[rank] = place + 1;
  }
  return order;
}

/** A forest of vertices whose leads over the plan are known relative to one another. */
class Leads {
  private readonly parent: Int32Array;
  /** Lead relative to the parent's. */
  private readonly lead: Float64Array;

  constructor(size: number) {
    this.parent = new Int32Array(size);
    for (let i = 0; i < size; i++) this.parent[i] = i;
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
