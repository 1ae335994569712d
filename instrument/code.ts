/** Writes instructions by their names. */

import { EMPTY_BLOCK, HAS_MEMORY } from '../wasm/encoding.ts';
import { type Mnemonic, OPCODES } from '../wasm/opcodes.ts';
import { EXTERNREF, F32, F64, FUNCREF, I32, I64, V128, type ValType } from '../wasm/types.ts';
import { Writer } from '../wasm/writer.ts';

const CODES: ReadonlyMap<Mnemonic, number> = new Map(OPCODES.map(({ mnemonic, code }) => [mnemonic, code]));

export class CodeWriter extends Writer {
  op(mnemonic: Mnemonic): void {
    const code = CODES.get(mnemonic) as number;
    if (code > 0xff) {
      this.u8(code >> 16);
      this.u32(code & 0xffff);
    } else this.u8(code);
  }

  /** An instruction with indices. */
  at(mnemonic: Mnemonic, index: number, second?: number): void {
    this.op(mnemonic);
    this.u32(index);
    if (second !== undefined) this.u32(second);
  }

  /** An access to a memory. */
  access(mnemonic: Mnemonic, align: number, offset: number, memory: number): void {
    this.op(mnemonic);
    this.u32(memory === 0 ? align : align | HAS_MEMORY);
    if (memory !== 0) this.u32(memory);
    this.u32(offset);
  }

  i32(value: number): void {
    this.op('i32.const');
    this.signed(value);
  }

  i64(value: number): void {
    this.op('i64.const');
    this.signed(value);
  }

  /** Opens an `if` without results. */
  if(): void {
    this.op('if');
    this.u8(EMPTY_BLOCK);
  }
}

/** A value that nobody looks at. */
export function blank(code: CodeWriter, type: ValType): void {
  switch (type) {
    case I32:
      code.i32(0);
      return;
    case I64:
      code.i64(0);
      return;
    case F32:
    case F64:
      code.op(type === F32 ? 'f32.const' : 'f64.const');
      code.raw(...new Array<number>(type === F32 ? 4 : 8).fill(0));
      return;
    case V128:
      code.op('v128.const');
      code.raw(...new Array<number>(16).fill(0));
      return;
    case FUNCREF:
    case EXTERNREF:
      code.op('ref.null');
      code.u8(type);
  }
}
