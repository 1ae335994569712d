/** Snapshots of instances: {@link capture} takes one, {@link install} puts it into a fresh instance of the module. */

import type { EngineImage } from '../../wasm/engine.ts';
import { SnapshotError, UsageError } from '../../wasm/errors.ts';
import { WireReader } from '../../wasm/wire.ts';
import { Execution } from '../execution.ts';
import type { Instance } from '../instance.ts';
import { applyImage, InstanceImage, objectsOf, planImage, readContents } from './image.ts';
import { applyStack, planStack } from './stack.ts';

/** @throws SnapshotError */
export function capture(instance: Instance, left: Execution | undefined, isForBytes: boolean): InstanceImage {
  if (instance.store.active !== undefined) {
    throw new SnapshotError('the guest is running: a snapshot can be made while it is paused');
  }
  return new InstanceImage(instance, left?.left(), isForBytes);
}

/** Checks all of it, and then changes the instance. @throws SnapshotError, MemoryLimitExceeded */
export function install(instance: Instance, image: EngineImage | WireReader): Execution | undefined {
  if (!(image instanceof WireReader) && !(image instanceof InstanceImage)) {
    throw new UsageError('the image is of another engine');
  }
  const { contents, objects } = image instanceof WireReader ? readContents(image) : image;
  if (image instanceof WireReader) image.end();
  const foreign = image instanceof WireReader ? undefined : image.table.foreign;
  const references = objectsOf(instance, new WireReader(objects), foreign);
  const plan = planImage(instance, contents, references);
  const stack = contents.stack && planStack(instance, contents.stack, references);
  applyImage(instance, plan);
  if (stack === undefined) return undefined;
  const thread = instance.store.acquire();
  applyStack(thread, stack);
  return Execution.resumed(stack.func, thread);
}
