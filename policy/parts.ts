/** Host functions beside the embedder's own: loaded for modules that import them. */

import type { WasmModule } from '../wasm/module.ts';
import { Part } from '../wasm/part.ts';
import { HTTP_MODULE } from './net/codes.ts';
import { PREVIEW1, UNSTABLE } from './wasi/names.ts';

export const wasi = new Part<typeof import('./wasi/functions.ts')>('WASI', () => import('./wasi/functions.ts'));

/** Offered by entries that have it. */
export const http = new Part<typeof import('./net/functions.ts')>('network');

/** By the module that guests import. */
export function partOf(module: string): typeof wasi | typeof http | undefined {
  if (module === PREVIEW1 || module === UNSTABLE) return wasi;
  return module === HTTP_MODULE ? http : undefined;
}

/** Loads what the module imports, as far as the entry of the package has it. */
export async function loadHostFunctions({ imports }: WasmModule): Promise<void> {
  for (const part of new Set(imports.map(({ module }) => partOf(module)))) {
    if (part?.isOffered === true) await part.load();
  }
}
