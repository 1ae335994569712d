/** Snapshots of instances: {@link capture} takes one, {@link install} puts it into a fresh instance of the module. */

import type { EngineImage } from '../../wasm/engine.ts';
import { SnapshotError, UsageError } from '../../wasm/errors.ts';
import type { GasBudget } from '../../wasm/gas-budget.ts';
import { WireReader } from '../../wasm/wire.ts';
import { storeOf, WasmExecution } from '../machine/index.ts';
import type { GuestFunction, Instance } from '../store/index.ts';
import { applyImage, InstanceImage, planImage, readContents, requireFigures } from './image.ts';
import { applyStack, planStack } from './stack.ts';

/** @throws SnapshotError */
export function capture(instance: Instance, left: WasmExecution | undefined, isForBytes: boolean): InstanceImage {
  if (instance.store.active !== undefined) {
    throw new SnapshotError('the guest is running: a snapshot can be made while it is paused');
  }
  return new InstanceImage(instance, left?.left(), isForBytes);
}

/**
 * Checks all of it, and then changes the instance.
 * @param entered the function that the call which was left has to be of, if that is known
 * @param budgets what the gas of that call is drawn from
 * @throws SnapshotError, GasExhausted, MemoryLimitExceeded
 */
export function install(
  instance: Instance,
  image: EngineImage | WireReader,
  entered: GuestFunction | undefined,
  budgets: readonly GasBudget[] | undefined,
): WasmExecution | undefined {
  if (!(image instanceof WireReader) && !(image instanceof InstanceImage)) {
    throw new UsageError('the image is of another engine');
  }
  const { contents, objects } = image instanceof WireReader ? readContents(image, instance) : image;
  if (image instanceof WireReader) requireFigures(instance, contents);
  const plan = planImage(instance, contents, objects, image instanceof WireReader ? new Map() : image.table.foreign);
  const stack = contents.stack && planStack(instance, contents.stack, plan.references, entered);
  applyImage(instance, plan);
  if (stack === undefined) return undefined;
  const thread = storeOf(instance).acquire();
  applyStack(thread, stack);
  return WasmExecution.resumed(stack.func, thread, budgets);
}
