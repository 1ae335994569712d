/** What makes instrumented modules smaller, where the runtime finds packages by name. */

import { UsageError } from '../wasm/errors.ts';

type Optimise = (bytes: Uint8Array) => Promise<Uint8Array>;

let provided: (() => Promise<Optimise>) | undefined;

/** For the entry of such a runtime: bundlers for others would have to find the package. */
export function provideOptimiser(load: () => Promise<Optimise>): void {
  provided = load;
}

/** @throws UsageError where there is none */
export async function loadOptimiser(): Promise<Optimise> {
  if (provided === undefined)
    throw new UsageError('this runtime finds no packages to optimise with: leave the option out');
  return provided();
}
