/** Tells one lowering of a function from another: the places of a snapshot mean nothing in other code. */

import type { WasmModule } from '../../wasm/module.ts';
import { type CodeBuffer, LEAVE_PC, type Lowering, lowerFunction } from '../code/index.ts';

/**
 * Lowers a function once more, which always gives the same words.
 * @param code for it, and no other
 * @param see what is told of every instruction before it is lowered
 * @param look called between steps; throws to end it
 */
export function lowerAlone(
  code: CodeBuffer,
  module: WasmModule,
  body: number,
  see?: (lowering: Lowering, index: number) => void,
  look?: () => void,
): void {
  code.length = LEAVE_PC + 1;
  const steps = lowerFunction(code, module, body, undefined, see);
  while (steps.next().done !== true) look?.();
}

/** Of a function that was lowered alone. */
export function fingerprint({ words, length }: CodeBuffer): number {
  let hash = 0x811c9dc5;
  for (let i = LEAVE_PC + 1; i < length; i++) {
    hash = Math.imul(hash ^ (words[i] as number), 0x01000193);
    hash ^= hash >>> 15;
  }
  return hash >>> 0;
}
