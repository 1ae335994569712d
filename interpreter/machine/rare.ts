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
/** The main loop's, but what indices of tables are made with, one before each. */
const CONSTANT = op('const32');

/** Executes the instruction at `pc`, which is not one of the main loop's. Returns 0, or an exit. */
export function executeRare(thread: Thread): number {
  let instruction = thread.code[thread.pc] as number;
  if (IS_MOVE[instruction]) {
    do {
      const exit = (SYSTEM[instruction - FIRST_SYSTEM] as Does)(thread);
      if (exit !== EXIT.none) return exit;
      instruction = thread.code[thread.pc] as number;
      if (instruction !== CONSTANT) continue;
      const { code, pc } = thread;
      thread.registers[thread.fp + (code[pc + 1] as number)] = code[pc + 2] as number;
      thread.pc = pc + 3;
      instruction = code[pc + 3] as number;
    } while (IS_MOVE[instruction]);
    return EXIT.none;
  }
  if (instruction < FIRST_SYSTEM) return computeRarely(thread);
  if (instruction >= FIRST_VECTOR) return (vectors.now.VECTOR[instruction - FIRST_VECTOR] as Does)(thread);
  if (instruction >= FIRST_ATOMIC) return (threads.now.ATOMIC[instruction - FIRST_ATOMIC] as Does)(thread);
  if (instruction >= FIRST_OBJECT) return (objects.now.OBJECT[instruction - FIRST_OBJECT] as Does)(thread);
  return (SYSTEM[instruction - FIRST_SYSTEM] as Does)(thread);
}
