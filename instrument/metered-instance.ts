/** An instance of a module that meters itself, on any engine with the shape of `WebAssembly`. */

import { type Budget, Growth } from '../wasm/budget.ts';
import type { InstanceLimits, Slices } from '../wasm/engine.ts';
import {
  CompileError,
  type ErrorDetails,
  GasExhausted,
  HostError,
  LinkError,
  MemoryLimitExceeded,
  type StackFrame,
  StackLimitExceeded,
  Trap,
  type TrapKind,
  tooNested,
  WasmSandboxError,
} from '../wasm/errors.ts';
import { STACK_WEIGHT, THREADS } from '../wasm/gas.ts';
import type { GasBudget } from '../wasm/gas-budget.ts';
import { hintFor, type Stack } from '../wasm/hint.ts';
import type { GuestMemory, HostCall, HostGas, WasmValue } from '../wasm/host.ts';
import { NO_GUEST, PendingResult, resultsOf, type ToReference, toWasm } from '../wasm/host-call.ts';
import { MAX_NESTED_CALLS, MAX_NESTED_VALUES, PAGE_BYTES } from '../wasm/limits.ts';
import { messageOf } from '../wasm/quote.ts';
import {
  F32,
  F64,
  FUNCREF,
  type FuncType,
  funcType,
  I32,
  I64,
  type Import,
  V128,
  type ValType,
} from '../wasm/types.ts';
import { compile } from './compile.ts';
import { allocate, growMemory, growTable } from './growth.ts';
import type { Counter, RawFunction, WasmHost } from './host.ts';
import { HostCaller, LentMemory } from './host-caller.ts';
import { type InitialState, initialStateOf, refill } from './initial-state.ts';
import {
  handlesExceptions,
  METER_EXPORTS,
  type MeterFunction,
  type MeterGlobal,
  MOST_ORIGINS,
  memoryExport,
  ORIGIN_BIT,
  TRAP_CODES,
} from './layout.ts';
import { Meter } from './meter.ts';
import type { MeteredModule } from './metered.ts';
import { detailsOf, type RawFrame, rawFrames, stackFrame } from './places.ts';
import { NOWHERE } from './trace.ts';
import { isStackOverflow, reportedTrap } from './traps.ts';
import type { NativeWait, Waits } from './waits.ts';

/** A function of the host's, before it is bound to a guest. */
export interface HostImport {
  readonly type: FuncType;
  readonly gas: HostGas;
  /** Whether it may keep views of the guest's memory beyond its call. */
  readonly keepsViews: boolean;
  readonly call: HostCall;
}

/** Has a name give one value after another: the host asks for each import, in their order (JavaScript API, read the imports). */
function provideInTurn(imports: object, name: string, values: unknown[]): unknown[] {
  let next = 0;
  Object.defineProperty(imports, name, { get: () => values[next++] });
  return values;
}

/** What an import is linked to: a function of the host's, or anything of the engine's, which is there when it is asked for. */
export type Linked = { readonly host: HostImport } | { readonly raw: unknown };

/** How references to functions look to the host. */
export interface References {
  toHost(raw: unknown): unknown;
  /** @throws TypeError where the value is no such reference */
  toGuest(value: unknown): unknown;
}

/** What looks after a guest that can be left. */
export interface Leavable {
  /** @param budget what a guest has taken from that is already there; a new one unless given */
  meter(budget?: Budget): Meter;
  caller(guest: MeteredInstance, gas: HostGas, keepsViews: boolean): HostCaller;
  /** Whether the call that ends now was left. */
  readonly hasLeft: boolean;
  /** The guest is at a checkpoint, and has gas at hand. */
  atCheckpoint(): void;
  /** A frame has saved what it holds. */
  left(body: number, point: number): void;
  /** A host function has promised its result. @param index of the import @throws HostError where nobody can wait */
  wait(index: number, result: PendingResult, caller: HostCaller): void;
}

export interface GuestOptions {
  readonly limits: InstanceLimits;
  readonly slices?: Slices | undefined;
  /** By the number among the imports, too. */
  readonly link: (imported: Import, number: number) => Linked;
  readonly references: References;
  /** What an error of a host function is to guests that can catch; undefined where it ends them, as all do unless given. */
  readonly exceptionOf?: ((error: unknown) => Raised | undefined) | undefined;
  readonly leavable?: Leavable | undefined;
  /** Of a guest that is already there, and has been counted: what it has taken from. */
  readonly taken?: Budget | undefined;
}

