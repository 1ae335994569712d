/**
 * Fuses instructions of a function that has been lowered: the first of a sequence that is known gets the number of the
 * fused instruction, and nothing else changes. The others keep their numbers and places, so they can still be branched
 * to, trap where they stand, and begin sequences of their own.
 */

import { FIRST_VECTOR, lengthOf, MACHINE_OPS, type MachineOp, op } from './isa.ts';

const LENGTHS = MACHINE_OPS.map(({ operands }) => lengthOf(operands));
const BR_TABLE = op('br_table');
/** Functions with one of these are run by the vector loop, which has no fused instructions. */
const IS_VECTOR = MACHINE_OPS.map(({ name }, number) => number >= FIRST_VECTOR || name.endsWith('.v128'));

interface Sequence {
  readonly fused: number;
  /** The instructions behind the first. */
  readonly rest: readonly number[];
  /** For each of these, the word of the operand that has to be the register written before; 0 where any will do. */
  readonly links: readonly number[];
}

function sequence({ parts = [], links = [] }: MachineOp, fused: number): Sequence {
  const rest = parts.slice(1);
  return {
    fused,
    rest: rest.map(({ name }) => op(name)),
    links: rest.map(({ operands }, i) => {
      const link = links[i + 1] as string;
      return link === '' ? 0 : lengthOf(operands.slice(0, operands.indexOf(link)));
    }),
  };
}

/** By the first instruction. */
const SEQUENCES: Sequence[][] = MACHINE_OPS.map(() => []);
MACHINE_OPS.forEach((fused, number) => {
  const first = fused.parts?.[0];
  if (first !== undefined) SEQUENCES[op(first.name)]?.push(sequence(fused, number));
});

/**
 * Fuses what stands in `words` from `from` to `to` so that as few instructions as possible are left to dispatch.
 * Registers from `home` on are read once, by the instruction that takes the operand.
 */
export function fuse(words: Int32Array, from: number, to: number, home: number): void {
  const starts: number[] = [];
  const numbers: number[] = [];
  for (let at = from; at < to; ) {
    const instruction = words[at] as number;
    if (IS_VECTOR[instruction]) return;
    starts.push(at);
    numbers.push(instruction);
    at += LENGTHS[instruction] as number;
    if (instruction === BR_TABLE) at += 2 * ((words[at - 1] as number) + 1);
  }
  const matches = ({ rest, links }: Sequence, i: number) => {
    for (let j = 0; j < rest.length; j++) {
      if (numbers[i + j + 1] !== rest[j]) return false;
      const link = links[j] as number;
      if (link === 0) continue;
      // The register written is the first operand of whoever hands a result on.
      const register = words[(starts[i + j] as number) + 1] as number;
      if (register < home || words[(starts[i + j + 1] as number) + link] !== register) return false;
    }
    return true;
  };
  /** By place in `starts`: how many dispatches it takes from there to the end. */
  const dispatches = new Int32Array(starts.length + 1);
  for (let i = starts.length - 1; i >= 0; i--) {
    let least = dispatches[i + 1] as number;
    for (const candidate of SEQUENCES[numbers[i] as number] as Sequence[]) {
      const left = dispatches[i + 1 + candidate.rest.length];
      if (left === undefined || left >= least || !matches(candidate, i)) continue;
      least = left;
      words[starts[i] as number] = candidate.fused;
    }
    dispatches[i] = least + 1;
  }
}
