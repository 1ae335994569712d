/** Engines of the sandbox that run modules which meter themselves: on the host's own `WebAssembly`, or another. */

import { Share } from '../wasm/budget.ts';
import { PREAMBLE } from '../wasm/encoding.ts';
import type { Engine, EngineInstance, EngineName, InstantiateOptions, Preparation } from '../wasm/engine.ts';
import { UsageError } from '../wasm/errors.ts';
import type { GasBudget } from '../wasm/gas-budget.ts';
import type { GuestMemory, WasmValue } from '../wasm/host.ts';
import { typeOfFunction, type WasmModule } from '../wasm/module.ts';
import { priceInstantiation } from '../wasm/plan.ts';
import { messageOf, quote } from '../wasm/quote.ts';
import { complete, type Steps } from '../wasm/steps.ts';
import type { Export, ExternKind, FuncType, ValType } from '../wasm/types.ts';
import { isAdopted, whyNotNative } from './adopted.ts';
import { compile, compileAhead } from './compile.ts';
import { whyNotOn } from './features.ts';
import type { RawFunction, WasmHost } from './host.ts';
import type { InitialState } from './initial-state.ts';
import { functionTypes } from './layout.ts';
import { LinkedGuests } from './linked.ts';
import { holds, linker, references, uncaught } from './linker.ts';
import { codeBytes, limitsFor, meterModuleSteps, refusal } from './meter-module.ts';
import type { MeteredModule } from './metered.ts';
import { MeteredInstance, MeteredStore } from './metered-instance.ts';
import { waitingAlone } from './waits.ts';

/** What instances of a module begin with, once one of them was reset; null where they cannot be put back there. */
const initialStates = new WeakMap<MeteredModule, InitialState | null>();

export class NativeInstance implements EngineInstance {
  protected guest: MeteredInstance;
  private readonly make: () => MeteredInstance;
  /** Those that it is linked with, and itself. */
  private readonly linked: LinkedGuests | undefined;
  /** Whether there is an instance already of which nothing has run. */
  private isReady = false;
  readonly reset?: () => void;
  protected readonly exports: ReadonlyMap<string, Export>;

  constructor(make: () => MeteredInstance, linked?: LinkedGuests) {
    const guest = make();
    this.guest = guest;
    this.make = make;
    this.linked = linked;
    if (linked === undefined) this.reset = () => this.startOver();
    this.exports = new Map(guest.metered.exports.map((exported) => [exported.name, exported]));
  }

  start(): void {
    if (this.linked !== undefined) {
      this.linked.start();
      return;
    }
    this.prepareStart();
    this.guest.start();
  }

  /** All of it but the start function. */
  protected prepareStart(): void {
    if (!this.isReady) {
      this.guest.instantiate();
      this.guest.copySegments();
    }
    this.isReady = false;
  }

  /** In place, where that can be. */
  protected startOver(): void {
    const { metered, store } = this.guest;
    if (store.isEntered) throw new UsageError('an instance cannot be reset while a call of it has not ended');
    this.isReady = false;
    const known = initialStates.get(metered);
    if (known && this.guest.restore(known)) {
      this.isReady = true;
      return;
    }
    this.guest.meter.budget.reset();
    this.guest = this.make();
    if (known !== undefined) return;
    this.guest.instantiate();
    this.guest.copySegments();
    this.isReady = true;
    initialStates.set(metered, this.guest.initialState() ?? null);
  }

  call(name: string, args: readonly WasmValue[], budgets?: readonly GasBudget[]): WasmValue[] {
    const exported = this.exports.get(name);
    if (exported?.kind !== 'function') {
      throw new UsageError(`the module exports no function ${quote(name)}`);
    }
    const { guest } = this;
    const type = typeOfFunction(guest.metered.module, exported.index);
    return guest.invoke(guest.rawExport(name) as RawFunction, exported.index, type, args, budgets);
  }

  async callAsync(name: string, args: readonly WasmValue[], budgets?: readonly GasBudget[]): Promise<WasmValue[]> {
    return this.call(name, args, budgets);
  }

  functionType(name: string): FuncType | undefined {
    const exported = this.exports.get(name);
    return exported?.kind === 'function' ? typeOfFunction(this.guest.metered.module, exported.index) : undefined;
  }

