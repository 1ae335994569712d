/** Takes what an instance is while nothing of it runs, and the call that was left in it. */

import type { EngineExecution, EngineImage } from '../../wasm/engine.ts';
import { SnapshotError } from '../../wasm/errors.ts';
import { LEAVE_PC } from '../code/index.ts';
import {
  type GreenThreads,
  returnToCaller,
  type Thread,
  type ThreadedExecution,
  WasmExecution,
} from '../machine/index.ts';
import type { Instance } from '../store/index.ts';
import { HeldImage } from './held.ts';
import { images } from './parts.ts';

/** After a tail call nothing of the last instance may be left. */
export function settle(thread: Thread): void {
  if (thread.pc !== LEAVE_PC) return;
  returnToCaller(thread);
  thread.returnGas(thread.gas);
}

/**
 * Takes all that an instance, and those that it is linked with, are at this moment.
 * @param isForBytes whether it will be written: if not, what makes an image has been loaded
 * @throws SnapshotError
 */
export function capture(
  instance: Instance,
  left: EngineExecution | undefined,
  isForBytes: boolean,
  threads?: GreenThreads,
): EngineImage {
  if (instance.store.active !== undefined) {
    throw new SnapshotError('the guest is running: a snapshot can be made while it is paused');
  }
  const execution = threads === undefined ? left : (left as ThreadedExecution | undefined)?.main.execution;
  const own = execution instanceof WasmExecution ? execution : undefined;
  const stack = own?.leftInTurn() ?? own?.left();
  if (stack !== undefined) settle(stack.thread);
  if (isForBytes && !images.isLoaded) return new HeldImage(instance, stack);
  return new images.now.InstanceImage(instance.account.members, stack, isForBytes, threads);
}
