/** What a process that is killed was writing, so that others know what should be there. */

import { assemble, I32 } from '../sandbox/modules.ts';
import { contentOf } from './content.ts';

export const STORE_BOUNDS = { maxEntries: 12, maxBytes: 64 * 1024 * 1024 };
/** Hardly anything: nearly every module is written again. */
export const CACHE_BOUNDS = { maxEntries: 0, maxDiskEntries: 8 };

/** Numbers of entries that take a while to write. */
export const BULKY = [0, 1, 2, 3];

export function bulkyContent(number: number): Uint8Array<ArrayBuffer> {
  return contentOf(number, 6_000_000 + number);
}

/** Modules of some size, of which `value` gives the number. */
export const WORK = Array.from({ length: 6 }, (_, number) => {
  const filler = Array.from({ length: 300 }, (_, i) => ({
    name: `f${i}`,
    type: [[I32], [I32]] as const,
    // local.get 0; i32.const 1; i32.add, over and over
    code: [0x20, 0, ...Array.from({ length: 20 }, () => [0x41, 1, 0x6a]).flat()],
  }));
  const source = assemble({
    functions: [{ name: 'value', type: [[], [I32]] as const, code: [0x41, number] }, ...filler],
  });
  return { number, source };
});
