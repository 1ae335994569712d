/** Lowers a function, in one pass over its bytes. docs/stages.md shows a small one before and after it. */

import type { WasmModule } from '../../wasm/module.ts';
import { planSteps } from '../../wasm/plan.ts';
import { STEP_BYTES, type Steps } from '../../wasm/steps.ts';
import type { CodeBuffer } from './buffer.ts';
import { fuse } from './fuse.ts';
import { HEADER_WORDS } from './isa.ts';
import { HANDLERS } from './lower-special.ts';
import { Lowering, type Watch } from './lowering.ts';
import type { TryRegion } from './regions.ts';
import type { Trace } from './trace.ts';

/**
 * Appends a function's code, header first; gives the bodies of its `try_table`s. Deterministic. Nothing else may be
 * appended before it has ended.
 */
export function* lowerFunction(
  code: CodeBuffer,
  module: WasmModule,
  body: number,
  trace?: Trace,
  watch?: Watch,
): Steps<readonly TryRegion[]> {
  const entry = code.length + HEADER_WORDS;
  const lowering = new Lowering(code, module, body, yield* planSteps(module, body), watch);
  while (!advance(lowering, lowering.reader.pos + STEP_BYTES, entry, trace)) yield;
  // Another thread of JavaScript may have made a shared memory grow.
  const isRetried = module.memories.some(({ isShared }) => isShared);
  yield* fuse(code, entry, code.words[entry - 1] as number, isRetried);
  return lowering.guarded;
}

/** Lowers up to an offset in the module's bytes, or to the end. Returns whether that was the end. */
function advance(lowering: Lowering, until: number, entry: number, trace: Trace | undefined): boolean {
  const { code, reader, watch } = lowering;
  while (lowering.isOpen) {
    if (reader.pos >= until) return false;
    trace?.add(code.length - entry, reader.pos);
    const index = reader.next();
    if (!reader.isReachable && reader.skips(index)) continue;
    watch?.(lowering, index);
    const handler = HANDLERS[index];
    if (handler !== undefined) handler(lowering);
    else lowering.ordinary(index);
  }
  return true;
}
