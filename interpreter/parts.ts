/** Which parts of the interpreter modules need beyond what all do. */

import type { WasmModule } from '../wasm/module.ts';
import type { Part } from '../wasm/part.ts';
import { laterValidation } from '../wasm/parts.ts';
import { hasThreads } from '../wasm/spawn.ts';
import type { Feature } from '../wasm/types.ts';
import { laterLowering } from './code/index.ts';
import { tracing } from './gc/index.ts';
import { catching, linking, objects, threads, vectors } from './machine/index.ts';
import { images, threadImages } from './snapshot/index.ts';
import { constantObjects } from './store/index.ts';

export { catching, constantObjects, images, laterLowering, linking, objects, threadImages, threads, tracing, vectors };

const OBJECTS: readonly Feature[] = ['gc', 'function-references'];
const EXCEPTIONS: readonly Feature[] = ['exception-handling', 'legacy-exception-handling', 'exception-references'];

/** Those that a module needs. */
function partsFor(module: WasmModule): readonly Part<unknown>[] {
  const { features, usesVectors } = module;
  const parts: Part<unknown>[] = usesVectors ? [vectors] : [];
  const has = (feature: Feature) => features.includes(feature);
  const hasObjects = OBJECTS.some(has);
  if (hasObjects) parts.push(objects, constantObjects);
  // Of what these hold nobody can take a copy while it is loaded.
  if (hasObjects || EXCEPTIONS.some(has)) parts.push(laterLowering, images, catching, tracing);
  if (has('threads') || hasThreads(module)) parts.push(threads, threadImages, images);
  return parts;
}

/**
 * Loads what modules need of the interpreter.
 * @param isLinked whether they are one guest, linked with one another
 */
export async function loadInterpreter(modules: readonly WasmModule[], isLinked = false): Promise<void> {
  const parts = new Set(modules.flatMap(partsFor));
  if (isLinked) parts.add(linking).add(images);
  await load([...parts]);
}

function load(parts: readonly Part<unknown>[]): Promise<unknown> {
  return Promise.all(parts.map((part) => part.load()));
}

/** Loads all of it, and of the decoder, for whoever does not know the modules. */
export async function loadWholeInterpreter(): Promise<void> {
  await load([
    laterValidation,
    vectors,
    objects,
    constantObjects,
    laterLowering,
    threads,
    threadImages,
    linking,
    images,
  ]);
}
