/**
 * Which values of a local can be read where: a local that a compiler uses for one thing here and another there counts
 * as two. A web is the set of all assignments that some reading may see, and of all readings that may see one of them.
 *
 * The code is cut into blocks; a reading that nothing precedes in its block is looked up in the blocks before it once
 * all of them are known.
 */

import { Ints } from '../wasm/ints.ts';
import { Pairs } from './pairs.ts';

/**
 * Blocks looked at for each byte of the body. Beyond that, all values of a local count as one. Compilers' code needs a
 * third of one at most.
 */
const PATIENCE = 1;

const NONE = -1;

/** Of one function after another. */
export class Webs {
  /** Union-find. */
  private readonly same = new Ints();
  /** By node: its local. */
  private readonly localOf = new Ints();
  /** By block: the last of the edges that lead there. By edge: where it comes from, and the edge before it. */
  private readonly lastEdge = new Ints();
  private readonly from = new Ints();
  private readonly earlier = new Ints();
  /** By block and local: what is assigned there last; what is there at its start, as far as it was asked for. */
  private readonly assigned = new Pairs();
  private readonly atStart = new Pairs();
  /** Readings to be looked up: block, local, node. */
  private readonly open = new Ints();
  private readonly initials = new Ints();
  private steps = 0;

  clear(): void {
    const { same, localOf, lastEdge, from, earlier, open, initials } = this;
    for (const list of [same, localOf, lastEdge, from, earlier, open, initials]) list.clear();
    this.assigned.clear();
    this.atStart.clear();
    this.block();
  }

  private node(local: number): number {
    this.localOf.push(local);
    return this.same.push(this.same.length);
  }

  /** The node of what a local holds when the function begins. */
  private initial(local: number): number {
    let node = this.atStart.get(0, local);
    if (node === NONE) {
      node = this.node(local);
      this.atStart.set(0, local, node);
      this.initials.push(node);
    }
    return node;
  }

  /** Calls back with the web of what each of the first `count` locals holds in the beginning, if it is read. */
  eachInitial(count: number, visit: (web: number) => void): void {
    const { initials, localOf } = this;
    for (let i = 0; i < initials.length; i++) {
      const node = initials.values[i] as number;
      if ((localOf.values[node] as number) < count) visit(this.find(node));
    }
  }

  block(): number {
    return this.lastEdge.push(NONE);
  }

  /** Control may pass from the end of one block to the start of the other. */
  edge(from: number, to: number): void {
    this.earlier.push(this.lastEdge.values[to] as number);
    this.lastEdge.values[to] = this.from.push(from);
  }

  /** Returns the node of the assignment. */
  assign(block: number, local: number): number {
    const node = this.node(local);
    this.assigned.set(block, local, node);
    return node;
  }

  /** Returns a node of which {@link find} knows what it belongs to after {@link solve}. */
  read(block: number, local: number): number {
    const assigned = this.assigned.get(block, local);
    if (assigned !== NONE) return assigned;
    const node = this.node(local);
    this.open.push(block);
    this.open.push(local);
    this.open.push(node);
    return node;
  }

  /** A node that belongs to no local. */
  other(): number {
    return this.node(NONE);
  }

  private unite(a: number, b: number): void {
    this.same.values[this.find(a)] = this.find(b);
  }

  /** The web of a node. */
  find(node: number): number {
    const { values } = this.same;
    while (values[node] !== node) {
      values[node] = values[values[node] as number] as number;
      node = values[node] as number;
    }
    return node;
  }

  get nodes(): number {
    return this.same.length;
  }

  /** @param bytes of the body */
  solve(bytes: number): void {
    const { open, localOf } = this;
    this.steps = PATIENCE * bytes;
    for (let i = 0; i < open.length && this.steps > 0; i += 3) {
      const [block, local, node] = [open.values[i], open.values[i + 1], open.values[i + 2]] as [number, number, number];
      this.unite(node, this.lookUp(block, local));
    }
    if (this.steps > 0) return;
    const nodes = localOf.length;
    for (let node = 0; node < nodes; node++) {
      const local = localOf.values[node] as number;
      if (local !== NONE) this.unite(node, this.initial(local));
    }
  }

  /** What a local holds at the start of a block. Where blocks meet, the lookup goes on by way of `open`. */
  private lookUp(block: number, local: number): number {
    const { atStart, assigned, lastEdge, from, earlier } = this;
    let at = block;
    let found: number;
    for (;;) {
      this.steps--;
      found = atStart.get(at, local);
      if (found !== NONE) break;
      const edge = lastEdge.values[at] as number;
      if (edge === NONE) {
        found = this.initial(local);
        break;
      }
      const before = from.values[edge] as number;
      if (earlier.values[edge] !== NONE) {
        found = this.node(local);
        this.meet(edge, local, found);
        break;
      }
      found = assigned.get(before, local);
      if (found !== NONE) break;
      at = before;
    }
    // The blocks that were passed know it now.
    for (; atStart.get(block, local) === NONE; block = from.values[lastEdge.values[block] as number] as number) {
      atStart.set(block, local, found);
      if (block === at) break;
    }
    return found;
  }

  /** What a local holds where blocks meet: what it holds at the end of each. */
  private meet(edge: number, local: number, node: number): void {
    const { from, earlier, assigned, open } = this;
    for (; edge !== NONE; edge = earlier.values[edge] as number) {
      this.steps--;
      const before = from.values[edge] as number;
      const last = assigned.get(before, local);
      if (last !== NONE) this.unite(node, last);
      else {
        open.push(before);
        open.push(local);
        open.push(node);
      }
    }
  }
}
