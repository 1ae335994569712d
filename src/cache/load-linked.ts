/** The modules of a guest that is linked with others. */

import { CompileError, UsageError } from '../../wasm/errors.ts';
import { linkedGraph } from '../../wasm/linked-graph.ts';
import type { WasmModule } from '../../wasm/module.ts';
import { MOST_MODULES, type ModuleGraph } from '../../wasm/module-graph.ts';
import { quote } from '../../wasm/quote.ts';
import type { LinkedModules, ModuleResolver } from '../module/modules.ts';
import { checkSource, type ModuleSource } from '../module/source.ts';
import type { Waits } from '../time/waits.ts';
import type { LoadSettings, SandboxCache } from './cache.ts';

export interface GraphSettings extends LoadSettings {
  readonly cache: SandboxCache | undefined;
  readonly modules: LinkedModules | undefined;
}

/** Loads a source: through the cache, where there is one. */
export type Load<T> = (source: ModuleSource) => T;

/** What finds modules, whichever way they were given. */
function resolverOf(modules: LinkedModules): ModuleResolver {
  if (typeof modules === 'function') return modules as ModuleResolver;
  return (name) => (Object.hasOwn(modules, name) ? modules[name] : undefined);
}

/** Loads what is imported from, and what that imports from in turn, in the order in which the names come up. */
export function* loadLinked(
  guest: WasmModule,
  modules: LinkedModules,
  { moduleLimit }: GraphSettings,
  load: Load<unknown>,
): Waits<ModuleGraph> {
  const resolve = resolverOf(modules);
  const found = new Map<string, WasmModule>();
  const asked = new Set<string>();
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
  return linkedGraph(guest, found);
}
