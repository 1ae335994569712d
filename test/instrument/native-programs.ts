/** Random programs whose code can be left where it runs natively. */

import fc from 'fast-check';
import { whyNotOn } from '../../instrument/features.ts';
import { leavableCode } from '../../src/engines/warming.ts';
import { decode } from '../../wasm/decode.ts';
import { CompileError } from '../../wasm/errors.ts';
import { anyLifeProgram, anyProgramWith } from '../life/programs.ts';

function canBeLeft(bytes: Uint8Array): boolean {
  try {
    const module = decode(bytes);
    leavableCode(module);
    return whyNotOn(WebAssembly, module) === undefined;
  } catch (error) {
    if (error instanceof CompileError) return false;
    throw error;
  }
}

export const anyNativeProgram = fc
  .oneof(anyLifeProgram(), anyProgramWith({ features: ['tail-calls', 'multi-memory'] }))
  .filter(({ bytes }) => canBeLeft(bytes));
