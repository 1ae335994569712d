/** Modules by name, each with a pool: what servers and workers run guests by. */

import type { Bytes } from '../../wasm/bytes.ts';
import { PoolUnavailable, UsageError, WasmSandboxError } from '../../wasm/errors.ts';
import { quote } from '../../wasm/quote.ts';
import type { SandboxCache } from '../cache/cache.ts';
import type { CallOptions } from '../call/options.ts';
import type { RunResult } from '../call/output.ts';
import type { PluginCallOptions } from '../extism/call.ts';
import type { ModuleSource } from '../module/source.ts';
import { checkDrain, type DrainOptions } from '../pool/options.ts';
import { makeDisposable } from '../runtime/disposable.ts';
import type { SourcelessOptions } from '../sandbox/options.ts';
import type { RunOptions } from '../sandbox/program.ts';
import type { RestoreOptions, WasmSandbox } from '../sandbox.ts';
import { aborted, checkSignal } from '../time/signal.ts';
import { type GuestCalls, RequestCalls } from './calls.ts';
import { moduleFiles } from './files.ts';
import type { ModuleMetrics } from './metrics.ts';
import { type AuditedOptions, type ModuleHealth, ServiceModule, type UseOptions } from './module.ts';
import {
  checkModule,
  checkService,
  isFolder,
  type ModuleOptions,
  type ModuleSettings,
  openCache,
  type Reload,
  type ServiceOptions,
  type ServiceSettings,
} from './options.ts';
import { RequestError } from './problems.ts';
import type { JsonValue } from './values.ts';

/** How a service stands, for whoever looks after it: it names the modules. */
export interface ServiceHealth {
  /** `degraded`: a module of it is. `closing`: it runs nothing any more. */
  readonly status: 'ok' | 'degraded' | 'closing';
  readonly modules: Readonly<Record<string, ModuleHealth>>;
}

/** What a service has counted, by module. */
export interface ServiceMetrics {
  readonly modules: Readonly<Record<string, ModuleMetrics>>;
}

/**
 * Runs guests for a server: modules by name, each loaded once, with a pool, the same limits and policy for all or some of
 * its own. Guests on the interpreter let the event loop go round, so that the server answers others meanwhile.
 */
export class SandboxService implements GuestCalls {
  readonly #settings: ServiceSettings;
  readonly #cache: SandboxCache | undefined;
  readonly #modules = new Map<string, ServiceModule>();
  /** Those of the folder. */
  readonly #found = new Set<string>();
  #isClosing = false;
  #stopWatching: (() => void) | undefined;

  private constructor(settings: ServiceSettings, cache: SandboxCache | undefined) {
    this.#settings = settings;
    this.#cache = cache;
    if (isFolder(settings.modules)) return;
    for (const [name, module] of settings.modules) this.#put(name, module);
  }

