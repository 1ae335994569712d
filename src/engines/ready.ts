/** The engine of a sandbox, and what it does with the module before there can be an instance. */

import type { SecurityPolicy } from '../../policy/index.ts';
import { hostNeeds, loadHostFunctions } from '../../policy/parts.ts';
import { moduleBytes } from '../../wasm/account.ts';
import type { Engine, InstanceLimits } from '../../wasm/engine.ts';
import { MemoryLimitExceeded } from '../../wasm/errors.ts';
import type { WasmModule } from '../../wasm/module.ts';
import type { Preparation } from '../time/preparation.ts';
import { Stopwatch } from '../time/stopwatch.ts';
import { atOnce, type Waits, waitFor } from '../time/waits.ts';
import { type ChosenEngine, chooseEngine, type EngineChoice, insteadOf, loadEngines } from './choose.ts';
import { mayWait } from './waiting.ts';

/** What decides on the engine. */
export interface EngineSettings {
  readonly engine: EngineChoice;
  readonly policy: SecurityPolicy;
  readonly yieldEvery: number | undefined;
}

/** @throws UsageError where the engine cannot be had */
export async function engineFor(
  module: WasmModule,
  { engine, policy, yieldEvery }: EngineSettings,
): Promise<ChosenEngine> {
  await loadHostFunctions(hostNeeds(module, policy));
  const needs = { mayWait: mayWait(module, policy), yields: yieldEvery !== undefined };
  await loadEngines(engine, module, needs);
  return chooseEngine(engine, module, needs);
}

interface ReadySettings {
  readonly limits: InstanceLimits;
  readonly engine: EngineChoice;
}

/** Guests of sandboxes are always interrupted from time to time. */
const MADE_FOR = { slices: new Stopwatch().slices };

/**
 * Does what there is to do for a module before there can be an instance.
 * @returns the engine, or another one where the choice was ours and the engine cannot run the module
 * @throws MemoryLimitExceeded where it holds more than it may; CompileError; as {@link Preparation.run}
 */
export function makeReady(
  chosen: ChosenEngine,
  module: WasmModule,
  settings: ReadySettings,
  preparation: Preparation,
): Promise<ChosenEngine> {
  const { engine } = chosen;
  const prepare = () => engine.prepare && preparation.run(engine.prepare(module, MADE_FOR));
  const compile = () => engine.compile && preparation.wait(engine.compile(module, MADE_FOR));
  return waitFor(making(chosen, module, settings, [prepare, compile]));
}

/** The same without waiting. */
export function makeReadySync(
  chosen: ChosenEngine,
  module: WasmModule,
  settings: ReadySettings,
  preparation: Preparation,
): ChosenEngine {
  const { engine } = chosen;
  const prepare = () => engine.prepare && preparation.runSync(engine.prepare(module, MADE_FOR));
  const compile = () => preparation.count(() => engine.compileNow?.(module, MADE_FOR));
  return atOnce(making(chosen, module, settings, [prepare, compile]));
}

function* making(
  chosen: ChosenEngine,
  module: WasmModule,
  { limits, engine: choice }: ReadySettings,
  parts: readonly (() => unknown)[],
): Waits<ChosenEngine> {
  account(chosen.engine, module, limits);
  try {
    for (const part of parts) yield part();
  } catch (error) {
    return insteadOf(chosen, choice, error);
  }
  account(chosen.engine, module, limits);
  return chosen;
}

function account(engine: Engine, module: WasmModule, { codeBytes: limit = Number.POSITIVE_INFINITY }: InstanceLimits) {
  const decoded = moduleBytes(module);
  const code = engine.codeBytes?.(module) ?? 0;
  if (decoded + code <= limit) return;
  throw new MemoryLimitExceeded(
    `Memory limit exceeded: the module takes ${decoded} bytes as it is decoded and ${code} as code, and may hold ${limit} outside of its instances; raise codeLimit`,
  );
}
