/** The engine of a sandbox that goes on with another's guest. */

import type { ModuleGraph } from '../../wasm/module-graph.ts';
import type { Preparation } from '../time/preparation.ts';
import type { ChosenEngine } from './choose.ts';
import { type EngineSettings, engineFor, makeReady, type ReadySettings } from './ready.ts';

/**
 * The engine for a guest that begins in the middle of something, ready, and such that it can be left there.
 * @throws as {@link engineFor}, and as {@link makeReady}
 */
export async function leavingEngine(
  graph: ModuleGraph,
  settings: EngineSettings & ReadySettings,
  preparation: Preparation,
): Promise<ChosenEngine> {
  const chosen = await engineFor(graph, settings);
  if (!chosen.canLeave) return engineFor(graph, { ...settings, engine: 'interpreter' });
  return chosen.engine.name === 'native' ? makeReady(chosen, graph, settings, preparation) : chosen;
}