/** What a host function has thrown, as the engine is to be given it. */
export interface Raised {
  readonly error: unknown;
}

export interface StoreOptions {
  readonly waits: Waits;
  /** Makes of an exception that nobody has caught, as the engine has it, what the embedder gets. */
  readonly uncaught: (exception: unknown) => unknown;
  /** What all instances draw on; each on one of its own unless given. */
  readonly meter?: Meter | undefined;
}

/** What instances that call one another have in common: the engine, the stack, and what is going wrong just now. */
export class MeteredStore {
  readonly host: WasmHost;
  readonly depth: WebAssembly.Global & Counter;
  /** The guest whose code last made a call that may reach the host. */
  readonly caller: WebAssembly.Global & { value: MeteredInstance | null };
  /** See {@link METER_GLOBALS}. */
  readonly raised: WebAssembly.Global & { value: number };
  /** Whether a guest may catch exceptions. */
  private catches = false;
  /** What becomes of an exception that nobody has caught. */
  private readonly uncaught: (exception: unknown) => unknown;
  /** What becomes of guests that wait for notifications. */
  readonly waits: Waits;
  /** What all instances draw on; each has a meter of its own where there is none. */
  readonly shared: SharedMeter | undefined;
  private readonly full: bigint;
  /** Calls into guests that are on the JavaScript stack. */
  private entered = 0;
  /** Parameters and results of what is called there, and of the host functions between them. */
  private values = 0;
  private failure: { readonly error: unknown } | undefined;
  private barred: Meter[] = [];
  /** Those that are exhausted, while there are calls that do not know it yet. */
  private readonly spent: Set<Meter> = new Set();
  /** Functions of guests that may make calls in tail position. */
  readonly tailCalling: WeakSet<object> = new WeakSet();
  /** Of memories and tables, also of those that others made. */
  readonly growth: WeakMap<object, Growth> = new WeakMap();

  constructor(host: WasmHost, stackBytes: number, { waits, uncaught, meter }: StoreOptions) {
    this.host = host;
    this.waits = waits;
    this.uncaught = uncaught;
    this.shared = meter && new SharedMeter(host, meter);
    this.full = BigInt(stackBytes);
    this.depth = new host.Global({ value: 'i64', mutable: true }, this.full) as WebAssembly.Global & Counter;
    this.caller = new host.Global({ value: 'externref', mutable: true }, null);
    this.raised = new host.Global({ value: 'i32', mutable: true }, 0) as WebAssembly.Global & { value: number };
  }

  /** One of its guests may catch exceptions. */
  expectExceptions(): void {
    this.catches = true;
  }

  /** Whether what a host function is about to throw is an exception to the guests, of whom one may catch it. */
  raises(exception: Raised | undefined): exception is Raised {
    if (exception === undefined || !this.catches) return false;
    this.raised.value = 1;
    return true;
  }

  /** Nothing of its guests runs, and nothing has failed. */
  reset(): void {
    this.depth.value = this.full;
    this.caller.value = null;
    this.raised.value = 0;
    this.failure = undefined;
    this.barred = [];
    this.spent.clear();
  }

  /** Whether a guest's function is on the JavaScript stack. */
  get isEntered(): boolean {
    return this.entered > 0;
  }

  /** Ends the guest that runs: it traps as soon as it is back, and {@link enter} throws the error instead. */
  fail(error: unknown, meter: Meter): void {
    meter.bar();
    this.barred.push(meter);
    this.failure = { error };
  }

  /** Whether only one is. */
  get isAlone(): boolean {
    return this.entered === 1;
  }

  /** Runs a function of the host's, of so many parameters and results. */
  leave<T>(values: number, run: () => T): T {
    const outer = this.values;
    this.values += values;
    try {
      return run();
    } finally {
      this.values = outer;
    }
  }

