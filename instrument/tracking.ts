/**
 * What a host's compiler must keep track of. Fast compilers note at every branch where each local and each operand is,
 * which takes them time and memory that grow with the square of a function's size if somebody wants it to: a second
 * and 700 megabytes for 33 kilobytes. What compilers of languages make stays far below the limits: docs/limits.md has
 * the figures.
 */

import type { WasmModule } from '../wasm/types.ts';
import { tooLarge } from './layout.ts';

/** Locals and operands at branches: `base`, and `perByte` for each byte of the module. One takes some 12 bytes. */
const MOST_NOTED = {
  inFunction: { base: 1_000_000, perByte: 2 },
  inModule: { base: 1_000_000, perByte: 16 },
} as const;

/** Calls are places at which only what is in registers has to be looked for: a fraction of what branches cost. */
export const CALLS_PER_BRANCH = 8;

/** Operands at a time, and these times the bytes of the function's code, which have to be passed both. */
const HIGH_STACK = 500;
const HIGH_STACK_BYTES = 2 ** 26;

export class Tracking {
  private readonly module: WasmModule;
  private noted = 0;

  constructor(module: WasmModule) {
    this.module = module;
  }

  /**
   * @param noted locals and operands, added up over the branches of a function
   * @throws CompileError where that is too much
   */
  add(body: number, noted: number): void {
    const { bytes, bodies, importedFunctions } = this.module;
    const { maxHeight, codeStart, end } = bodies.at(body);
    const { inFunction, inModule } = MOST_NOTED;
    this.noted += noted;
    if (
      noted > inFunction.base + inFunction.perByte * bytes.length ||
      this.noted > inModule.base + inModule.perByte * bytes.length ||
      (maxHeight > HIGH_STACK && maxHeight * (end - codeStart) > HIGH_STACK_BYTES)
    ) {
      tooLarge(`too many locals and operands at the branches of function ${importedFunctions + body}`);
    }
  }
}
