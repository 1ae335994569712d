/**
 * Which NaN must be made canonical. Between floats that are only computed with, the bits of a NaN do not matter; they
 * do where a value is stored, passed on, or looked at as an integer. A source is an instruction whose result may be a
 * NaN with bits of the engine's choosing: a computation, or the reading of a local that holds such results.
 *
 * A vector has the shape in which it was computed: the type of its lanes. To a computation on lanes of another type
 * it is nothing but bits.
 */

import type { ValType } from '../wasm/types.ts';
import { Webs } from './webs.ts';

/** Values that are no source: of any bits; or never a NaN that is not canonical. */
export const ANY = -1;
export const CLEAN = -2;

/** Shape of a web of which nothing is known yet. */
const UNKNOWN = 0;

/** In place of a node: the source reads nothing. */
const COMPUTED = -1;

/** What a web may hold. */
const STATE = {
  /** Any bits; they are not touched when it is read. */
  final: 0,
  /** Results of computations, whose NaN wait until the web is read. */
  waiting: 1,
  /** Results of computations that have been made canonical. */
  clean: 2,
} as const;

/** Passes over all assignments. If there are still webs to find that may hold any bits, all may. */
const PASSES = 50;

/** How often it is tried to make values canonical when they are assigned, and not when they are read. */
const ROUNDS = 4;

export class Sources {
  readonly webs: Webs;
  private readonly params: number;
  private readonly observed: number[] = [];
  /** By source: the node that it reads. */
  private readonly nodes: number[] = [];
  /** By source: its shape, a value type; unknown for what reads. */
  private readonly shapes: number[] = [];
  private readonly types: ValType[] = [];
  private readonly frequencies: number[] = [];
  /** Pairs of a node and what is put there: a source, or any bits. */
  private readonly assignments: number[] = [];
  /** Pairs of a source and the shape in which it is computed with. */
  private readonly uses: number[] = [];

  /** @param bytes of the body */
  constructor(params: number, locals: number, bytes: number) {
    this.params = params;
    this.webs = new Webs(params + locals, bytes);
  }

  private source(node: number, shape: number, type: ValType, frequency: number): number {
    this.shapes.push(shape);
    this.types.push(type);
    this.frequencies.push(frequency);
    this.observed.push(0);
    return this.nodes.push(node) - 1;
  }

  /** A computation of a shape: the type of a float, or of a vector's lanes. */
  compute(shape: ValType, type: ValType, frequency: number): number {
    return this.source(COMPUTED, shape, type, frequency);
  }

  read(block: number, local: number, type: ValType, frequency: number): number {
    return this.source(this.webs.read(block, local), UNKNOWN, type, frequency);
  }

  /** One of two values. */
  either(first: number, second: number, frequency: number): number {
    if (first < 0 && second < 0) return first === CLEAN && second === CLEAN ? CLEAN : ANY;
    const node = this.webs.other();
    this.put(node, first);
    this.put(node, second);
    return this.source(node, UNKNOWN, this.types[Math.max(first, second)] as ValType, frequency);
  }

  typeOf(source: number): ValType {
    return this.types[source] as ValType;
  }

  observe(value: number): void {
    if (value >= 0) this.observed[value] = 1;
  }

  /** The value is computed with, in a shape. */
  use(value: number, shape: number): void {
    if (value >= 0) this.uses.push(value, shape);
  }

  assign(block: number, local: number, value: number): void {
    this.put(this.webs.assign(block, local), value);
  }

  private put(node: number, value: number): void {
    if (value !== CLEAN) this.assignments.push(node, value);
  }