  /** Runs what calls a guest's function, of so many parameters and results. @throws what ended the guest */
  enter<T>(guest: MeteredInstance, values: number, run: () => T): T {
    const outer = this.values;
    if (this.entered >= MAX_NESTED_CALLS || outer + values > MAX_NESTED_VALUES) throw tooNested(guest.meter.figures());
    const depth = this.entered === 0 ? this.full : this.depth.value;
    if (this.entered > 0) this.depth.value = depth - BigInt(STACK_WEIGHT.hostCall);
    this.entered++;
    this.values += values;
    try {
      return run();
    } catch (error) {
      const failure = this.explain(error, guest);
      if (failure instanceof WasmSandboxError) failure.resources ??= guest.meter.figures();
      throw failure;
    } finally {
      this.depth.value = depth;
      this.entered--;
      this.values = outer;
      if (this.entered === 0) {
        for (const meter of this.spent) meter.bar();
        this.spent.clear();
      }
    }
  }

  /** A host function that called the guest may go on as if nothing had happened, and the guest that called it too. */
  private release(meter: Meter): void {
    meter.release();
    if (meter.exhausted) this.spent.add(meter);
  }

  private explain(error: unknown, guest: MeteredInstance): unknown {
    const { failure, barred } = this;
    const isRaised = this.raised.value === 1;
    this.failure = undefined;
    this.barred = [];
    this.raised.value = 0;
    for (const meter of [...barred, guest.meter]) this.release(meter);
    if (failure !== undefined) return failure.error;
    if (isRaised) return this.uncaught(error);
    if (isStackOverflow(error) || error instanceof StackLimitExceeded) {
      return new StackLimitExceeded(
        `Stack limit exceeded: the engine's own stack was full before the limit of ${this.full} bytes was reached; lower stackLimit, or choose the engine 'interpreter'`,
        { cause: error },
      );
    }
    const kind = guest.trapKind(error);
    return kind === undefined ? error : guest.trapped(kind, error);
  }
}

/** What the instances of a store have in common that draw on one account. */
class SharedMeter {
  readonly meter: Meter;
  private readonly gas: WebAssembly.Global & Counter;
  private readonly element: WebAssembly.Global & Counter;
  private readonly guests: MeteredInstance[] = [];

  constructor(host: WasmHost, meter: Meter) {
    const counter = () => new host.Global({ value: 'i64', mutable: true }, 0n) as WebAssembly.Global & Counter;
    this.meter = meter;
    this.gas = counter();
    this.element = counter();
    this.element.value = -1n;
    meter.attach(this.gas);
  }

  globalsOf(guest: MeteredInstance) {
    const { gas, element, guests } = this;
    // The few that come beyond are taken for the last one.
    const number = guests.length < MOST_ORIGINS ? guests.push(guest) - 1 : MOST_ORIGINS - 1;
    return { gas, element, origin: BigInt(number) << ORIGIN_BIT };
  }

  /** Who wrote down what the last element was. */
  originOf(element: bigint): MeteredInstance | undefined {
    return this.guests[Number(element >> ORIGIN_BIT)];
  }
}

export class MeteredInstance {
  readonly store: MeteredStore;
  readonly metered: MeteredModule;
  meter: Meter;
  private isLent = false;
  private readonly options: GuestOptions;
  private readonly toReference: ToReference;
  /** Whether the code of another instance can call the host functions that this one is given. */
  private readonly lendsFunctions: boolean;
  private readonly compiled: WebAssembly.Module;
  private readonly linked: readonly Linked[];
  /** Functions among the imports, in their order. */
  readonly importedFunctions: readonly Linked[];
  /** Places of imported functions in the table that has those that are referred to, and what the engine shows of them. */
  private importPlaces: ReadonlyMap<number, number> | undefined;
  private shownImports: ReadonlyMap<RawFunction, number> | undefined;
  private exports: Readonly<Record<string, unknown>> = {};
  /** The memories, once they are there. */
  rawMemories: readonly WebAssembly.Memory[] = [];
  private element: Counter = { value: -1n };

