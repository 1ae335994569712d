/** WASI threads: what a guest imports to have some. */

import type { WasmModule } from './module.ts';
import type { Import } from './types.ts';

const SPAWN = { module: 'wasi', name: 'thread-spawn' } as const;

/** Whether an import is what spawns threads. */
export function isSpawn({ module, name, kind }: Import): boolean {
  return kind === 'function' && module === SPAWN.module && name === SPAWN.name;
}

/** Whether a guest has threads. */
export function hasThreads({ imports }: Pick<WasmModule, 'imports'>): boolean {
  return imports.some(isSpawn);
}
