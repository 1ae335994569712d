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
import type { Reference } from '../values/index.ts';
import { tracing } from './parts.ts';

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

/** Globals, tables, and elements of tables and segments. */
export function countRoots(instance: Roots): number {
  const { globals, tables } = instance;
  let count = globals.length + tables.length;
  for (const { elements } of tables) count += elements.length;
  for (const values of instance.heldBySegments()) count += values.length;
  return count;
}

export function weight(stacks: Iterable<Stack>): number {
  let sum = 0;
  for (const { depth } of stacks) sum += depth;
  return sum;
}

export class Heap {
  /** Those whose objects it counts. */
  readonly roots: readonly Roots[];
  readonly budget: Budget;
  /** The most that a stack may weigh. */
  private readonly stackBytes: number;
  readonly rootsOf: RootsOf;
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
      if (this.allocated > this.patience) tracing.now.trace(this, mutator);
      if (!budget.hasRoomFor(bytes)) {
        if (!mutator.charge(share(this.traceable(mutator), TRACED_PER_UNIT))) return 'unpaid';
        tracing.now.trace(this, mutator);
      }
    }
    if (!budget.take(bytes)) return 'full';
    this.used += bytes;
    this.allocated += bytes;
    return 'done';
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
}
