/** The instructions that tests try one by one or at random, by their rows in the opcode table. */

import { OPCODES, type Opcode, PREFIX_VECTOR } from '../../wasm/opcodes.ts';
import { F32, F64, I32, I64, V128, type ValType } from '../../wasm/types.ts';
import type { Instruction } from './encode.ts';
import { isReference, type Type } from './types.ts';

const LETTERS: Readonly<Record<string, ValType>> = { i: I32, l: I64, f: F32, d: F64, v: V128 };

/** The types that the letters of a row's signature stand for. */
export function typesOf(letters: string): ValType[] {
  return [...letters].map((letter) => LETTERS[letter] as ValType);
}

/** Rows whose signature is all there is to know. */
const PLAIN = OPCODES.filter((row) => row.code >> 16 !== PREFIX_VECTOR && !row.special && row.gas !== 'atomic');

/** From numbers to a number. */
export const NUMERIC: readonly Opcode[] = PLAIN.filter((row) => row.immediates === 'none' && row.params !== '');

/** Those of them that a branch often follows. */
export const COMPARISONS: readonly Opcode[] = NUMERIC.filter((row) => / \? 1 : 0$/.test(row.meaning ?? ''));

/** Loads and stores. */
export const ACCESSES: readonly Opcode[] = PLAIN.filter((row) => row.immediates === 'memarg');

/** Atomic instructions but those that wait. */
export const ATOMICS: readonly Opcode[] = OPCODES.filter(
  ({ gas, mnemonic }) => gas === 'atomic' && !mnemonic.startsWith('memory.atomic.wait'),
);

/** The first instruction of relaxed SIMD, whose results engines may choose. */
const RELAXED = (PREFIX_VECTOR << 16) | 0x100;

/** Instructions on vectors. */
const VECTORS = OPCODES.filter(({ code, special }) => code >> 16 === PREFIX_VECTOR && code < RELAXED && !special);

/** Those that reach no memory, constants left out. */
export const VECTOR_OPERATIONS: readonly Opcode[] = VECTORS.filter(
  ({ immediates }) => immediates === 'none' || immediates === 'lane' || immediates === 'shuffle',
);

export const VECTOR_ACCESSES: readonly Opcode[] = VECTORS.filter(({ immediates }) => immediates.startsWith('memarg'));

/** Lanes of the vector that an instruction reads or writes one of. */
export function lanesOf({ mnemonic }: Opcode): number {
  const bits = /(?:load|store)(\d+)_lane/.exec(mnemonic)?.[1];
  return bits === undefined ? Number(/x(\d+)\./.exec(mnemonic)?.[1]) : 128 / Number(bits);
}

/** Of an instruction on vectors: the type of the lanes that may be NaN whose bits the specification leaves open. */
export function makesNaNLanes({ mnemonic }: Opcode): typeof F32 | typeof F64 | undefined {
  const [, shape] =
    /^f(32x4|64x2)\.(?:ceil|floor|trunc|nearest|sqrt|add|sub|mul|div|min|max|demote_\w+|promote_\w+)$/.exec(mnemonic) ??
    [];
  if (shape === undefined) return undefined;
  return shape === '32x4' ? F32 : F64;
}

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

/** The constant of a number or vector type with these bits; of a type of references that has it, null. */
export function constant(type: Type, bits: bigint): Instruction {
  if (isReference(type)) return ['ref.null', type];
  if (type === V128) {
    return ['v128.const', Uint8Array.from({ length: 16 }, (_, i) => Number((bits >> BigInt(8 * i)) & 0xffn))];
  }
  const mnemonic = CONST[type as keyof typeof CONST];
  return type === F32 || type === F64 ? [mnemonic, { bits }] : [mnemonic, bits];
}

/** Makes a float on the stack the canonical NaN, if it is one: x === x ? x : NaN. `local`, of its type, is overwritten. */
export function makeCanonical(type: typeof F32 | typeof F64, local: number): Instruction[] {
  const nan = type === F32 ? 0x7fc0_0000n : 0x7ff8_0000_0000_0000n;
  const isNumber = type === F32 ? 'f32.eq' : 'f64.eq';
  return [['local.tee', local], constant(type, nan), ['local.get', local], ['local.get', local], isNumber, 'select'];
}

/** The same for the lanes of a vector. */
export function makeCanonicalLanes(type: typeof F32 | typeof F64, local: number): Instruction[] {
  const nan = type === F32 ? 0x7fc0_0000_7fc0_0000n : 0x7ff8_0000_0000_0000n;
  return [
    ['local.tee', local],
    constant(V128, (nan << 64n) | nan),
    ['local.get', local],
    ['local.get', local],
    type === F32 ? 'f32x4.eq' : 'f64x2.eq',
    'v128.bitselect',
  ];
}
