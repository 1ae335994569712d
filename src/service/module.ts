/** One module of a service: what it is loaded from, its pool, and what is counted of its calls. */

import { type Bytes, isBytes } from '../../wasm/bytes.ts';
import { PoolUnavailable, UsageError, WasmSandboxError } from '../../wasm/errors.ts';
import { DEFAULT_LIMITS } from '../../wasm/limits.ts';
import type { WasmModule } from '../../wasm/module.ts';
import { Part } from '../../wasm/part.ts';
import { quote } from '../../wasm/quote.ts';
import type { SandboxCache } from '../cache/cache.ts';
import { type CallOptions, checkCallOptions } from '../call/options.ts';
import type { RunResult } from '../call/output.ts';
import { callback, record } from '../checks/check.ts';
import type { PluginCallOptions } from '../extism/call.ts';
import type { CompiledPlugin } from '../extism/compiled.ts';
import type { ExportDescription } from '../module/exported.ts';
import { fileOf, loadModule } from '../module/source.ts';
import type { DrainOptions, PoolFailure } from '../pool/options.ts';
import { SandboxPool } from '../pool/pool.ts';
import type { PoolStats } from '../pool/stats.ts';
import type { CallAudit } from '../sandbox/audited.ts';
import type { SandboxOptions, SourcelessOptions } from '../sandbox/options.ts';
import { checkProgramOptions, type RunOptions } from '../sandbox/program.ts';
import { type RestoreOptions, WasmSandbox } from '../sandbox.ts';
import { Preparation } from '../time/preparation.ts';
import { isSpent, pass } from '../time/rounds.ts';
import { aborted, checkSignal } from '../time/signal.ts';
import { moduleFrom } from '../webassembly/objects.ts';
import { Counts, type ModuleMetrics } from './metrics.ts';
import { type ModuleSettings, SERVICE_DEFAULTS, type WorkerSettings } from './options.ts';
import { RequestError } from './problems.ts';
import { auditFrom, fromFailure, openThreads, type Task, type Threads } from './threads.ts';
import { argumentsFromJson, type JsonValue, resultToJson } from './values.ts';

/** Who is told what a guest has asked for. */
export interface AuditedOptions {
  /**
   * Told, once, of all that guests asked the host for in the sandbox that was lent, and what it has used: before the call's
   * promise settles, whether or not it fails, and whether or not the policy turns auditing on. Not told where no sandbox
   * was lent, or its thread was ended.
   */
  readonly onAudit?: ((audit: CallAudit) => void) | undefined;
}

/** What is said of who borrows a sandbox. */
export interface UseOptions extends AuditedOptions {
  /** Ends the waiting; then the lease, and with it what is under way in the sandbox. */
  readonly signal?: AbortSignal | undefined;
}

/** A module that has been loaded. */
interface Loaded {
  readonly bytes: Uint8Array;
  readonly sandbox: SandboxOptions;
  readonly compiled: CompiledPlugin | undefined;
  readonly pool: SandboxPool;
  /** What the calls go to, where it is not the pool. */
  readonly threads: Threads | undefined;
}

/** Modules that only plug-ins import. */
const EXTISM = /^(?:extism:host\/(?:env|user)|wasm_sandbox_plugin)$/;

const plugins = new Part('plug-ins', () => import('../extism/plugin.ts'));
const compiling = new Part('plug-ins', () => import('../extism/compiled.ts'));
const crossing = new Part('plug-ins', () => import('./plugin-across.ts'));

/** What the service gives its modules. */
export interface Surroundings {
  readonly cache: SandboxCache | undefined;
  readonly onFailure: ((failure: PoolFailure & { readonly module: string }) => void) | undefined;
}

/** How a module stands. */
export interface ModuleHealth {
  /**
   * `ok`: what it was asked for last has worked. `degraded`: it could not be loaded, or loaded anew, or a sandbox of it
   * could not be made; `idle`: it has not been asked for.
   */
  readonly status: 'ok' | 'degraded' | 'idle';
  /** The code of what went wrong last; `ERROR` where it is no error of this library. */
  readonly error?: string;
  readonly size: number;
  readonly idle: number;
  readonly leased: number;
  readonly waiting: number;
}

