/** Runs an execution a slice at a time, so that the event loop goes round, and somebody may look at it where it stands. */

import type { Execution } from '../call/execution.ts';
import { nextTurn } from '../time/turn.ts';

export interface DriveOptions {
  /** Units of a slice. */
  readonly slice: bigint;
  /** Milliseconds after which the event loop goes round. */
  readonly yieldEvery: number;
  /** Ends it with CallAborted. */
  readonly signal?: AbortSignal | undefined;
}

const hasEnded = ({ state }: Execution) => state === 'done' || state === 'failed';

/**
 * To its end, whichever.
 * @param onPause called wherever it stands at a checkpoint, before it goes on; what it throws leaves it there
 */
export async function drive(
  execution: Execution,
  { slice, yieldEvery, signal }: DriveOptions,
  onPause: () => Promise<void>,
): Promise<void> {
  const cancel = () => execution.cancel(signal?.reason);
  const ended = new Promise<void>((resolve) => execution.onEnd(resolve));
  if (signal?.aborted) cancel();
  else signal?.addEventListener('abort', cancel, { once: true });
  try {
    let turned = performance.now();
    while (!hasEnded(execution)) {
      if (execution.state === 'waiting') {
        await Promise.race([execution.whenReady(), ended]);
        // To the next checkpoint, before it may wait again: what it waited for may have failed.
        execution.step(0n);
      } else execution.step(slice);
      if (execution.state === 'paused') await onPause();
      if (performance.now() - turned < yieldEvery) continue;
      await nextTurn();
      turned = performance.now();
    }
  } finally {
    signal?.removeEventListener('abort', cancel);
  }
}