  /**
   * Loads the modules, and makes the first sandboxes of their pools, unless `warm` is false.
   * @param options or JSON of them, as `JSON.parse` gives it
   * @throws UsageError naming the path of a setting that is wrong; what loading a module, and making its sandboxes, throws
   */
  static async create(options: ServiceOptions): Promise<SandboxService> {
    const settings = checkService(options);
    const { signal, warm = true, watch = false } = settings;
    const refuseAborted = () => {
      if (signal?.aborted) throw aborted('making the service', signal.reason);
    };
    refuseAborted();
    const service = new SandboxService(settings, await openCache(settings.cache));
    try {
      await service.#look();
      refuseAborted();
      if (warm) await Promise.all([...service.#modules.values()].map((module) => service.#warm(module, signal)));
      if (watch) await service.#watch();
      refuseAborted();
      return service;
    } catch (error) {
      await service.close();
      refuseAborted();
      throw error;
    }
  }

  /** Of the modules, in their order. */
  get names(): readonly string[] {
    return [...this.#modules.keys()];
  }

  /**
   * A module by its name: the same calls as the service's own, without the name.
   * @throws RequestError where there is none
   */
  module(name: string): ServiceModule {
    const module = this.#modules.get(name);
    if (module !== undefined) return module;
    throw new RequestError('unknown-module', `there is no module ${quote(String(name))}`);
  }

  /** Lends a sandbox of a module to a function: {@link ServiceModule.use}. */
  async use<T>(module: string, work: (sandbox: WasmSandbox) => T | Promise<T>, options?: UseOptions): Promise<T> {
    return this.module(module).use(work, options);
  }

  /** Calls an exported function of a module: {@link ServiceModule.call}. */
  async call<T = unknown>(
    module: string,
    name: string,
    args?: readonly unknown[],
    options?: CallOptions & AuditedOptions,
  ): Promise<T> {
    return this.module(module).call<T>(name, args, options);
  }

  /** Calls one with arguments out of JSON, and gives its result for JSON: {@link ServiceModule.callJson}. */
  async callJson(
    module: string,
    name: string,
    args?: unknown,
    options?: CallOptions & AuditedOptions,
  ): Promise<JsonValue> {
    return this.module(module).callJson(name, args, options);
  }

  /** Runs a module that is a WASI command: {@link ServiceModule.run}. */
  async run(module: string, options?: RunOptions & AuditedOptions): Promise<RunResult> {
    return this.module(module).run(options);
  }

  /** Calls a function of a module that is an Extism plug-in: {@link ServiceModule.plugin}. */
  async plugin<T = unknown>(
    module: string,
    name: string,
    input?: unknown,
    options?: PluginCallOptions<T> & AuditedOptions,
  ): Promise<T> {
    return this.module(module).plugin(name, input, options);
  }

  /** A fresh sandbox of a module beside its pool, which is its caller's: {@link ServiceModule.build}. */
  async build(module: string, options?: SourcelessOptions): Promise<WasmSandbox> {
    return this.module(module).build(options);
  }

  /** A sandbox of a module that goes on with a snapshot, which is its caller's: {@link ServiceModule.restore}. */
  async restore(module: string, snapshot: Bytes, options?: Omit<RestoreOptions, 'source'>): Promise<WasmSandbox> {
    return this.module(module).restore(snapshot, options);
  }

  /** The same calls, each ended by the signal: for whoever answers a request, whose client may go away. @throws UsageError */
  withSignal(signal: AbortSignal): RequestCalls {
    return new RequestCalls(this, checkSignal(signal));
  }

  /**
   * Adds a module, as `modules` names them, which is loaded when it is first asked for.
   * @throws UsageError where it is none, or there is one of that name; PoolUnavailable once the service is being closed
   */
  add(name: string, module: ModuleSource | ModuleOptions): ServiceModule {
    if (this.#isClosing)
      throw new PoolUnavailable('draining', 'the service is being closed: it takes no modules any more');
    if (this.#modules.has(name)) throw new UsageError(`there is a module ${quote(name)} already`);
    return this.#put(name, checkModule(name, module, this.#settings.common));
  }

  /**
   * Removes a module: nobody is let in any more, and what is under way goes on to its end.
   * @returns whether there was one
   * @throws UsageError for options that are none
   */
  async remove(name: string, options: DrainOptions = {}): Promise<boolean> {
    const given = checkDrain(options);
    const module = this.#modules.get(name);
    this.#modules.delete(name);
    await module?.close(given);
    return module !== undefined;
  }

  /**
   * Looks whether modules have changed, and loads anew those that have: of a folder also which there are. Calls that are
   * under way go on to their end. What cannot be loaded stays as it was, is told to `onReload` and makes the service
   * `degraded`.
   */
  async reload(): Promise<void> {
    const known = new Set(this.#modules.values());
    await this.#look();
    await Promise.all(
      [...this.#modules.values()].map(async (module) => {
        const { name } = module;
        try {
          if (known.has(module)) {
            if (!module.isRereadable || !(await module.reload())) return;
          } else if (this.#settings.warm !== false) await module.warm();
          this.#tell({ module: name });
        } catch (error) {
          if (!this.#isClosing) this.#tell({ module: name, error });
        }
      }),
    );
  }

  /** How it stands, as plain JSON. It names the modules: for those who look after the service, not for its clients. */
  health(): ServiceHealth {
    const modules = Object.fromEntries([...this.#modules].map(([name, module]) => [name, module.health()]));
    const isDegraded = Object.values(modules).some(({ status }) => status === 'degraded');
    return { status: this.#isClosing ? 'closing' : isDegraded ? 'degraded' : 'ok', modules };
  }

  /** What it has counted, as plain numbers. */
  metrics(): ServiceMetrics {
    return { modules: Object.fromEntries([...this.#modules].map(([name, module]) => [name, module.metrics()])) };
  }

  /**
   * Closes the service: nobody new is let in, whoever waits is still served, and what is under way goes on to its end. After
   * the time-out, 30 seconds unless given here or in `pool`, what has not ended is ended, with SandboxDisposed. Doing it again
   * waits for the same end.
   * @throws UsageError
   */
  async close(options: DrainOptions = {}): Promise<void> {
    const given = checkDrain(options);
    this.#isClosing = true;
    this.#stopWatching?.();
    await Promise.all([...this.#modules.values()].map((module) => module.close(given)));
  }

  /** @throws what loading it throws, which says what is wrong but not with which of many */
  async #warm(module: ServiceModule, signal: AbortSignal | undefined): Promise<void> {
    try {
      await module.warm(signal);
    } catch (cause) {
      if (!(cause instanceof WasmSandboxError) || signal?.aborted === true) throw cause;
      const message = `the module ${quote(module.name)}: ${cause.message}`;
      throw Object.assign(WasmSandboxError.from({ ...cause.toJSON(), message }), { cause });
    }
  }

  #put(name: string, settings: ModuleSettings): ServiceModule {
    const { onFailure } = this.#settings;
    const module = new ServiceModule(name, settings, { cache: this.#cache, onFailure });
    this.#modules.set(name, module);
    return module;
  }

  /** Takes what is in the folder, where there is one. */
  async #look(): Promise<void> {
    const { modules: folder } = this.#settings;
    if (!isFolder(folder)) return;
    const files = await moduleFiles('a folder of modules');
    const there = await files.list(folder);
    if (this.#isClosing) return;
    for (const name of this.#found) {
      if (there.has(name)) continue;
      this.#found.delete(name);
      void this.remove(name);
    }
    for (const [name, path] of there) {
      if (this.#modules.has(name)) continue;
      this.add(name, path);
      this.#found.add(name);
    }
  }

  async #watch(): Promise<void> {
    const { modules } = this.#settings;
    const files = await moduleFiles('to watch modules');
    const watched = [...this.#modules.values()].flatMap(({ file }) =>
      file === undefined ? [] : [files.folderOf(file)],
    );
    if (isFolder(modules)) watched.push(files.absolute(modules));
    this.#stopWatching = files.watch(new Set(watched), () => {
      // A folder that cannot be read now is read at its next change.
      void this.reload().catch((error: unknown) => this.#tell({ error }));
    });
    // What has changed while they were loaded.
    await this.reload();
  }

  /** Later, so that what an embedder's function throws is the embedder's. */
  #tell(reload: Reload): void {
    const { onReload } = this.#settings;
    if (onReload !== undefined) queueMicrotask(() => onReload(reload));
  }

  /** {@link SandboxService.close}. */
  declare readonly [Symbol.asyncDispose]: () => Promise<void>;

  static {
    makeDisposable(SandboxService.prototype, { async: (service) => service.close() });
  }
}
