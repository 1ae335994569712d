/** The module of a sandbox, and the engine that runs it. */

import type { WasmModule } from '../wasm/types.ts';
import { type ChosenEngine, chooseEngine } from './engines.ts';
import type { Settings } from './options.ts';
import { loadModule } from './source.ts';
import { mayWait } from './waiting.ts';

/** What of the settings it takes to make a module ready. */
export type LoadSettings = Pick<Settings, 'source' | 'engine' | 'moduleLimit' | 'policy' | 'yieldEvery'>;

/** @throws CompileError; UsageError where the source cannot be had */
export async function loadFor(settings: Settings): Promise<WasmModule> {
  const { cache, source, moduleLimit } = settings;
  return cache === undefined ? loadModule(source, moduleLimit) : cache.load(settings);
}

/** @throws UsageError where the engine cannot be had */
export function engineFor(
  module: WasmModule,
  { engine, policy, yieldEvery }: Omit<LoadSettings, 'source'>,
): ChosenEngine {
  return chooseEngine(engine, module, { mayWait: mayWait(module, policy), yields: yieldEvery !== undefined });
}
