/** Which engine runs a module, and why. */

import {
  claimsToBeArtifact,
  isAdopted,
  meteredEngine,
  nativeEngine,
  nativeUnavailable,
  type WasmHost,
  whyNotMetered,
} from '../../instrument/index.ts';
import { interpreter } from '../../interpreter/index.ts';
import type { Engine, InstantiateOptions } from '../../wasm/engine.ts';
import { CompileError } from '../../wasm/errors.ts';
import type { WasmModule } from '../../wasm/module.ts';
import { refuse } from '../checks/check.ts';
import { createNamespace } from '../webassembly/namespace.ts';

/** `auto` takes the fastest engine that can be had. */
export type EngineChoice = 'auto' | 'interpreter' | 'native';

export interface ChosenEngine {
  readonly engine: Engine;
  /** For people; part of the statistics. */
  readonly reason: string;
}

/** What is asked of an engine beside running the module. */
export interface EngineNeeds {
  /** Whether a host function may return a promise, so that the guest has to wait; assumed unless it says otherwise. */
  readonly mayWait?: boolean | undefined;
  /** Whether the guest is to let the event loop go round while it runs. */
  readonly yields?: boolean | undefined;
}

/** @throws UsageError */
export function checkEngine(choice: unknown): EngineChoice {
  if (choice !== 'auto' && choice !== 'interpreter' && choice !== 'native') {
    refuse('engine', "'interpreter', 'native' or 'auto'", choice);
  }
  return choice;
}

/** @throws UsageError where the engine cannot be had */
export function chooseEngine(
  choice: EngineChoice,
  module: WasmModule,
  { mayWait = true, yields = false }: EngineNeeds = {},
): ChosenEngine {
  if (choice === 'interpreter') return { engine: interpreting, reason: 'asked for' };
  if (choice === 'native') return { engine: checked(nativeEngine()), reason: 'asked for' };
  if (mayWait) {
    return { engine: interpreting, reason: 'a host function may make the guest wait, as only the interpreter can' };
  }
  if (yields)
    return { engine: interpreting, reason: 'the guest is to yield now and then, as only the interpreter can' };
  const why = nativeUnavailable() ?? whyNotMetered(module);
  if (why !== undefined) return { engine: interpreting, reason: why };
  return { engine: checked(nativeEngine()), reason: 'the fastest that this host allows' };
}

/**
 * What runs a module that the chosen engine cannot run after all, where the choice was ours.
 * @throws the error, where it was not, or where it says something else
 */
export function insteadOf({ engine }: ChosenEngine, choice: EngineChoice, error: unknown): ChosenEngine {
  if (choice !== 'auto' || engine.name !== 'native' || !(error instanceof CompileError)) throw error;
  return { engine: interpreting, reason: error.message };
}

/** The engine, but it refuses modules that only say that they count. */
function checked(engine: Engine): Engine {
  return {
    ...engine,
    *prepare(module, preparation) {
      refuseClaim(module);
      yield* engine.prepare?.(module, preparation) ?? [];
    },
    instantiate(module, options) {
      refuseClaim(module);
      return engine.instantiate(module, options);
    },
  };
}

function refuseClaim(module: WasmModule): void {
  if (!claimsToBeArtifact(module) || isAdopted(module)) return;
  throw new CompileError(
    'the module says that it has been instrumented, which anybody can say: if it is yours, accept it with acceptArtifact()',
  );
}

/** A frame of an instrumented function weighs less than so many times what its original weighs. */
const HEAVIER = 4;

/** The interpreter; on a module that counts itself, it need not. */
const interpreting: Engine = {
  ...interpreter,
  instantiate(module, options: InstantiateOptions) {
    refuseClaim(module);
    if (!isAdopted(module)) return interpreter.instantiate(module, options);
    const stackBytes = options.limits.stackBytes * HEAVIER;
    const limits = { gas: undefined, memoryBytes: Number.MAX_SAFE_INTEGER, stackBytes };
    const host = createNamespace({ limits, enter: (run) => run() }) as unknown as WasmHost;
    return meteredEngine(host, 'interpreter').instantiate(module, options);
  },
};
