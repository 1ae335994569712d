/** An instance of a module (specification 4.5.4): linked, priced, and with its segments not yet copied. */

import { Budget, overBudget } from '../../wasm/budget.ts';
import type { InstanceLimits, Slices } from '../../wasm/engine.ts';
import { GasExhausted, LinkError, type ResourceFigures } from '../../wasm/errors.ts';
import { TABLE_ELEMENT_BYTES } from '../../wasm/gas.ts';
import { PAGE_BYTES } from '../../wasm/limits.ts';
import { equals, matches } from '../../wasm/matching.ts';
import { functionTypeAt, typeOfFunction, type WasmModule } from '../../wasm/module.ts';
import { instantiationCost } from '../../wasm/plan.ts';
import { quote } from '../../wasm/quote.ts';
import { type Import, type Limits, type TableType, typeName } from '../../wasm/types.ts';
import { GLOBAL_WORDS } from '../code/isa.ts';
import { ModuleCode, type Patron } from '../code/module-code.ts';
import { Heap } from '../gc/heap.ts';
import { evaluate } from './constant.ts';
import { TagInstance } from './exception.ts';
import { type GuestFunction, hasType, isFunction, type Reference, WasmFunction } from './function.ts';
import { GlobalInstance } from './global.ts';
import { LinearMemory } from './memory.ts';
import type { Store } from './store.ts';
import { TableInstance } from './table.ts';
import { Tank } from './tank.ts';

/** Items that are made or copied between two looks at the clock: some milliseconds' worth. */
const LOOK_EVERY = 16_384;

export type ExternValue = GuestFunction | TableInstance | LinearMemory | GlobalInstance | TagInstance;

/** Finds what an import names; undefined where there is nothing. */
export type Linker = (imported: Import, module: WasmModule) => ExternValue | undefined;

const codes = new WeakMap<WasmModule, ModuleCode>();

/** The code of a module, shared by its instances. */
function codeOf(module: WasmModule): ModuleCode {
  let code = codes.get(module);
  if (code === undefined) {
    code = new ModuleCode(module);
    codes.set(module, code);
  }
  return code;
}

/** Bytes of the code that a module has so far. */
export function codeBytes(module: WasmModule): number {
  return codes.get(module)?.bytes ?? 0;
}

export class Instance {
  readonly store: Store;
  readonly module: WasmModule;
  readonly code: ModuleCode;
  readonly tank: Tank;
  readonly budget: Budget;
  readonly limits: InstanceLimits;
  /** On whose behalf functions are lowered when this calls them first. */
  readonly patron: Patron;
  readonly tables: TableInstance[] = [];
  readonly globals: GlobalInstance[] = [];
  /** Values of the instance's own globals. */
  readonly cells: Int32Array;
  readonly memories: LinearMemory[] = [];
  readonly tags: TagInstance[] = [];
  readonly heap: Heap = new Heap(this);
  readonly droppedElements: Set<number> = new Set();
  readonly droppedData: Set<number> = new Set();
  /** Values of the element segments whose expressions make objects: they are evaluated once. */
  readonly segmentValues: Map<number, readonly Reference[]> = new Map();
  /** How a call stands that has been left and not ended: until it has, no other may enter. */
  suspended: 'paused' | 'waiting' | undefined;
  /** What stands for its exports in the JavaScript API. */
  shown: object | undefined;
  private readonly functions: (GuestFunction | undefined)[];
  private untilLook = LOOK_EVERY;

  /** @throws LinkError, MemoryLimitExceeded, GasExhausted */
  constructor(store: Store, module: WasmModule, link: Linker, limits: InstanceLimits, slices?: Slices) {
    this.store = store;
    this.module = module;
    this.code = codeOf(module);
    this.limits = limits;
    this.tank = new Tank(limits.gas, slices, store.unmetered === undefined);
    this.budget = new Budget(limits.memoryBytes);
    this.patron = { codeBytes: limits.codeBytes ?? Number.POSITIVE_INFINITY, look: () => this.tank.look() };
    this.functions = new Array(module.functions.length);
    this.cells = new Int32Array(GLOBAL_WORDS * module.globalInits.length);
    this.link(link);
    this.begin();
  }

