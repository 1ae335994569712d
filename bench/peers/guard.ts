/** An end for peers that find none: some of them loop for ever on some programs. */

import { runInThisContext } from 'node:vm';

/** Under this name the action is found by the script that has the time limit. */
const PLACE = Symbol.for('wasm-sandbox.bench.guarded');

/** @throws Error where `action` has not returned after so many milliseconds, and whatever it throws */
export function withinTime(limit: number, action: () => void): void {
  const place = globalThis as { [PLACE]?: () => void };
  place[PLACE] = action;
  try {
    runInThisContext(`globalThis[Symbol.for(${JSON.stringify(PLACE.description)})]()`, { timeout: Math.ceil(limit) });
  } catch (error) {
    const isLate = error instanceof Error && 'code' in error && error.code === 'ERR_SCRIPT_EXECUTION_TIMEOUT';
    throw isLate ? new Error(`does not end within ${limit / 1_000} s`) : error;
  } finally {
    delete place[PLACE];
  }
}
