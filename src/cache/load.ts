/** The modules of a sandbox: out of its cache, where it has one. */

import type { WasmModule } from '../../wasm/module.ts';
import { ModuleGraph } from '../../wasm/module-graph.ts';
import { Part } from '../../wasm/part.ts';
import { loadModule, loadReadyModule, type ModuleSource } from '../module/source.ts';
import type { Preparation } from '../time/preparation.ts';
import { atOnce, waitFor } from '../time/waits.ts';
import type { LoadSettings } from './cache.ts';
import type { GraphSettings, Load } from './load-linked.ts';

/** For guests that are linked with others. */
export const linkedLoading = new Part<typeof import('./load-linked.ts')>('linking', () => import('./load-linked.ts'));

/**
 * The guest, and what it is linked with.
 * @throws CompileError; UsageError where a source cannot be had; as {@link Preparation.run}
 */
export async function loadGraph(settings: GraphSettings, preparation: Preparation): Promise<ModuleGraph> {
  const { cache, modules } = settings;
  const load: Load<Promise<WasmModule>> = (source) =>
    cache?.load(cached(settings, source), preparation) ?? loadModule(source, settings, preparation);
  // Most have nothing to be linked with.
  if (modules === undefined) return ModuleGraph.of(await load(settings.source));
  // Bytes are copied before anything is waited for.
  const [guest, { loadLinked }] = await Promise.all([load(settings.source), linkedLoading.load()]);
  return waitFor(loadLinked(guest, modules, settings, load));
}

/** The same without waiting. @throws UsageError too for a source that would have to be waited for */
export function loadReadyGraph(settings: GraphSettings, preparation: Preparation): ModuleGraph {
  const { cache, modules } = settings;
  const load: Load<WasmModule> = (source) =>
    cache?.loadReady(cached(settings, source), preparation) ?? loadReadyModule(source, settings, preparation);
  const guest = load(settings.source);
  if (modules === undefined) return ModuleGraph.of(guest);
  return atOnce(linkedLoading.now.loadLinked(guest, modules, settings, load));
}

function cached(settings: GraphSettings, source: ModuleSource): LoadSettings {
  return { ...settings, source, isLinked: settings.modules !== undefined };
}
