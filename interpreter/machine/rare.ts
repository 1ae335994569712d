/** Dispatches what the loops leave to others. */

import { EXIT, FIRST_ATOMIC, FIRST_OBJECT, FIRST_SYSTEM, FIRST_VECTOR, op } from '../code/index.ts';
import { computeRarely } from './loop.generated.ts';
import { objects, threads, vectors } from './parts.ts';
import { SYSTEM } from './system.ts';
import type { Thread } from './thread.ts';

type Does = (thread: Thread) => number;

/** The last of those, from FIRST_SYSTEM on, that go on behind themselves unless they trap: calls and branches bring many in a row. */
const LAST_MOVE = op('table.size');
/** The first of them, and the most frequent: `copy.ref`. */
const COPY = FIRST_SYSTEM;
const COPY_VECTOR = op('copy.v128');
/** Every function of a module with objects or exceptions begins with it. */
const CLEAR = op('null.refs');
/** The main loop's, but what indices of tables are made with, one before each. */
const CONSTANT = op('const32');

/** Executes moves as long as there is one after another. Returns 0, or an exit. */
function move(thread: Thread): number {
  const { code, fp, registers, references } = thread;
  let { pc } = thread;
  for (;;) {
    for (; code[pc] === COPY; pc += 3) {
      const source = (fp + (code[pc + 2] as number)) >> 1;
      references.set((fp + (code[pc + 1] as number)) >> 1, references.get(source));
    }
    const instruction = code[pc] as number;
    const to = fp + (code[pc + 1] as number);
    const from = code[pc + 2] as number;
    if (instruction === CONSTANT) {
      registers[to] = from;
      pc += 3;
    } else if (instruction === COPY_VECTOR) {
      // One by one: a loop takes twice as long.
      const source = fp + from;
      registers[to] = registers[source] as number;
      registers[to + 1] = registers[source + 1] as number;
      registers[to + 2] = registers[source + 2] as number;
      registers[to + 3] = registers[source + 3] as number;
      pc += 3;
    } else if (instruction === CLEAR) {
      references.cut(to >> 1);
      pc += 2;
    } else {
      thread.pc = pc;
      if (instruction < COPY || instruction > LAST_MOVE) return EXIT.none;
      const exit = (SYSTEM[instruction - FIRST_SYSTEM] as Does)(thread);
      if (exit !== EXIT.none) return exit;
      pc = thread.pc;
    }
  }
}

/** Executes the instruction at `pc`, which is not one of the main loop's. Returns 0, or an exit. */
export function executeRare(thread: Thread): number {
  const instruction = thread.code[thread.pc] as number;
  if (instruction < FIRST_SYSTEM) return computeRarely(thread);
  if (instruction <= LAST_MOVE) return move(thread);
  if (instruction >= FIRST_VECTOR) return (vectors.now.VECTOR[instruction - FIRST_VECTOR] as Does)(thread);
  if (instruction >= FIRST_ATOMIC) return (threads.now.ATOMIC[instruction - FIRST_ATOMIC] as Does)(thread);
  if (instruction >= FIRST_OBJECT) return (objects.now.OBJECT[instruction - FIRST_OBJECT] as Does)(thread);
  return (SYSTEM[instruction - FIRST_SYSTEM] as Does)(thread);
}
