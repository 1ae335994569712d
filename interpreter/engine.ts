/** The interpreter as an engine of the sandbox. */

import { Share } from '../wasm/budget.ts';
import type {
  Engine,
  EngineExecution,
  EngineImage,
  EngineInstance,
  ImportResolver,
  InstantiateOptions,
} from '../wasm/engine.ts';
import { HostError, UsageError } from '../wasm/errors.ts';
import type { GasBudget } from '../wasm/gas-budget.ts';
import type { GuestMemory, WasmValue } from '../wasm/host.ts';
import { guarded, type Holds, referring, type ToReference } from '../wasm/host-call.ts';
import { functionTypeAt, type WasmModule } from '../wasm/module.ts';
import { COMMAND_START } from '../wasm/module-graph.ts';
import { priceInstantiation } from '../wasm/plan.ts';
import { quote } from '../wasm/quote.ts';
import { hasThreads } from '../wasm/spawn.ts';
import {
  type DefinedType,
  type ExternKind,
  type FuncType,
  type Import,
  isReference,
  type ValType,
} from '../wasm/types.ts';
import { damaged, type WireReader } from '../wasm/wire.ts';
import {
  call,
  callAsync,
  execution,
  type GreenThreads,
  type Linked,
  linking,
  Store,
  starting,
  threads as threading,
} from './machine/index.ts';
import { capture, snapshots } from './snapshot/index.ts';
import {
  accountOf,
  codeBytes,
  type ExternValue,
  ForeignFunction,
  type GuestFunction,
  Instance,
  instantiate,
  isFunction,
  isOfType,
  reset,
} from './store/index.ts';

function holding(types: readonly DefinedType[]): Holds {
  return (type, value) => isReference(type) && isOfType(value, type, types);
}

export function linker(resolve: ImportResolver): (imported: Import, module: WasmModule) => ExternValue | undefined {
  /** Of the module at hand. */
  let types: readonly DefinedType[] | undefined;
  let toReference: ToReference;
  return (imported, module) => {
    if (imported.kind !== 'function') return undefined;
    const host = resolve(imported.module, imported.name, functionTypeAt(module, imported.typeIndex));
    if (host === undefined) return undefined;
    if (types !== module.types) {
      types = module.types;
      toReference = referring(holding(types));
    }
    const call = guarded(host, `${imported.module}.${imported.name}`, toReference);
    return new ForeignFunction(host.type, types, host.gas, call, true, host.keepsViews);
  };
}

export class InterpreterInstance implements EngineInstance {
  private readonly instance: Instance;
  /** It, and those that it is linked with. */
  private readonly linked: Linked;

  /** Of a guest that has some. */
  private readonly threads: GreenThreads | undefined;
  readonly reset?: () => void;

  constructor(linked: Linked, threads?: GreenThreads) {
    this.linked = linked;
    this.threads = threads;
    this.instance = linked.instances.at(-1) as Instance;
    // Of a guest with threads another instance is made: it is of several.
    if (threads === undefined) this.reset = () => this.startOver();
  }

  start(): void {
    const { threads } = this;
    for (const func of starting(this.linked.instances)) {
      if (threads === undefined) call(func, []);
      else runNow(threads.call(func, [], undefined, false));
    }
  }

  beginStart(): EngineExecution | undefined {
    const { instances } = this.linked;
    const functions = starting(instances);
    const first = functions.next();
    if (first.done === true) return undefined;
    if (this.threads !== undefined) return this.threads.call(first.value, [], undefined, false);
    return instances.length === 1
      ? execution(first.value, [])
      : new linking.now.Sequence(first.value, functions, () => this.gasUsed);
  }

  call(name: string, args: readonly WasmValue[], budgets?: readonly GasBudget[]): WasmValue[] {
    return this.threads === undefined
      ? call(this.function(name), args, budgets)
      : runNow(this.begin(name, args, budgets));
  }

  async callAsync(
    name: string,
    args: readonly WasmValue[],
    budgets?: readonly GasBudget[],
  ): Promise<readonly WasmValue[]> {
    return this.threads === undefined
      ? callAsync(this.function(name), args, budgets)
      : runToEnd(this.begin(name, args, budgets));
  }

