/** Dispatches what the loops leave to others. */

import { FIRST_SYSTEM, FIRST_VECTOR } from '../code/index.ts';
import { computeRarely } from './loop.generated.ts';
import { SYSTEM } from './system.ts';
import type { Thread } from './thread.ts';
import { vectors } from './vectors.ts';

/** Executes the instruction at `pc`, which is not one of the main loop's. Returns 0, or an exit. */
export function executeRare(thread: Thread): number {
  const instruction = thread.code[thread.pc] as number;
  if (instruction < FIRST_SYSTEM) return computeRarely(thread);
  if (instruction >= FIRST_VECTOR) {
    const { VECTOR } = vectors.now;
    return (VECTOR[instruction - FIRST_VECTOR] as (typeof VECTOR)[number])(thread);
  }
  return (SYSTEM[instruction - FIRST_SYSTEM] as (typeof SYSTEM)[number])(thread);
}
