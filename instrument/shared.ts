/** Memories that the host's engine makes for an embedder: shared ones, and how these come to other threads. */

import { type Budget, Growth, mostPages } from '../wasm/budget.ts';
import { LinkError } from '../wasm/errors.ts';
import { PAGE_BYTES } from '../wasm/limits.ts';
import { messageOf } from '../wasm/quote.ts';
import { I64, type MemoryType } from '../wasm/types.ts';
import { type Sizes, shownSize } from '../wasm/web-idl.ts';
import type { WasmHost } from './host.ts';

/** A shared memory as it can be sent to other threads of JavaScript: hosts clone their own. */
export interface SentMemory {
  readonly memory: WebAssembly.Memory;
  /** Pages, as declared. */
  readonly maximum: number;
  readonly address: 'i32';
}

export const WRONG_PARTS = 'what Memory.toTransferable gives was expected';

/** A descriptor that tells nobody that it is read. */
export function sizesFor({ address, limits: { min, max } }: Sizes): { initial: number; maximum?: number } {
  const size = (value: number) => shownSize(address, value) as number;
  return {
    ...(address === I64 && { address: 'i64' }),
    initial: size(min),
    ...(max !== undefined && { maximum: size(max) }),
  };
}

export function isShared({ buffer }: WebAssembly.Memory): boolean {
  return typeof SharedArrayBuffer !== 'undefined' && buffer instanceof SharedArrayBuffer;
}

/**
 * A memory of a size that has been counted. A shared one grows no further than the budget goes, whoever makes it grow.
 * @throws LinkError where the runtime cannot share it; what the host throws
 */
export function makeMemory(host: WasmHost, type: MemoryType, growth: Growth): WebAssembly.Memory {
  if (!type.isShared) return new host.Memory(sizesFor(type));
  const { min } = type.limits;
  const max = Math.max(min, growth.largest);
  try {
    return new host.Memory({ ...sizesFor({ ...type, limits: { min, max } }), shared: true });
  } catch (cause) {
    throw new LinkError(`a shared memory cannot be had: ${messageOf(cause)}`, { cause });
  }
}

/**
 * A shared memory that another thread has sent, which may be anything; undefined where the budget does not hold it.
 * @throws TypeError
 */
export function takeMemory(
  host: WasmHost,
  raw: unknown,
  maximum: number,
  budget: Budget,
): { raw: WebAssembly.Memory; growth: Growth } | undefined {
  const isFit = raw instanceof host.Memory && isShared(raw) && Number.isInteger(maximum);
  if (!isFit) throw new TypeError(WRONG_PARTS);
  const pages = raw.buffer.byteLength / PAGE_BYTES;
  if (maximum < pages) throw new TypeError(WRONG_PARTS);
  const growth = Growth.ofMemory(budget, maximum);
  return pages <= mostPages(maximum) && growth.take(0, pages) ? { raw, growth } : undefined;
}