  begin(name: string, args: readonly WasmValue[], budgets?: readonly GasBudget[]): EngineExecution {
    const func = this.function(name);
    return this.threads?.call(func, args, budgets, name === COMMAND_START) ?? execution(func, args, budgets);
  }

  capture(left: EngineExecution | undefined, purpose: 'write' | 'copy'): EngineImage {
    return capture(this.instance, left, purpose === 'write', this.threads);
  }

  install(image: EngineImage | WireReader, name?: string, budgets?: readonly GasBudget[]): EngineExecution | undefined {
    const exported = name === undefined ? undefined : this.instance.module.exportsByName.get(name);
    if (name !== undefined && exported?.kind !== 'function') damaged('its call is of nothing that the module exports');
    const { install } = snapshots.now;
    const { threads } = this;
    const resumed = install(this.instance, image, exported && this.instance.function(exported.index), budgets, threads);
    return threads === undefined ? resumed : threads.resumed(name === COMMAND_START);
  }

  private startOver(): void {
    const { instances, finders } = this.linked;
    if (instances.some(({ store, suspended }) => store.active !== undefined || suspended !== undefined)) {
      throw new UsageError('an instance cannot be reset while a call of it has not ended');
    }
    reset(instances, finders);
  }

  functionType(name: string): FuncType | undefined {
    const exported = this.instance.module.exportsByName.get(name);
    return exported?.kind === 'function' ? this.instance.function(exported.index).type : undefined;
  }

  holds(type: ValType, value: WasmValue): boolean {
    return holding(this.instance.module.types)(type, value);
  }

  exportKind(name: string): ExternKind | undefined {
    return this.instance.module.exportsByName.get(name)?.kind;
  }

  get memory(): GuestMemory | undefined {
    return this.instance.memory;
  }

  lendMemory(): void {
    const { memory } = this.instance;
    if (memory !== undefined) memory.isLent = true;
  }

  figures() {
    return this.instance.figures();
  }

  get gasUsed(): bigint {
    return this.instance.tank.total();
  }

  share(): Share {
    return new Share(this.instance.budget);
  }

  drawOn(budget: GasBudget): () => void {
    const { tank } = this.instance;
    const drawn = tank.draws.addFor(budget, tank.total());
    return () => tank.draws.remove(drawn);
  }

  private function(name: string): GuestFunction {
    const exported = this.instance.module.exportsByName.get(name);
    const value = exported && this.instance.extern(exported.kind, exported.index);
    if (!isFunction(value)) throw new UsageError(`the module exports no function ${quote(name)}`);
    return value;
  }
}

/** A call with threads, where nothing can be waited for. */
function runNow(begun: EngineExecution): WasmValue[] {
  for (;;) {
    const stop = begun.advance();
    if (stop === 'done') return [...begun.results];
    if (stop === 'waiting' && !begun.isReady) {
      throw begun.abort(
        new HostError('all threads of the guest wait, but it was called synchronously: use an asynchronous call'),
      );
    }
  }
}

async function runToEnd(begun: EngineExecution): Promise<readonly WasmValue[]> {
  while (begun.advance() !== 'done') await begun.settled;
  return begun.results;
}

export const interpreter: Engine = {
  name: 'interpreter',
  *prepare(module) {
    yield* priceInstantiation(module);
  },
  instantiate(module, { limits, imports, slices, graph, clock }: InstantiateOptions) {
    const host = linker(imports);
    const waits = () => new threading.now.WaitsAlone(clock);
    if (graph?.isLinked)
      return new InterpreterInstance(linking.now.instantiateGraph(graph, limits, slices, host, waits));
    if (hasThreads(module)) {
      const store = new Store(limits.stackBytes, { account: accountOf(limits, slices, true) });
      const instance = new Instance(store, module, limits, slices);
      const threads = new threading.now.GreenThreads(store, instance, host, clock);
      return new InterpreterInstance({ instances: [instance], finders: [] }, threads);
    }
    const instance = instantiate(new Store(limits.stackBytes, { waits }), module, host, limits, slices);
    return new InterpreterInstance({ instances: [instance], finders: [] });
  },
  codeBytes,
};
