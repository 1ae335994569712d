/** What a decoded module holds. */

import type { WasmModule } from './types.ts';

/** Bytes that a module holds outside of its instances and code; the same on every runtime, and about what they take. */
export function moduleBytes(module: WasmModule): number {
  return module.bytes.length;
}
