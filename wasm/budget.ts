/** What an instance's memories and tables may take together, and how far each may grow: the same on every engine. */

import { MemoryLimitExceeded, type ResourceFigures } from './errors.ts';
import { INSTANCE_BYTES, TABLE_ELEMENT_BYTES } from './gas.ts';
import { MAX_INSTANCE_PAGES, MODULE_LIMITS, PAGE_BYTES } from './limits.ts';
import type { WasmModule } from './module.ts';

/** Bytes that one limit covers. */
export class Budget {
  readonly limit: number;
  used = 0;
  peak = 0;
  /** Whether a growth was refused for the budget's sake. */
  refused = false;
  /** How often it was reset. */
  era = 0;
  /** Those that have an instance. */
  private readonly modules = new Set<WasmModule>();

  constructor(limit: number) {
    this.limit = limit;
  }

  /** Whether there is room for `bytes` more; remembers if not. */
  holds(bytes: number): boolean {
    if (this.hasRoomFor(bytes)) return true;
    this.refused = true;
    return false;
  }

  /** The same, and forgets: whoever asks will make room. */
  hasRoomFor(bytes: number): boolean {
    return this.used + bytes <= this.limit;
  }

  take(bytes: number): boolean {
    if (!this.holds(bytes)) return false;
    this.used += bytes;
    this.peak = Math.max(this.peak, this.used);
    return true;
  }

  give(bytes: number): void {
    this.used -= bytes;
  }

  /** Bytes that one more instance of a module takes for itself. */
  bytesFor(module: WasmModule): number {
    return this.modules.has(module) ? instanceBytes(module) : 0;
  }

  /** Takes them. */
  admit(module: WasmModule): boolean {
    const isAdmitted = this.take(this.bytesFor(module));
    this.modules.add(module);
    return isAdmitted;
  }

  reset(): void {
    this.modules.clear();
    this.used = 0;
    this.peak = 0;
    this.refused = false;
    this.era++;
  }
}

/** What an instance holds beside its memories and tables, where it is not the first of its module. */
export function instanceBytes({ functions, exports, globals, tables, tags, data, elements }: WasmModule): number {
  let items = 0;
  for (let i = 0; i < elements.length; i++) items += elements.count(i);
  return (
    INSTANCE_BYTES.function * functions.length +
    INSTANCE_BYTES.global * globals.length +
    INSTANCE_BYTES.export * exports.length +
    INSTANCE_BYTES.element * items +
    INSTANCE_BYTES.part * (tables.length + tags.length + data.length + elements.length)
  );
}

/** A share in a budget for what is kept for an instance outside of it. Over when the budget is reset. */
export class Share {
  private readonly budget: Budget;
  private readonly era: number;

  constructor(budget: Budget) {
    this.budget = budget;
    this.era = budget.era;
  }

  get isOver(): boolean {
    return this.era !== this.budget.era;
  }

  /** Whether there was room for `bytes` more, which it has taken then. */
  take(bytes: number): boolean {
    return !this.isOver && this.budget.take(bytes);
  }

  /** Gives back what was taken. */
  give(bytes: number): void {
    if (!this.isOver) this.budget.give(bytes);
  }
}

/** For a module that asks for more to begin with than there is room for. */
export function overBudget(
  what: string,
  bytes: number,
  budget: Budget,
  resources: ResourceFigures,
): MemoryLimitExceeded {
  const { limit, used } = budget;
  return new MemoryLimitExceeded(
    `Memory limit exceeded: the module asks for ${what} (${bytes} bytes), the limit is ${limit} bytes of which ${used} are in use; raise memoryLimit`,
    { resources },
  );
}

/** For a memory of a namespace that there is no room for. */
export function noRoomForMemory(pages: number | bigint, { limit, used }: Budget): RangeError {
  const why =
    pages > MAX_INSTANCE_PAGES
      ? `no memory has more than ${MAX_INSTANCE_PAGES} pages`
      : `the limit is ${limit} bytes of which ${used} are in use; raise memoryLimit`;
  return new RangeError(`Memory limit exceeded: a memory of ${pages} pages was asked for, ${why}`);
}

/** Pages that a memory may have whose type declares a maximum, or none. */
export function mostPages(max: number | undefined): number {
  return Math.min(max ?? MAX_INSTANCE_PAGES, MAX_INSTANCE_PAGES);
}

/** Elements that a table may have. */
export function mostElements(max: number | undefined): number {
  return Math.min(max ?? MODULE_LIMITS.tableElements, MODULE_LIMITS.tableElements);
}

/** How far a memory or table may grow: to its own maximum, and as long as the budget holds it. */
export class Growth {
  private readonly budget: Budget;
  /** Pages, or elements, that its type allows. */
  readonly most: number;
  /** Bytes of a page, or of an element. */
  private readonly unit: number;

  private constructor(budget: Budget, most: number, unit: number) {
    this.budget = budget;
    this.most = most;
    this.unit = unit;
  }

  static ofMemory(budget: Budget, max: number | undefined): Growth {
    return new Growth(budget, mostPages(max), PAGE_BYTES);
  }

  static ofTable(budget: Budget, max: number | undefined): Growth {
    return new Growth(budget, mostElements(max), TABLE_ELEMENT_BYTES);
  }

  /** The most that there can be, of pages or elements. */
  get largest(): number {
    return Math.min(this.most, Math.floor(this.budget.limit / this.unit));
  }

  /** Whether there is room for `delta` more than `size`; a refusal by the budget is remembered. */
  allows(size: number, delta: number): boolean {
    return size + delta <= this.most && this.budget.holds(delta * this.unit);
  }

  /** The same, and takes it. */
  take(size: number, delta: number): boolean {
    return size + delta <= this.most && this.budget.take(delta * this.unit);
  }

  give(delta: number): void {
    this.budget.give(delta * this.unit);
  }
}

/** @throws RangeError where a namespace has as many instances as it may */
export function checkInstances(made: number, limit: number): void {
  if (made < limit) return;
  throw new RangeError(
    `Instance limit exceeded: this namespace has made its ${limit} instances; make another namespace, or raise instanceLimit`,
  );
}
