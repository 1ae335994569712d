/** Parts of sections that all who write modules write alike (specification 5.3 and 5.5). */

import { FUNCTION, HAS_MAX } from '../wasm/encoding.ts';
import type { FuncType, Limits } from '../wasm/types.ts';
import type { Writer } from '../wasm/writer.ts';

export function writeFuncType(out: Writer, { params, results }: Pick<FuncType, 'params' | 'results'>): void {
  out.u8(FUNCTION);
  for (const values of [params, results]) {
    out.u32(values.length);
    out.raw(...values);
  }
}

/** @param flags beside that for a maximum */
export function writeLimits(out: Writer, { min, max }: Limits, flags = 0): void {
  out.u8(flags | (max === undefined ? 0 : HAS_MAX));
  out.u32(min);
  if (max !== undefined) out.u32(max);
}
