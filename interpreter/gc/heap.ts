/**
 * The account of objects against a memory budget: an instance's own, or that of several which share one. The host's collector frees them, at times nobody
 * can foretell; what counts is decided here, the same on every run: an object counts from its allocation until a trace
 * does not reach it. Traces happen when as much has been allocated as the last one found, and when the budget is full.
 *
 * Reached is what the frames of the running call and of those that wait, the instance's globals and tables, and those of the
 * instances whose functions it can reach lead to. What only the embedder holds does not count.
 */

import type { Budget } from '../../wasm/budget.ts';
import { BETWEEN_TRACES, MOST_OBJECT_BYTES, share, TRACED_PER_UNIT } from '../../wasm/gas.ts';
import type { ArrayType } from '../../wasm/types.ts';
import { ExceptionInstance, type Reference, StringObject } from '../values/index.ts';
import { ArrayObject, arrayBytes, type HeapObject, isHeapObject } from './objects.ts';

/** Where the references of an instance begin. */
export interface Roots {
  readonly globals: readonly { readonly reference: Reference }[];
  readonly tables: readonly { readonly elements: readonly Reference[] }[];
  /** The objects that segments hold. */
  heldBySegments(): Iterable<readonly Reference[]>;
}

/** The instance of a function; undefined for whatever else. */
export type RootsOf = (value: Reference) => Roots | undefined;

/** What a call that has not ended holds. */
export interface Stack {
  /** Its weight. */
  readonly depth: number;
  /** Of the instances on it. */
  roots(): Iterable<Roots>;
  usedReferences(): readonly Reference[];
}

/** The call that runs. */
export interface Mutator extends Stack {
  /** Its own, those below it on the JavaScript stack, and those of calls that wait. */
  stacks(): ReadonlySet<Stack>;
  /** Returns false where the gas does not suffice. */
  charge(cost: number): boolean;
}

/** Number of the last trace. Objects that it reached carry it. */
let traces = 0;

class Marking {
  private readonly mark: number;
  private readonly pending: (HeapObject | ExceptionInstance | StringObject)[] = [];
  private readonly instances = new Set<Roots>();
  private readonly rootsOf: RootsOf;
  /** Of the objects that were reached. */
  bytes = 0;
  /** Places outside of objects that were looked at. */
  roots = 0;

  constructor(rootsOf: RootsOf) {
    this.rootsOf = rootsOf;
    this.mark = ++traces;
  }

  reference(value: Reference): void {
    if (isHeapObject(value) || value instanceof ExceptionInstance || value instanceof StringObject) {
      if (value.mark === this.mark) return;
      value.mark = this.mark;
      this.bytes += value.bytes;
      this.pending.push(value);
      return;
    }
    const instance = this.rootsOf(value);
    if (instance !== undefined) this.instances.add(instance);
  }

  references(values: readonly Reference[]): void {
    for (const value of values) this.reference(value);
  }

  instance(instance: Roots): void {
    this.instances.add(instance);
  }

  run(): void {
    // A set is iterated over what is added meanwhile, too.
    for (const instance of this.instances) {
      this.roots += countRoots(instance);
      for (const global of instance.globals) this.reference(global.reference);
      for (const table of instance.tables) this.references(table.elements);
      for (const values of instance.heldBySegments()) this.references(values);
      this.drain();
    }
    this.drain();
  }

  private drain(): void {
    for (let object = this.pending.pop(); object !== undefined; object = this.pending.pop()) {
      if (object instanceof ExceptionInstance) for (const { reference } of object.payload) this.reference(reference);
      else this.references(object.references);
    }
  }
}

/** Globals, tables, and elements of tables and segments. */
function countRoots(instance: Roots): number {
  const { globals, tables } = instance;
  let count = globals.length + tables.length;
  for (const { elements } of tables) count += elements.length;
  for (const values of instance.heldBySegments()) count += values.length;
  return count;
}

function weight(stacks: Iterable<Stack>): number {
  let sum = 0;
  for (const { depth } of stacks) sum += depth;
  return sum;
}

export class Heap {
  /** Those whose objects it counts. */
  private readonly roots: readonly Roots[];
  private readonly budget: Budget;
  /** The most that a stack may weigh. */
  private readonly stackBytes: number;
  private readonly rootsOf: RootsOf;
  /** Bytes of the objects that the last trace reached, and of those allocated since. */
  used = 0;
  allocated = 0;
  /** Bytes to allocate before the next trace. */
  patience: number = BETWEEN_TRACES;

  constructor(roots: readonly Roots[], budget: Budget, stackBytes: number, rootsOf: RootsOf) {
    this.roots = roots;
    this.budget = budget;
    this.stackBytes = stackBytes;
    this.rootsOf = rootsOf;
  }

  /**
   * Counts an object that is about to be made. Without a call: while the instance is being made, when nothing is garbage.
   * @returns 'full' where the budget does not hold it, 'unpaid' where the gas does not suffice to look for room
   */
  allocate(bytes: number, mutator: Mutator | undefined): 'done' | 'full' | 'unpaid' {
    const { budget } = this;
    if (bytes > MOST_OBJECT_BYTES) return 'full';
    if (mutator !== undefined) {
      if (this.allocated > this.patience) this.trace(mutator);
      if (!budget.hasRoomFor(bytes)) {
        if (!mutator.charge(share(this.traceable(mutator), TRACED_PER_UNIT))) return 'unpaid';
        this.trace(mutator);
      }
    }
    if (!budget.take(bytes)) return 'full';
    this.used += bytes;
    this.allocated += bytes;
    return 'done';
  }

  /** An array that has been counted; undefined, and not counted any more, where the host has no room for it. */
  arrayOf(type: ArrayType, length: number): ArrayObject | undefined {
    try {
      return new ArrayObject(type, length);
    } catch {
      const bytes = arrayBytes(type, length);
      this.budget.give(bytes);
      this.used -= bytes;
      return undefined;
    }
  }

  reset(): void {
    this.used = this.allocated = 0;
    this.patience = BETWEEN_TRACES;
  }

  /**
   * A patience that a trace can have given, at most as long as the one asked for: those that a trace has
   * given end where all that there may be has been looked at.
   */
  patienceWithin(patience: number): number {
    const longest = this.budget.limit + TRACED_PER_UNIT * this.countRoots() + this.stackBytes;
    return Math.max(BETWEEN_TRACES, Math.min(patience, longest));
  }

  private countRoots(): number {
    let count = 0;
    for (const instance of this.roots) count += countRoots(instance);
    return count;
  }

  /** Bytes that a trace will look at, as far as that is known; at least those that a large last one did. */
  private traceable(mutator: Mutator): number {
    const own = this.used + TRACED_PER_UNIT * this.countRoots() + weight(mutator.stacks());
    return this.patience > BETWEEN_TRACES ? Math.max(own, this.patience) : own;
  }

  private trace(mutator: Mutator): void {
    const marking = new Marking(this.rootsOf);
    for (const instance of this.roots) marking.instance(instance);
    const stacks = mutator.stacks();
    for (const stack of stacks) {
      for (const instance of stack.roots()) marking.instance(instance);
      marking.references(stack.usedReferences());
    }
    marking.run();
    // Objects of other instances may be among those reached; they count where they were made.
    const live = Math.min(marking.bytes, this.used);
    this.budget.give(this.used - live);
    this.used = live;
    this.allocated = 0;
    this.patience = Math.max(BETWEEN_TRACES, marking.bytes + TRACED_PER_UNIT * marking.roots + weight(stacks));
  }
}
