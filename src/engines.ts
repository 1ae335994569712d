/** Which engine runs a module, and why. */

import { interpreter } from '../interpreter/index.ts';
import type { Engine } from '../wasm/engine.ts';
import { UsageError } from '../wasm/errors.ts';
import { refuse } from './check.ts';

/** `auto` takes the fastest engine that can be had. */
export type EngineChoice = 'auto' | 'interpreter' | 'native';

export interface ChosenEngine {
  readonly engine: Engine;
  /** For people; part of the statistics. */
  readonly reason: string;
}

/** @throws UsageError */
export function checkEngine(choice: unknown): EngineChoice {
  if (choice !== 'auto' && choice !== 'interpreter' && choice !== 'native') {
    refuse('engine', "'interpreter', 'native' or 'auto'", choice);
  }
  return choice;
}

/** @throws UsageError where the engine cannot be had */
export function chooseEngine(choice: EngineChoice): ChosenEngine {
  switch (choice) {
    case 'interpreter':
      return { engine: interpreter, reason: 'asked for' };
    case 'auto':
      return { engine: interpreter, reason: 'the native engine is not available in this version' };
    case 'native':
      throw new UsageError("the native engine is not available in this version: choose 'interpreter' or 'auto'");
  }
}
