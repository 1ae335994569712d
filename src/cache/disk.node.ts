/**
 * Entries as files of one folder, which any number of processes may share. A file appears under its name complete or
 * not at all; whatever else may happen to it is found out by its checksum.
 */

import { randomBytes } from 'node:crypto';
import { constants, type Stats } from 'node:fs';
import { type FileHandle, mkdir, open, readdir, rename, stat, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import process from 'node:process';
import { fileURLToPath } from 'node:url';
import { UsageError } from '../../wasm/errors.ts';
import { quote } from '../../wasm/quote.ts';
import type { Authenticator } from '../crypto/key.ts';
import { decodeEntry, encodeEntry, HEADER_BYTES } from './entry.ts';
import type { EntryStore, StoreStats } from './entry-store.ts';
import type { Bounds } from './lru.ts';

const ENTRY = /^[\da-f]{64}\.entry$/;
const UNFINISHED = /^[\da-f]{64}\.\d+-[\da-f]+\.unfinished$/;

/** Milliseconds after which nobody can still be writing a file that has not got its name. */
const ABANDONED = 10 * 60 * 1_000;

const OTHERS_WRITE = 0o002;
const GROUP_WRITES = 0o020;
/** Neither through a symbolic link, nor waiting for whoever fills a pipe. */
const PLAIN_FILE = constants.O_RDONLY | (constants.O_NOFOLLOW ?? 0) | (constants.O_NONBLOCK ?? 0);
/** Whether files have owners and permissions of this kind. */
const HAS_OWNERS = process.getuid !== undefined;

interface Found {
  readonly path: string;
  readonly bytes: number;
  /** Milliseconds since 1970. */
  readonly used: number;
  readonly isUnfinished: boolean;
}

export class DiskStore implements EntryStore {
  readonly #folder: string;
  readonly #bounds: Bounds;
  readonly #key: Authenticator | undefined;
  readonly #counts = { hits: 0, misses: 0, written: 0, corrupt: 0, evictions: 0, failures: 0, entries: 0, bytes: 0 };
  #lastFailure: unknown;
  /** The sweep that is under way, and then the one behind it: no more than one waits. */
  #sweeping: Promise<void> | undefined;
  #next: Promise<void> | undefined;

  private constructor(folder: string, bounds: Bounds, key: Authenticator | undefined) {
    this.#folder = folder;
    this.#bounds = bounds;
    this.#key = key;
  }

  /**
   * Makes the folder where there is none.
   * @throws UsageError where it cannot be used, or others own it or may write to it
   */
  static async open(folder: string | URL, bounds: Bounds, key?: Authenticator): Promise<DiskStore> {
    const path = typeof folder === 'string' ? folder : fileURLToPath(folder);
    let status: Stats;
    try {
      await mkdir(path, { recursive: true, mode: 0o700 });
      status = await stat(path);
    } catch (cause) {
      throw new UsageError(`the folder ${quote(path, 200)} cannot be used for a cache: ${reason(cause)}`, { cause });
    }
    const why = strangersIn(status);
    if (why !== undefined) {
      throw new UsageError(
        `${why} ${quote(path, 200)}: what a cache holds is run without its limits being checked again, so use a folder of your own that nobody else may write to (chmod go-w)`,
      );
    }
    const store = new DiskStore(path, bounds, key);
    await store.#sweep();
    return store;
  }

  async read(key: string): Promise<Uint8Array<ArrayBuffer> | undefined> {
    const content = await this.#tried(() => this.#read(key));
    if (content === undefined) this.#counts.misses++;
    else this.#counts.hits++;
    return content;
  }

  async #read(key: string): Promise<Uint8Array<ArrayBuffer> | undefined> {
    const path = this.#path(key);
    let file: FileHandle;
    try {
      file = await open(path, PLAIN_FILE);
    } catch (error) {
      if (isMissing(error)) return undefined;
      // A symbolic link: none of the cache's.
      if (hasCode(error, 'ELOOP')) await this.#discard(key);
      else throw error;
      return undefined;
    }
    let content: Uint8Array<ArrayBuffer> | undefined;
    try {
      const status = await file.stat();
      const isFit = status.isFile() && status.size <= this.#bounds.maxBytes + HEADER_BYTES;
      if (isFit && strangersIn(status) === undefined)
        content = await decodeEntry(key, await file.readFile(), this.#key);
      const now = new Date();
      // Only for whoever evicts: an entry is as good without.
      if (content !== undefined) await file.utimes(now, now).catch(() => undefined);
    } finally {
      await file.close();
    }
    if (content === undefined) await this.#discard(key);
    return content;
  }

  /** Counts as a miss what had been a hit. */
  async reject(key: string): Promise<void> {
    this.#counts.hits--;
    this.#counts.misses++;
    await this.#tried(() => this.#discard(key));
  }

  async #discard(key: string): Promise<void> {
    this.#counts.corrupt++;
    await remove(this.#path(key));
  }

  async write(key: string, content: Uint8Array): Promise<void> {
    if (content.length + HEADER_BYTES > this.#bounds.maxBytes || this.#bounds.maxEntries === 0) return;
    await this.#tried(() => this.#write(key, content));
    await this.#sweep();
  }

  async #write(key: string, content: Uint8Array): Promise<void> {
    const entry = await encodeEntry(key, content, this.#key);
    const unfinished = join(this.#folder, `${key}.${process.pid}-${randomBytes(8).toString('hex')}.unfinished`);
    try {
      const file = await open(unfinished, 'wx', 0o600);
      try {
        await file.writeFile(entry);
      } finally {
        await file.close();
      }
      await rename(unfinished, this.#path(key));
    } catch (error) {
      await remove(unfinished).catch(() => undefined);
      throw error;
    }
    this.#counts.written++;
  }

  async clear(): Promise<void> {
    await this.#tried(async () => {
      for (const { path } of await this.#list()) await remove(path);
    });
    await this.#sweep();
  }

  getStats(): StoreStats {
    return { ...this.#counts, lastFailure: this.#lastFailure };
  }

  /** Looks through the folder after all that has been written so far. */
  #sweep(): Promise<void> {
    if (this.#sweeping === undefined) {
      this.#sweeping = this.#evict().finally(() => {
        this.#sweeping = undefined;
      });
      return this.#sweeping;
    }
    this.#next ??= this.#sweeping.then(() => {
      this.#next = undefined;
      return this.#sweep();
    });
    return this.#next;
  }

  async #evict(): Promise<void> {
    await this.#tried(async () => {
      const { maxEntries, maxBytes } = this.#bounds;
      const found = (await this.#list()).sort((a, b) => a.used - b.used);
      let entries = found.length;
      let bytes = found.reduce((sum, file) => sum + file.bytes, 0);
      const abandoned = Date.now() - ABANDONED;
      for (const file of found) {
        const isTooMuch = entries > maxEntries || bytes > maxBytes;
        if (!isTooMuch && !(file.isUnfinished && file.used < abandoned)) continue;
        await remove(file.path);
        entries--;
        bytes -= file.bytes;
        if (!file.isUnfinished) this.#counts.evictions++;
      }
      this.#counts.entries = entries;
      this.#counts.bytes = bytes;
    });
  }

  /** The files of the cache, and no others that may be in the folder. */
  async #list(): Promise<Found[]> {
    const found: Found[] = [];
    for (const name of await readdir(this.#folder)) {
      const isUnfinished = UNFINISHED.test(name);
      if (!isUnfinished && !ENTRY.test(name)) continue;
      const path = join(this.#folder, name);
      // Another process may have removed it.
      const status = await stat(path).catch(() => undefined);
      if (status?.isFile()) found.push({ path, bytes: status.size, used: status.mtimeMs, isUnfinished });
    }
    return found;
  }

  #path(key: string): string {
    return join(this.#folder, `${key}.entry`);
  }

  async #tried<T>(action: () => Promise<T>): Promise<T | undefined> {
    try {
      return await action();
    } catch (error) {
      this.#counts.failures++;
      this.#lastFailure = error;
      return undefined;
    }
  }
}

/** Who else than this process's user could have put something there; undefined where nobody could. */
function strangersIn({ uid, mode }: Pick<Stats, 'uid' | 'mode'>): string | undefined {
  if (!HAS_OWNERS) return undefined;
  if (uid !== process.getuid?.()) return 'another user owns';
  if ((mode & OTHERS_WRITE) !== 0) return 'anybody may write to';
  return (mode & GROUP_WRITES) === 0 ? undefined : 'its group may write to';
}

async function remove(path: string): Promise<void> {
  try {
    await unlink(path);
  } catch (error) {
    if (!isMissing(error)) throw error;
  }
}

function isMissing(error: unknown): boolean {
  return hasCode(error, 'ENOENT');
}

function hasCode(error: unknown, code: string): boolean {
  return error instanceof Error && 'code' in error && error.code === code;
}

function reason(error: unknown): string {
  return quote(error instanceof Error ? error.message : String(error), 200);
}
