/** Constant expressions (specification 4.9.3), which validation has bounded and typed. */

import { InstructionReader } from '../../wasm/instructions.ts';
import { type Mnemonic, OPCODES, type Opcode } from '../../wasm/opcodes.ts';
import type { ConstExpr } from '../../wasm/types.ts';
import { GLOBAL_WORDS } from '../code/index.ts';
import { mul64 } from '../numeric.ts';
import type { Cell } from '../values/index.ts';
import type { Instance } from './instance.ts';
import { constantObjects } from './parts.ts';

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

/** One for all: an expression is never evaluated inside another. */
const reader = new InstructionReader(new Uint8Array(0));

/** @throws GasExhausted, MemoryLimitExceeded where it makes an object */
export function evaluate(instance: Instance, { start, end }: ConstExpr): Cell {
  reader.bytes = instance.module.bytes;
  reader.pos = start;
  reader.end = end;
  const stack: Cell[] = [];
  for (;;) {
    const { mnemonic } = OPCODES[reader.next()] as Opcode;
    switch (mnemonic) {
      case 'end':
        return stack.pop() as Cell;
      case 'i32.const':
      case 'f32.const':
        stack.push(number(reader.low));
        break;
      case 'i64.const':
      case 'f64.const':
        stack.push(number(reader.low, reader.high));
        break;
      case 'ref.func':
        stack.push({ low: 0, high: 0, reference: instance.function(reader.a) });
        break;
      case 'ref.null':
        stack.push(number(0));
        break;
      case 'global.get': {
        const { cells, at, reference } = instance.globals[reader.a] as NonNullable<(typeof instance.globals)[number]>;
        const [low = 0, high = 0, third = 0, fourth = 0] = cells.subarray(at, at + GLOBAL_WORDS);
        stack.push({ low, high, upper: [third, fourth], reference });
        break;
      }
      case 'v128.const': {
        const bytes = new DataView(reader.bytes.buffer, reader.bytes.byteOffset + reader.a, 16);
        const word = (i: number) => bytes.getInt32(4 * i, true);
        stack.push({ low: word(0), high: word(1), upper: [word(2), word(3)], reference: null });
        break;
      }
      default: {
        const binary = BINARY[mnemonic];
        if (binary === undefined) {
          constantObjects.now.makeObject(instance, mnemonic, reader, stack);
          break;
        }
        const b = stack.pop() as Cell;
        stack.push(binary(stack.pop() as Cell, b));
      }
    }
  }
}
