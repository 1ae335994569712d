/** Dispatches what the loops leave to others. */

import {
  EXIT,
  FIRST_ATOMIC,
  FIRST_OBJECT,
  FIRST_SYSTEM,
  FIRST_VECTOR,
  MACHINE_OPS,
  type Name,
  op,
} from '../code/index.ts';
import { computeRarely } from './loop.generated.ts';
import { objects, threads, vectors } from './parts.ts';
import { SYSTEM } from './system.ts';
import type { Thread } from './thread.ts';

type Does = (thread: Thread) => number;

/** What moves references, and goes on behind itself unless it traps: of these, calls and branches bring many in a row. */
const MOVES: ReadonlySet<Name> = new Set<Name>([
  'copy.ref',
  'null.ref',
  'null.refs',
  'select.ref',
  'ref.is_null',
  'ref.func',
  'table.get',
  'table.set',
  'table.size',
  'global.get.far',
  'global.set.far',
]);
const IS_MOVE = MACHINE_OPS.map(({ name }) => MOVES.has(name as Name));
/** Of all of these the most frequent. */
const COPY = op('copy.ref');
/** The main loop's, but what indices of tables are made with, one before each. */
const CONSTANT = op('const32');

/** Executes moves as long as there is one after another. Returns 0, or an exit. */
function move(thread: Thread): number {
  const { code, fp, registers, references } = thread;
  for (;;) {
    const { pc } = thread;
    const instruction = code[pc] as number;
    if (instruction === COPY) {
      const source = references.get((fp + (code[pc + 2] as number)) >> 1);
      references.set((fp + (code[pc + 1] as number)) >> 1, source);
      thread.pc = pc + 3;
    } else if (instruction === CONSTANT) {
      registers[fp + (code[pc + 1] as number)] = code[pc + 2] as number;
      thread.pc = pc + 3;
    } else if (IS_MOVE[instruction]) {
      const exit = (SYSTEM[instruction - FIRST_SYSTEM] as Does)(thread);
      if (exit !== EXIT.none) return exit;
    } else return EXIT.none;
  }
}

/** Executes the instruction at `pc`, which is not one of the main loop's. Returns 0, or an exit. */
export function executeRare(thread: Thread): number {
  const instruction = thread.code[thread.pc] as number;
  if (IS_MOVE[instruction]) return move(thread);
  if (instruction < FIRST_SYSTEM) return computeRarely(thread);
  if (instruction >= FIRST_VECTOR) return (vectors.now.VECTOR[instruction - FIRST_VECTOR] as Does)(thread);
  if (instruction >= FIRST_ATOMIC) return (threads.now.ATOMIC[instruction - FIRST_ATOMIC] as Does)(thread);
  if (instruction >= FIRST_OBJECT) return (objects.now.OBJECT[instruction - FIRST_OBJECT] as Does)(thread);
  return (SYSTEM[instruction - FIRST_SYSTEM] as Does)(thread);
}
