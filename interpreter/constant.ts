/** Constant expressions (specification 4.9.3), which validation has bounded and typed. */

import { InstructionReader } from '../wasm/instructions.ts';
import { type Mnemonic, OPCODES } from '../wasm/opcodes.ts';
import type { ConstExpr } from '../wasm/types.ts';
import { makeObject } from './gc/constant.ts';
import { GLOBAL_WORDS } from './global.ts';
import type { Instance } from './instance.ts';
import { mul64 } from './numeric.ts';
import type { Cell } from './values.ts';

type Binary = (a: Cell, b: Cell) => Cell;

const number = (low: number, high = 0): Cell => ({ low, high, reference: null });

const BINARY: Partial<Record<Mnemonic, Binary>> = {
  'i32.add': (a, b) => number((a.low + b.low) | 0),
  'i32.sub': (a, b) => number((a.low - b.low) | 0),
  'i32.mul': (a, b) => number(Math.imul(a.low, b.low)),
  'i64.add': (a, b) => {
    const low = (a.low + b.low) | 0;
    return number(low, (a.high + b.high + (low >>> 0 < a.low >>> 0 ? 1 : 0)) | 0);
  },
  'i64.sub': (a, b) => number((a.low - b.low) | 0, (a.high - b.high - (a.low >>> 0 < b.low >>> 0 ? 1 : 0)) | 0),
  'i64.mul': (a, b) => {
    const words = new Int32Array(2);
    mul64(words, 0, a.low, a.high, b.low, b.high);
    return number(words[0] as number, words[1]);
  },
};

export function evaluate(instance: Instance, expression: ConstExpr): Cell {
  const reader = new InstructionReader(instance.module.bytes, expression.start, expression.end);
  const stack: Cell[] = [];
  while (reader.pos < expression.end) {
    const row = OPCODES[reader.next()];
    if (row === undefined || row.mnemonic === 'end') break;
    if (makeObject(instance, row.mnemonic, reader, stack)) continue;
    const binary = BINARY[row.mnemonic];
    if (binary !== undefined) {
      const b = stack.pop() as Cell;
      stack.push(binary(stack.pop() as Cell, b));
    } else if (row.mnemonic === 'global.get') {
      const { cells, at, reference } = instance.globals[reader.a] as NonNullable<(typeof instance.globals)[number]>;
      const [low = 0, high = 0, third = 0, fourth = 0] = cells.subarray(at, at + GLOBAL_WORDS);
      stack.push({ low, high, upper: [third, fourth], reference });
    } else if (row.mnemonic === 'ref.func') stack.push({ low: 0, high: 0, reference: instance.function(reader.a) });
    else if (row.mnemonic === 'ref.null') stack.push(number(0));
    else if (row.mnemonic === 'v128.const') {
      const bytes = new DataView(reader.bytes.buffer, reader.bytes.byteOffset + reader.a, 16);
      const word = (i: number) => bytes.getInt32(4 * i, true);
      stack.push({ low: word(0), high: word(1), upper: [word(2), word(3)], reference: null });
    } else stack.push(number(reader.low, row.immediates.endsWith('64') ? reader.high : 0));
  }
  return stack.pop() as Cell;
}
