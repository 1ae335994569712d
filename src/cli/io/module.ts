/** The module that a command is given. */

import { concat } from '../../../wasm/bytes.ts';
import { MODULE_LIMITS } from '../../../wasm/limits.ts';
import type { WasmModule } from '../../../wasm/module.ts';
import { quote } from '../../../wasm/quote.ts';
import { KiB } from '../../checks/sizes.ts';
import { ANY_MODULE, fetchAll, loadModule } from '../../module/source.ts';
import { Preparation } from '../../time/preparation.ts';
import { type Io, showing } from './io.ts';

/** Bytes taken from standard input at once. */
const READ_BYTES = 64 * KiB;

/**
 * @param path or a URL; `-` is standard input, all of it
 * @throws CompileError; UsageError where it cannot be had
 */
export function readModule(path: string, io: Io): Promise<WasmModule> {
  return showing(io, `loading ${quote(path)}`, (onStep) =>
    loadModule(path === '-' ? readInput(io) : path, ANY_MODULE, new Preparation({ onStep })),
  );
}

/** The bytes alone, undecoded. @throws CompileError; UsageError where they cannot be had */
export async function readBinary(path: string, io: Io): Promise<Uint8Array> {
  const { bytes } = await fetchAll(path === '-' ? readInput(io) : path, MODULE_LIMITS.moduleBytes);
  return bytes;
}

/** Up to the first piece beyond what a module may have, which is then refused for its size. */
function readInput(io: Io): Uint8Array {
  const pieces: Uint8Array[] = [];
  for (let length = 0; length <= MODULE_LIMITS.moduleBytes; ) {
    const piece = io.stdin(READ_BYTES);
    if (piece.length === 0) break;
    pieces.push(piece);
    length += piece.length;
  }
  return concat(pieces);
}
