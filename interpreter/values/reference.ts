/** References (specification 4.2.1), and the lists that hold them. */

/**
 * Null, a function, a struct, an array, an exception, a number for an i31, or any value of the embedder's: what it is, is
 * seen by its class.
 */
export type Reference = unknown;

/** Copies references, also within a list; `copyWithin` takes eight times as long. */
export function copyReferences(
  to: Reference[],
  target: number,
  from: readonly Reference[],
  source: number,
  length: number,
): void {
  if (target <= source) for (let i = 0; i < length; i++) to[target + i] = from[source + i];
  else for (let i = length - 1; i >= 0; i--) to[target + i] = from[source + i];
}

/**
 * The references in a thread's registers, slot by slot beside them.
 *
 * Null from `end` on, and so nothing has to be cleared but what was written since: what clearing takes, those have paid
 * for who pushed the values below.
 */
export class SlotReferences {
  /** Without gaps, as V8 makes a hash table of an array that has large ones. */
  private readonly slots: Reference[] = [];
  end = 0;

  get(slot: number): Reference {
    return slot < this.end ? this.slots[slot] : null;
  }

  set(slot: number, value: Reference): void {
    const { slots } = this;
    if (slot >= this.end) {
      while (slots.length < slot) slots.push(null);
      this.end = slot + 1;
    }
    slots[slot] = value;
  }

  /** Makes all null from a slot on. */
  cut(slot: number): void {
    for (let i = slot; i < this.end; i++) this.slots[i] = null;
    this.end = Math.min(this.end, slot);
  }

  /** Copies so many to lower slots. */
  moveDown(to: number, from: number, count: number): void {
    // What is null at the one is null at the other.
    const last = Math.min(count, this.end - to);
    for (let i = 0; i < last; i++) this.slots[to + i] = this.get(from + i);
  }

  /** Those before a slot. */
  before(slot: number): Reference[] {
    return this.slots.slice(0, Math.min(slot, this.end));
  }

  /** Gives the memory back. */
  drop(): void {
    this.slots.length = this.end = 0;
  }
}
