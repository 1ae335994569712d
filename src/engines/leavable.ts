/** Guests that run natively until they have to wait, pause, or are saved in the middle of a call: the rest of that is interpreted. */

import { compile, compileAhead } from '../../instrument/compile.ts';
import { nativeHost } from '../../instrument/index.ts';
import { LeavableExecution, LeavableInstance, type Owner } from '../../instrument/leave/instance.ts';
import type { Call, LeftCall } from '../../instrument/leave/leaving.ts';
import { codeBytes, limitsFor } from '../../instrument/meter-module.ts';
import { InterpreterInstance, linker } from '../../interpreter/engine.ts';
import { Store, threads, WasmExecution } from '../../interpreter/machine/index.ts';
import {
  arriveAgain,
  arriveAtRest,
  arriveInCall,
  arriveNew,
  returning,
  type Surroundings,
} from '../../interpreter/snapshot/arrive.ts';
import { type Instance, instantiate, codeBytes as interpretedBytes } from '../../interpreter/store/index.ts';
import { moduleBytes } from '../../wasm/account.ts';
import type { Share } from '../../wasm/budget.ts';
import type {
  Engine,
  EngineExecution,
  EngineImage,
  EngineInstance,
  InstanceLimits,
  InstantiateOptions,
  Stop,
} from '../../wasm/engine.ts';
import { type ResourceFigures, UsageError, WasmSandboxError } from '../../wasm/errors.ts';
import type { GasBudget } from '../../wasm/gas-budget.ts';
import type { GuestMemory, WasmValue } from '../../wasm/host.ts';
import type { LeftGuest } from '../../wasm/left.ts';
import { typeOfFunction, type WasmModule } from '../../wasm/module.ts';
import { priceInstantiation } from '../../wasm/plan.ts';
import { quote } from '../../wasm/quote.ts';
import { complete } from '../../wasm/steps.ts';
import type { ExternKind, FuncType, ValType } from '../../wasm/types.ts';
import type { WireReader } from '../../wasm/wire.ts';
import { type Away, GoingOn } from './going-on.ts';
import { leavableCode, metering, refuse, type Warming, warmingOf } from './warming.ts';

const shown = (instance: Instance) => new InterpreterInstance({ instances: [instance], finders: [] });

class LeavableGuest implements EngineInstance, Owner, Away {
  private readonly module: WasmModule;
  private readonly options: InstantiateOptions;
  /** Where it begins interpreted: what makes the code that it is to go on in. */
  private warming: Warming | undefined;
  native: LeavableInstance | undefined;
  /** What goes on with it when it is left, once it has been; and the same inside. */
  private heir: InterpreterInstance | undefined;
  private inside: Instance | undefined;
  private isAway = false;
  /** Whether the tables are others than at first though no code changes them, as snapshots may have it. */
  private hasOtherTables = false;
  /** Whether somebody has said what it is inside. */
  private isInstalled = false;
  /** Whether it has been reset since it was left. */
  private isFresh = false;
  /** What it draws on since it was asked to, with what ends that natively; undefined where only the successor knows of it. */
  private readonly drawn = new Map<GasBudget, (() => void) | undefined>();
  private readonly goingOn: GoingOn;
  isBack = false;

  constructor(module: WasmModule, options: InstantiateOptions, warming?: Warming) {
    this.module = module;
    this.options = options;
    this.warming = warming;
    this.goingOn = new GoingOn(this);
    if (warming === undefined) this.native = new LeavableInstance(nativeHost(), leavableCode(module), options);
    else this.goOnWith(beginInterpreted(module, options));
  }

  get successor(): InterpreterInstance | undefined {
    return this.isBack || !this.isAway ? undefined : this.heir;
  }

  get instance(): Instance | undefined {
    return this.isAway ? this.inside : undefined;
  }

  get takesTables(): boolean {
    return this.module.changesTables || this.inside === undefined || this.isFresh;
  }

  get givesTables(): boolean {
    return this.module.changesTables || this.hasOtherTables;
  }

  private get current(): EngineInstance {
    return this.successor ?? (this.native as LeavableInstance);
  }

  private get surroundings(): Surroundings {
    const { imports, limits, slices } = this.options;
    return { link: linker(imports), limits, slices, budgets: [...this.drawn.keys()] };
  }

  succeed(left: LeftGuest, budgets: readonly GasBudget[] | undefined): EngineExecution {
    const { inside = arriveAtRest(this.module, left, this.surroundings) } = this;
    this.isFresh = false;
    if (inside === this.inside) arriveAgain(inside, left, this.drawn.keys());
    this.goOnWith(inside);
    return arriveInCall(inside, left, budgets);
  }