  /** Links and prices. @throws CompileError, LinkError, MemoryLimitExceeded, GasExhausted */
  constructor(store: MeteredStore, metered: MeteredModule, options: GuestOptions) {
    this.store = store;
    this.metered = metered;
    this.options = options;
    const { references } = options;
    this.toReference = (type, value) => (type === FUNCREF ? references.toGuest(value) : value);
    this.lendsFunctions = metered.meterGlobals.includes('caller');
    this.meter = store.shared?.meter ?? this.newMeter();
    // Which of several instances it would be nobody can tell.
    if (store.shared === undefined) this.meter.where = () => this.where(new Error('where'));
    this.compiled = compile(store.host, metered);
    if (handlesExceptions(metered.module)) store.expectExceptions();
    this.linked = metered.imports.map((imported, i) => options.link(imported, i));
    this.importedFunctions = this.linked.filter((_, i) => metered.imports[i]?.kind === 'function');
    this.checkTailCalls();
    if (options.taken === undefined) this.begin();
  }

  /**
   * Between instances a call in tail position takes room on the host's stack. Where the other one makes none, that ends.
   * @throws CompileError
   */
  private checkTailCalls(): void {
    for (const index of this.metered.tailCalled) {
      const linked = this.importedFunctions[index] as Linked;
      if (!('raw' in linked) || !this.store.tailCalling.has(linked.raw as object)) continue;
      throw new CompileError(
        "the module calls a function of another instance's in tail position that may do so, too, for which natively there is no room: choose the engine 'interpreter'",
        { feature: 'tail-call' },
      );
    }
  }

  private newMeter(taken = this.options.taken): Meter {
    const { leavable, limits, slices } = this.options;
    return leavable?.meter(taken) ?? new Meter(limits, slices);
  }

  /** Charges for what the module defines. @throws MemoryLimitExceeded, GasExhausted */
  private begin(): void {
    const { metered, options } = this;
    const { cost } = metered;
    try {
      this.meter.charge(cost, `Gas limit exceeded: instantiating costs ${cost}, the limit is ${options.limits.gas}`);
    } catch (error) {
      (error as GasExhausted).resources = this.meter.figures();
      throw error;
    }
    allocate(metered.module, this.meter);
  }

  /**
   * Makes the instance. Copies the active segments too where nobody could call its functions if that failed.
   * @throws LinkError, Trap, MemoryLimitExceeded
   */
  instantiate(): void {
    const { host } = this.store;
    let instance: WebAssembly.Instance;
    try {
      instance = new host.Instance(this.compiled, this.importObject());
    } catch (error) {
      if (error instanceof host.LinkError && !(error instanceof LinkError)) {
        throw new LinkError(messageOf(error), { cause: error });
      }
      if (error instanceof RangeError && !isStackOverflow(error)) {
        throw new MemoryLimitExceeded(`Memory limit exceeded: the host could not allocate: ${messageOf(error)}`, {
          cause: error,
          resources: this.meter.figures(),
        });
      }
      throw this.misfit(error);
    }
    this.exports = instance.exports;
    this.rawMemories = this.metered.module.memories.map((_, i) => this.memoryAt(i));
    if (this.metered.module.features.includes('tail-call')) {
      for (const { name, kind } of this.metered.exports) {
        if (kind === 'function') this.store.tailCalling.add(this.exports[name] as object);
      }
    }
    this.element = this.meterExport(METER_EXPORTS.element) as Counter;
    if (this.store.shared === undefined) this.meter.attach(this.meterExport(METER_EXPORTS.gas) as Counter);
    this.registerGrowth();
  }

  /** Copies the active segments that {@link instantiate} has not copied. @throws Trap */
  copySegments(): void {
    const copy = this.meterExport(METER_EXPORTS.segments) as RawFunction | undefined;
    try {
      copy?.();
    } catch (error) {
      throw this.misfit(error);
    }
  }

  /** The error for a segment that does not fit. */
  private misfit(error: unknown): unknown {
    const kind = this.trapKind(error);
    if (kind === undefined) return error;
    const trap = this.trapped(kind === 'undefined-element' ? 'table-out-of-bounds' : kind);
    trap.resources ??= this.meter.figures();
    return trap;
  }

  /** Somebody may keep views of the memory: it is no other guest's from now on. */
  lendMemory(): void {
    this.isLent = true;
  }

  /** What it holds before its start function runs; undefined where that cannot be put back. */
  initialState(): InitialState | undefined {
    return initialStateOf(this.metered.module, this.rawMemory, (number) => this.ownGlobal(number));
  }