  /** By source: the shape in which its result must be made canonical; 0 where it need not be. */
  solve(): Uint8Array {
    const { assignments, uses, nodes, webs } = this;
    webs.solve();
    for (let i = 0; i < assignments.length; i += 2) assignments[i] = webs.find(assignments[i] as number);
    for (let source = 0; source < nodes.length; source++) {
      if (nodes[source] !== -1) nodes[source] = webs.find(nodes[source] as number);
    }
    const observed = Uint8Array.from(this.observed);
    const states = this.states();
    const shapeOf = this.settle(states);
    for (let i = 0; i < uses.length; i += 2) {
      const source = uses[i] as number;
      if (shapeOf(source) !== uses[i + 1]) observed[source] = 1;
    }
    this.observeAssigned(states, observed);
    for (let round = 0; round < ROUNDS && this.hasten(states, observed); round++) {
      this.observeAssigned(states, observed);
    }
    return Uint8Array.from(observed, (isObserved, source) => {
      const web = nodes[source] as number;
      return isObserved === 1 && (web === COMPUTED || states[web] === STATE.waiting) ? shapeOf(source) : 0;
    });
  }

  /** By web: what it may hold, as far as that does not depend on other webs. */
  private states(): Uint8Array {
    const { assignments, webs, params } = this;
    const states = new Uint8Array(webs.nodes).fill(STATE.waiting);
    // Parameters come with any bits.
    for (let local = 0; local < params; local++) states[webs.find(local)] = STATE.final;
    for (let i = 0; i < assignments.length; i += 2) {
      if (assignments[i + 1] === ANY) states[assignments[i] as number] = STATE.final;
    }
    return states;
  }

  /** Finds shapes, and the webs that may hold any bits because others do. Returns what tells the shape of a source. */
  private settle(states: Uint8Array): (source: number) => number {
    const { assignments, nodes } = this;
    const shapes = new Uint8Array(states.length);
    const shapeOf = (source: number): number => {
      const web = nodes[source] as number;
      return (web === COMPUTED ? this.shapes[source] : shapes[web]) as number;
    };
    let changed = true;
    for (let pass = 0; changed; pass++) {
      if (pass === PASSES) {
        states.fill(STATE.final);
        break;
      }
      changed = false;
      for (let i = 0; i < assignments.length; i += 2) {
        const target = assignments[i] as number;
        const source = assignments[i + 1] as number;
        if (states[target] === STATE.final) continue;
        const web = nodes[source] as number;
        const shape = shapeOf(source);
        const isStrange = shape !== UNKNOWN && shapes[target] !== UNKNOWN && shape !== shapes[target];
        if (isStrange || (web !== COMPUTED && states[web] === STATE.final)) {
          states[target] = STATE.final;
          changed = true;
        } else if (shapes[target] === UNKNOWN && shape !== UNKNOWN) {
          shapes[target] = shape;
          changed = true;
        }
      }
    }
    return shapeOf;
  }

  private observeAssigned(states: Uint8Array, observed: Uint8Array): void {
    const { assignments } = this;
    for (let i = 0; i < assignments.length; i += 2) {
      const source = assignments[i + 1] as number;
      if (source >= 0 && states[assignments[i] as number] !== STATE.waiting) observed[source] = 1;
    }
  }

  /** Makes values canonical when they are assigned where that is no more work than when they are read. */
  private hasten(states: Uint8Array, observed: Uint8Array): boolean {
    const { assignments, nodes, frequencies } = this;
    const late = new Float64Array(states.length);
    const early = new Float64Array(states.length);
    observed.forEach((isObserved, source) => {
      const web = nodes[source] as number;
      if (isObserved === 1 && web !== COMPUTED) late[web] = (late[web] as number) + (frequencies[source] as number);
    });
    for (let i = 0; i < assignments.length; i += 2) {
      const web = assignments[i] as number;
      const source = assignments[i + 1] as number;
      if (source >= 0 && observed[source] === 0) {
        early[web] = (early[web] as number) + (frequencies[source] as number);
      }
    }
    let changed = false;
    for (let web = 0; web < states.length; web++) {
      const isLess = (late[web] as number) > 0 && (early[web] as number) <= (late[web] as number);
      if (states[web] !== STATE.waiting || !isLess) continue;
      states[web] = STATE.clean;
      changed = true;
    }
    return changed;
  }
}
