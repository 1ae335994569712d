/** Dispatches what the loops leave to others. */

import { FIRST_ATOMIC, FIRST_OBJECT, FIRST_SYSTEM, FIRST_VECTOR } from '../code/index.ts';
import { computeRarely } from './loop.generated.ts';
import { objects, threads, vectors } from './parts.ts';
import { SYSTEM } from './system.ts';
import type { Thread } from './thread.ts';

type Does = (thread: Thread) => number;

/** Executes the instruction at `pc`, which is not one of the main loop's. Returns 0, or an exit. */
export function executeRare(thread: Thread): number {
  const instruction = thread.code[thread.pc] as number;
  if (instruction < FIRST_SYSTEM) return computeRarely(thread);
  if (instruction >= FIRST_VECTOR) return (vectors.now.VECTOR[instruction - FIRST_VECTOR] as Does)(thread);
  if (instruction >= FIRST_ATOMIC) return (threads.now.ATOMIC[instruction - FIRST_ATOMIC] as Does)(thread);
  if (instruction >= FIRST_OBJECT) return (objects.now.OBJECT[instruction - FIRST_OBJECT] as Does)(thread);
  return (SYSTEM[instruction - FIRST_SYSTEM] as Does)(thread);
}
