/** Which modules meter themselves, and which could: what has to be known before anything is instrumented. */

import type { InstanceLimits } from '../wasm/engine.ts';
import type { WasmModule } from '../wasm/module.ts';
import type { MeteredModule } from './metered.ts';

/** A module that was instrumented before, and what it was made for. */
interface Adopted {
  readonly metered: MeteredModule;
  readonly refills: boolean;
  /** What its instances are given at most. */
  readonly limits: { readonly [K in keyof InstanceLimits]?: InstanceLimits[K] | undefined };
}

const adopted = new WeakMap<WasmModule, Adopted>();

/** Why a module cannot be made to meter itself; undefined where it can. */
export function whyNotMetered({ features }: WasmModule): string | undefined {
  return features.length === 0 ? undefined : `the module uses ${features.join(', ')}, which cannot be instrumented`;
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
