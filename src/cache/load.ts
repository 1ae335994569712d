/** The module of a sandbox: out of its cache, where it has one. */

import type { WasmModule } from '../../wasm/module.ts';
import { loadModule, loadReadyModule } from '../module/source.ts';
import type { Preparation } from '../time/preparation.ts';
import type { LoadSettings, SandboxCache } from './cache.ts';

interface Settings extends LoadSettings {
  readonly cache: SandboxCache | undefined;
}

/** @throws CompileError; UsageError where the source cannot be had; as {@link Preparation.run} */
export async function loadFor(settings: Settings, preparation: Preparation): Promise<WasmModule> {
  const { cache, source } = settings;
  return cache === undefined ? loadModule(source, settings, preparation) : cache.load(settings, preparation);
}

/** The same without waiting. @throws UsageError too for a source that would have to be waited for */
export function loadReadyFor(settings: Settings, preparation: Preparation): WasmModule {
  const { cache, source } = settings;
  return cache === undefined ? loadReadyModule(source, settings, preparation) : cache.loadReady(settings, preparation);
}
