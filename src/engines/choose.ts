/** Which engine runs a module, and why. */

import { isAdopted, unleavableFeatures, whyNotNative as whyNotGuest } from '../../instrument/adopted.ts';
import { claimsToBeArtifact } from '../../instrument/claim.ts';
import { images, interpreter, loadInterpreter, snapshots } from '../../interpreter/index.ts';
import type { Engine, InstantiateOptions } from '../../wasm/engine.ts';
import { CompileError } from '../../wasm/errors.ts';
import type { WasmModule } from '../../wasm/module.ts';
import type { ModuleGraph } from '../../wasm/module-graph.ts';
import { Part } from '../../wasm/part.ts';
import { refuse } from '../checks/check.ts';

/** `auto` takes the engine that is done first, as far as the module tells. */
export type EngineChoice = 'auto' | 'interpreter' | 'native';

export interface ChosenEngine {
  readonly engine: Engine;
  /** For people; part of the statistics. */
  readonly reason: string;
  /** Whether its guests can be left in the middle of a call. */
  readonly canLeave: boolean;
}

/** What is asked of an engine beside running the module. */
export interface EngineNeeds {
  /** Whether a host function may return a promise, so that the guest has to wait; assumed unless it says otherwise. */
  readonly mayWait?: boolean | undefined;
  /** Whether the guest is to let the event loop go round while it runs. */
  readonly yields?: boolean | undefined;
  /** Whether it is to be left for either where it runs natively; unless it says so, with `auto` where that can be. */
  readonly leavable?: boolean | undefined;
}

/** Offered by entries that have it. */
export const native = new Part<typeof import('./native.ts')>('native engine');
export const leavable = new Part<typeof import('./leavable.ts')>('native engine whose guests can be left');

/** @throws UsageError */
export function checkEngine(choice: unknown): EngineChoice {
  if (choice !== 'auto' && choice !== 'interpreter' && choice !== 'native') {
    refuse('engine', "'interpreter', 'native' or 'auto'", choice);
  }
  return choice;
}

/** Bytes of code beyond which making a module ready takes longer than most guests run: docs/limits.md has what was measured. */
const MOST_CODE = 32 << 20;

/** Why the native engine would be slow to begin; undefined where it would not. */
function whySlowToBegin(modules: readonly WasmModule[]): string | undefined {
  const bytes = modules.reduce((sum, { bodies }) => sum + bodies.bytes, 0);
  if (bytes <= MOST_CODE) return undefined;
  return `the native engine would take seconds to make ${bytes} bytes of code ready: ask for it where guests run long`;
}

/** Why it is not for these modules; undefined where it is. */
function whyNotNative(modules: readonly WasmModule[]): string | undefined {
  return modules.map(whyNotGuest).find((reason) => reason !== undefined) ?? whySlowToBegin(modules);
}

/** Whether guests that run natively are to be such as can be left. */
function areLeft(choice: EngineChoice, { modules, isLinked }: ModuleGraph, needs: EngineNeeds): boolean {
  const { leavable: asked } = needs;
  if (asked !== undefined || choice !== 'auto') return asked === true;
  const canBe = modules.every(({ module }) => unleavableFeatures(module).length === 0 && !isAdopted(module));
  return canBe && !isLinked && leavable.isOffered;
}

const NO_NATIVE = 'this entry of the package has no other engine';

/**
 * Loads what {@link chooseEngine} will choose from, and what the interpreter needs for the program.
 * @throws UsageError where the engine cannot be had
 */
export async function loadEngines(choice: EngineChoice, graph: ModuleGraph, needs: EngineNeeds = {}): Promise<void> {
  const modules = graph.modules.map(({ module }) => module);
  const { mayWait = true, yields = false } = needs;
  const isLeft = areLeft(choice, graph, needs);
  const isOpen = choice === 'auto' && (isLeft || (!mayWait && !yields)) && native.isOffered;
  const isPossible = isOpen && whyNotNative(modules) === undefined;
  const isNeeded = choice === 'native' || modules.some(isAdopted) || isPossible;
  const isLeavable = isLeft && (choice === 'native' || isPossible);
  const parts = [...(isNeeded ? [native] : []), ...(isLeavable ? [leavable, snapshots, images] : [])];
  await Promise.all([loadInterpreter(modules, graph.isLinked), ...parts.map((part) => part.load())]);
}

/** Why it is not for guests that are to be left. */
function whyNotLeft(mayWait: boolean, yields: boolean): string | undefined {
  if (mayWait) return 'a host function may make the guest wait, as only the interpreter can';
  return yields ? 'the guest is to yield now and then, as only the interpreter can' : undefined;
}

function whyNotHere(modules: readonly WasmModule[]): string | undefined {
  return native.isOffered ? native.now.nativeUnavailable(modules) : NO_NATIVE;
}

/** @throws UsageError where the engine cannot be had */
export function chooseEngine(choice: EngineChoice, graph: ModuleGraph, needs: EngineNeeds = {}): ChosenEngine {
  if (choice === 'interpreter') return interpreted('asked for');
  const { mayWait = true, yields = false } = needs;
  const canLeave = areLeft(choice, graph, needs);
  const running = (reason: string): ChosenEngine => {
    const engine = checked(canLeave ? leavable.now.leavableEngine() : native.now.nativeEngine());
    return { engine, reason, canLeave };
  };
  if (choice === 'native') return running('asked for');
  const all = graph.modules.map(({ module }) => module);
  const why = whyNotNative(all) ?? (canLeave ? undefined : whyNotLeft(mayWait, yields)) ?? whyNotHere(all);
  if (why !== undefined) return interpreted(why);
  if (!canLeave || leavable.now.isSmall(all)) return running('the fastest that this host allows');
  return { engine: checked(leavable.now.warmingEngine()), reason: leavable.now.WARMS, canLeave };
}

function interpreted(reason: string): ChosenEngine {
  return { engine: interpreting, reason, canLeave: true };
}

/**
 * What runs a module that the chosen engine cannot run after all, where the choice was ours.
 * @throws the error, where it was not, or where it says something else
 */
export function insteadOf({ engine }: ChosenEngine, choice: EngineChoice, error: unknown): ChosenEngine {
  if (choice !== 'auto' || engine.name !== 'native' || !(error instanceof CompileError)) throw error;
  return interpreted(error.message);
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

/** The interpreter; on a module that counts itself, it need not. */
const interpreting: Engine = {
  ...interpreter,
  instantiate(module, options: InstantiateOptions) {
    refuseClaim(module);
    return isAdopted(module) ? native.now.interpretMetered(module, options) : interpreter.instantiate(module, options);
  },
};
