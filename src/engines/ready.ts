/** The engine of a sandbox, and what it does with the module before there can be an instance. */

import { hostNeeds, loadHostFunctions } from '../../policy/parts.ts';
import type { Policy } from '../../policy/sandboxed.ts';
import { moduleBytes } from '../../wasm/account.ts';
import type { Engine, InstanceLimits } from '../../wasm/engine.ts';
import { MemoryLimitExceeded } from '../../wasm/errors.ts';
import type { ModuleGraph } from '../../wasm/module-graph.ts';
import type { Preparation } from '../time/preparation.ts';
import { Stopwatch } from '../time/stopwatch.ts';
import { atOnce, type Waits, waitFor } from '../time/waits.ts';
import { type ChosenEngine, chooseEngine, type EngineChoice, insteadOf, loadEngines } from './choose.ts';
import { mayWait } from './waiting.ts';

/** What decides on the engine. */
export interface EngineSettings {
  readonly engine: EngineChoice;
  readonly policy: Policy;
  readonly yieldEvery: number | undefined;
  readonly leavable?: boolean | undefined;
}

/** @throws UsageError where the engine cannot be had */
export async function engineFor(
  graph: ModuleGraph,
  { engine, policy, yieldEvery, leavable }: EngineSettings,
): Promise<ChosenEngine> {
  await loadHostFunctions(hostNeeds(graph, policy));
  const needs = { mayWait: mayWait(graph, policy), yields: yieldEvery !== undefined, leavable };
  await loadEngines(engine, graph, needs);
  return chooseEngine(engine, graph, needs);
}

/** A part of it. */
type Make = (...what: Parameters<NonNullable<Engine['prepare']>>) => unknown;

export interface ReadySettings {
  readonly limits: InstanceLimits;
  readonly engine: EngineChoice;
}

/** Guests of sandboxes are always interrupted from time to time. */
const MADE_FOR = { slices: new Stopwatch().slices };

/**
 * Does what there is to do for modules before there can be instances.
 * @returns the engine, or another one where the choice was ours and the engine cannot run one of them
 * @throws MemoryLimitExceeded where they hold more than they may; CompileError; as {@link Preparation.run}
 */
export function makeReady(
  chosen: ChosenEngine,
  graph: ModuleGraph,
  settings: ReadySettings,
  preparation: Preparation,
): Promise<ChosenEngine> {
  const { engine } = chosen;
  const prepare: Make = (module, made) => engine.prepare && preparation.run(engine.prepare(module, made));
  const compile: Make = (module, made) => engine.compile && preparation.wait(engine.compile(module, made));
  return waitFor(making(chosen, graph, settings, [prepare, compile]));
}

/** The same without waiting. */
export function makeReadySync(
  chosen: ChosenEngine,
  graph: ModuleGraph,
  settings: ReadySettings,
  preparation: Preparation,
): ChosenEngine {
  const { engine } = chosen;
  const prepare: Make = (module, made) => engine.prepare && preparation.runSync(engine.prepare(module, made));
  const compile: Make = (module, made) => preparation.count(() => engine.compileNow?.(module, made));
  return atOnce(making(chosen, graph, settings, [prepare, compile]));
}

function* making(
  chosen: ChosenEngine,
  graph: ModuleGraph,
  { limits, engine: choice }: ReadySettings,
  parts: readonly Make[],
): Waits<ChosenEngine> {
  account(chosen.engine, graph, limits);
  const made = graph.isLinked ? { ...MADE_FOR, isLinked: true } : MADE_FOR;
  try {
    for (const { module } of graph.modules) for (const part of parts) yield part(module, made);
  } catch (error) {
    return insteadOf(chosen, choice, error);
  }
  account(chosen.engine, graph, limits);
  return chosen;
}

/** What the modules of a program hold outside of their instances. */
export function heldBy(
  { codeBytes }: Engine,
  { modules }: ModuleGraph,
): { readonly decoded: number; readonly code: number } {
  let decoded = 0;
  let code = 0;
  for (const { module } of modules) {
    decoded += moduleBytes(module);
    code += codeBytes?.(module) ?? 0;
  }
  return { decoded, code };
}

function account(engine: Engine, graph: ModuleGraph, { codeBytes: limit = Number.POSITIVE_INFINITY }: InstanceLimits) {
  const { decoded, code } = heldBy(engine, graph);
  if (decoded + code <= limit) return;
  throw new MemoryLimitExceeded(
    `Memory limit exceeded: the module takes ${decoded} bytes as it is decoded and ${code} as code, and may hold ${limit} outside of its instances; raise codeLimit`,
  );
}
