/** A table (specification 4.2.7). */

import { type Budget, Growth } from '../../wasm/budget.ts';
import type { AddressType, DefinedType, Limits, RefType, TableType } from '../../wasm/types.ts';
import type { Reference } from '../values/index.ts';

export class TableInstance {
  /** By pushing: an array that is made long at once has holes for V8, and each look at an element is dearer. */
  elements: Reference[] = [];
  readonly element: RefType;
  /** What the type of the elements may name. */
  readonly types: readonly DefinedType[];
  readonly address: AddressType;
  readonly declared: Limits;
  /** What stands for it in the JavaScript API, once something does. */
  shown: object | undefined;
  private readonly growth: Growth;

  private constructor(type: TableType, types: readonly DefinedType[], budget: Budget) {
    this.element = type.element;
    this.types = types;
    this.address = type.address;
    this.declared = type.limits;
    this.growth = Growth.ofTable(budget, type.limits.max);
  }

  /** Undefined where the budget does not hold the initial size. */
  static create(
    type: TableType,
    types: readonly DefinedType[],
    budget: Budget,
    initial: Reference,
  ): TableInstance | undefined {
    const table = new TableInstance(type, types, budget);
    if (table.grow(type.limits.min, initial) === -1) return undefined;
    // An array that was pushed to has room for half as many again, which many small tables would hold for nothing.
    table.elements = table.elements.slice();
    return table;
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
    for (let i = 0; i < delta; i++) elements.push(value);
    return before;
  }
}
