/** Guests that run natively until they have to wait, pause, or are saved in the middle of a call: the rest of that is interpreted. */

import { compile, compileAhead } from '../../instrument/compile.ts';
import { nativeHost } from '../../instrument/index.ts';
import {
  LeavableExecution,
  LeavableInstance,
  type LeftCall,
  type Owner,
  type Successor,
} from '../../instrument/leave/instance.ts';
import { LeaveWriter } from '../../instrument/leave/writer.ts';
import { codeBytes, limitsFor, meterModuleSteps } from '../../instrument/meter-module.ts';
import type { MeteredModule } from '../../instrument/metered.ts';
import { InterpreterInstance, linker } from '../../interpreter/engine.ts';
import { WasmExecution } from '../../interpreter/machine/index.ts';
import { arrive, arriveAtRest, arriveNew, returning, type Surroundings } from '../../interpreter/snapshot/arrive.ts';
import { type Instance, codeBytes as interpretedBytes } from '../../interpreter/store/index.ts';
import type { Share } from '../../wasm/budget.ts';
import type {
  Engine,
  EngineExecution,
  EngineImage,
  EngineInstance,
  EngineName,
  InstantiateOptions,
  Preparation,
  Stop,
} from '../../wasm/engine.ts';
import { CompileError, type ResourceFigures } from '../../wasm/errors.ts';
import type { GasBudget } from '../../wasm/gas-budget.ts';
import type { GuestMemory, WasmValue } from '../../wasm/host.ts';
import type { LeftGuest } from '../../wasm/left.ts';
import type { WasmModule } from '../../wasm/module.ts';
import { priceInstantiation } from '../../wasm/plan.ts';
import { complete, type Steps } from '../../wasm/steps.ts';
import type { ExternKind, FuncType, ValType } from '../../wasm/types.ts';
import type { WireReader } from '../../wasm/wire.ts';
import { type Away, GoingOn } from './going-on.ts';

const CANNOT = "cannot be left where it runs natively: choose the engine 'interpreter', or do without leavable";

function metering(module: WasmModule, { isLinked }: Preparation): Steps<MeteredModule> {
  if (isLinked) throw new CompileError(`modules that are linked with others ${CANNOT}`);
  if (module.features.length > 0) throw new CompileError(`code with ${module.features.join(', ')} ${CANNOT}`);
  return meterModuleSteps(module, { canonicalNaN: true, refills: true, leaves: (layout) => new LeaveWriter(layout) });
}

const shown = (instance: Instance) => new InterpreterInstance({ instances: [instance], finders: [] });

class LeavableGuest implements EngineInstance, Owner, Away {
  private readonly module: WasmModule;
  private readonly options: InstantiateOptions;
  readonly native: LeavableInstance;
  /** What goes on with it, since it was left. */
  private heir: InterpreterInstance | undefined;
  /** The same inside. */
  instance: Instance | undefined;
  /** What it draws on since it was asked to, with what ends that natively; undefined where only the successor knows of it. */
  private readonly drawn = new Map<GasBudget, (() => void) | undefined>();
  private readonly goingOn: GoingOn;
  isBack = false;

  constructor(module: WasmModule, options: InstantiateOptions) {
    this.module = module;
    this.options = options;
    this.native = new LeavableInstance(nativeHost(), complete(metering(module, {})), options, this);
    this.goingOn = new GoingOn(this);
  }

  get successor(): InterpreterInstance | undefined {
    return this.isBack ? undefined : this.heir;
  }

  private get current(): EngineInstance {
    return this.successor ?? this.native;
  }

  private get surroundings(): Surroundings {
    const { imports, limits, slices } = this.options;
    return { link: linker(imports), limits, slices, budgets: [...this.drawn.keys()] };
  }

  succeed(left: LeftGuest, budgets: readonly GasBudget[] | undefined): Successor {
    const { instance, execution } = arrive(this.module, left, this.surroundings, budgets);
    return { instance: this.goOnWith(instance), execution };
  }

  private goOnWith(instance: Instance): InterpreterInstance {
    this.instance = instance;
    this.heir = shown(instance);
    return this.heir;
  }

  comeBack(): void {
    if (this.isBack) return;
    const state = this.instance && returning(this.instance, this.native.madeMemory);
    if (state === undefined || !this.native.comeBack(state)) return;
    this.disinherit();
  }

  get drawnLater(): readonly GasBudget[] {
    return [...this.drawn].flatMap(([budget, end]) => (end === undefined ? [budget] : []));
  }

  disinherit(): void {
    this.instance = undefined;
    this.heir = undefined;
    for (const budget of this.drawnLater) this.drawn.set(budget, this.native.drawAlso(budget));
  }

  advance(execution: EngineExecution, call: LeftCall, gas: bigint | undefined): Stop {
    // Of a call that was made while the guest was away nothing is known.
    const isOwn = execution instanceof WasmExecution && this.instance !== undefined;
    return isOwn ? this.goingOn.advance(execution, call, gas) : execution.advance(gas);
  }

  get runsOn(): EngineName | undefined {
    return this.successor && 'interpreter';
  }

  start(): void {
    this.native.start();
  }

  beginStart(): EngineExecution | undefined {
    return this.native.beginStart();
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
    if (!this.native.isImported(name)) return this.native.begin(name, args, budgets);
    return (this.successor ?? shown(this.atRest())).begin(name, args, budgets);
  }

  capture(left: EngineExecution | undefined, purpose: 'write' | 'copy'): EngineImage {
    if (left === undefined) return (this.successor ?? shown(this.atRest())).capture(undefined, purpose);
    // A call that has not begun is one of the interpreter's then.
    const successor = this.successor ?? this.goOnWith(this.atRest());
    return successor.capture(left instanceof LeavableExecution ? left.next : left, purpose);
  }

  private atRest(): Instance {
    return arriveAtRest(this.module, this.native.atRest(), this.surroundings);
  }

  install(image: EngineImage | WireReader, name?: string, budgets?: readonly GasBudget[]): EngineExecution | undefined {
    const { budget, gasUsed } = this.native;
    const instance = arriveNew(this.module, { budget, gasUsed, exhausted: false }, this.surroundings);
    return this.goOnWith(instance).install(image, name, budgets);
  }

  reset(): void {
    this.native.reset?.();
    this.instance = undefined;
    this.heir = undefined;
    this.drawn.clear();
  }

  functionType(name: string): FuncType | undefined {
    return this.native.functionType(name);
  }

  holds(type: ValType, value: WasmValue): boolean {
    return this.current.holds(type, value);
  }

  exportKind(name: string): ExternKind | undefined {
    return this.native.exportKind(name);
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
      this.instance?.tank.draws.remove([budget]);
    };
  }
}

/** The host's own engine, on code that can be left. @throws UsageError where it cannot be used */
export function leavableEngine(): Engine {
  return {
    name: 'native',
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
    codeBytes: (module) => codeBytes(module) + interpretedBytes(module),
    instantiate(module, options) {
      if (options.graph?.isLinked) metering(module, { isLinked: true });
      return new LeavableGuest(module, { ...options, limits: limitsFor(module, options.limits) });
    },
  };
}
