/** An instance of a module (specification 4.5.4): linked, priced, and with its segments not yet copied. */

import type { InstanceLimits, Slices } from '../wasm/engine.ts';
import { GasExhausted, LinkError, MemoryLimitExceeded, type ResourceFigures } from '../wasm/errors.ts';
import { PAGE_BYTES, TABLE_ELEMENT_BYTES } from '../wasm/limits.ts';
import { instantiationCost } from '../wasm/plan.ts';
import { quote } from '../wasm/quote.ts';
import { type FuncType, type Import, type Limits, typeName, typeOfFunction, type WasmModule } from '../wasm/types.ts';
import { ModuleCode } from './code.ts';
import { evaluate } from './constant.ts';
import { type GuestFunction, hasType, isFunction, type Reference, WasmFunction } from './function.ts';
import { GLOBAL_WORDS, GlobalInstance } from './global.ts';
import { LinearMemory } from './memory.ts';
import type { Store } from './store.ts';
import { TableInstance } from './table.ts';
import { Budget, Tank } from './tank.ts';

export type ExternValue = GuestFunction | TableInstance | LinearMemory | GlobalInstance;

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

export class Instance {
  readonly store: Store;
  readonly module: WasmModule;
  readonly code: ModuleCode;
  readonly tank: Tank;
  readonly budget: Budget;
  readonly limits: InstanceLimits;
  readonly tables: TableInstance[] = [];
  readonly globals: GlobalInstance[] = [];
  /** Values of the instance's own globals. */
  readonly cells: Int32Array;
  memory: LinearMemory | undefined;
  readonly droppedElements: Set<number> = new Set();
  readonly droppedData: Set<number> = new Set();
  /** How a call stands that has been left and not ended: until it has, no other may enter. */
  suspended: 'paused' | 'waiting' | undefined;
  private readonly functions: (GuestFunction | undefined)[];

  /** @throws LinkError, MemoryLimitExceeded, GasExhausted */
  constructor(store: Store, module: WasmModule, link: Linker, limits: InstanceLimits, slices?: Slices) {
    this.store = store;
    this.module = module;
    this.code = codeOf(module);
    this.limits = limits;
    this.tank = new Tank(limits.gas, slices);
    this.budget = new Budget(limits.memoryBytes);
    this.functions = new Array(module.functions.length);
    this.cells = new Int32Array(GLOBAL_WORDS * module.globalInits.length);
    this.link(link);
    this.begin();
  }

  /** Charges for what the module defines, and makes it. */
  private begin(): void {
    const cost = instantiationCost(this.module);
    if (!this.tank.chargeLarge(cost)) {
      this.tank.exhausted = true;
      throw new GasExhausted(`Gas limit exceeded: instantiating costs ${cost}, the limit is ${this.limits.gas}`, {
        resources: this.figures(),
      });
    }
    this.allocate();
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
    this.begin();
  }

  private link(link: Linker): void {
    let functions = 0;
    for (const imported of this.module.imports) {
      const value = link(imported, this.module);
      const mismatch = value === undefined ? 'unknown import: nothing was provided' : this.mismatch(imported, value);
      if (mismatch !== undefined) {
        const name = `${quote(imported.module)} ${quote(imported.name)}`;
        throw new LinkError(`import ${name}, a ${imported.kind}: ${mismatch}`);
      }
      if (isFunction(value)) this.functions[functions++] = value;
      else if (value instanceof TableInstance) this.tables.push(value);
      else if (value instanceof LinearMemory) this.memory = value;
      else if (value instanceof GlobalInstance) this.globals.push(value);
    }
  }

  /** Why a value is not what an import requires (specification 4.5.2); undefined where it is. */
  private mismatch(imported: Import, value: ExternValue): string | undefined {
    const incompatible = (required: string) => `incompatible import type: ${required} is required`;
    switch (imported.kind) {
      case 'function': {
        const type = this.module.types[imported.typeIndex] as FuncType;
        if (!isFunction(value)) return incompatible('a function');
        return hasType(value, type) ? undefined : `${incompatible(type.key)}, ${value.type.key} was given`;
      }
      case 'table': {
        const { element, limits } = imported.type;
        if (!(value instanceof TableInstance)) return incompatible('a table');
        if (value.element !== element) return incompatible(`a table of ${typeName(element)}`);
        return fits(value.limits, limits) ? undefined : incompatible('a table within other limits');
      }
      case 'memory':
        if (!(value instanceof LinearMemory)) return incompatible('a memory');
        return fits(value.limits, imported.type.limits) ? undefined : incompatible('a memory within other limits');
      case 'global': {
        const { type, mutable } = imported.type;
        const isFit = value instanceof GlobalInstance && value.type.type === type && value.type.mutable === mutable;
        return isFit
          ? undefined
          : incompatible(`${mutable ? 'a mutable' : 'an immutable'} global of ${typeName(type)}`);
      }
    }
  }

  private allocate(): void {
    const { module, budget } = this;
    for (const type of module.memories.slice(module.importedMemories)) {
      this.memory =
        LinearMemory.create(type, budget, this.memory) ??
        this.overBudget(`a memory of ${type.limits.min} pages`, type.limits.min * PAGE_BYTES);
    }
    for (const type of module.tables.slice(module.importedTables)) {
      this.tables.push(
        TableInstance.create(type, budget, null) ??
          this.overBudget(`a table of ${type.limits.min} elements`, type.limits.min * TABLE_ELEMENT_BYTES),
      );
    }
    module.globalInits.forEach((init, i) => {
      const type = module.globals[module.importedGlobals + i];
      if (type === undefined) return;
      const global = new GlobalInstance(type, this.cells, GLOBAL_WORDS * i);
      const { low, high, upper, reference } = evaluate(this, init);
      this.cells.set([low, high, ...(upper ?? [])], global.at);
      global.reference = reference;
      this.globals.push(global);
    });
  }

  private overBudget(what: string, bytes: number): never {
    throw new MemoryLimitExceeded(
      `Memory limit exceeded: the module asks for ${what} (${bytes} bytes), the limit is ${this.budget.limit} bytes of which ${this.budget.used} are in use`,
      { resources: this.figures() },
    );
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
        return this.memory as LinearMemory;
      case 'global':
        return this.globals[index] as GlobalInstance;
    }
  }

  /** Values of an element segment, from `start` to before `end`. */
  elements(segment: number, start: number, end: number): readonly Reference[] {
    const { items } = this.module.elements[segment] as NonNullable<(typeof this.module.elements)[number]>;
    return items
      .slice(start, end)
      .map((item) => (typeof item === 'number' ? this.function(item) : evaluate(this, item).reference));
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
