/** The instructions on vectors: operands are copied out of the registers, computed on, and the result copied back. */

import { accessBytes } from '../../wasm/opcodes.ts';
import { FIRST_VECTOR, lengthOf, MACHINE_OPS, type MachineOp, trapExit } from '../code/isa.ts';
import { CONVERSIONS } from './convert.ts';
import { type Compute, Lanes, type Scratch } from './lanes.ts';
import { LANEWISE } from './lanewise.ts';
import { ACCESSES } from './memory.ts';
import { relaxed } from './relaxed.ts';

/** What of a thread the instructions work on. */
interface Machine {
  readonly registers: Int32Array;
  readonly code: Int32Array;
  readonly fp: number;
  pc: number;
  readonly memory: { readonly byteLength: number; readonly data: DataView };
}

const STRICT: Readonly<Record<string, Compute>> = { ...LANEWISE, ...CONVERSIONS, ...ACCESSES };
const TABLE: Readonly<Record<string, Compute>> = { ...STRICT, ...relaxed(STRICT) };

const scratch: Scratch = {
  a: new Lanes(),
  b: new Lanes(),
  c: new Lanes(),
  d: new Lanes(),
  immediate: new Lanes(),
  scalar: new Lanes(),
  lane: 0,
  memory: new DataView(new ArrayBuffer(0)),
  at: 0,
};
const VECTORS = [scratch.a, scratch.b, scratch.c];

/** 32-bit words of a value, by the letter of its type. */
const WORDS: Readonly<Record<string, number>> = { i: 1, l: 2, f: 1, d: 2, v: 4 };

function executor(op: MachineOp): (machine: Machine) => number {
  const row = op.row as NonNullable<MachineOp['row']>;
  const compute = TABLE[row.mnemonic];
  if (compute === undefined) throw new TypeError(`no computation for ${row.mnemonic}`);
  const length = lengthOf(op.operands);
  const place = (letter: string) => lengthOf(op.operands.slice(0, op.operands.indexOf(letter)));
  const has = (letter: string) => op.operands.includes(letter);
  const resultWords = WORDS[row.results] ?? 0;
  const isAccess = has('o');
  const bytes = isAccess ? accessBytes(row) : 0;
  // An address is the first operand, and none of the vectors.
  const sources = [...row.params].map((type, i) => ({ type, at: place('abc'[i] as string) })).slice(isAccess ? 1 : 0);
  const places = { d: place('d'), address: place('a'), o: place('o'), x: place('x'), q: place('q') };

  return (machine) => {
    const { registers, code, fp, pc, memory } = machine;
    let vectors = 0;
    for (const { type, at } of sources) {
      const register = fp + (code[pc + at] as number);
      const to = type === 'v' ? (VECTORS[vectors++] as Lanes) : scratch.scalar;
      for (let i = 0; i < (WORDS[type] as number); i++) to.i32[i] = registers[register + i] as number;
    }
    if (has('x')) scratch.lane = code[pc + places.x] as number;
    if (has('q')) for (let i = 0; i < 4; i++) scratch.immediate.i32[i] = code[pc + places.q + i] as number;
    if (isAccess) {
      const base = (registers[fp + (code[pc + places.address] as number)] as number) >>> 0;
      scratch.at = base + ((code[pc + places.o] as number) >>> 0);
      if (scratch.at + bytes > memory.byteLength) return trapExit('memory-out-of-bounds');
      scratch.memory = memory.data;
    }
    compute(scratch);
    if (resultWords > 0) {
      const register = fp + (code[pc + places.d] as number);
      for (let i = 0; i < resultWords; i++) registers[register + i] = scratch.d.i32[i] as number;
    }
    machine.pc = pc + length;
    return 0;
  };
}

/** By number, from FIRST_VECTOR on. */
export const VECTOR: readonly ((machine: Machine) => number)[] = MACHINE_OPS.slice(FIRST_VECTOR).map(executor);
