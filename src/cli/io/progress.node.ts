/** What takes more than a moment says so on a terminal. */

import process from 'node:process';
import type { WriteStream } from 'node:tty';
import type { Spinner } from 'yocto-spinner';
import type { Progress } from './io.ts';

/** Milliseconds that nothing is said. */
const PATIENCE = 1_000;
/** Milliseconds between two drawings. */
const FRAME = 80;

/**
 * Begins to show what is being done, where the stream is a terminal, once it takes more than a second. To be told from
 * time to time: much of the work lets no timer of a spinner's fire.
 */
export async function showProgress(what: string, stream: WriteStream = process.stderr): Promise<Progress> {
  if (stream.isTTY !== true) return { tick: () => undefined, end: () => undefined };
  // For terminals alone: commands in scripts begin sooner without it.
  const { default: yoctoSpinner } = await import('yocto-spinner');
  const begun = performance.now();
  let next = begun + PATIENCE;
  let spinner: Spinner | undefined;
  return {
    tick() {
      const now = performance.now();
      if (now < next) return;
      next = now + FRAME;
      spinner ??= yoctoSpinner({ stream }).start();
      // Draws it.
      spinner.text = `${what} (${((now - begun) / 1_000).toFixed(0)} s)`;
    },
    end: () => spinner?.clear().stop(),
  };
}
