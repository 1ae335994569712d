/** Bounds of a cache, checked once. */

import { UsageError } from '../../wasm/errors.ts';
import { quote } from '../../wasm/quote.ts';
import { integer, record } from '../check.ts';
import { suggest } from '../similar.ts';
import { GiB, MiB } from '../sizes.ts';
import type { Bounds } from './lru.ts';

export interface CacheOptions {
  /**
   * Bytes of all modules in memory together, as they came; decoded and lowered they take a few times as much. 64 MiB
   * unless given. A module that is larger is not kept.
   */
  readonly maxBytes?: number | undefined;
  /** Modules in memory; 1,000 unless given. */
  readonly maxEntries?: number | undefined;
}

export interface DiskCacheOptions extends CacheOptions {
  /** Bytes of all files together; 1 GiB unless given. */
  readonly maxDiskBytes?: number | undefined;
  /** Files; 1,000 unless given. */
  readonly maxDiskEntries?: number | undefined;
}

const MEMORY = { maxBytes: 64 * MiB, maxEntries: 1_000 };
const DISK = { ...MEMORY, maxDiskBytes: GiB, maxDiskEntries: 1_000 };

function check<T extends Readonly<Record<string, number>>>(options: unknown, defaults: T): T {
  const checked: Record<string, number> = { ...defaults };
  for (const [name, value] of Object.entries(record('the options of a cache', options))) {
    if (!Object.hasOwn(defaults, name)) {
      const known = suggest(name, Object.keys(defaults), 'the options are');
      throw new UsageError(`a cache has no option ${quote(name)}; ${known}`);
    }
    if (value !== undefined) checked[name] = integer(name, value, name.endsWith('Bytes') ? 'bytes' : 'entries', 0);
  }
  return checked as T;
}

/** @throws UsageError */
export function checkMemoryBounds(options: unknown): Bounds {
  return check(options, MEMORY);
}

/** @throws UsageError */
export function checkDiskBounds(options: unknown): { readonly memory: Bounds; readonly disk: Bounds } {
  const { maxBytes, maxEntries, maxDiskBytes, maxDiskEntries } = check(options, DISK);
  return { memory: { maxBytes, maxEntries }, disk: { maxBytes: maxDiskBytes, maxEntries: maxDiskEntries } };
}
