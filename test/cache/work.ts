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

const modules = new Map<number, Uint8Array<ArrayBuffer>>();

/** A module of some size, of which `value` gives the number; made when it is asked for, as most processes do not live for all. */
export function moduleOf(number: number): Uint8Array<ArrayBuffer> {
  const module = modules.get(number) ?? makeModule(number);
  modules.set(number, module);
  return module;
}

function makeModule(number: number): Uint8Array<ArrayBuffer> {
  const filler = Array.from({ length: 300 }, (_, i) => ({
    name: `f${i}`,
    type: [[I32], [I32]] as const,
    // local.get 0; i32.const 1; i32.add, over and over
    code: [0x20, 0, ...Array.from({ length: 20 }, () => [0x41, 1, 0x6a]).flat()],
  }));
  return assemble({
    functions: [{ name: 'value', type: [[], [I32]] as const, code: [0x41, number] }, ...filler],
  });
}

/** Numbers of the modules. */
export const WORK = [0, 1, 2, 3, 4, 5];
