/** The modules of a sandbox: out of its cache, where it has one. */

import { CompileError, UsageError } from '../../wasm/errors.ts';
import type { WasmModule } from '../../wasm/module.ts';
import { MOST_MODULES, ModuleGraph } from '../../wasm/module-graph.ts';
import { quote } from '../../wasm/quote.ts';
import { type LinkedModules, type ModuleResolver, resolverOf } from '../module/modules.ts';
import { checkSource, loadModule, loadReadyModule, type ModuleSource } from '../module/source.ts';
import type { Preparation } from '../time/preparation.ts';
import { atOnce, type Waits, waitFor } from '../time/waits.ts';
import type { LoadSettings, SandboxCache } from './cache.ts';

interface Settings extends LoadSettings {
  readonly cache: SandboxCache | undefined;
  readonly modules: LinkedModules | undefined;
}

/** Loads a source: through the cache, where there is one. */
type Load<T> = (source: ModuleSource) => T;

/**
 * The guest, and what it is linked with.
 * @throws CompileError; UsageError where a source cannot be had; as {@link Preparation.run}
 */
export async function loadGraph(settings: Settings, preparation: Preparation): Promise<ModuleGraph> {
  const { cache, modules } = settings;
  const load: Load<Promise<WasmModule>> = (source) =>
    cache?.load(cached(settings, source), preparation) ?? loadModule(source, settings, preparation);
  // Most have nothing to be linked with.
  if (modules === undefined) return ModuleGraph.of(await load(settings.source));
  return waitFor(loading(settings, modules, load));
}

/** The same without waiting. @throws UsageError too for a source that would have to be waited for */
export function loadReadyGraph(settings: Settings, preparation: Preparation): ModuleGraph {
  const { cache, modules } = settings;
  const load: Load<WasmModule> = (source) =>
    cache?.loadReady(cached(settings, source), preparation) ?? loadReadyModule(source, settings, preparation);
  if (modules === undefined) return ModuleGraph.of(load(settings.source));
  return atOnce(loading(settings, modules, load));
}

function cached(settings: Settings, source: ModuleSource): LoadSettings {
  return { ...settings, source, isLinked: settings.modules !== undefined };
}

/** Loads what is imported from, and what that imports from in turn, in the order in which the names come up. */
function* loading({ source, moduleLimit }: Settings, modules: LinkedModules, load: Load<unknown>): Waits<ModuleGraph> {
  const resolve = resolverOf(modules);
  const found = new Map<string, WasmModule>();
  const asked = new Set<string>();
  const guest = (yield load(source)) as WasmModule;
  const pending = [guest];
  let bytes = guest.bytes.length;
  for (const module of pending) {
    for (const name of new Set(module.imports.map((item) => item.module))) {
      if (asked.has(name)) continue;
      asked.add(name);
      const next = (yield resolve(name)) as Awaited<ReturnType<ModuleResolver>>;
      if (next === undefined) continue;
      if (found.size === MOST_MODULES) {
        throw new UsageError(`a guest can be linked with ${MOST_MODULES} modules at most: ${quote(name)} is one more`);
      }
      const linked = (yield load(checkSource(next))) as WasmModule;
      bytes += linked.bytes.length;
      if (bytes > moduleLimit) {
        throw new CompileError(`modules of ${bytes} bytes together: too large, moduleLimit is ${moduleLimit}`, {
          offset: 0,
        });
      }
      found.set(name, linked);
      pending.push(linked);
    }
  }
  return ModuleGraph.of(guest, found);
}
