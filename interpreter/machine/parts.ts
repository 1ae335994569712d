/** What runs what few modules have: loaded for those. */

import type { WasmModule } from '../../wasm/module.ts';
import { Part } from '../../wasm/part.ts';
import { hasThreads } from '../../wasm/spawn.ts';
import type { Feature } from '../../wasm/types.ts';
import { laterLowering } from '../code/index.ts';
import { constantObjects } from '../store/index.ts';

/** The loop for instructions on vectors, and what that leaves out. */
export const vectors = new Part<typeof import('./vectors-part.ts')>(
  'instructions on vectors',
  () => import('./vectors-part.ts'),
);

/** Instructions on structs, arrays, i31 and casts. */
export const objects = new Part<typeof import('./system-objects.ts')>(
  'instructions on objects',
  () => import('./system-objects.ts'),
);

/** Atomic instructions, guests that wait for notifications, and threads. */
export const threads = new Part<typeof import('./threads-part.ts')>('threads', () => import('./threads-part.ts'));

const OBJECTS: readonly Feature[] = ['gc', 'function-references'];
const EXCEPTIONS: readonly Feature[] = ['exception-handling', 'legacy-exception-handling'];

/** Those that a module needs. */
function partsFor(module: WasmModule): readonly Part<unknown>[] {
  const { features, usesVectors } = module;
  const parts: Part<unknown>[] = usesVectors ? [vectors] : [];
  const has = (feature: Feature) => features.includes(feature);
  const hasObjects = OBJECTS.some(has);
  if (hasObjects) parts.push(objects, constantObjects);
  if (hasObjects || EXCEPTIONS.some(has)) parts.push(laterLowering);
  if (has('threads') || hasThreads(module)) parts.push(threads);
  return parts;
}

/** Loads what modules need of the interpreter. */
export async function loadInterpreter(modules: readonly WasmModule[]): Promise<void> {
  await Promise.all([...new Set(modules.flatMap(partsFor))].map((part) => part.load()));
}

/** Loads all of it, for whoever does not know the modules. */
export async function loadWholeInterpreter(): Promise<void> {
  await Promise.all([vectors, objects, constantObjects, laterLowering, threads].map((part) => part.load()));
}
