/** Bounds of a cache, checked once. */

import { integer } from '../check.ts';
import { type Checks, checkNamed, type Given } from '../named.ts';
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

const bytes = (name: string) => (value: unknown) => integer(name, value, 'bytes', 0);
const entries = (name: string) => (value: unknown) => integer(name, value, 'entries', 0);

const MEMORY: Checks<CacheOptions> = { maxBytes: bytes('maxBytes'), maxEntries: entries('maxEntries') };
const DISK: Checks<DiskCacheOptions> = {
  ...MEMORY,
  maxDiskBytes: bytes('maxDiskBytes'),
  maxDiskEntries: entries('maxDiskEntries'),
};

function memoryBounds({ maxBytes = 64 * MiB, maxEntries = 1_000 }: Given<CacheOptions>): Bounds {
  return { maxBytes, maxEntries };
}

/** @throws UsageError */
export function checkMemoryBounds(options: unknown): Bounds {
  return memoryBounds(checkNamed<CacheOptions>('a cache', options, MEMORY));
}

/** @throws UsageError */
export function checkDiskBounds(options: unknown): { readonly memory: Bounds; readonly disk: Bounds } {
  const given = checkNamed<DiskCacheOptions>('a cache', options, DISK);
  const { maxDiskBytes = GiB, maxDiskEntries = 1_000 } = given;
  return { memory: memoryBounds(given), disk: { maxBytes: maxDiskBytes, maxEntries: maxDiskEntries } };
}