  /**
   * Makes it what it was then, in place. Nothing of it may be running.
   * @returns false where another instance has to take its place
   * @throws MemoryLimitExceeded, GasExhausted
   */
  restore(state: InitialState): boolean {
    const { store, metered, rawMemory } = this;
    const size = (metered.module.memories[0]?.limits.min ?? 0) * PAGE_BYTES;
    if (this.isLent || store.isEntered || (rawMemory?.buffer.byteLength ?? 0) !== size) return false;
    if (rawMemory !== undefined) refill(rawMemory, state);
    for (const [number, value] of state.globals) (this.ownGlobal(number) as WebAssembly.Global).value = value;
    this.element.value = -1n;
    store.reset();
    // What is kept for the guest outside of it is over.
    const { budget } = this.meter;
    budget.reset();
    this.meter = this.newMeter(budget);
    this.begin();
    this.meter.attach(this.meterExport(METER_EXPORTS.gas) as Counter);
    this.registerGrowth();
    return true;
  }

  private ownGlobal(number: number): WebAssembly.Global | undefined {
    return this.meterExport(METER_EXPORTS.global + number) as WebAssembly.Global | undefined;
  }

  /** Runs the start function. @throws RuntimeError, and whatever a host function threw */
  start(): void {
    const { start } = this.metered;
    if (start === undefined) return;
    this.invoke(this.meterExport(METER_EXPORTS.start) as RawFunction, start, funcType([], []), []);
  }

  /** The first. */
  get rawMemory(): WebAssembly.Memory | undefined {
    return this.rawMemories[0];
  }

  /** What the meter has of it, by a name of its own. */
  meterExport(name: string): unknown {
    return this.exports[this.metered.exportPrefix + name];
  }

  /** An export as the engine has it. */
  rawExport(name: string): unknown {
    return this.exports[name];
  }

  /** The number of an imported function that is referred to, by what the engine shows of it. */
  importOf(raw: RawFunction): number | undefined {
    const { seenImports } = this.metered;
    const table = this.meterExport(METER_EXPORTS.imported) as WebAssembly.Table;
    // The standard has engines name functions by their numbers; JavaScriptCore leaves imported ones without a name.
    if (raw.name === '') {
      this.shownImports ??= new Map(seenImports.map((number, place) => [table.get(place) as RawFunction, number]));
      return this.shownImports.get(raw);
    }
    this.importPlaces ??= new Map(seenImports.map((number, place) => [number, place]));
    const number = Number(raw.name);
    const place = this.importPlaces.get(number);
    return place !== undefined && table.get(place) === raw ? number : undefined;
  }

  private registerGrowth(): void {
    const { growth } = this.store;
    const { module } = this.metered;
    const { budget } = this.meter;
    module.memories.forEach(({ limits }, i) => {
      if (i >= module.importedMemories) growth.set(this.memoryAt(i), Growth.ofMemory(budget, limits.max));
    });
    for (const { name, kind, index } of module.exports) {
      if (kind !== 'table' || index < module.importedTables) continue;
      growth.set(this.exports[name] as object, Growth.ofTable(budget, module.tables[index]?.limits.max));
    }
  }

  /** How far a memory may grow. */
  growthOf(memory: WebAssembly.Memory): Growth {
    return this.store.growth.get(memory) as Growth;
  }

  private memoryAt(number: number): WebAssembly.Memory {
    return this.meterExport(memoryExport(number)) as WebAssembly.Memory;
  }

  get memory(): GuestMemory | undefined {
    const memory = this.rawMemory;
    return memory && new LentMemory(memory);
  }

