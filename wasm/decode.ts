/** Decoding where nothing can be waited for: with all that any module needs. */

import { decodeSteps } from './decoder.ts';
import type { WasmModule } from './module.ts';
import { laterValidation } from './parts.ts';
import { complete } from './steps.ts';
import * as validationPart from './validation-part.ts';

/** For whoever decodes in steps, and waits for nothing between them. */
export function provideDecoder(): void {
  laterValidation.provide(validationPart);
}

/**
 * Decodes and validates a whole module. The bytes are copied.
 * @throws CompileError
 */
export function decode(bytes: Uint8Array, maxBytes?: number): WasmModule {
  provideDecoder();
  return complete(decodeSteps(bytes, maxBytes));
}