  holds(type: ValType, value: WasmValue): boolean {
    return holds(type, value);
  }

  exportKind(name: string): ExternKind | undefined {
    return this.exports.get(name)?.kind;
  }

  get memory(): GuestMemory | undefined {
    return this.guest.memory;
  }

  lendMemory(): void {
    this.guest.lendMemory();
  }

  figures() {
    return this.guest.meter.figures();
  }

  get gasUsed(): bigint {
    return this.guest.meter.total();
  }

  share(): Share {
    return new Share(this.guest.meter.budget);
  }

  drawOn(budget: GasBudget): () => void {
    return this.guest.meter.drawOn(budget);
  }
}

/**
 * An engine on something of the shape of `WebAssembly`, which must itself neither count nor limit anything.
 * @param name what the statistics call it
 */
export function meteredEngine(host: WasmHost, name: EngineName): Engine {
  const metering = (module: WasmModule, { slices, isLinked }: Preparation): Steps<MeteredModule> => {
    const why = isAdopted(module) ? undefined : (whyNotNative(module) ?? whyNotOn(host, module));
    if (why !== undefined) throw refusal(module, why);
    return meterModuleSteps(module, { canonicalNaN: true, refills: slices !== undefined, isLinked });
  };
  return {
    name,
    *prepare(module, preparation) {
      yield* priceInstantiation(module);
      yield* metering(module, preparation);
    },
    compile(module, preparation) {
      return compileAhead(host, complete(metering(module, preparation)));
    },
    compileNow(module, preparation) {
      compile(host, complete(metering(module, preparation)));
    },
    codeBytes,
    instantiate(module, options: InstantiateOptions) {
      const { limits: asked, imports, slices, graph } = options;
      if (graph?.isLinked) {
        const metered = graph.modules.map((item) => complete(metering(item.module, { slices, isLinked: true })));
        const linked = new LinkedGuests(host, graph, metered, options);
        return new NativeInstance(() => linked.guests.at(-1) as MeteredInstance, linked);
      }
      const limits = limitsFor(module, asked);
      const metered = complete(metering(module, { slices }));
      const link = linker(imports, functionTypes(metered.module));
      return new NativeInstance(() => {
        const store = new MeteredStore(host, limits.stackBytes, { waits: waitingAlone(options.clock), uncaught });
        return new MeteredInstance(store, metered, { limits, slices, link, references });
      });
    },
  };
}

interface SignalListeners {
  readonly process?: { readonly listenerCount?: (signal: string) => number };
}

/**
 * Node's engine learns of accesses outside of memory by this signal. A listener of the program's takes its place, for good,
 * and the first guest that does so ends the process.
 */
function takesTraps(): boolean {
  return ((globalThis as SignalListeners).process?.listenerCount?.('SIGSEGV') ?? 0) > 0;
}

const TAKES_TRAPS =
  "the process listens for SIGSEGV, by which the host's engine learns of traps, so that a guest could end it. Do not listen for it (in Nest: enableShutdownHooks(['SIGTERM', 'SIGINT']))";

/** Why the host's own engine cannot be used, for these modules; undefined where it can. */
export function nativeUnavailable(modules: readonly WasmModule[] = []): string | undefined {
  if (takesTraps()) return TAKES_TRAPS;
  if (typeof WebAssembly !== 'object') return 'this host has no WebAssembly';
  try {
    new WebAssembly.Module(Uint8Array.from(PREAMBLE));
    return modules.map((module) => whyNotOn(WebAssembly, module)).find((why) => why !== undefined);
  } catch (error) {
    return `this host does not allow compiling WebAssembly: ${messageOf(error)}`;
  }
}

let engine: Engine | undefined;

function refuse(why: string): never {
  throw new UsageError(`the native engine cannot be used: ${why}. Choose 'interpreter'`);
}

/** The host's own namespace. @throws UsageError where it cannot be used */
export function nativeHost(): WasmHost {
  const why = nativeUnavailable();
  return why === undefined ? WebAssembly : refuse(why);
}

/** The host's own engine. @throws UsageError where it cannot be used */
export function nativeEngine(): Engine {
  // Unlike the other reasons, this one may come later.
  if (takesTraps()) refuse(TAKES_TRAPS);
  engine ??= meteredEngine(nativeHost(), 'native');
  return engine;
}
