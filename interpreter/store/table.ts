/** A table (specification 4.2.7). */

import { type Budget, Growth } from '../../wasm/budget.ts';
import type { AddressType, DefinedType, Limits, RefType, TableType } from '../../wasm/types.ts';
import type { Reference } from '../values/index.ts';

export class TableInstance {
  readonly elements: Reference[];
  readonly element: RefType;
  /** What the type of the elements may name. */
  readonly types: readonly DefinedType[];
  readonly address: AddressType;
  readonly declared: Limits;
  /** What stands for it in the JavaScript API, once something does. */
  shown: object | undefined;
  private readonly growth: Growth;

  private constructor(type: TableType, types: readonly DefinedType[], growth: Growth, elements: Reference[]) {
    this.elements = elements;
    this.element = type.element;
    this.types = types;
    this.address = type.address;
    this.declared = type.limits;
    this.growth = growth;
  }

  /** Undefined where the budget does not hold the initial size. */
  static create(
    type: TableType,
    types: readonly DefinedType[],
    budget: Budget,
    initial: Reference,
  ): TableInstance | undefined {
    const { min, max } = type.limits;
    const growth = Growth.ofTable(budget, max);
    if (!growth.take(0, min)) return undefined;
    const elements: Reference[] = [];
    append(elements, min, initial);
    // An array that was pushed to has room for half as many again, which many small tables would hold for nothing.
    return new TableInstance(type, types, growth, elements.slice());
  }

  /** The size now and the declared maximum, for import matching. */
  get limits(): Limits {
    return { min: this.elements.length, max: this.declared.max };
  }

  /** Whether {@link grow} would succeed; a refusal by the budget is remembered. */
  mayGrow(delta: number): boolean {
    return this.growth.allows(this.elements.length, delta);
  }

  /** Grows by `delta` elements; returns the size before, or -1. */
  grow(delta: number, value: Reference): number {
    const { elements } = this;
    const before = elements.length;
    if (!this.growth.take(before, delta)) return -1;
    append(elements, delta, value);
    return before;
  }
}

/** By pushing: an array that is made long at once has holes for V8, and each look at an element is dearer. */
function append(elements: Reference[], count: number, value: Reference): void {
  for (let i = 0; i < count; i++) elements.push(value);
}
