/** What a trap says beside its kind, where it looks like something that people meet again and again. */

import type { TrapKind } from './errors.ts';
import type { WasmModule } from './module.ts';
import { opcode } from './opcodes.ts';
import { Reader } from './reader.ts';
import { I32 } from './types.ts';

const I32_CONST = opcode('i32.const').code;
/** A stack pointer below this has no room for another frame. */
const NO_ROOM = 1_024;

const USED_UP =
  'the program has probably used up its own stack, which lies in its memory: its stack pointer (global 0) is outside. Link it with more, such as -Wl,-z,stack-size=1048576, or recurse less; stackLimit is about another stack';

/**
 * Compilers of C, C++, Rust and the like keep a stack in memory, grow it downwards, and link it below everything else, so
 * that it ends at address 0; its pointer is the module's first global.
 */
function looksLikeOverflow(module: WasmModule, { pointer, memoryBytes }: Stack): boolean {
  const [type] = module.globals;
  if (module.importedGlobals > 0 || type?.type !== I32 || !type.mutable) return false;
  const init = module.globalInits.at(0);
  const reader = new Reader(module.bytes, init.start, init.end);
  if (reader.u8() !== I32_CONST || reader.s32() < NO_ROOM) return false;
  const now = pointer();
  return now < NO_ROOM && (now >= 0 || now >>> 0 >= memoryBytes);
}

/** What there is to see of it. */
export interface Stack {
  /** The first global, an i32 of the module's own: signed. */
  pointer(): number;
  readonly memoryBytes: number;
}

export function hintFor(kind: TrapKind, module: WasmModule, stack: Stack): string | undefined {
  return kind === 'memory-out-of-bounds' && looksLikeOverflow(module, stack) ? USED_UP : undefined;
}
