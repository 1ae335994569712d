/**
 * Which NaN must be made canonical. Between floats that are only computed with, the bits of a NaN do not matter; they
 * do where a value is stored, passed on, or looked at as an integer. A source is an instruction whose result may be a
 * NaN with bits of the engine's choosing: a computation, or the reading of a local that holds such results.
 *
 * A vector has the shape in which it was computed: the type of its lanes. To a computation on lanes of another type
 * it is nothing but bits.
 */

import { Ints } from '../wasm/ints.ts';
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

const NOTHING = new Uint8Array(0);

/** Passes over all assignments. If there are still webs to find that may hold any bits, all may. */
const PASSES = 50;

/** How often it is tried to make values canonical when they are assigned, and not when they are read. */
const ROUNDS = 4;

/** Steps by which frequencies are told apart: so many times 2^(1/8). */
export const LEVELS_IN_TWO = 8;

function frequencyOf(level: number): number {
  return 2 ** (level / LEVELS_IN_TWO);
}

/** Of one function after another. */
export class Sources {
  readonly webs: Webs = new Webs();
  private params = 0;
  private bytes = 0;
  private tracksLocals = true;
  private readonly observed = new Ints();
  /** By source: the node that it reads. */
  private readonly nodes = new Ints();
  /** By source: its shape, a value type; unknown for what reads. */
  private readonly shapes = new Ints();
  private readonly types = new Ints();
  private readonly levels = new Ints();
  /** Pairs of a node and what is put there: a source, or any bits. */
  private readonly assignments = new Ints();
  /** Pairs of a source and the shape in which it is computed with. */
  private readonly uses = new Ints();

  /**
   * @param bytes of the body
   * @param tracksLocals whether values may wait in locals, and where two of them meet, to be made canonical; else only
   *   on the operand stack
   */
  begin(params: number, bytes: number, tracksLocals: boolean): void {
    this.params = params;
    this.bytes = bytes;
    this.tracksLocals = tracksLocals;
    this.clear();
    if (tracksLocals) this.webs.clear();
  }

  /** Forgets all sources. */
  clear(): void {
    const { observed, nodes, shapes, types, levels, assignments, uses } = this;
    for (const list of [observed, nodes, shapes, types, levels, assignments, uses]) list.clear();
  }

  block(): number {
    return this.tracksLocals ? this.webs.block() : 0;
  }

  edge(from: number, to: number): void {
    if (this.tracksLocals) this.webs.edge(from, to);
  }

  private source(node: number, shape: number, type: ValType, level: number): number {
    this.shapes.push(shape);
    this.types.push(type);
    this.levels.push(level);
    this.observed.push(0);
    return this.nodes.push(node);
  }

  /** A computation of a shape: the type of a float, or of a vector's lanes. */
  compute(shape: ValType, type: ValType, level: number): number {
    return this.source(COMPUTED, shape, type, level);
  }

  /** What a local holds: a source, or any bits. */
  read(block: number, local: number, type: ValType, level: number): number {
    return this.tracksLocals ? this.source(this.webs.read(block, local), UNKNOWN, type, level) : ANY;
  }

  /** One of two values. */
  either(first: number, second: number, level: number): number {
    if (first < 0 && second < 0) return first === CLEAN && second === CLEAN ? CLEAN : ANY;
    if (!this.tracksLocals) {
      this.observe(first);
      this.observe(second);
      return ANY;
    }
    const node = this.webs.other();
    this.put(node, first);
    this.put(node, second);
    return this.source(node, UNKNOWN, this.typeOf(Math.max(first, second)), level);
  }

  typeOf(source: number): ValType {
    return this.types.values[source] as ValType;
  }

  observe(value: number): void {
    if (value >= 0) this.observed.values[value] = 1;
  }

  /** The value is computed with, in a shape. */
  use(value: number, shape: number): void {
    if (value < 0) return;
    this.uses.push(value);
    this.uses.push(shape);
  }

  assign(block: number, local: number, value: number): void {
    if (this.tracksLocals) this.put(this.webs.assign(block, local), value);
    else this.observe(value);
  }