  /** Charges for what the module defines, and makes it. */
  private begin(old: readonly LinearMemory[] = []): void {
    const cost = instantiationCost(this.module);
    if (!this.tank.chargeLarge(cost)) {
      this.tank.exhausted = true;
      throw new GasExhausted(`Gas limit exceeded: instantiating costs ${cost}, the limit is ${this.limits.gas}`, {
        resources: this.figures(),
      });
    }
    this.allocate(old);
  }

  /**
   * Makes the instance what it was when it was constructed; what was imported stays as it is. Nothing of it may be
   * running, or have been left.
   * @throws what the constructor throws
   */
  reset(): void {
    const { module } = this;
    this.tables.length = module.importedTables;
    this.globals.length = module.importedGlobals;
    this.droppedElements.clear();
    this.droppedData.clear();
    this.cells.fill(0);
    this.budget.reset();
    this.tank.restore(0n, false);
    this.heap.reset();
    this.segmentValues.clear();
    this.tags.length = module.importedTags;
    this.begin(this.memories.splice(module.importedMemories));
  }

  /** Counts work that no gas is at hand for, and lets the host look at its clock now and then. @throws what that throws */
  work(items: number): void {
    this.untilLook -= items;
    if (this.untilLook > 0) return;
    this.untilLook = LOOK_EVERY;
    this.tank.look();
  }

  private link(link: Linker): void {
    let functions = 0;
    for (const imported of this.module.imports) {
      this.work(1);
      const value = link(imported, this.module);
      const mismatch = value === undefined ? 'unknown import: nothing was provided' : this.mismatch(imported, value);
      if (mismatch !== undefined) {
        const name = `${quote(imported.module)} ${quote(imported.name)}`;
        throw new LinkError(`import ${name}, a ${imported.kind}: ${mismatch}`);
      }
      if (isFunction(value)) this.functions[functions++] = value;
      else if (value instanceof TableInstance) this.tables.push(value);
      else if (value instanceof LinearMemory) this.memories.push(value);
      else if (value instanceof TagInstance) this.tags.push(value);
      else if (value instanceof GlobalInstance) this.globals.push(value);
    }
  }

  /** Why a value is not what an import requires (specification 4.5.2); undefined where it is. */
  private mismatch(imported: Import, value: ExternValue): string | undefined {
    const incompatible = (required: string) => `incompatible import type: ${required} is required`;
    switch (imported.kind) {
      case 'function': {
        const type = functionTypeAt(this.module, imported.typeIndex);
        if (!isFunction(value)) return incompatible('a function');
        return hasType(value, type) ? undefined : `${incompatible(type.key)}, ${value.type.key} was given`;
      }
      case 'table': {
        const { element, limits, address } = imported.type;
        if (!(value instanceof TableInstance)) return incompatible('a table');
        if (!equals(value.element, value.types, element, this.module.types)) {
          return incompatible(`a table of ${typeName(element)}`);
        }
        if (value.address !== address) return incompatible(`a table with addresses of ${typeName(address)}`);
        return fits(value.limits, limits) ? undefined : incompatible('a table within other limits');
      }
      case 'memory': {
        const { limits, address } = imported.type;
        if (!(value instanceof LinearMemory)) return incompatible('a memory');
        if (value.address !== address) return incompatible(`a memory with addresses of ${typeName(address)}`);
        return fits(value.limits, limits) ? undefined : incompatible('a memory within other limits');
      }
      case 'tag': {
        if (!(value instanceof TagInstance)) return incompatible('a tag');
        const { key } = functionTypeAt(this.module, imported.typeIndex);
        return value.type.key === key ? undefined : incompatible(`a tag of ${key}, ${value.type.key} was given`);
      }
      case 'global': {
        const { type, mutable } = imported.type;
        const { types } = this.module;
        const isFit =
          value instanceof GlobalInstance &&
          value.type.mutable === mutable &&
          // What can be written must be the same on both sides.
          (mutable ? equals : matches)(value.type.type, value.types, type, types);
        return isFit
          ? undefined
          : incompatible(`${mutable ? 'a mutable' : 'an immutable'} global of ${typeName(type)}`);
      }
    }
  }

