/** Random programs whose code can be left where it runs natively. */

import fc from 'fast-check';
import { leavableCode } from '../../src/engines/warming.ts';
import { decode } from '../../wasm/decode.ts';
import { CompileError } from '../../wasm/errors.ts';
import { anyLifeProgram, anyProgramWith } from '../life/programs.ts';

function canBeLeft(bytes: Uint8Array): boolean {
  try {
    leavableCode(decode(bytes));
    return true;
  } catch (error) {
    if (error instanceof CompileError) return false;
    throw error;
  }
}

export const anyNativeProgram = fc
  .oneof(anyLifeProgram(), anyProgramWith({ features: ['tail-calls'] }))
  .filter(({ bytes }) => canBeLeft(bytes));
