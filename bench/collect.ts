/** Collecting garbage at will. */

import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

/** Collects garbage; undefined where the runtime does not let us. */
export const collect: (() => void) | undefined = find();

function find(): (() => void) | undefined {
  const bun = (globalThis as { readonly Bun?: { gc(isNow: boolean): void } }).Bun;
  if (bun !== undefined) return () => bun.gc(true);
  if (typeof globalThis.gc === 'function') return globalThis.gc as () => void;
  try {
    setFlagsFromString('--expose-gc');
    const found: unknown = runInNewContext('typeof gc === "function" ? gc : undefined');
    return typeof found === 'function' ? (found as () => void) : undefined;
  } catch {
    return undefined;
  }
}
