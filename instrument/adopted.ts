/** Which modules meter themselves, and which could: what has to be known before anything is instrumented. */

import type { InstanceLimits } from '../wasm/engine.ts';
import { FREE_EXCEPTION_VALUES } from '../wasm/gas.ts';
import { functionTypeAt, type WasmModule } from '../wasm/module.ts';
import { hasThreads } from '../wasm/spawn.ts';
import type { Feature } from '../wasm/types.ts';
import type { MeteredModule } from './metered.ts';

/** A module that was instrumented before, and what it was made for. */
interface Adopted {
  readonly metered: MeteredModule;
  readonly refills: boolean;
  /** What its instances are given at most. */
  readonly limits: { readonly [K in keyof InstanceLimits]?: InstanceLimits[K] | undefined };
}

const adopted = new WeakMap<WasmModule, Adopted>();

/** What modules are instrumented with beyond release 2.0, where the host has it. */
export const METERED = [
  'threads',
  'exception-handling',
  'legacy-exception-handling',
  'tail-call',
  'multi-memory',
] as const satisfies readonly Feature[];

export type MeteredFeature = (typeof METERED)[number];

/** With what of these their code can be left. */
const LEAVABLE: readonly Feature[] = ['tail-call', 'multi-memory'];

/** What a module uses that cannot be in code that is left. */
export function unleavableFeatures({ features }: WasmModule): readonly Feature[] {
  return features.filter((feature) => !LEAVABLE.includes(feature));
}

/** What a module uses that cannot be instrumented. */
export function unmeteredFeatures({ features }: WasmModule): readonly Feature[] {
  return features.filter((feature) => !(METERED as readonly Feature[]).includes(feature));
}

/** Why a module cannot be made to meter itself; undefined where it can. */
export function whyNotMetered(module: WasmModule): string | undefined {
  const features = unmeteredFeatures(module);
  if (features.length > 0) return `the module uses ${features.join(', ')}, which cannot be instrumented`;
  const isLarge = (type: number) => functionTypeAt(module, type).params.length > FREE_EXCEPTION_VALUES;
  if (!module.tags.some(isLarge)) return undefined;
  return `the module has exceptions of more than ${FREE_EXCEPTION_VALUES} values, which count for memory`;
}

/** Why a guest of a sandbox cannot; undefined where it can. */
export function whyNotNative(module: WasmModule): string | undefined {
  const spawns = hasThreads(module) ? 'the module has WASI threads, which are switched by the interpreter' : undefined;
  return whyNotMetered(module) ?? spawns;
}

/** From now on the module runs as it is, as it meters itself. */
export function adopt(module: WasmModule, metered: MeteredModule, rest: Omit<Adopted, 'metered'>): void {
  adopted.set(module, { metered, ...rest });
}

export function isAdopted(module: WasmModule): boolean {
  return adopted.has(module);
}

export function adoptedOf(module: WasmModule): Adopted | undefined {
  return adopted.get(module);
}
