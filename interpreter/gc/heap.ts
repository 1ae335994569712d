/**
 * The account of an instance's objects against its memory budget. The host's collector frees them, at times nobody
 * can foretell; what counts is decided here, the same on every run: an object counts from its allocation until a trace
 * does not reach it. Traces happen when as much has been allocated as the last one found, and when the budget is full.
 *
 * Reached is what the frames of the running call, the instance's globals and tables, and those of the instances whose
 * functions it can reach lead to. What only the embedder holds does not count.
 */

import { BETWEEN_TRACES, MOST_OBJECT_BYTES, share, TRACED_PER_UNIT } from '../../wasm/gas.ts';
import type { ArrayType } from '../../wasm/types.ts';
import type { Thread } from '../machine/thread.ts';
import { ExceptionInstance } from '../store/exception.ts';
import { type Reference, WasmFunction } from '../store/function.ts';
import type { Instance } from '../store/instance.ts';
import { ArrayObject, arrayBytes, type HeapObject, isHeapObject } from './objects.ts';

/** Number of the last trace. Objects that it reached carry it. */
let traces = 0;

class Trace {
  private readonly mark: number;
  private readonly pending: (HeapObject | ExceptionInstance)[] = [];
  private readonly instances = new Set<Instance>();
  /** Of the objects that were reached. */
  bytes = 0;
  /** Places outside of objects that were looked at. */
  roots = 0;

  constructor() {
    this.mark = ++traces;
  }

  reference(value: Reference): void {
    if (value instanceof WasmFunction) this.instances.add(value.instance);
    else if ((isHeapObject(value) || value instanceof ExceptionInstance) && value.mark !== this.mark) {
      value.mark = this.mark;
      this.bytes += value.bytes;
      this.pending.push(value);
    }
  }

  references(values: readonly Reference[]): void {
    for (const value of values) this.reference(value);
  }

  instance(instance: Instance): void {
    this.instances.add(instance);
  }

  run(): void {
    // A set is iterated over what is added meanwhile, too.
    for (const instance of this.instances) {
      this.roots += rootsOf(instance);
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
function rootsOf(instance: Instance): number {
  const { globals, tables } = instance;
  let count = globals.length + tables.length;
  for (const { elements } of tables) count += elements.length;
  for (const values of instance.heldBySegments()) count += values.length;
  return count;
}

export class Heap {
  private readonly instance: Instance;
  /** Bytes of the objects that the last trace reached, and of those allocated since. */
  used = 0;
  allocated = 0;
  /** Bytes to allocate before the next trace. */
  patience: number = BETWEEN_TRACES;

  constructor(instance: Instance) {
    this.instance = instance;
  }

  /**
   * Counts an object that is about to be made. Of no thread: while the instance is being made, when nothing is garbage.
   * @returns 'full' where the budget does not hold it, 'unpaid' where the gas does not suffice to look for room
   */
  allocate(bytes: number, thread: Thread | undefined): 'done' | 'full' | 'unpaid' {
    const { budget } = this.instance;
    if (bytes > MOST_OBJECT_BYTES) return 'full';
    if (thread !== undefined) {
      if (this.allocated > this.patience) this.trace(thread);
      if (!budget.hasRoomFor(bytes)) {
        if (!thread.charge(share(this.traceable(thread), TRACED_PER_UNIT))) return 'unpaid';
        this.trace(thread);
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
      this.instance.budget.give(bytes);
      this.used -= bytes;
      return undefined;
    }
  }

  reset(): void {
    this.used = this.allocated = 0;
    this.patience = BETWEEN_TRACES;
  }

  /**
   * A patience that a trace of the instance can have given, at most as long as the one asked for: those that a trace has
   * given end where all that there may be has been looked at.
   */
  patienceWithin(patience: number): number {
    const { budget, store } = this.instance;
    const longest = budget.limit + TRACED_PER_UNIT * rootsOf(this.instance) + store.stackBytes;
    return Math.max(BETWEEN_TRACES, Math.min(patience, longest));
  }

  /** Bytes that a trace will look at, as far as that is known; at least those that a large last one did. */
  private traceable({ depth }: Thread): number {
    const own = this.used + TRACED_PER_UNIT * rootsOf(this.instance) + depth;
    return this.patience > BETWEEN_TRACES ? Math.max(own, this.patience) : own;
  }

  private trace(thread: Thread): void {
    const trace = new Trace();
    trace.instance(this.instance);
    trace.instance(thread.instance as Instance);
    for (const caller of thread.callers) trace.instance(caller);
    trace.references(thread.usedReferences());
    trace.run();
    // Objects of other instances may be among those reached; they count where they were made.
    const live = Math.min(trace.bytes, this.used);
    this.instance.budget.give(this.used - live);
    this.used = live;
    this.allocated = 0;
    this.patience = Math.max(BETWEEN_TRACES, trace.bytes + TRACED_PER_UNIT * trace.roots + thread.depth);
  }
}
