/** Keeps what it took to make a module ready to run, for the next sandbox that is built from the same bytes. */

import { moduleBytes } from '../../wasm/account.ts';
import { RuntimeError, UsageError } from '../../wasm/errors.ts';
import type { WasmModule } from '../../wasm/module.ts';
import { ModuleGraph } from '../../wasm/module-graph.ts';
import { sha256 } from '../../wasm/sha256.ts';
import { hexDigestOf } from '../crypto/digest.ts';
import { native } from '../engines/choose.ts';
import { type EngineSettings, engineFor } from '../engines/ready.ts';
import {
  decodeAll,
  type Fetched,
  fetchAll,
  fetchReady,
  type ModuleBounds,
  type ModuleSource,
} from '../module/source.ts';
import type { Preparation } from '../time/preparation.ts';
import { type EntryStore, loadStore, type StoreStats } from './entry-store.ts';
import { cacheKey } from './key.ts';
import { LruMap } from './lru.ts';
import { madeCache } from './made.ts';
import { type CacheOptions, checkDiskOptions, checkMemoryBounds, type DiskCacheOptions } from './options.ts';

/** What a cache did since it was made, and has. */
export interface CacheStats {
  /** Sandboxes whose module was there, or was being made ready for another one. */
  readonly hits: number;
  /** Sandboxes whose module had to be made ready, or read from disk. */
  readonly misses: number;
  /** Modules in memory, and the bytes that they hold as they are decoded (`moduleBytes`). */
  readonly entries: number;
  readonly bytes: number;
  /** Modules removed from memory to stay within the bounds. */
  readonly evictions: number;
  /** Undefined for a cache in memory alone. */
  readonly disk: StoreStats | undefined;
}

/** What of the settings of a sandbox it takes to make its module ready. */
export interface LoadSettings extends ModuleBounds, EngineSettings {
  readonly source: ModuleSource;
  /** Whether it is to be linked with others: what is stored on disk is for guests alone. */
  readonly isLinked?: boolean | undefined;
}

/**
 * Given to sandboxes as their option `cache`. In memory it keeps modules decoded and validated, with the code that was
 * lowered and the meter that was woven in while they ran. On disk it keeps what costs most to make: the modules with
 * their meters that the host's engine runs. Neither changes any result, gas or limit.
 *
 * Entries are found by a SHA-256 over the module's bytes, the versions of the gas schedule and of the format, the
 * options and the policy. Guests cannot put anything in: all is made of their bytes by the sandbox.
 */
export class SandboxCache {
  readonly #modules: LruMap<WasmModule>;
  readonly #store: EntryStore | undefined;
  readonly #loading = new Map<string, Promise<WasmModule>>();
  #hits = 0;
  #misses = 0;

  private constructor(modules: LruMap<WasmModule>, store: EntryStore | undefined) {
    this.#modules = modules;
    this.#store = store;
    madeCache(this);
  }

  /** @throws UsageError */
  static inMemory(options: CacheOptions = {}): SandboxCache {
    return new SandboxCache(new LruMap(checkMemoryBounds(options)), undefined);
  }

  /**
   * In memory, and in a folder that processes may share, also at the same time. Without a key, whoever can write to the
   * folder can make guests run without their limits: it belongs to the host alone, and is made so where it does not
   * exist.
   * @throws UsageError where the runtime has no files, the folder cannot be used, or others own it or may write to it
   */
  static async onDisk(folder: string | URL, options: DiskCacheOptions = {}): Promise<SandboxCache> {
    if (typeof folder !== 'string' && !(folder instanceof URL)) {
      throw new UsageError('the folder of a cache must be a path or a file: URL');
    }
    const { memory, disk, key } = checkDiskOptions(options);
    const open = await loadStore();
    if (open === undefined) throw new UsageError('this runtime has no files: use SandboxCache.inMemory()');
    return new SandboxCache(new LruMap(memory), await open(folder, disk, key));
  }

  /**
   * The module of a sandbox, from here or made ready.
   * @throws CompileError, MemoryLimitExceeded; UsageError where the source cannot be had; what the preparation throws
   * @internal
   */
  async load(settings: LoadSettings, preparation: Preparation): Promise<WasmModule> {
    const fetched = await fetchAll(settings.source, settings.moduleLimit, preparation);
    const moduleDigest = await hexDigestOf(fetched.bytes);
    const key = cacheKey(moduleDigest, settings);
    for (;;) {
      const known = this.#modules.get(key);
      if (known !== undefined) {
        this.#hits++;
        return known;
      }
      const others = this.#loading.get(key);
      if (others === undefined) break;
      try {
        const module = await preparation.wait(others);
        this.#hits++;
        return module;
      } catch (error) {
        // The time or the patience of whoever began it was over, not that of this one.
        if (preparation.isOver || !(error instanceof RuntimeError)) throw error;
      }
    }
    this.#misses++;
    const loading = this.#prepare(fetched, key, moduleDigest, settings, preparation);
    this.#loading.set(key, loading);
    try {
      const module = await loading;
      this.#modules.set(key, module, moduleBytes(module));
      return module;
    } finally {
      this.#loading.delete(key);
    }
  }

  /**
   * The same without waiting, so from memory only.
   * @throws CompileError; UsageError for a source that would have to be waited for
   * @internal
   */
  loadReady(settings: LoadSettings, preparation: Preparation): WasmModule {
    const fetched = fetchReady(settings.source, settings.moduleLimit);
    const key = cacheKey(sha256(fetched.bytes), settings);
    const known = this.#modules.get(key);
    if (known !== undefined) {
      this.#hits++;
      return known;
    }
    this.#misses++;
    const module = preparation.runSync(decodeAll(fetched, settings));
    this.#modules.set(key, module, moduleBytes(module));
    return module;
  }

  async #prepare(
    fetched: Fetched,
    key: string,
    moduleDigest: string,
    settings: LoadSettings,
    preparation: Preparation,
  ): Promise<WasmModule> {
    const module = await preparation.run(decodeAll(fetched, settings));
    const store = settings.isLinked === true ? undefined : this.#store;
    // What can be left is no artifact, and what is interpreted needs none.
    if (store === undefined || (await engineFor(ModuleGraph.of(module), settings)).canLeave) return module;
    const { makeArtifact, useArtifact } = native.now;
    const stored = await store.read(key);
    if (stored !== undefined) {
      if (useArtifact(module, moduleDigest, stored)) return module;
      await store.reject(key);
    }
    const artifact = await preparation.run(makeArtifact(module));
    if (artifact !== undefined) await store.write(key, artifact);
    return module;
  }

  /** What the cache has, and what it did since it was made. */
  getStats(): CacheStats {
    const { size: entries, bytes, evictions } = this.#modules;
    return { hits: this.#hits, misses: this.#misses, entries, bytes, evictions, disk: this.#store?.getStats() };
  }

  /** Forgets all that nobody uses, and removes the files. Sandboxes that have been built go on. */
  async clear(): Promise<void> {
    this.#modules.clear();
    await this.#store?.clear();
  }
}
