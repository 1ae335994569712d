/** Writes what `wasm-sandbox instrument` made. */

import { writeFileSync } from 'node:fs';
import { UsageError } from '../../../wasm/errors.ts';
import { quote } from '../../../wasm/quote.ts';

/** @throws UsageError where the file cannot be written */
export function writeOutput(path: string, bytes: Uint8Array): void {
  try {
    writeFileSync(path, bytes);
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new UsageError(`cannot write ${quote(path, 200)}: ${why}`, { cause });
  }
}
