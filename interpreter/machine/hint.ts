/** What a trap says beside its kind, where it looks like something that people meet again and again. */

import type { TrapKind } from '../../wasm/errors.ts';
import { opcode } from '../../wasm/opcodes.ts';
import { Reader } from '../../wasm/reader.ts';
import { I32 } from '../../wasm/types.ts';
import type { Instance } from '../store/index.ts';

const I32_CONST = opcode('i32.const').code;
/** A stack pointer below this has no room for another frame. */
const NO_ROOM = 1_024;

const USED_UP =
  'the program has probably used up its own stack, which lies in its memory: its stack pointer (global 0) is outside. Link it with more, such as -Wl,-z,stack-size=1048576, or recurse less; stackLimit is about another stack';

/**
 * Compilers of C, C++, Rust and the like keep a stack in memory, grow it downwards, and link it below everything else, so
 * that it ends at address 0; its pointer is the module's first global.
 */
function looksLikeOverflow({ module, globals, memory }: Instance): boolean {
  const type = module.globals[0];
  const global = globals[0];
  if (module.importedGlobals > 0 || type?.type !== I32 || !type.mutable || global === undefined) return false;
  const init = module.globalInits.at(0);
  const reader = new Reader(module.bytes, init.start, init.end);
  if (reader.u8() !== I32_CONST || reader.s32() < NO_ROOM) return false;
  const pointer = global.cells[global.at] as number;
  return pointer < NO_ROOM && (pointer >= 0 || pointer >>> 0 >= (memory?.byteLength ?? 0));
}

export function hintFor(kind: TrapKind, instance: Instance): string | undefined {
  return kind === 'memory-out-of-bounds' && looksLikeOverflow(instance) ? USED_UP : undefined;
}
