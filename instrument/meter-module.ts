/** From a module to one that meters itself, once for each module and each way to meter it. */

import type { InstanceLimits } from '../wasm/engine.ts';
import { CompileError } from '../wasm/errors.ts';
import type { WasmModule } from '../wasm/module.ts';
import { instantiationCost } from '../wasm/plan.ts';
import { complete, type Steps } from '../wasm/steps.ts';
import { adoptedOf, unmeteredFeatures, whyNotMetered } from './adopted.ts';
import type { WeaveOptions } from './analyse.ts';
import type { Code, MeteredModule } from './metered.ts';
import { PlaceFinder } from './places.ts';
import { type Woven, weave } from './weave.ts';

/** One way to meter a module: made, or being made. */
interface Variant {
  /** Whoever needs the module drives them, so that nothing is made twice. */
  steps: Steps<Woven> | undefined;
  metered: MeteredModule | undefined;
  /** Why there can be none. */
  failure: CompileError | undefined;
}

const cache = new WeakMap<WasmModule, Map<string, Variant>>();

/** The error for a module that has to be interpreted for what it uses. */
export function refusal(module: WasmModule, why: string): CompileError {
  const features = unmeteredFeatures(module);
  const feature = (features.length > 0 ? features : module.features).join(', ');
  return new CompileError(`${why}: choose the engine 'interpreter'`, { feature });
}

/** @throws CompileError where the module uses what the weaver does not meter */
function refuseUnmetered(module: WasmModule): void {
  const why = whyNotMetered(module);
  if (why !== undefined) throw refusal(module, why);
}

class WovenCode implements Code {
  readonly length: number;
  private held: Uint8Array<ArrayBuffer> | undefined;
  private readonly again: () => Uint8Array<ArrayBuffer>;

  constructor(bytes: Uint8Array<ArrayBuffer>, again: () => Uint8Array<ArrayBuffer>) {
    this.length = bytes.length;
    this.held = bytes;
    this.again = again;
  }

  bytes(): Uint8Array<ArrayBuffer> {
    this.held ??= this.again();
    return this.held;
  }

  giveUp(): void {
    this.held = undefined;
  }
}

function describe(module: WasmModule, options: WeaveOptions, woven: Woven): MeteredModule {
  const isLeavable = options.leaves !== undefined;
  const { bytes, places, ...names } = woven;
  const { imports, exports, start } = module;
  const code = new WovenCode(bytes, () => complete(weave(module, options)).bytes);
  const finder = new PlaceFinder(places);
  return { ...names, cost: instantiationCost(module), module, imports, exports, start, code, isLeavable, finder };
}

function variantOf(
  module: WasmModule,
  { canonicalNaN, refills, isLinked = false, sharesMemory = false, leaves }: WeaveOptions,
): Variant {
  let variants = cache.get(module);
  if (variants === undefined) {
    variants = new Map();
    cache.set(module, variants);
  }
  const key = `${canonicalNaN} ${refills} ${isLinked} ${sharesMemory} ${leaves !== undefined}`;
  let variant = variants.get(key);
  if (variant === undefined) {
    variant = { steps: undefined, metered: undefined, failure: undefined };
    variants.set(key, variant);
  }
  return variant;
}

/**
 * The module, rewritten; the same one whenever it is asked for again.
 * @throws CompileError where the module uses what cannot be metered, or the result would be beyond the limits on modules
 */
export function* meterModuleSteps(module: WasmModule, options: WeaveOptions): Steps<MeteredModule> {
  const known = adoptedOf(module);
  if (known !== undefined && options.leaves !== undefined && known.metered.module === module) {
    throw new CompileError('the module was instrumented before, and cannot be left: leave the one that it was made of');
  }
  if (known !== undefined && options.leaves === undefined) {
    if (options.isLinked) {
      throw new CompileError('the module was instrumented before, for itself alone: link the one that it was made of');
    }
    if (!options.refills || known.refills) return known.metered;
    throw new CompileError('the module was instrumented without time slices, and cannot be given a time limit');
  }
  refuseUnmetered(module);
  const variant = variantOf(module, options);
  for (;;) {
    if (variant.metered !== undefined) return variant.metered;
    if (variant.failure !== undefined) throw variant.failure;
    variant.steps ??= weave(module, options);
    try {
      const { done, value } = variant.steps.next();
      if (done === true) {
        variant.metered = describe(module, options, value);
        variant.steps = undefined;
        continue;
      }
    } catch (error) {
      variant.steps = undefined;
      if (error instanceof CompileError) variant.failure = error;
      throw error;
    }
    yield;
  }
}

/** The same all at once. */
export function meterModule(module: WasmModule, options: WeaveOptions): MeteredModule {
  return variantOf(module, options).metered ?? complete(meterModuleSteps(module, options));
}

/** Bytes of the code that was made of a module, in all the ways that were asked for. */
export function codeBytes(module: WasmModule): number {
  const known = adoptedOf(module);
  let bytes = known === undefined || known.metered.module === module ? 0 : known.metered.code.length;
  for (const { metered } of cache.get(module)?.values() ?? []) bytes += metered?.code.length ?? 0;
  return bytes;
}

/** The limits, and no more than what the module was instrumented for. */
export function limitsFor(module: WasmModule, limits: InstanceLimits): InstanceLimits {
  const most = adoptedOf(module)?.limits;
  if (most === undefined) return limits;
  const { gas } = limits;
  return {
    ...limits,
    gas: most.gas === undefined || (gas !== undefined && gas < most.gas) ? gas : most.gas,
    memoryBytes: Math.min(limits.memoryBytes, most.memoryBytes ?? Number.POSITIVE_INFINITY),
    stackBytes: Math.min(limits.stackBytes, most.stackBytes ?? Number.POSITIVE_INFINITY),
  };
}