  private put(node: number, value: number): void {
    if (value === CLEAN) return;
    this.assignments.push(node);
    this.assignments.push(value);
  }

  /** By source: the shape in which its result must be made canonical; 0 where it need not be. */
  solve(): Uint8Array {
    const { uses, webs, nodes, assignments } = this;
    if (nodes.length === 0) return NOTHING;
    const observed = Uint8Array.from(this.observed.values.subarray(0, nodes.length));
    if (this.tracksLocals) {
      webs.solve(this.bytes);
      for (let i = 0; i < assignments.length; i += 2) {
        assignments.values[i] = webs.find(assignments.values[i] as number);
      }
      for (let source = 0; source < nodes.length; source++) {
        const node = nodes.values[source] as number;
        if (node !== COMPUTED) nodes.values[source] = webs.find(node);
      }
    }
    const states = this.states();
    const shapeOf = this.settle(states);
    for (let i = 0; i < uses.length; i += 2) {
      const source = uses.values[i] as number;
      if (shapeOf(source) !== uses.values[i + 1]) observed[source] = 1;
    }
    this.observeAssigned(states, observed);
    for (let round = 0; round < ROUNDS && this.hasten(states, observed); round++) {
      this.observeAssigned(states, observed);
    }
    const shapes = new Uint8Array(nodes.length);
    for (let source = 0; source < shapes.length; source++) {
      const web = nodes.values[source] as number;
      if (observed[source] === 1 && (web === COMPUTED || states[web] === STATE.waiting)) {
        shapes[source] = shapeOf(source);
      }
    }
    return shapes;
  }

  /** By web: what it may hold, as far as that does not depend on other webs. */
  private states(): Uint8Array {
    const { assignments, webs, params } = this;
    const states = new Uint8Array(this.tracksLocals ? webs.nodes : 0).fill(STATE.waiting);
    if (states.length === 0) return states;
    // Parameters come with any bits.
    webs.eachInitial(params, (web) => {
      states[web] = STATE.final;
    });
    for (let i = 0; i < assignments.length; i += 2) {
      if (assignments.values[i + 1] === ANY) states[assignments.values[i] as number] = STATE.final;
    }
    return states;
  }

  /** Finds shapes, and the webs that may hold any bits because others do. Returns what tells the shape of a source. */
  private settle(states: Uint8Array): (source: number) => number {
    const { assignments, nodes } = this;
    const shapes = new Uint8Array(states.length);
    const shapeOf = (source: number): number => {
      const web = nodes.values[source] as number;
      return (web === COMPUTED ? this.shapes.values[source] : shapes[web]) as number;
    };
    let changed = true;
    for (let pass = 0; changed; pass++) {
      if (pass === PASSES) {
        states.fill(STATE.final);
        break;
      }
      changed = false;
      for (let i = 0; i < assignments.length; i += 2) {
        const target = assignments.values[i] as number;
        const source = assignments.values[i + 1] as number;
        if (states[target] === STATE.final) continue;
        const web = nodes.values[source] as number;
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
    const { values, length } = this.assignments;
    for (let i = 0; i < length; i += 2) {
      const source = values[i + 1] as number;
      if (source >= 0 && states[values[i] as number] !== STATE.waiting) observed[source] = 1;
    }
  }

  /** Makes values canonical when they are assigned where that is no more work than when they are read. */
  private hasten(states: Uint8Array, observed: Uint8Array): boolean {
    if (states.length === 0) return false;
    const { assignments, nodes, levels } = this;
    const late = new Float64Array(states.length);
    const early = new Float64Array(states.length);
    for (let source = 0; source < observed.length; source++) {
      const web = nodes.values[source] as number;
      if (observed[source] === 0 || web === COMPUTED) continue;
      late[web] = (late[web] as number) + frequencyOf(levels.values[source] as number);
    }
    for (let i = 0; i < assignments.length; i += 2) {
      const web = assignments.values[i] as number;
      const source = assignments.values[i + 1] as number;
      if (source < 0 || observed[source] === 1) continue;
      early[web] = (early[web] as number) + frequencyOf(levels.values[source] as number);
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
