/** Engines of the sandbox that run modules which meter themselves: on the host's own `WebAssembly`, or another. */

import { Share } from '../wasm/budget.ts';
import type {
  Engine,
  EngineInstance,
  EngineName,
  ImportResolver,
  InstantiateOptions,
  Preparation,
} from '../wasm/engine.ts';
import { LinkError, UsageError } from '../wasm/errors.ts';
import type { GasBudget } from '../wasm/gas-budget.ts';
import type { GuestMemory, HostFunction, WasmValue } from '../wasm/host.ts';
import { guarded, type Holds } from '../wasm/host-call.ts';
import { typeOfFunction, type WasmModule } from '../wasm/module.ts';
import { priceInstantiation } from '../wasm/plan.ts';
import { messageOf, quote } from '../wasm/quote.ts';
import { complete, type Steps } from '../wasm/steps.ts';
import {
  EXTERNREF,
  type Export,
  type ExternKind,
  FUNCREF,
  type FuncType,
  type Import,
  type ValType,
} from '../wasm/types.ts';
import { compile, compileAhead } from './compile.ts';
import type { RawFunction, WasmHost } from './host.ts';
import { functionTypes } from './layout.ts';
import { codeBytes, limitsFor, meterModuleSteps } from './meter-module.ts';
import type { MeteredModule } from './metered.ts';
import { type HostImport, type Linked, MeteredInstance, MeteredStore, type References } from './metered-instance.ts';

/** A reference to a function of a guest's, as the host holds it: nothing but itself. */
class Handle {
  readonly kind = 'function of a guest';
}

const raws = new WeakMap<Handle, unknown>();
const handles = new WeakMap<object, Handle>();

const references: References = {
  toHost(raw) {
    if (raw === null) return null;
    let handle = handles.get(raw as object);
    if (handle === undefined) {
      handle = Object.freeze(new Handle());
      handles.set(raw as object, handle);
      raws.set(handle, raw);
    }
    return handle;
  },
  toGuest(value) {
    if (value === null) return null;
    const raw = value instanceof Handle ? raws.get(value) : undefined;
    if (raw === undefined) throw new TypeError('a function of a guest, or null, was expected for a funcref');
    return raw;
  },
};

const holds: Holds = (type, value) => {
  if (type === FUNCREF) return value === null || (value instanceof Handle && raws.has(value));
  return type === EXTERNREF;
};

const CANNOT_WAIT = 'this engine cannot suspend the guest: use the interpreter';

function hostImport(host: HostFunction, label: string): HostImport {
  return { type: host.type, gas: host.gas, call: guarded(host, label, holds, CANNOT_WAIT) };
}

function linker(resolve: ImportResolver, types: readonly FuncType[]): (imported: Import) => Linked {
  return (imported) => {
    const { module, name } = imported;
    const fail = (why: string): never => {
      throw new LinkError(`import ${quote(module)} ${quote(name)}: ${why}`);
    };
    const required = imported.kind === 'function' ? (types[imported.typeIndex] as FuncType) : undefined;
    const found = required && resolve(module, name, required);
    if (found === undefined || required === undefined) {
      return fail(`unknown import: no ${imported.kind} was provided`);
    }
    if (found.type.key !== required.key) {
      fail(`incompatible import type: ${required.key} is required, ${found.type.key} given`);
    }
    return { host: hostImport(found, quote(`${module}.${name}`)) };
  };
}

class NativeInstance implements EngineInstance {
  private readonly guest: MeteredInstance;
  private readonly exports: ReadonlyMap<string, Export>;

  constructor(guest: MeteredInstance) {
    this.guest = guest;
    this.exports = new Map(guest.metered.exports.map((exported) => [exported.name, exported]));
  }

  start(): void {
    this.guest.instantiate();
    this.guest.copySegments();
    this.guest.start();
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
  const metering = (module: WasmModule, { slices }: Preparation): Steps<MeteredModule> =>
    meterModuleSteps(module, { canonicalNaN: true, refills: slices !== undefined });
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
    instantiate(module, { limits: asked, imports, slices }: InstantiateOptions) {
      const limits = limitsFor(module, asked);
      const metered = complete(metering(module, { slices }));
      const link = linker(imports, functionTypes(metered.module));
      const store = new MeteredStore(host, limits.stackBytes);
      return new NativeInstance(new MeteredInstance(store, metered, { limits, slices, link, references }));
    },
  };
}

/** Eight bytes: the smallest module there is. */
const EMPTY_MODULE = [0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00];

/** Why the host's own engine cannot be used; undefined where it can. */
export function nativeUnavailable(): string | undefined {
  if (typeof WebAssembly !== 'object') return 'this host has no WebAssembly';
  try {
    new WebAssembly.Module(Uint8Array.from(EMPTY_MODULE));
    return undefined;
  } catch (error) {
    return `this host does not allow compiling WebAssembly: ${messageOf(error)}`;
  }
}

let engine: Engine | undefined;

/** The host's own namespace. @throws UsageError where it cannot be used */
export function nativeHost(): WasmHost {
  const why = nativeUnavailable();
  if (why !== undefined) throw new UsageError(`the native engine cannot be used: ${why}. Choose 'interpreter'`);
  return WebAssembly;
}

/** The host's own engine. @throws UsageError where it cannot be used */
export function nativeEngine(): Engine {
  engine ??= meteredEngine(nativeHost(), 'native');
  return engine;
}
