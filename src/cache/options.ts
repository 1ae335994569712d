/** Bounds of a cache, checked once. */

import { integer } from '../checks/check.ts';
import { type Checks, checkNamed, type Given } from '../checks/named.ts';
import { GiB, MiB } from '../checks/sizes.ts';
import { Authenticator, type Key } from '../crypto/key.ts';
import type { Bounds } from './lru.ts';

/** Bounds of what a cache keeps in memory: the modules used longest ago go first. */
export interface CacheOptions {
  /**
   * Bytes of all modules in memory together, as they came; decoded and lowered they take a few times as much. 64 MiB
   * unless given. A module that is larger is not kept.
   */
  readonly maxBytes?: number | undefined;
  /** Modules in memory; 1,000 unless given. */
  readonly maxEntries?: number | undefined;
}

/** The same, and bounds of the files: those used longest ago go first. */
export interface DiskCacheOptions extends CacheOptions {
  /** Bytes of all files together; 1 GiB unless given. */
  readonly maxDiskBytes?: number | undefined;
  /** Files; 1,000 unless given. */
  readonly maxDiskEntries?: number | undefined;
  /**
   * Authenticates the files: one that was made without the key, or with another, is not used. All who share the folder
   * share the key.
   */
  readonly key?: Key | undefined;
}

/** As checked. */
type CheckedDisk = Omit<DiskCacheOptions, 'key'> & { readonly key?: Authenticator | undefined };

const bytes = (name: string) => (value: unknown) => integer(name, value, 'bytes', 0);
const entries = (name: string) => (value: unknown) => integer(name, value, 'entries', 0);

const MEMORY: Checks<CacheOptions> = { maxBytes: bytes('maxBytes'), maxEntries: entries('maxEntries') };
const DISK: Checks<CheckedDisk> = {
  ...MEMORY,
  maxDiskBytes: bytes('maxDiskBytes'),
  maxDiskEntries: entries('maxDiskEntries'),
  key: Authenticator.of,
};

function memoryBounds({ maxBytes = 64 * MiB, maxEntries = 1_000 }: Given<CacheOptions>): Bounds {
  return { maxBytes, maxEntries };
}

/** @throws UsageError */
export function checkMemoryBounds(options: unknown): Bounds {
  return memoryBounds(checkNamed<CacheOptions>('a cache', options, MEMORY));
}

interface DiskSettings {
  readonly memory: Bounds;
  readonly disk: Bounds;
  readonly key: Authenticator | undefined;
}

/** @throws UsageError */
export function checkDiskOptions(options: unknown): DiskSettings {
  const given = checkNamed<CheckedDisk>('a cache', options, DISK);
  const { maxDiskBytes = GiB, maxDiskEntries = 1_000, key } = given;
  return { memory: memoryBounds(given), disk: { maxBytes: maxDiskBytes, maxEntries: maxDiskEntries }, key };
}