  /** Views that were handed out while it was away are of the same memory. */
  private lendAlike(): void {
    if (this.inside?.memories.some(({ isLent }) => isLent)) this.native?.lendMemory();
  }

  private goOnWith(instance: Instance): InterpreterInstance {
    this.lendAlike();
    this.isAway = true;
    if (this.inside !== instance) this.heir = shown(instance);
    this.inside = instance;
    return this.heir as InterpreterInstance;
  }

  comeBack(): void {
    const { isBack, instance, native } = this;
    if (isBack || instance === undefined || native === undefined) return;
    const state = returning(instance, native.madeMemories, this.givesTables);
    if (state === undefined || !native.comeBack(state)) return;
    this.hasOtherTables = false;
    this.disinherit();
  }

  warm(milliseconds: number): void {
    this.warming?.spend(milliseconds);
  }

  becomeNative(): LeavableInstance | undefined {
    const { warming, module, options, instance } = this;
    if (this.native !== undefined || warming?.isReady !== true || instance === undefined) return this.native;
    if (!hasRoom(module, options.limits)) {
      this.warming = undefined;
      return undefined;
    }
    try {
      const native = new LeavableInstance(nativeHost(), leavableCode(module), options, instance.budget);
      native.ready();
      this.native = native;
    } catch (error) {
      // Where the host has no room for its memories a second time, the guest goes on as it is.
      if (!(error instanceof WasmSandboxError)) throw error;
      this.warming = undefined;
    }
    return this.native;
  }

  get drawnLater(): readonly GasBudget[] {
    if (this.drawn.size === 0) return [];
    return [...this.drawn].flatMap(([budget, end]) => (end === undefined ? [budget] : []));
  }

  disinherit(): void {
    this.isAway = false;
    for (const budget of this.drawnLater) this.drawn.set(budget, this.native?.drawAlso(budget));
  }

  advance(execution: EngineExecution, call: LeftCall, gas: bigint | undefined): Stop {
    // Of a call that was made while the guest was away nothing is known.
    const isOwn = execution instanceof WasmExecution && this.instance !== undefined;
    return isOwn ? this.goingOn.advance(execution, call, gas) : execution.advance(gas);
  }

  get runsOn(): EngineInstance['runsOn'] {
    if (this.successor === undefined) return undefined;
    const { native, warming } = this;
    const begins = warming?.why ?? 'it has been interpreted since it began, and goes native where that pays';
    return { engine: 'interpreter', reason: native === undefined ? begins : 'it was left where it ran natively' };
  }

  start(): void {
    this.current.start();
  }

  beginStart(): EngineExecution | undefined {
    const { native, heir, module } = this;
    const successor = native === undefined ? heir?.beginStart() : undefined;
    const index = native === undefined ? successor && module.start : native.readyToStart();
    return index === undefined ? undefined : this.execution({ name: undefined, index, args: [] }, successor);
  }

  private execution(call: Omit<Call, 'type'>, successor?: EngineExecution): LeavableExecution {
    return new LeavableExecution(this, { ...call, type: typeOfFunction(this.module, call.index) }, successor);
  }

  call(name: string, args: readonly WasmValue[], budgets?: readonly GasBudget[]): WasmValue[] {
    return this.current.call(name, args, budgets);
  }

  async callAsync(
    name: string,
    args: readonly WasmValue[],
    budgets?: readonly GasBudget[],
  ): Promise<readonly WasmValue[]> {
    const begun = this.begin(name, args, budgets);
    while (begun.advance() !== 'done') await begun.settled;
    return begun.results;
  }

  begin(name: string, args: readonly WasmValue[], budgets?: readonly GasBudget[]): EngineExecution {
    const exported = this.module.exportsByName.get(name);
    if (exported?.kind !== 'function') throw new UsageError(`the module exports no function ${quote(name)}`);
    const { index } = exported;
    if (index < this.module.importedFunctions) return this.asInterpreted().begin(name, args, budgets);
    if (this.goingOn.isWorthIt) this.becomeNative();
    return this.execution(
      { name, index, args, budgets },
      this.native === undefined ? this.heir?.begin(name, args, budgets) : undefined,
    );
  }

  capture(left: EngineExecution | undefined, purpose: 'write' | 'copy'): EngineImage {
    if (left === undefined) return this.asInterpreted().capture(undefined, purpose);
    // A call that has not begun is one of the interpreter's then.
    const successor = this.successor ?? this.goOnWith(this.atRest());
    return successor.capture(left instanceof LeavableExecution ? left.next : left, purpose);
  }

  private asInterpreted(): InterpreterInstance {
    return this.successor ?? shown(this.atRest());
  }

  private atRest(): Instance {
    return arriveAtRest(this.module, (this.native as LeavableInstance).atRest(), this.surroundings);
  }

