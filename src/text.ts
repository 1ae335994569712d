/** `wasm-sandbox/text`: WebAssembly's text format, to the binary format and back. */

import type { Bytes } from '../wasm/bytes.ts';
import { assemble } from '../wasm/text/assemble.ts';
import { sourceOf } from '../wasm/text/source.ts';

/**
 * Assembles a module. Time and memory are linear in the text, however deep it is nested. Identifiers become the name
 * section. The module need not be valid.
 * @param text a module, with or without `(module …)` around its fields; bytes are UTF-8
 * @throws TextError where it is none, with line and column; UsageError where it is neither text nor bytes
 */
export function parse(text: string | Bytes): Uint8Array<ArrayBuffer> {
  return assemble(sourceOf(text));
}
