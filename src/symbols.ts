/**
 * Lines of source code for the frames of a guest's call stack.
 * @module wasm-sandbox/symbols
 */

import { type Bytes, copyOf } from '../wasm/bytes.ts';
import { decode } from '../wasm/decode.ts';
import type { StackFrame, WasmSandboxError } from '../wasm/errors.ts';
import { refuse } from './checks/check.ts';
import { checkNamed } from './checks/named.ts';
import { locateAll, type SourceLocation } from './symbols/dwarf-line.ts';
import { tracing } from './symbols/source-map.ts';

export type { StackFrame } from '../wasm/errors.ts';
export type { SourceLocation } from './symbols/dwarf-line.ts';

/** Where the lines are to be had from. */
export interface SymbolizeOptions {
  /** A source map of the module, as text or as an object: it needs the package `@jridgewell/trace-mapping`. */
  readonly sourceMap?: string | object | undefined;
}

/** A frame with its line. */
export interface SymbolizedFrame extends StackFrame {
  /** Undefined where the module, or the map, says nothing of it. */
  readonly source: SourceLocation | undefined;
}

/**
 * The call stack of an error with lines of source code: from a source map, if one is given, else from the DWARF debug
 * information in the module itself.
 * @param error as a call has thrown it
 * @param module the bytes of the module that failed, with its custom sections
 * @throws UsageError where something else is given, or the package for source maps is missing; CompileError where the bytes
 *   are no valid module
 */
export async function symbolize(
  error: WasmSandboxError,
  module: Bytes,
  options: SymbolizeOptions = {},
): Promise<readonly SymbolizedFrame[]> {
  const { sourceMap } = checkNamed<SymbolizeOptions>('symbolize', options, {
    sourceMap: (value) =>
      typeof value === 'string' || (typeof value === 'object' && value !== null)
        ? value
        : refuse('sourceMap', 'text or an object', value),
  });
  const frames = (error as Partial<WasmSandboxError> | null | undefined)?.frames;
  if (!Array.isArray(frames)) refuse('the error', 'one that a call has thrown', error);
  const bytes = copyOf(module, 'the module') ?? refuse('the module', 'bytes', module);
  const locate = sourceMap === undefined ? dwarfOf(bytes, frames) : await tracing(sourceMap);
  return frames.map((frame: StackFrame) => ({ ...frame, source: locate(frame.offset) }));
}

/** Looks places up by their offset in the module. */
function dwarfOf(bytes: Uint8Array, frames: readonly StackFrame[]): (offset: number) => SourceLocation | undefined {
  const { customSections, codeStart } = decode(bytes);
  const addresses = [...new Set(frames.map(({ codeOffset }) => codeOffset))].sort((a, b) => a - b);
  const found = locateAll((name) => {
    const [section] = customSections.named(name);
    return section && bytes.subarray(section.bytes.start, section.bytes.end);
  }, addresses);
  return (offset) => found[addresses.indexOf(offset - codeStart)];
}