  install(image: EngineImage | WireReader, name?: string, budgets?: readonly GasBudget[]): EngineExecution | undefined {
    const { native, module } = this;
    if (native !== undefined) {
      const { budget, gasUsed } = native;
      this.goOnWith(arriveNew(module, { budget, gasUsed, exhausted: false }, this.surroundings));
    }
    const installed = this.heir?.install(image, name, budgets);
    this.hasOtherTables = this.isInstalled = true;
    const index = name === undefined ? undefined : module.exportsByName.get(name)?.index;
    if (installed === undefined || index === undefined) return installed;
    return this.execution({ name, index, args: [], budgets }, installed);
  }

  reset(): void {
    this.drawn.clear();
    if (this.native === undefined) {
      this.heir?.reset?.();
      return;
    }
    this.lendAlike();
    const { heir, inside, native } = this;
    const { budget } = native;
    this.heir = undefined;
    this.inside = undefined;
    native.reset?.();
    // Reset in place it goes on with what it took from, and what goes on with it has nothing else to forget.
    const isKept = inside !== undefined && native.budget === budget && !this.isInstalled && isIdle(inside);
    this.isAway = this.hasOtherTables = this.isInstalled = false;
    if (!isKept) return;
    inside.tank.draws.reset();
    this.heir = heir;
    this.inside = inside;
    this.isFresh = true;
  }

  functionType(name: string): FuncType | undefined {
    return this.current.functionType(name);
  }

  holds(type: ValType, value: WasmValue): boolean {
    return this.current.holds(type, value);
  }

  exportKind(name: string): ExternKind | undefined {
    return this.current.exportKind(name);
  }

  get memory(): GuestMemory | undefined {
    return this.current.memory;
  }

  lendMemory(): void {
    this.current.lendMemory?.();
  }

  figures(): ResourceFigures {
    return this.current.figures();
  }

  get gasUsed(): bigint {
    return this.current.gasUsed;
  }

  share(): Share {
    return this.current.share();
  }

  drawOn(budget: GasBudget): () => void {
    const end = this.current.drawOn(budget);
    this.drawn.set(budget, this.current === this.native ? end : undefined);
    return () => {
      this.drawn.get(budget)?.();
      this.drawn.delete(budget);
      this.inside?.tank.draws.remove([budget]);
    };
  }
}

/** Its instance as the interpreter begins with it. @throws LinkError, and what else instantiation throws */
function beginInterpreted(module: WasmModule, { limits, imports, slices, clock }: InstantiateOptions): Instance {
  const waits = () => new threads.now.WaitsAlone(clock);
  return instantiate(new Store(limits.stackBytes, { waits }), module, linker(imports), limits, slices);
}

/** Whether what was made of a module is within the limits. */
function hasRoom(module: WasmModule, { codeBytes: most = Number.POSITIVE_INFINITY }: InstanceLimits): boolean {
  return moduleBytes(module) + codeBytes(module) + interpretedBytes(module) <= most;
}

function isIdle({ store, suspended }: Instance): boolean {
  return store.active === undefined && suspended === undefined && store.left.size === 0;
}

/** Bytes of code up to which a guest is native from the beginning: RATIONALE.md says why. */
const AT_ONCE = 32_768;

/** What the statistics say of others. */
export const WARMS = 'begins interpreted, and goes native where that pays';

export function isSmall(modules: readonly WasmModule[]): boolean {
  return modules.every(({ bodies }) => bodies.bytes <= AT_ONCE);
}

/** What both have in common. */
function engine(warmingOf: (module: WasmModule) => Warming | undefined): Engine {
  return {
    name: 'native',
    codeBytes: (module) => codeBytes(module) + interpretedBytes(module),
    instantiate(module, options) {
      if (options.graph?.isLinked) metering(module, { isLinked: true });
      const limits = limitsFor(module, options.limits);
      return new LeavableGuest(module, { ...options, limits }, warmingOf(module));
    },
  };
}

/** The host's own engine, on code that can be left. @throws UsageError where it cannot be used */
export function leavableEngine(): Engine {
  return {
    ...engine(() => undefined),
    *prepare(module, preparation) {
      yield* priceInstantiation(module);
      yield* metering(module, preparation);
    },
    compile(module, preparation) {
      return compileAhead(nativeHost(), complete(metering(module, preparation)));
    },
    compileNow(module, preparation) {
      compile(nativeHost(), complete(metering(module, preparation)));
    },
  };
}

/** The same for guests that begin interpreted, and are taken there once it pays. */
export function warmingEngine(): Engine {
  return {
    ...engine(warmingOf),
    *prepare(module, { isLinked }) {
      refuse(module, isLinked);
      yield* priceInstantiation(module);
    },
  };
}