/** A module of a service by its name. It stays the same when the module is loaded anew. */
export class ServiceModule {
  readonly name: string;
  readonly #settings: ModuleSettings;
  readonly #surroundings: Surroundings;
  readonly #counts = new Counts();
  /** Behind one another, so that the last one asked for is the last one there. */
  #loading: Promise<unknown> | undefined;
  #loaded: Loaded | undefined;
  /** What there was before, until its calls have ended. */
  readonly #leaving = new Set<Loaded>();
  /** Of loading, or else of making a sandbox, unless it has worked since. */
  #failure: { readonly error: unknown; readonly isOfStart: boolean } | undefined;
  #isClosing = false;
  /** Ends what is being loaded. None is kept beyond that: in workers it belongs to the request that made it. */
  #ending: AbortController | undefined;

  /** @internal */
  constructor(name: string, settings: ModuleSettings, surroundings: Surroundings) {
    this.name = name;
    this.#settings = settings;
    this.#surroundings = surroundings;
  }

  /**
   * Lends a sandbox to a function until what it returns has settled; a fresh one, as far as anybody can tell. A signal that
   * is aborted takes it back at once.
   * @throws PoolUnavailable, CallAborted; what the function throws; what loading the module throws
   */
  async use<T>(work: (sandbox: WasmSandbox) => T | Promise<T>, options: UseOptions = {}): Promise<T> {
    callback('the function to run', work);
    return this.#use((sandbox) => work(sandbox), options.signal, listener(options).onAudit);
  }

  /**
   * Calls an exported function as `WasmSandbox.call` does, in a sandbox of the pool.
   * @throws RequestError where there is no such function, or its arguments do not fit; what
   *   {@link ServiceModule.use} throws; whatever ends the guest
   */
  async call<T = unknown>(
    name: string,
    args: readonly unknown[] = [],
    options: CallOptions & AuditedOptions = {},
  ): Promise<T> {
    const { onAudit, rest } = listener(options);
    const checked = checkCallOptions(rest);
    if (this.#settings.workers) return (await this.#send('call', [name, args], checked, onAudit)) as T;
    return this.#use(
      async (sandbox) => {
        exported(sandbox, name);
        try {
          return await sandbox.call<T>(name, args, checked);
        } catch (error) {
          throw refusedArguments(error);
        }
      },
      checked.signal,
      onAudit,
    );
  }

  /**
   * The same with arguments out of JSON, of anybody's, and a result for JSON: null for nothing, a list for several. Integers
   * of 64 bits are decimal digits in a string, and may come as safe integers; NaN and the infinities are strings.
   * @throws RequestError too where the arguments are no array, or the function takes or gives what JSON cannot say
   */
  async callJson(name: string, args: unknown = [], options: CallOptions & AuditedOptions = {}): Promise<JsonValue> {
    const { onAudit, rest } = listener(options);
    const checked = checkCallOptions(rest);
    if (this.#settings.workers) return (await this.#send('callJson', [name, args], checked, onAudit)) as JsonValue;
    return this.#use(
      async (sandbox) => {
        const values = argumentsFromJson(exported(sandbox, name), args);
        return resultToJson(await sandbox.call(name, values, checked));
      },
      checked.signal,
      onAudit,
    );
  }

  /**
   * Runs a WASI command as `WasmSandbox.run` does, in a sandbox of the pool.
   * @throws RequestError where arguments, variables or input are not of the kind that programs can be given; UsageError
   *   where the module is no command; what {@link ServiceModule.use} throws; whatever ends the guest
   */
  async run(given: RunOptions & AuditedOptions = {}): Promise<RunResult> {
    const { onAudit, rest: options } = listener(given);
    const { args, env, stdin } = options;
    try {
      // Streams are looked at where they are read.
      const isStream = typeof stdin === 'object' || typeof stdin === 'function';
      checkProgramOptions('a run', { args, env, ...(!isStream && { stdin }) });
    } catch (error) {
      throw new RequestError('invalid-arguments', messageIn(error), error);
    }
    if (this.#settings.workers) {
      if (stdin !== undefined && typeof stdin !== 'string' && !isBytes(stdin))
        throw new UsageError('with workers, stdin must be text or bytes: a stream cannot go to another thread');
      return (await this.#send('run', [], options, onAudit)) as RunResult;
    }
    return this.#use((sandbox) => sandbox.run({ ...options, args, env, stdin }), options.signal, onAudit);
  }

  /**
   * Calls a function of a plug-in as `Plugin.call` does, in a sandbox of the pool: its variables are those of a fresh plug-in.
   * @throws RequestError where there is no such function; UsageError where the module is no plug-in; PluginError; what
   *   {@link ServiceModule.use} throws; whatever ends the guest
   */
  async plugin<T = unknown>(
    name: string,
    input?: unknown,
    given: PluginCallOptions<T> & AuditedOptions = {},
  ): Promise<T> {
    const { onAudit, rest: options } = listener(given);
    if (this.#settings.workers) {
      const { pluginAcross } = await crossing.load();
      const send: Parameters<typeof pluginAcross>[0] = (bytes, call, finish) =>
        this.#send('plugin', [name, bytes], call, onAudit, finish);
      return (await pluginAcross(send, name, input, options)) as T;
    }
    return this.#use(
      async (sandbox, { compiled }) => {
        if (compiled === undefined) throw new UsageError(`the module ${quote(this.name)} is no plug-in`);
        const { Plugin } = await plugins.load();
        exported(sandbox, name);
        const plugin = await Plugin.in(sandbox, compiled);
        return (await plugin.call(name, input, options as PluginCallOptions & { as: 'json' })) as T;
      },
      options.signal,
      onAudit,
    );
  }

