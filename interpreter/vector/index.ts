/** The instructions on vectors: operands are copied out of the registers, computed on, and the result copied back. */

import { accessBytes } from '../../wasm/opcodes.ts';
import {
  FIRST_VECTOR,
  lengthOf,
  MACHINE_OPS,
  type MachineOp,
  placesIn,
  type Register,
  trapExit,
} from '../code/index.ts';
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

/** 32-bit words of a value. */
const WORDS: Readonly<Record<string, number>> = { i32: 1, i64: 2, f32: 1, f64: 2, v128: 4 } satisfies Partial<
  Record<Register, number>
>;

function executor(op: MachineOp): (machine: Machine) => number {
  const row = op.row as NonNullable<MachineOp['row']>;
  const compute = TABLE[row.mnemonic];
  if (compute === undefined) throw new TypeError(`no computation for ${row.mnemonic}`);
  const length = lengthOf(op.operands);
  const places = placesIn(op.operands);
  const at = (name: string) => places.get(name) ?? 0;
  const [result, base, offset, lane, bytes] = [at('result'), at('base'), at('offset'), at('lane'), at('bytes')];
  const resultWords = WORDS[op.operands['result'] ?? ''] ?? 0;
  const accessed = offset === 0 ? 0 : accessBytes(row);
  const sources = ['a', 'b', 'c'].flatMap((name) => {
    const kind = op.operands[name];
    return kind === undefined ? [] : [{ isVector: kind === 'v128', words: WORDS[kind] as number, at: at(name) }];
  });

  return (machine) => {
    const { registers, code, fp, pc, memory } = machine;
    let vectors = 0;
    for (const { isVector, words, at } of sources) {
      const register = fp + (code[pc + at] as number);
      const to = isVector ? (VECTORS[vectors++] as Lanes) : scratch.scalar;
      for (let i = 0; i < words; i++) to.i32[i] = registers[register + i] as number;
    }
    if (lane > 0) scratch.lane = code[pc + lane] as number;
    if (bytes > 0) for (let i = 0; i < 4; i++) scratch.immediate.i32[i] = code[pc + bytes + i] as number;
    if (offset > 0) {
      const address = (registers[fp + (code[pc + base] as number)] as number) >>> 0;
      scratch.at = address + ((code[pc + offset] as number) >>> 0);
      if (scratch.at + accessed > memory.byteLength) return trapExit('memory-out-of-bounds');
      scratch.memory = memory.data;
    }
    compute(scratch);
    if (resultWords > 0) {
      const register = fp + (code[pc + result] as number);
      for (let i = 0; i < resultWords; i++) registers[register + i] = scratch.d.i32[i] as number;
    }
    machine.pc = pc + length;
    return 0;
  };
}

/** By number, from FIRST_VECTOR on. */
export const VECTOR: readonly ((machine: Machine) => number)[] = MACHINE_OPS.slice(FIRST_VECTOR).map(executor);
