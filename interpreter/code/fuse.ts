/**
 * Fuses instructions of a function that has been lowered: the first of a sequence that is known gets the number of the
 * fused instruction, and nothing else changes. The others keep their numbers and places, so they can still be branched
 * to, trap where they stand, and begin sequences of their own.
 */

import type { Steps } from '../../wasm/steps.ts';
import type { CodeBuffer } from './buffer.ts';
import { FIRST_VECTOR, lengthOf, MACHINE_OPS, type MachineOp, op, placesIn, placesOf } from './isa.ts';

const LENGTHS = MACHINE_OPS.map(({ operands }) => lengthOf(operands));
const BR_TABLE = op('br_table');
const IN_BR_TABLE = placesOf('br_table');
/** Functions with one of these are run by the vector loop, which has no fused instructions. */
const IS_VECTOR = MACHINE_OPS.map(({ name }, number) => number >= FIRST_VECTOR || name.endsWith('.v128'));

interface Sequence {
  readonly fused: number;
  /** The instructions behind the first. */
  readonly rest: readonly number[];
  /** For each of these, the word of the operand that has to be the register written before; 0 where any will do. */
  readonly links: readonly number[];
  /** Whether an access to memory takes what was handed on: it cannot be executed again from where it stands. */
  readonly handsToAccess: boolean;
}

function sequence({ parts = [], links = [] }: MachineOp, fused: number): Sequence {
  const rest = parts.slice(1);
  return {
    fused,
    rest: rest.map(({ name }) => op(name)),
    links: rest.map(({ operands }, i) => placesIn(operands).get(links[i + 1] as string) ?? 0),
    handsToAccess: parts.some(({ form }, i) => (form === 'load' || form === 'store') && links[i] !== ''),
  };
}

/** By the first instruction. */
const SEQUENCES: Sequence[][] = MACHINE_OPS.map(() => []);
MACHINE_OPS.forEach((fused, number) => {
  const first = fused.parts?.[0];
  if (first !== undefined) SEQUENCES[op(first.name)]?.push(sequence(fused, number));
});

/** Instructions that are looked at together; no sequence reaches from some to the next. */
const WINDOW = 4_096;
const starts = new Int32Array(WINDOW);
const numbers = new Int32Array(WINDOW);
/** By place in the window: how many dispatches it takes from there to its end. */
const dispatches = new Int32Array(WINDOW + 1);

/**
 * Fuses what the code ends with, from `from` on, so that as few instructions as possible are left to dispatch.
 * Registers from `home` on are read once, by the instruction that takes the operand.
 * @param isRetried whether accesses that find themselves out of bounds may be executed again
 */
export function* fuse(code: CodeBuffer, from: number, home: number, isRetried: boolean): Steps<void> {
  const { words, length } = code;
  // Every instruction is a word at least.
  for (let at = from; length - from > WINDOW && at < length; at = next(words, at)) {
    if (IS_VECTOR[words[at] as number]) return;
  }
  for (let at = from; at < length; ) {
    if (at > from) yield;
    let count = 0;
    for (; at < length && count < WINDOW; at = next(words, at)) {
      const instruction = words[at] as number;
      if (IS_VECTOR[instruction]) return;
      starts[count] = at;
      numbers[count++] = instruction;
    }
    fuseWindow(words, count, home, isRetried);
  }
}

/** Where the instruction behind the one at `at` begins. */
function next(words: Int32Array, at: number): number {
  const instruction = words[at] as number;
  const end = at + (LENGTHS[instruction] as number);
  return instruction === BR_TABLE ? end + 2 * ((words[at + IN_BR_TABLE.labels] as number) + 1) : end;
}

function fuseWindow(words: Int32Array, count: number, home: number, isRetried: boolean): void {
  dispatches[count] = 0;
  for (let i = count - 1; i >= 0; i--) {
    let least = dispatches[i + 1] as number;
    for (const candidate of SEQUENCES[numbers[i] as number] as Sequence[]) {
      const behind = i + 1 + candidate.rest.length;
      if (behind > count || (isRetried && candidate.handsToAccess)) continue;
      const left = dispatches[behind] as number;
      if (left >= least || !matches(words, candidate, i, home)) continue;
      least = left;
      words[starts[i] as number] = candidate.fused;
    }
    dispatches[i] = least + 1;
  }
}

/** Whether the sequence stands at a place of the window. */
function matches(words: Int32Array, { rest, links }: Sequence, i: number, home: number): boolean {
  for (let j = 0; j < rest.length; j++) {
    if (numbers[i + j + 1] !== rest[j]) return false;
    const link = links[j] as number;
    if (link === 0) continue;
    // The register written is the first operand of whoever hands a result on.
    const register = words[(starts[i + j] as number) + 1] as number;
    if (register < home || words[(starts[i + j + 1] as number) + link] !== register) return false;
  }
  return true;
}