  /**
   * A fresh sandbox of the module's, beside the pool, with the service's settings and then these. Its caller disposes of it:
   * closing the service does not.
   * @throws PoolUnavailable once the service is being closed; what `WasmSandbox.create` throws
   */
  async build(options: SourcelessOptions = {}): Promise<WasmSandbox> {
    const { sandbox } = await this.#ready();
    return WasmSandbox.create({ ...sandbox, ...options });
  }

  /**
   * A sandbox that goes on where a snapshot was made of one of the module's, with the service's settings and then these.
   * @throws PoolUnavailable once the service is being closed; what `WasmSandbox.restore` throws
   */
  async restore(snapshot: Bytes, options: Omit<RestoreOptions, 'source'> = {}): Promise<WasmSandbox> {
    const { sandbox } = await this.#ready();
    return WasmSandbox.restore(snapshot, { ...sandbox, ...options });
  }

  /** Loads the module, and makes the first sandboxes, unless that has been done. @throws what it throws @internal */
  async warm(signal?: AbortSignal): Promise<void> {
    const stop = () => this.#end(signal?.reason);
    if (signal?.aborted) stop();
    signal?.addEventListener('abort', stop, { once: true });
    try {
      await this.#ready();
    } finally {
      signal?.removeEventListener('abort', stop);
    }
  }

