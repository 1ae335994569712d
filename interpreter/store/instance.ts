/** An instance of a module (specification 4.2.5), and its functions (4.2.6). */

import type { Budget } from '../../wasm/budget.ts';
import type { InstanceLimits, Slices } from '../../wasm/engine.ts';
import type { GasExhausted, ResourceFigures } from '../../wasm/errors.ts';
import { typeOfFunction, type WasmModule } from '../../wasm/module.ts';
import { type DefinedType, type FuncType, type Import, isSubtype } from '../../wasm/types.ts';
import { GLOBAL_WORDS, ModuleCode, type Patron } from '../code/index.ts';
import type { Heap, Stack } from '../gc/index.ts';
import type { Reference, TagInstance } from '../values/index.ts';
import { Account } from './account.ts';
import { ForeignFunction } from './foreign.ts';
import type { GlobalInstance } from './global.ts';
import type { LinearMemory } from './memory.ts';
import type { TableInstance } from './table.ts';
import type { Tank } from './tank.ts';

/** Items that are made or copied between two looks at the clock: some milliseconds' worth. */
const LOOK_EVERY = 16_384;

export type ExternValue = GuestFunction | TableInstance | LinearMemory | GlobalInstance | TagInstance;

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

/** What instances that call one another share: the machine's store. */
export interface SharedStack {
  readonly stackBytes: number;
  readonly isMetered: boolean;
  /** What they all draw on; each on one of its own where there is none. */
  readonly account?: Account<Instance> | undefined;
  /** What runs on it, while it does. */
  readonly active: object | undefined;
  /** What calls hold that have been left and not ended. */
  readonly left: ReadonlySet<Stack>;
  /** Whether a module of one of them can refer to exceptions, and so keep them. */
  keepsExceptions: boolean;
}

export class Instance {
  readonly store: SharedStack;
  readonly module: WasmModule;
  readonly code: ModuleCode;
  readonly account: Account<Instance>;
  /** Of the account. */
  readonly tank: Tank;
  readonly budget: Budget;
  readonly heap: Heap;
  readonly limits: InstanceLimits;
  /** On whose behalf functions are lowered when this calls them first. */
  readonly patron: Patron;
  readonly tables: TableInstance[] = [];
  readonly globals: GlobalInstance[] = [];
  /** Values of the instance's own globals. */
  readonly cells: Int32Array;
  readonly memories: LinearMemory[] = [];
  readonly tags: TagInstance[] = [];
  readonly droppedElements: Set<number> = new Set();
  readonly droppedData: Set<number> = new Set();
  /** Values of the element segments whose expressions make objects: they are evaluated once. */
  readonly segmentValues: Map<number, readonly Reference[]> = new Map();
  /** How a call stands that has been left and not ended: until it has, no other may enter. */
  suspended: 'paused' | 'waiting' | undefined;
  /** What stands for its exports in the JavaScript API. */
  shown: object | undefined;
  /** Made when they are first asked for. */
  readonly functions: (GuestFunction | undefined)[];
  /** Whether the memories that it imports were made for it alone, and are its own. */
  hasSuppliedMemories = false;
  private untilLook = LOOK_EVERY;

  /** Of nothing yet: instantiate.ts links and allocates. */
  constructor(store: SharedStack, module: WasmModule, limits: InstanceLimits, slices?: Slices) {
    this.store = store;
    this.module = module;
    store.keepsExceptions ||= module.features.includes('exception-references');
    this.code = codeOf(module);
    this.limits = limits;
    const account = store.account ?? accountOf(limits, slices, store.isMetered);
    account.members.push(this);
    this.account = account;
    this.tank = account.tank;
    this.budget = account.budget;
    this.heap = account.heap;
    this.patron = { codeBytes: limits.codeBytes ?? Number.POSITIVE_INFINITY, look: () => this.tank.look() };
    this.functions = new Array(module.functions.length);
    this.cells = new Int32Array(GLOBAL_WORDS * module.globalInits.length);
  }

  /** Counts work that no gas is at hand for, and lets the host look at its clock now and then. @throws what that throws */
  work(items: number): void {
    this.untilLook -= items;
    if (this.untilLook > 0) return;
    this.untilLook = LOOK_EVERY;
    this.tank.look();
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

  /** The error for a cost that was refused before any function runs. */
  outOfGas(message: string): GasExhausted {
    const error = this.tank.outOfGas({}, message);
    error.resources = this.figures();
    return error;
  }

  figures(): ResourceFigures {
    return this.account.figures();
  }
}

/** For one instance, or for several of a store. */
export function accountOf(
  limits: InstanceLimits,
  slices: Slices | undefined,
  isMetered: boolean,
  budget?: Budget,
): Account<Instance> {
  return new Account<Instance>(limits, slices, isMetered, instanceOf, budget);
}

/** A function of an instance's own. */
export class WasmFunction {
  readonly type: FuncType;
  readonly instance: Instance;
  /** Index in the module, imports included. */
  readonly index: number;
  /** What stands for it in the JavaScript API, once something does. */
  shown: object | undefined;

  constructor(type: FuncType, instance: Instance, index: number) {
    this.type = type;
    this.instance = instance;
    this.index = index;
  }

  /** What the types of its parameters and results may name. */
  get types(): readonly DefinedType[] {
    return this.instance.module.types;
  }

  /**
   * First word of its code, which is made if it has not been; 0 where the guest is to be left first.
   * @throws MemoryLimitExceeded, CpuTimeoutExceeded
   */
  entry(): number {
    const { code, module, patron } = this.instance;
    return code.entry(this.index - module.importedFunctions, patron);
  }

  /** The same, where the guest cannot be left. */
  entryAtOnce(): number {
    for (;;) {
      const entry = this.entry();
      if (entry !== 0) return entry;
    }
  }
}

export type GuestFunction = WasmFunction | ForeignFunction;

export function isFunction(value: unknown): value is GuestFunction {
  return value instanceof WasmFunction || value instanceof ForeignFunction;
}

/** Whether a function may be called as `type`. */
export function hasType(func: GuestFunction, type: FuncType): boolean {
  return isSubtype(func.type, type);
}

function instanceOf(value: Reference): Instance | undefined {
  return value instanceof WasmFunction ? value.instance : undefined;
}
