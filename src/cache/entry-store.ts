/** Where entries are kept beyond the process. */

import type { Authenticator } from '../crypto/key.ts';
import type { Bounds } from './lru.ts';

/** What a store did and has. */
export interface StoreStats {
  /** Entries that were found, and those that were looked for and not found or not usable. */
  readonly hits: number;
  readonly misses: number;
  /** Entries written. */
  readonly written: number;
  /** Entries that were not as they had been written, or of another version: removed, and misses as well. */
  readonly corrupt: number;
  /** Entries removed to stay within the bounds. */
  readonly evictions: number;
  /** Reads and writes that failed. A cache that cannot be used is a cache that has nothing. */
  readonly failures: number;
  /** The last of them. */
  readonly lastFailure: unknown;
  /** Entries and their bytes, when the store was last looked through; others may have changed it since. */
  readonly entries: number;
  readonly bytes: number;
}

/** Neither reading nor writing ever fails: see {@link StoreStats.failures}. */
export interface EntryStore {
  /** What was written under the key, exactly, or undefined. */
  read(key: string): Promise<Uint8Array<ArrayBuffer> | undefined>;
  write(key: string, content: Uint8Array): Promise<void>;
  /** Removes an entry that turned out not to be usable. */
  reject(key: string): Promise<void>;
  clear(): Promise<void>;
  getStats(): StoreStats;
}

/** @throws UsageError where the folder cannot be used, or others own it or may write to it */
export type OpenStore = (folder: string | URL, bounds: Bounds, key?: Authenticator) => Promise<EntryStore>;

let provided: (() => Promise<OpenStore>) | undefined;

/** For the entry of a runtime that has files. */
export function provideStore(load: () => Promise<OpenStore>): void {
  provided = load;
}

/** What opens a folder; undefined where the runtime has none. */
export async function loadStore(): Promise<OpenStore | undefined> {
  return provided?.();
}
