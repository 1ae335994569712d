/** Which objects a guest can reach: loaded for modules that have some. */

import { BETWEEN_TRACES, TRACED_PER_UNIT } from '../../wasm/gas.ts';
import { ExceptionInstance, type Reference, StringObject } from '../values/index.ts';
import { countRoots, type Heap, type Mutator, type Roots, type RootsOf, weight } from './heap.ts';
import { objectBytes } from './layout.ts';
import { type HeapObject, isHeapObject } from './objects.ts';

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
    const isObject = isHeapObject(value);
    if (isObject || value instanceof ExceptionInstance || value instanceof StringObject) {
      if (value.mark === this.mark) return;
      value.mark = this.mark;
      this.bytes += isObject ? objectBytes(value) : value.bytes;
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

/** Finds out which objects can still be reached, and gives back what the others count for. */
export function trace(heap: Heap, mutator: Mutator): void {
  const marking = new Marking(heap.rootsOf);
  for (const instance of heap.roots) marking.instance(instance);
  const stacks = mutator.stacks();
  for (const stack of stacks) {
    for (const instance of stack.roots()) marking.instance(instance);
    marking.references(stack.usedReferences());
  }
  marking.run();
  // Objects of other instances may be among those reached; they count where they were made.
  const live = Math.min(marking.bytes, heap.used);
  heap.budget.give(heap.used - live);
  heap.used = live;
  heap.allocated = 0;
  heap.patience = Math.max(BETWEEN_TRACES, marking.bytes + TRACED_PER_UNIT * marking.roots + weight(stacks));
}