  /**
   * Calls a function of the guest's.
   * @param index in the module, imports included
   * @throws RuntimeError, and whatever a host function threw
   */
  invoke(
    raw: RawFunction,
    index: number,
    type: FuncType,
    args: readonly WasmValue[],
    budgets: readonly GasBudget[] = [],
  ): WasmValue[] {
    if (hasVectors(type)) refuseVectors();
    const imported = this.importedFunctions[index];
    if (imported !== undefined && 'host' in imported) {
      const { host } = imported;
      const value = host.call(NO_GUEST, args);
      if (PendingResult.is(value))
        throw new HostError(
          'a host function that is called from outside cannot be waited for here: use the interpreter',
        );
      return resultsOf(host.type.results, value);
    }
    const { references } = this.options;
    const values = type.params.map((param, i) => toWasm(param, args[i], this.toReference));
    this.meter.checkEnterable();
    const drawn = this.meter.beginCall(budgets, this.store.isEntered);
    let value: unknown;
    try {
      value = this.store.enter(this, type.values, () => {
        const returned = raw(...values);
        if (!this.options.leavable?.hasLeft) this.meter.settle();
        return returned;
      });
    } finally {
      this.meter.endCall(drawn);
    }
    return resultsOf(type.results, value).map((result, i) =>
      type.results[i] === FUNCREF ? references.toHost(result) : result,
    );
  }

  /**
   * Runs code that goes on with a frame of the guest's, which is no checkpoint.
   * @param weight of the stack, with that frame
   * @param values parameters and results of the function that was called from outside
   * @throws RuntimeError, and whatever a host function threw
   */
  goOn(run: RawFunction, weight: number, values: number, budgets: readonly GasBudget[] = []): void {
    const { meter, store } = this;
    const drawn = meter.beginCall(budgets, false);
    try {
      store.enter(this, values, () => {
        store.depth.value -= BigInt(weight);
        run();
      });
    } finally {
      meter.endCall(drawn);
    }
  }

  // What the guest calls.

  private importObject(): WebAssembly.Imports {
    const imports: Record<string, Record<string, WebAssembly.ImportValue>> = Object.create(null);
    /** Of names that are imported again: the values, in the order of the imports. */
    const repeated = new Map<object, Map<string, unknown[]>>();
    const add = (module: string, name: string, value: unknown) => {
      const found = (imports[module] ??= Object.create(null) as Record<string, WebAssembly.ImportValue>);
      if (!(name in found)) {
        found[name] = value as WebAssembly.ImportValue;
        return;
      }
      let lists = repeated.get(found);
      if (lists === undefined) repeated.set(found, (lists = new Map()));
      const list = lists.get(name);
      if (list !== undefined) list.push(value);
      else lists.set(name, provideInTurn(found, name, [found[name], value]));
    };
    let index = 0;
    this.metered.imports.forEach(({ module, name, kind }, i) => {
      const linked = this.linked[i] as Linked;
      add(module, name, 'raw' in linked ? linked.raw : this.hostFunction(linked.host, index));
      if (kind === 'function') index++;
    });
    const { importName } = this.metered;
    const meter = this.meterImports();
    for (const [name, value] of Object.entries(meter)) add(importName, name, value);
    return imports;
  }

  /** What the meter gives: to the instance, and to code that goes on for it. */
  meterImports(): Readonly<Record<MeterFunction | MeterGlobal, unknown>> {
    const functions: Record<MeterFunction, (...args: never[]) => unknown> = {
      refill: () => this.guarded(() => this.refill(), undefined),
      need: (cost: bigint) => this.guarded(() => this.meter.need(cost), undefined),
      overflow: () => this.guarded(() => this.overflow(), undefined),
      growMemory: (delta: number) => this.guarded(() => this.growMemory(0, delta >>> 0), -1),
      growOther: (memory: number, delta: number) => this.guarded(() => this.growMemory(memory, delta >>> 0), -1),
      growTable: (table: number, delta: number, size: number) =>
        Number(this.guarded(() => this.growTable(table, delta >>> 0, size >>> 0), false)),
      trap: (code: number) => this.guarded(() => this.trap(code), undefined),
      wait: (memory: number, address: number, expected: bigint, timeout: bigint, bytes: number) =>
        this.guarded(() => this.wait({ memory: this.memoryAt(memory), address, expected, timeout, bytes }), 0),
      left: (body: number, point: number) => this.options.leavable?.left(body, point),
    };
    const { depth, caller, raised, shared } = this.store;
    const given = shared?.globalsOf(this) ?? { gas: undefined, element: undefined, origin: undefined };
    return { ...functions, depth, caller, raised, self: this, ...given };
  }

