/** The instructions that tests try one by one or at random, by their rows in the opcode table; no vectors. */

import { OPCODES, type Opcode, PREFIX_VECTOR } from '../../wasm/opcodes.ts';
import { F32, F64, I32, I64, type ValType } from '../../wasm/types.ts';
import type { Instruction } from './encode.ts';
import { isReference, type Type } from './types.ts';

const LETTERS: Readonly<Record<string, ValType>> = { i: I32, l: I64, f: F32, d: F64 };

/** The types that the letters of a row's signature stand for. */
export function typesOf(letters: string): ValType[] {
  return [...letters].map((letter) => LETTERS[letter] as ValType);
}

/** Rows whose signature is all there is to know. */
const PLAIN = OPCODES.filter((row) => row.code >> 16 !== PREFIX_VECTOR && !row.special);

/** From numbers to a number. */
export const NUMERIC: readonly Opcode[] = PLAIN.filter((row) => row.immediates === 'none' && row.params !== '');

/** Those of them that a branch often follows. */
export const COMPARISONS: readonly Opcode[] = NUMERIC.filter((row) => / \? 1 : 0$/.test(row.meaning ?? ''));

/** Loads and stores. */
export const ACCESSES: readonly Opcode[] = PLAIN.filter((row) => row.immediates === 'memarg');

/** Whether the result may be a NaN whose bits the specification leaves open (specification 4.3.3). */
export function makesNaN(row: Opcode): boolean {
  return (
    row.immediates === 'none' &&
    /[fd]/.test(row.params) &&
    /[fd]/.test(row.results) &&
    !(row.meaning ?? '').startsWith('bits ')
  );
}

const CONST = { [I32]: 'i32.const', [I64]: 'i64.const', [F32]: 'f32.const', [F64]: 'f64.const' } as const;

/** The constant of a number type with these bits; of a type of references that has it, null. */
export function constant(type: Type, bits: bigint): Instruction {
  if (isReference(type)) return ['ref.null', type];
  const mnemonic = CONST[type as keyof typeof CONST];
  return type === F32 || type === F64 ? [mnemonic, { bits }] : [mnemonic, bits];
}

/** Makes a float on the stack the canonical NaN, if it is one: x === x ? x : NaN. `local`, of its type, is overwritten. */
export function makeCanonical(type: typeof F32 | typeof F64, local: number): Instruction[] {
  const nan = type === F32 ? 0x7fc0_0000n : 0x7ff8_0000_0000_0000n;
  const isNumber = type === F32 ? 'f32.eq' : 'f64.eq';
  return [['local.tee', local], constant(type, nan), ['local.get', local], ['local.get', local], isNumber, 'select'];
}
