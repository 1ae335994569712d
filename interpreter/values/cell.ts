/** Values as words, between registers and JavaScript, as the JavaScript API converts them (its section 5.6). */

import type { WasmValue } from '../../wasm/host.ts';
import { F32, F64, I32, I64, isReference, V128, type ValType } from '../../wasm/types.ts';
import type { Reference, SlotReferences } from './reference.ts';

const words = new Int32Array(2);
const bigints = new BigInt64Array(words.buffer);
const doubles = new Float64Array(words.buffer);
const floats = new Float32Array(words.buffer);

/** The two words of a number. NaN becomes the canonical NaN, whatever bits JavaScript gave it. */
export function toWords(type: ValType, value: WasmValue): readonly [low: number, high: number] {
  switch (type) {
    case I32:
      // Unary plus, as it refuses bigints and symbols with a TypeError.
      return [+(value as number) | 0, 0];
    case I64:
      bigints[0] = value as bigint;
      break;
    case F32: {
      const number = +(value as number);
      if (Number.isNaN(number)) return [0x7fc00000, 0];
      floats[0] = number;
      return [words[0] as number, 0];
    }
    case F64: {
      const number = +(value as number);
      if (Number.isNaN(number)) return [0, 0x7ff80000];
      doubles[0] = number;
      break;
    }
    default:
      throw new TypeError('a number was expected');
  }
  return [words[0] as number, words[1] as number];
}

/** The number of two words. */
export function fromWords(type: ValType, low: number, high: number): number | bigint {
  words[0] = low;
  words[1] = high;
  switch (type) {
    case I32:
      return low;
    case I64:
      return bigints[0] as bigint;
    case F32:
      return floats[0] as number;
    case F64:
      return doubles[0] as number;
    default:
      throw new TypeError('vectors do not pass between guest and host');
  }
}

/** A value as the guest holds it: the words of a number, or a reference. */
export interface Cell {
  readonly low: number;
  readonly high: number;
  /** The other two words of a vector. */
  readonly upper?: readonly [number, number];
  readonly reference: Reference;
}

/** Where a thread's values are, by the number of the register. */
export interface Registers {
  readonly registers: Int32Array;
  /** By slot: half the number of the register. */
  readonly references: SlotReferences;
}

export function readRegister({ registers, references }: Registers, register: number, type: ValType): WasmValue {
  if (isReference(type)) return references.get(register >> 1);
  return fromWords(type, registers[register] as number, registers[register + 1] as number);
}

/** Puts a value into the slots that begin at a register. */
export function writeRegister(to: Registers, register: number, type: ValType, cell: Cell): void {
  if (isReference(type)) {
    to.references.set(register >> 1, cell.reference);
    return;
  }
  const { registers } = to;
  registers[register] = cell.low;
  registers[register + 1] = cell.high;
  if (cell.upper !== undefined) registers.set(cell.upper, register + 2);
}

/** Puts values into consecutive slots. */
export function writeRegisters(to: Registers, base: number, types: readonly ValType[], cells: readonly Cell[]): void {
  let register = base;
  for (let i = 0; i < cells.length; i++) {
    const type = types[i] as ValType;
    writeRegister(to, register, type, cells[i] as Cell);
    register += type === V128 ? 4 : 2;
  }
}

/** Takes values from consecutive slots. */
export function readCells({ registers, references }: Registers, base: number, types: readonly ValType[]): Cell[] {
  let register = base;
  return types.map((type) => {
    const at = register;
    register += type === V128 ? 4 : 2;
    if (isReference(type)) return { low: 0, high: 0, reference: references.get(at >> 1) };
    const [low = 0, high = 0, third = 0, fourth = 0] = registers.subarray(at, at + 4);
    return { low, high, reference: null, ...(type === V128 ? { upper: [third, fourth] as const } : {}) };
  });
}