  /** Never throws into the guest, which might catch it: the guest traps instead. */
  private guarded<T>(run: () => T, otherwise: T): T {
    try {
      return run();
    } catch (error) {
      this.store.fail(error, this.meter);
      return otherwise;
    }
  }

  private refill(): void {
    if (this.meter.isBarred) this.meter.checkEnterable();
    this.meter.refill();
    this.options.leavable?.atCheckpoint();
  }

  private overflow(): never {
    throw new StackLimitExceeded(
      `Stack limit exceeded: the next call would weigh more than ${this.options.limits.stackBytes} bytes; raise stackLimit`,
      // The function that has no room has not been entered yet.
      this.where(new Error('where'), 1),
    );
  }

  private trap(code: number): never {
    throw this.trapped(TRAP_CODES[code] ?? 'unreachable', new Error('where'));
  }

  private growMemory(number: number, delta: number): number {
    const memory = this.memoryAt(number);
    return growMemory(memory, this.store.growth.get(memory) as Growth, delta, this.meter);
  }

  private wait(wait: NativeWait): number {
    this.meter.charge(BigInt(THREADS.wait.base));
    return this.store.waits(wait, () => this.meter.lookAtOnce());
  }

  private growTable(table: number, delta: number, size: number): boolean {
    const known = this.store.growth.get(this.meterExport(METER_EXPORTS.table + table) as object);
    // One that nobody else can have is not registered.
    const growth = known ?? Growth.ofTable(this.meter.budget, this.metered.module.tables[table]?.limits.max);
    return growTable(growth, size, delta, this.meter);
  }

  /** A function of the host's, as the engine is given it: what is alike for all is kept once, as an import may be four bytes. */
  private hostFunction(host: HostImport, index: number): RawFunction {
    // Engines refuse to call it themselves.
    if (hasVectors(host.type)) return refuseVectors;
    const blank = blankOf(host.type);
    return (...args) => this.callHost(host, index, blank, args);
  }

  private callHost(host: HostImport, index: number, blank: unknown, args: readonly unknown[]): unknown {
    const { store, toReference } = this;
    const { references, exceptionOf, leavable } = this.options;
    const { type, gas, keepsViews } = host;
    // Whose code calls it pays, wherever that had it from.
    const guest = this.lendsFunctions ? (store.caller.value as MeteredInstance) : this;
    const { meter } = guest;
    let raised: Raised | undefined;
    const value = guest.guarded(() => {
      meter.beginHostCall(gas.base);
      try {
        const values = args.map((arg, i) => (type.params[i] === FUNCREF ? references.toHost(arg) : arg));
        const caller = leavable?.caller(guest, gas, keepsViews) ?? new HostCaller(guest, gas, keepsViews);
        const value = store.leave(type.values, () => this.served(host, index, meter, caller, values));
        if (PendingResult.is(value)) return blank;
        const results = resultsOf(type.results, value).map((result, i) =>
          toWasm(type.results[i] as ValType, result, toReference),
        );
        return results.length > 1 ? results : results[0];
      } catch (error) {
        const exception = exceptionOf?.(error);
        if (!store.raises(exception)) throw error;
        meter.resume();
        raised = exception;
        return undefined;
      }
    }, blank);
    if (raised !== undefined) throw raised.error;
    return value;
  }

  private served(
    host: HostImport,
    index: number,
    meter: Meter,
    caller: HostCaller,
    values: readonly WasmValue[],
  ): WasmValue {
    const { leavable } = this.options;
    let value: WasmValue;
    try {
      value = host.call(caller, values);
    } catch (error) {
      caller.giveUp();
      throw meter.isOver && !(error instanceof GasExhausted) ? meter.outOfGas() : error;
    }
    if (leavable !== undefined && PendingResult.is(value)) {
      leavable.wait(index, value, caller);
      return value;
    }
    caller.end();
    // A host function that has caught this changes nothing.
    if (meter.isOver) throw meter.outOfGas();
    meter.resume();
    return value;
  }

  // Failures.