  /** The file that it is read from; undefined where there is none. @internal */
  get file(): string | URL | undefined {
    return fileOf(this.#settings.source);
  }

  /** Whether it can have changed, and can be read again. @internal */
  get isRereadable(): boolean {
    const { source } = this.#settings;
    return this.#loaded !== undefined && (typeof source === 'string' || source instanceof URL);
  }

  /**
   * Loads the module anew where it has changed, and lets go of what there was before: calls that are under way go on to
   * their end. Where it cannot be loaded all stays as it was.
   * @returns whether it has changed
   * @throws what loading throws
   */
  async reload(): Promise<boolean> {
    return this.#inTurn(async () => {
      this.#refuseClosing();
      const before = this.#loaded;
      const after = await this.#load(before?.bytes);
      if (after === undefined) return false;
      this.#loaded = after;
      if (before !== undefined) void this.#leave(before);
      return true;
    });
  }

  /** @internal */
  async close(options: DrainOptions): Promise<void> {
    this.#end();
    await this.#loading?.catch(() => undefined);
    const all = [...this.#leaving, ...(this.#loaded === undefined ? [] : [this.#loaded])];
    await Promise.all(all.map((loaded) => drain(loaded, options)));
  }

  /** @internal */
  health(): ModuleHealth {
    const error = this.#failure?.error;
    const { size = 0, idle = 0, leased = 0, waiting = 0 }: Partial<PoolStats> = this.#stats() ?? {};
    return {
      status: this.#failure !== undefined ? 'degraded' : this.#loaded === undefined ? 'idle' : 'ok',
      ...(this.#failure !== undefined && { error: error instanceof WasmSandboxError ? error.code : 'ERROR' }),
      ...{ size, idle, leased, waiting },
    };
  }

  /** @internal */
  metrics(): ModuleMetrics {
    return this.#counts.with(this.#stats());
  }

  /** Of what the calls go to. */
  #stats(): PoolStats | undefined {
    return (this.#loaded?.threads ?? this.#loaded?.pool)?.getStats();
  }

  async #use<T>(
    work: (sandbox: WasmSandbox, loaded: Loaded) => T | Promise<T>,
    signal: AbortSignal | undefined,
    onAudit: AuditedOptions['onAudit'],
  ): Promise<T> {
    return this.#counted(async (call) => {
      const loaded = await this.#ready();
      const lease = await loaded.pool.acquire({ signal });
      call.lent();
      if (this.#failure?.isOfStart) this.#failure = undefined;
      const { sandbox } = lease;
      const { guest } = sandbox;
      const gasUsed = () => guest?.figures().gasUsed ?? 0n;
      const before = gasUsed();
      const finish = onAudit && sandbox.beginAudit();
      const giveBack = () => {
        if (lease.isReleased) return;
        call.used(gasUsed() - before);
        tell(onAudit, finish);
        void lease.release();
      };
      signal?.addEventListener('abort', giveBack, { once: true });
      try {
        const { turn } = this.#settings;
        // Callers that have waited come one behind another, and let nobody else in between.
        if (isSpent(turn)) await pass(turn);
        if (lease.isReleased) throw signal?.reason;
        return await work(sandbox, loaded);
      } catch (error) {
        // What was under way says what became of it, not why.
        throw signal?.aborted === true ? aborted(`the use of ${quote(this.name)}`, signal.reason) : error;
      } finally {
        signal?.removeEventListener('abort', giveBack);
        giveBack();
      }
    });
  }

  /**
   * Does on a worker thread what the method does here.
   * @param finish makes the result of what has crossed; a failure of it is the call's
   */
  #send(
    method: Task['method'],
    args: readonly unknown[],
    { signal, gasBudget, ...options }: CallOptions,
    onAudit: AuditedOptions['onAudit'],
    finish: (value: unknown) => unknown = (value) => value,
  ): Promise<unknown> {
    return this.#counted(async (call) => {
      if (signal !== undefined) checkSignal(signal);
      if (gasBudget !== undefined)
        throw new UsageError('with workers, a call cannot have a gasBudget: give it a gasLimit');
      const { threads } = await this.#ready();
      const answer = await (threads as Threads).run(
        { method, args: [...args, options], isAudited: onAudit !== undefined },
        signal,
        call.lent,
      );
      call.used(answer.gasUsed);
      const { audit } = answer;
      tell(onAudit, audit && (() => auditFrom(audit)));
      if (this.#failure?.isOfStart) this.#failure = undefined;
      for (const { during, failure } of answer.lost) {
        this.#onFailure({
          during,
          error: failure === undefined ? new Error(`a ${during} failed`) : fromFailure(failure),
        });
      }
      if ('failure' in answer) throw fromFailure(answer.failure);
      return finish(answer.value);
    });
  }

  async #counted<T>(work: (call: ReturnType<Counts['begin']>) => Promise<T>): Promise<T> {
    const call = this.#counts.begin();
    try {
      return await work(call);
    } catch (error) {
      call.failed(error);
      throw error;
    } finally {
      call.done();
    }
  }

  /** What there is now, loaded by the first who asks. @throws PoolUnavailable; what loading throws */
  async #ready(): Promise<Loaded> {
    this.#refuseClosing();
    if (this.#loaded !== undefined) return this.#loaded;
    await this.#inTurn(async () => {
      this.#refuseClosing();
      this.#loaded ??= await this.#load(undefined);
    });
    this.#refuseClosing();
    return this.#loaded as unknown as Loaded;
  }

  #refuseClosing(): void {
    if (!this.#isClosing) return;
    throw new PoolUnavailable('draining', 'the service is being closed: it runs nothing any more');
  }

  #end(reason?: unknown): void {
    this.#isClosing = true;
    this.#ending?.abort(reason);
  }

  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const before = this.#loading ?? Promise.resolve();
    const mine = before.then(work, work);
    this.#loading = mine;
    return mine;
  }

  async #leave(loaded: Loaded): Promise<void> {
    this.#leaving.add(loaded);
    await drain(loaded);
    this.#leaving.delete(loaded);
  }

  /** @param known bytes that are loaded already: for the same ones, undefined is returned */
  async #load(known: Uint8Array | undefined): Promise<Loaded | undefined> {
    this.#ending = new AbortController();
    const { signal } = this.#ending;
    const { source, plugin, pool: poolOptions, sandbox: own, workers } = this.#settings;
    const { cache } = this.#surroundings;
    try {
      const decoded = await this.#decode(source, signal);
      if (known !== undefined && isSame(known, decoded.bytes)) return this.#worked(undefined);
      let sandbox: SandboxOptions = { ...own, cache, source: moduleFrom(decoded) };
      let compiled: CompiledPlugin | undefined;
      if (plugin !== undefined || decoded.imports.some(({ module }) => EXTISM.test(module))) {
        const { CompiledPlugin } = await compiling.load();
        const { source: module, ...rest } = sandbox;
        compiled = await CompiledPlugin.create(module, { ...rest, ...plugin });
        sandbox = { ...compiled.sandbox, source: module };
      }
      const pool = await SandboxPool.create({
        ...poolOptions,
        // With workers, it is there for use() alone.
        ...(workers && { min: 0 }),
        sandbox,
        signal,
        onFailure: (failure) => this.#onFailure(failure),
      });
      const threads = workers && (await this.#openThreads(decoded.bytes, workers, signal));
      return this.#worked({ bytes: decoded.bytes, sandbox, compiled, pool, threads });
    } catch (error) {
      this.#failure = { error, isOfStart: false };
      throw error;
    } finally {
      this.#ending = undefined;
    }
  }

  #onFailure(failure: PoolFailure): void {
    if (failure.during === 'start') this.#failure = { error: failure.error, isOfStart: true };
    this.#surroundings.onFailure?.({ ...failure, module: this.name });
  }

  async #openThreads(bytes: Uint8Array, { threads, policy }: WorkerSettings, signal: AbortSignal): Promise<Threads> {
    const { plugin, pool, sandbox } = this.#settings;
    const { securityPolicy: _, capabilities: __, ...rest } = sandbox;
    const shared = new SharedArrayBuffer(bytes.length);
    new Uint8Array(shared).set(bytes);
    const isWarm = (pool.min ?? 0) > 0;
    const data = { name: this.name, bytes: shared, policy, sandbox: rest, plugin, isWarm };
    const opened = await openThreads(data, { ...pool, threads });
    try {
      if (isWarm) await warmUp(opened, signal);
      return opened;
    } catch (error) {
      await opened.drain();
      throw error;
    }
  }

  #worked<T>(result: T): T {
    this.#failure = undefined;
    return result;
  }

  /** In steps, between which the event loop goes round. */
  #decode(source: ModuleSettings['source'], signal: AbortSignal): Promise<WasmModule> {
    const { moduleLimit = DEFAULT_LIMITS.moduleBytes, cpuTimeout } = this.#settings.sandbox;
    const { yieldEvery } = SERVICE_DEFAULTS;
    const decoding = loadModule(source, { moduleLimit }, new Preparation({ signal, cpuTimeout, yieldEvery }));
    // Bytes that never come are not waited for, once nobody wants them.
    return new Preparation({ signal }).wait(decoding);
  }
}

