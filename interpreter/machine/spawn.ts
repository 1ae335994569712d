/** How guests have threads (WASI threads). */

import type { WasmModule } from '../../wasm/module.ts';
import type { Import } from '../../wasm/types.ts';

/** What a guest imports to have threads. */
const SPAWN = { module: 'wasi', name: 'thread-spawn' } as const;

/** Whether an import is what spawns threads. */
export function isSpawn({ module, name, kind }: Import): boolean {
  return kind === 'function' && module === SPAWN.module && name === SPAWN.name;
}

/** Whether a guest has threads. */
export function hasThreads({ imports }: WasmModule): boolean {
  return imports.some(isSpawn);
}