  /** What an engine's error says; undefined where it is no trap. */
  trapKind(error: unknown): TrapKind | undefined {
    if (error instanceof Trap) return error.kind;
    if (error instanceof WasmSandboxError) return undefined;
    if (!(error instanceof this.store.host.RuntimeError)) return undefined;
    const reported = reportedTrap((error as Error).message);
    // The last indirect call says which of several things it was.
    const element = this.lastElement();
    switch (reported) {
      case undefined:
        return 'unreachable';
      case 'callee':
        return element?.value === null ? 'uninitialized-element' : 'indirect-call-type-mismatch';
      case 'table index':
        // An element that was in bounds once still is: then it was another instruction.
        return element !== undefined && !element.exists ? 'undefined-element' : 'table-out-of-bounds';
      case 'index':
        return element !== undefined && !element.exists ? 'undefined-element' : 'memory-out-of-bounds';
      default:
        return reported;
    }
  }

  private lastElement(): { exists: boolean; value: unknown } | undefined {
    const { value } = this.element;
    if (value < 0n) return undefined;
    this.element.value = -1n;
    const guest = this.store.shared?.originOf(value) ?? this;
    const number = (value & ((1n << ORIGIN_BIT) - 1n)) >> 32n;
    const table = guest.meterExport(METER_EXPORTS.table + number) as WebAssembly.Table | undefined;
    const index = Number(value & 0xffff_ffffn);
    if (table === undefined) return undefined;
    return index < table.length ? { exists: true, value: table.get(index) } : { exists: false, value: undefined };
  }

  /** Where the guest was, by an error that was made then. @param without so many of the innermost frames */
  private where(error: unknown, without = 0): ErrorDetails {
    const { finder, module } = this.metered;
    if (finder === undefined || this.store.shared !== undefined) return {};
    const raw = rawFrames(error);
    // Some engines do not say which module a function is of.
    if (this.parts.size > 0 && raw.some(({ module }) => module === undefined)) return {};
    // Below, there may be others that called it by way of the host.
    const own = raw.find((frame) => !this.parts.has(frame.module ?? ''))?.module;
    const frames = raw.flatMap((frame): StackFrame[] => {
      const find = this.parts.get(frame.module ?? '');
      if (find === undefined && frame.module !== own) return [];
      const found = find === undefined ? finder.find(frame) : find(frame);
      return found === undefined ? [] : [stackFrame(module, found.body, found.offset)];
    });
    return frames.some(({ offset }) => offset === NOWHERE) ? {} : detailsOf(frames.slice(without));
  }

  private get stack(): Stack {
    return {
      pointer: () => (this.meterExport(`${METER_EXPORTS.global}0`) as WebAssembly.Global | undefined)?.value,
      memoryBytes: this.rawMemory?.buffer.byteLength ?? 0,
    };
  }

  /** Code that goes on for functions of this one, by the names of its modules. */
  readonly parts = new Map<
    string,
    (frame: RawFrame) => { readonly body: number; readonly offset: number } | undefined
  >();

  /** The error for a trap. @param at an error that was made where it was */
  trapped(kind: TrapKind, at?: unknown): Trap | MemoryLimitExceeded {
    const { budget } = this.meter;
    const where = at === undefined ? {} : this.where(at);
    if (!budget.refused) return new Trap(kind, { ...where, hint: hintFor(kind, this.metered.module, this.stack) });
    const trap = new Trap(kind, where);
    return new MemoryLimitExceeded(
      `Memory limit exceeded: a growth beyond ${budget.limit} bytes was refused, and then the guest trapped: ${kind}; raise memoryLimit`,
      { ...where, cause: trap },
    );
  }
}

/** What a function returns that has failed: nobody looks at it. */
const BLANK: Readonly<Record<ValType, unknown>> = {
  [I32]: 0,
  [I64]: 0n,
  [F32]: 0,
  [F64]: 0,
  [V128]: 0,
  [FUNCREF]: null,
  0x6f: null,
};

/** By type, as many imports may be of one. */
const blanks = new WeakMap<FuncType, unknown>();

function blankOf(type: FuncType): unknown {
  if (!blanks.has(type)) {
    const each = type.results.map((result) => BLANK[result]);
    blanks.set(type, each.length > 1 ? each : each[0]);
  }
  return blanks.get(type);
}

function hasVectors({ params, results }: FuncType): boolean {
  return params.includes(V128) || results.includes(V128);
}

function refuseVectors(): never {
  throw new TypeError('vectors do not pass between guest and host');
}
