/** From a module to one that meters itself. */

import { decode } from '../wasm/decode.ts';
import type { InstanceLimits } from '../wasm/engine.ts';
import { CompileError } from '../wasm/errors.ts';
import { instantiationCost } from '../wasm/plan.ts';
import type { WasmModule } from '../wasm/types.ts';
import { describeMetered, type MeteredModule } from './metered.ts';
import { type WeaveOptions, weave } from './weave.ts';

/** A module that was instrumented before, and what it was made for. */
interface Adopted {
  readonly metered: MeteredModule;
  readonly refills: boolean;
  /** What its instances are given at most. */
  readonly limits: { readonly [K in keyof InstanceLimits]?: InstanceLimits[K] | undefined };
}

const cache = new WeakMap<WasmModule, Map<string, MeteredModule>>();
const adopted = new WeakMap<WasmModule, Adopted>();

/** Validates what was made of a module. @throws CompileError where it is beyond the limits on modules */
export function validated(bytes: Uint8Array): WasmModule {
  try {
    return decode(bytes);
  } catch (cause) {
    if (!(cause instanceof CompileError)) throw cause;
    throw new CompileError(`the module is too large to be instrumented, use the interpreter: ${cause.message}`, {
      cause,
    });
  }
}

/** Why a module cannot be made to meter itself; undefined where it can. */
export function whyNotMetered({ features }: WasmModule): string | undefined {
  return features.length === 0 ? undefined : `the module uses ${features.join(', ')}, which cannot be instrumented`;
}

/** @throws CompileError where the module uses what the weaver does not meter */
function refuse(module: WasmModule): void {
  const why = whyNotMetered(module);
  if (why !== undefined) throw new CompileError(`${why}: choose the engine 'interpreter'`);
}

/**
 * The module, rewritten and validated; the same one whenever it is asked for again.
 * @throws CompileError where the module uses what cannot be metered, or the result would be beyond the limits on modules
 */
export function meterModule(module: WasmModule, options: WeaveOptions): MeteredModule {
  const known = adopted.get(module);
  if (known !== undefined) {
    if (!options.refills || known.refills) return known.metered;
    throw new CompileError('the module was instrumented without time slices, and cannot be given a time limit');
  }
  refuse(module);
  let variants = cache.get(module);
  if (variants === undefined) {
    variants = new Map();
    cache.set(module, variants);
  }
  const key = `${options.canonicalNaN} ${options.refills}`;
  let metered = variants.get(key);
  if (metered === undefined) {
    const { bytes, importName, exportPrefix } = weave(module, options);
    metered = describeMetered(validated(bytes), { importName, exportPrefix, cost: instantiationCost(module) });
    variants.set(key, metered);
  }
  return metered;
}

/** From now on the module runs as it is, as it meters itself. */
export function adopt(module: WasmModule, metered: MeteredModule, rest: Omit<Adopted, 'metered'>): void {
  adopted.set(module, { metered, ...rest });
}

export function isAdopted(module: WasmModule): boolean {
  return adopted.has(module);
}

/** The limits, and no more than what the module was instrumented for. */
export function limitsFor(module: WasmModule, limits: InstanceLimits): InstanceLimits {
  const most = adopted.get(module)?.limits;
  if (most === undefined) return limits;
  const { gas } = limits;
  return {
    gas: most.gas === undefined || (gas !== undefined && gas < most.gas) ? gas : most.gas,
    memoryBytes: Math.min(limits.memoryBytes, most.memoryBytes ?? Number.POSITIVE_INFINITY),
    stackBytes: Math.min(limits.stackBytes, most.stackBytes ?? Number.POSITIVE_INFINITY),
  };
}