  /** @param old memories of the same types that are not needed any more */
  private allocate(old: readonly LinearMemory[]): void {
    const { module, budget } = this;
    module.memories.slice(module.importedMemories).forEach((type, i) => {
      this.memories.push(
        LinearMemory.create(type, budget, old[i]) ??
          this.overBudget(`a memory of ${type.limits.min} pages`, type.limits.min * PAGE_BYTES),
      );
    });
    for (const typeIndex of module.tags.slice(module.importedTags)) {
      this.work(1);
      this.tags.push(new TagInstance(functionTypeAt(module, typeIndex)));
    }
    module.tables.slice(module.importedTables).forEach((type, i) => {
      this.work(1 + type.limits.min);
      const init = module.tableInits[i];
      this.tables.push(this.table(type, init === undefined ? null : evaluate(this, init).reference));
    });
    module.globalInits.forEach((init, i) => {
      const type = module.globals[module.importedGlobals + i];
      if (type === undefined) return;
      this.work(1);
      const global = new GlobalInstance(type, module.types, this.cells, GLOBAL_WORDS * i);
      const { low, high, upper, reference } = evaluate(this, init);
      this.cells[global.at] = low;
      this.cells[global.at + 1] = high;
      if (upper !== undefined) this.cells.set(upper, global.at + 2);
      global.reference = reference;
      this.globals.push(global);
    });
    if (module.features.includes('gc')) this.evaluateSegments();
  }

  /** Objects that segments refer to are made now, once: what an expression makes is another object every time. */
  private evaluateSegments(): void {
    const { elements } = this.module;
    for (let i = 0; i < elements.length; i++) {
      const count = elements.count(i);
      this.work(1 + count);
      if (count > 0 && elements.areExpressions(i)) this.segmentValues.set(i, this.elements(i, 0, count));
    }
  }

  private table(type: TableType, initial: Reference): TableInstance {
    const { min } = type.limits;
    return (
      TableInstance.create(type, this.module.types, this.budget, initial) ??
      this.overBudget(`a table of ${min} elements`, min * TABLE_ELEMENT_BYTES)
    );
  }

  private overBudget(what: string, bytes: number): never {
    throw overBudget(what, bytes, this.budget, this.figures());
  }

  /** A function by its index in the module, imports included. */
  function(index: number): GuestFunction {
    let func = this.functions[index];
    if (func === undefined) {
      func = new WasmFunction(typeOfFunction(this.module, index), this, index);
      this.functions[index] = func;
    }
    return func;
  }

  /** What an export's index stands for. */
  extern(kind: Import['kind'], index: number): ExternValue {
    switch (kind) {
      case 'function':
        return this.function(index);
      case 'table':
        return this.tables[index] as TableInstance;
      case 'memory':
        return this.memories[index] as LinearMemory;
      case 'tag':
        return this.tags[index] as TagInstance;
      case 'global':
        return this.globals[index] as GlobalInstance;
    }
  }

  /** Values of an element segment, from `start` to before `end`. */
  elements(segment: number, start: number, end: number): readonly Reference[] {
    const known = this.segmentValues.get(segment);
    if (known !== undefined) return known.slice(start, end);
    const { elements } = this.module;
    const areExpressions = elements.areExpressions(segment);
    const last = Math.min(end, elements.count(segment));
    const values: Reference[] = [];
    for (let i = start; i < last; i++) {
      values.push(
        areExpressions
          ? evaluate(this, elements.expressionAt(segment, i)).reference
          : this.function(elements.functionAt(segment, i)),
      );
    }
    return values;
  }

  /** The objects that segments hold which have not been dropped. */
  *heldBySegments(): Generator<readonly Reference[]> {
    for (const [segment, values] of this.segmentValues) if (!this.droppedElements.has(segment)) yield values;
  }

  /** Bytes of a data segment; none once it has been dropped. */
  data(segment: number): Uint8Array {
    const { bytes, data } = this.module;
    const { start, end } = data.bytesOf(segment);
    return this.droppedData.has(segment) ? bytes.subarray(0, 0) : bytes.subarray(start, end);
  }

  get memory(): LinearMemory | undefined {
    return this.memories[0];
  }

  figures(): ResourceFigures {
    return {
      gasUsed: this.tank.total(),
      gasLimit: this.tank.limit,
      memoryBytes: this.budget.used,
      peakMemoryBytes: this.budget.peak,
      memoryLimit: this.budget.limit,
      stackLimit: this.limits.stackBytes,
    };
  }
}

/** Import matching of limits (specification 4.5.2). */
function fits(given: Limits, required: Limits): boolean {
  if (given.min < required.min) return false;
  return required.max === undefined || (given.max !== undefined && given.max <= required.max);
}
