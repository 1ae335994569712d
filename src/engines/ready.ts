/** The module of a sandbox, and the engine that runs it. */

import { moduleBytes } from '../../wasm/account.ts';
import type { Engine, InstanceLimits } from '../../wasm/engine.ts';
import { MemoryLimitExceeded } from '../../wasm/errors.ts';
import type { WasmModule } from '../../wasm/types.ts';
import { loadModule } from '../module/source.ts';
import type { Settings } from '../sandbox/options.ts';
import { Clock } from '../time/clock.ts';
import type { Preparation } from '../time/preparation.ts';
import { type ChosenEngine, chooseEngine, insteadOf } from './choose.ts';
import { mayWait } from './waiting.ts';

/** What of the settings it takes to make a module ready. */
export type LoadSettings = Pick<Settings, 'source' | 'engine' | 'moduleLimit' | 'policy' | 'yieldEvery'>;

/** @throws CompileError; UsageError where the source cannot be had; as {@link Preparation.run} */
export async function loadFor(settings: Settings, preparation: Preparation): Promise<WasmModule> {
  const { cache, source } = settings;
  return cache === undefined ? loadModule(source, settings, preparation) : cache.load(settings, preparation);
}

/** @throws UsageError where the engine cannot be had */
export function engineFor(
  module: WasmModule,
  { engine, policy, yieldEvery }: Omit<LoadSettings, 'source'>,
): ChosenEngine {
  return chooseEngine(engine, module, { mayWait: mayWait(module, policy), yields: yieldEvery !== undefined });
}

/** Guests of sandboxes are always interrupted from time to time. */
const MADE_FOR = { slices: new Clock().slices };

/**
 * Does what there is to do for a module before there can be an instance.
 * @returns the engine, or another one where the choice was ours and the engine cannot run the module
 * @throws MemoryLimitExceeded where it holds more than it may; CompileError; as {@link Preparation.run}
 */
export async function makeReady(
  chosen: ChosenEngine,
  module: WasmModule,
  { limits, engine: choice }: Pick<Settings, 'limits' | 'engine'>,
  preparation: Preparation,
): Promise<ChosenEngine> {
  const { engine } = chosen;
  account(engine, module, limits);
  try {
    if (engine.prepare !== undefined) await preparation.run(engine.prepare(module, MADE_FOR));
    if (engine.compile !== undefined) await preparation.wait(engine.compile(module, MADE_FOR));
  } catch (error) {
    return insteadOf(chosen, choice, error);
  }
  account(engine, module, limits);
  return chosen;
}

/** The same without waiting. */
export function makeReadySync(
  chosen: ChosenEngine,
  module: WasmModule,
  { limits, engine: choice }: Pick<Settings, 'limits' | 'engine'>,
  preparation: Preparation,
): ChosenEngine {
  const { engine } = chosen;
  account(engine, module, limits);
  try {
    if (engine.prepare !== undefined) preparation.runSync(engine.prepare(module, MADE_FOR));
    preparation.count(() => engine.compileNow?.(module, MADE_FOR));
  } catch (error) {
    return insteadOf(chosen, choice, error);
  }
  account(engine, module, limits);
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