/** Options without who is told of the audit. @throws UsageError */
function listener<O extends AuditedOptions>(
  options: O,
): Pick<AuditedOptions, 'onAudit'> & { rest: Omit<O, 'onAudit'> } {
  const { onAudit, ...rest } = record('the options of a call', options) as O;
  if (onAudit !== undefined) callback('onAudit', onAudit);
  return { onAudit, rest };
}

/** Later, so that what an embedder's function throws is the embedder's; still before the call's promise settles. */
function tell(onAudit: AuditedOptions['onAudit'], finish: (() => CallAudit) | undefined): void {
  if (onAudit === undefined || finish === undefined) return;
  const audit = finish();
  queueMicrotask(() => onAudit(audit));
}

/** Makes the first sandbox. @throws what that throws */
async function warmUp(threads: Threads, signal: AbortSignal): Promise<void> {
  const answer = await threads.run({ method: 'warm', args: [], isAudited: false }, signal, () => undefined);
  if ('failure' in answer) throw fromFailure(answer.failure);
}

async function drain({ pool, threads }: Loaded, options?: DrainOptions): Promise<void> {
  await Promise.all([pool.drain(options), threads?.drain(options)]);
}

/** @throws RequestError where there is no function of that name */
function exported({ exports }: WasmSandbox, name: string): ExportDescription {
  const found = exports.find((each) => each.kind === 'function' && each.name === name);
  if (found === undefined) throw new RequestError('unknown-function', `there is no function ${quote(String(name))}`);
  return found;
}

/** What `call` refuses before the guest is entered are the arguments: what host functions throw is no UsageError there. */
function refusedArguments(error: unknown): unknown {
  return error instanceof UsageError ? new RequestError('invalid-arguments', error.message, error) : error;
}

const messageIn = (error: unknown) => (error instanceof Error ? error.message : String(error));

function isSame(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, index) => byte === b[index]);
}
