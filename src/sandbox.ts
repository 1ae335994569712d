/** The public face: a module, its limits and its policy, run by an engine. */

import type { ProgramInput } from '../policy/index.ts';
import { checkProvided } from '../policy/sandboxed.ts';
import type { Bytes } from '../wasm/bytes.ts';
import { UsageError } from '../wasm/errors.ts';
import type { GasBudget } from '../wasm/gas-budget.ts';
import type { ModuleGraph } from '../wasm/module-graph.ts';
import { loadGraph } from './cache/load.ts';
import {
  type BatchCall,
  type BatchOptions,
  type BatchResult,
  checkBatch,
  checkBatchOptions,
  runBatch,
} from './call/batch.ts';
import { COMMAND_START, checkCommand } from './call/command.ts';
import type { Execution } from './call/execution.ts';
import { refuseLeaving } from './call/failures.ts';
import { type AsyncFunctions, type Functions, functionsOf } from './call/functions.ts';
import { type CallOptions, checkCallOptions } from './call/options.ts';
import { outputOf, type RunResult } from './call/output.ts';
import { list, milliseconds, ownBytes, record, text } from './checks/check.ts';
import { least } from './checks/least.ts';
import { type Checks, checkNamed } from './checks/named.ts';
import { type Authenticated, Authenticator, checkAuthenticated } from './crypto/key.ts';
import type { ChosenEngine } from './engines/choose.ts';
import { engineFor, makeReady } from './engines/ready.ts';
import type { ModuleSource, ReadySource } from './module/source.ts';
import { makeDisposable } from './runtime/disposable.ts';
import { type AuditedCall, type CallAudit, callAudited, recordCalls } from './sandbox/audited.ts';
import { SandboxBuilder } from './sandbox/builder.ts';
import { SandboxFace } from './sandbox/face.ts';
import { gasMeter } from './sandbox/guest.ts';
import { Life } from './sandbox/life.ts';
import { checkOption, type SandboxOptions, type SourcelessOptions, settle } from './sandbox/options.ts';
import { checkProgramOptions, checkRunOptions, type ProgramOptions, type RunOptions } from './sandbox/program.ts';
import { checkSnapshotOptions, type SnapshotOptions, snapshots, take } from './snapshot/take.ts';
import { Preparation } from './time/preparation.ts';
import { waitFor } from './time/waits.ts';

/** Options of a sandbox that goes on with a snapshot. */
export type RestoreOptions = SandboxOptions & Authenticated;

/** What a fork is made with; all else is as in the sandbox that it is made of. */
export interface ForkOptions {
  /** Whether to record all that goes in and out of it from now on; as the sandbox does unless given. */
  readonly record?: boolean | undefined;
}

const FORK_CHECKS: Checks<ForkOptions> = { record: (value) => checkOption('record', value) };

/** @internal What tests, and whoever has decoded the modules already, put in the place of the usual. */
export interface Internals {
  readonly graph?: ModuleGraph;
  readonly engine?: ChosenEngine;
}

/**
 * A guest with its own memory, limits and policy. Gas, memory and stack are counted until {@link WasmSandbox.reset}.
 *
 * Every failure is an error of the `WasmSandboxError` family whose `resources` say what was used up to it. After a
 * trap or a time-out the guest can be called again, with the memory the failed call left; after its gas is exhausted
 * it cannot, before a reset.
 */
export class WasmSandbox extends SandboxFace<Life> {
  /** What is being reset in place. */
  #resetting: Life | undefined;
  #forks = 0;
  /** Of a call that says nothing of its own. */
  readonly #usual: CallOptions = this.#callOptions({});
  /** Ends what only whoever has borrowed it pays for. */
  #endLoan: (() => void) | undefined;

  /** Collects the options one by one; its `build` is {@link WasmSandbox.create}. */
  static builder(): SandboxBuilder<Promise<WasmSandbox>> {
    return new SandboxBuilder((options) => WasmSandbox.create(options));
  }

  /**
   * Loads, validates and instantiates a module, and runs its start function (and a WASI reactor's `_initialize`).
   * @throws UsageError, CompileError, LinkError, and whatever ends the start function
   */
  static create(options: SandboxOptions): Promise<WasmSandbox>;
  /** @internal */
  static create(options: SandboxOptions, internals: Internals): Promise<WasmSandbox>;
  static async create(options: SandboxOptions, internals: Internals = {}): Promise<WasmSandbox> {
    const settings = settle(options);
    const preparation = new Preparation(settings);
    const graph = internals.graph ?? (await loadGraph(settings, preparation));
    const chosen = internals.engine ?? (await engineFor(graph, settings));
    const engine = await makeReady(chosen, graph, settings, preparation);
    const life = await Life.begin(engine.engine, graph, settings, preparation);
    return new WasmSandbox({ settings, engine, graph }, life);
  }

  /** {@link WasmSandbox.create} from a file. */
  static fromFile(path: string | URL, options: SourcelessOptions = {}): Promise<WasmSandbox> {
    return fromSource(path, options);
  }

  /** {@link WasmSandbox.create} from bytes, or a Module. */
  static fromBytes(bytes: ReadySource, options: SourcelessOptions = {}): Promise<WasmSandbox> {
    return fromSource(bytes, options);
  }

  /** {@link WasmSandbox.create} from a URL or a response, decoded while it arrives. */
  static async fromUrl(url: string | URL | Response, options: SourcelessOptions = {}): Promise<WasmSandbox> {
    return fromSource(typeof url === 'string' ? toUrl(url) : url, options);
  }

  /**
   * Calls an exported function. Integers of 32 bits and floats are numbers; integers of 64 bits are bigints, and safe
   * integers are taken for them.
   * @typeParam T what the caller knows of the result; nothing checks it
   * @returns undefined for a function without results, the result, or an array of several; of `_start` of a WASI command,
   *   which is run as {@link WasmSandbox.run} would, the exit status
   * @throws UsageError for an unknown function or arguments that do not fit, and while another call is paused or
   *   waits; CallAborted; SandboxDisposed; whatever ends the guest
   */
  async call<T = unknown>(name: string, args: readonly unknown[] = [], options?: CallOptions): Promise<T> {
    return (await this.#call(name, args, options)) as T;
  }

  /**
   * The exported functions as methods, each as {@link WasmSandbox.call} with its name. They call the guest that the
   * sandbox has then, also after a reset.
   * @typeParam Exports what the caller knows of them; at run time there are those that the module exports
   */
  functions<Exports extends object = Functions>(): AsyncFunctions<Exports> {
    return functionsOf(this.module, (name, args) => this.call(name, args)) as AsyncFunctions<Exports>;
  }

  /**
   * Begins a call without running any of it: {@link Execution.step} and {@link Execution.run} do that, and it can be
   * paused at any checkpoint between. `_start` of a WASI command is run as {@link WasmSandbox.run} would, and its
   * result is the exit status. Natively with `leavable` only.
   * @throws UsageError for an unknown function or arguments that do not fit, and on the native engine; SandboxDisposed
   */
  start<T = unknown>(name: string, args: readonly unknown[] = [], options?: CallOptions): Execution<T> {
    const life = this.alive();
    const settings = this.#callOptions(checkCallOptions(options));
    const values = list('the arguments', args);
    const isProgram = text('the name of a function', name) === COMMAND_START;
    if (isProgram) checkCommand(this.module, this.hasRun);
    const execution = life.begin(name, values, settings, isProgram) as Execution<T>;
    if (isProgram) this.hasRun = true;
    return execution;
  }

  /**
   * The same, ended after so many milliseconds of wall-clock time, or the sandbox's own limit where that is less.
   * @throws CpuTimeoutExceeded too
   */
  async callWithTimeout<T = unknown>(name: string, args: readonly unknown[], timeout: number): Promise<T> {
    return (await this.#call(name, args, { timeout: milliseconds('the timeout', timeout) })) as T;
  }

  /**
   * Makes several calls, one after another. Failures are in the results, not thrown. Options of a call are for each of
   * them; those behind an aborted one fail as well.
   * @returns what came of each call made, in order: fewer than asked for where a failure ended the batch
   * @throws UsageError for a list that is none, before anything is called; SandboxDisposed
   */
  async callBatch<T = unknown>(
    calls: readonly BatchCall[],
    options: BatchOptions & CallOptions = {},
  ): Promise<BatchResult<T>[]> {
    const { onFailure, ...rest } = record('the options of a batch', options);
    const batch = checkBatch(calls, checkBatchOptions({ onFailure }));
    const each = checkCallOptions(rest);
    this.alive();
    const meter = () => gasMeter(this.life);
    return waitFor(runBatch<T>(batch, (name, args) => this.#call(name, args, each), meter));
  }

  /**
   * {@link WasmSandbox.call} with a record of the host calls that were made on the way, whether or not the policy
   * turns auditing on. Gas is the same as without.
   * @throws what `call` throws; `auditOf` then gives the record
   */
  async callWithAudit<T = unknown>(name: string, args: readonly unknown[] = []): Promise<AuditedCall<T>> {
    const life = this.alive();
    const stats = () => this.statsOf(life);
    return waitFor(callAudited<T>(life, () => this.#call(name, args), stats));
  }

  /** Begins to record all that its guest asks for; what is returned ends that, and gives the record. @internal For services. */
  beginAudit(): () => CallAudit {
    const life = this.alive();
    return recordCalls(life, () => this.statsOf(life));
  }

  async #call(name: string, args: readonly unknown[], options?: CallOptions): Promise<unknown> {
    const life = this.alive();
    const settings = options === undefined ? this.#usual : this.#callOptions(checkCallOptions(options));
    const values = list('the arguments', args);
    if (text('the name of a function', name) !== COMMAND_START) return life.call(name, values, settings);
    this.beginProgram(life, values);
    return life.run(settings);
  }

  /** With what the sandbox itself says of its calls. */
  #callOptions(options: CallOptions): CallOptions {
    const { settings } = this.ground;
    return {
      ...options,
      timeout: least(options.timeout, settings.cpuTimeout),
      yieldEvery: options.yieldEvery ?? settings.yieldEvery,
    };
  }

  /**
   * Runs a WASI command, once: a program expects to find its memory as it was built.
   * @param options for this run; what the sandbox was built with holds for what is not said. Snapshots and forks have
   *   `args` and `env` as the sandbox was built, or reset, with
   * @throws UsageError where the module is no command, or has run since it was built or reset; SandboxDisposed;
   *   whatever ends the guest. {@link WasmSandbox.output} then has what it wrote before.
   */
  async run(options: RunOptions = {}): Promise<RunResult> {
    const life = this.alive();
    const { input, call } = checkRunOptions(options);
    checkCommand(this.module, this.hasRun);
    life.host.provide(input);
    const exitCode = (await this.#call(COMMAND_START, [], call)) as number;
    return { exitCode, ...outputOf(life.host) };
  }

  /**
   * The call that was begun and has not ended; undefined where there is none. A sandbox that was restored or forked in
   * the middle of a call has it here.
   */
  get execution(): Execution | undefined {
    return this.alive().execution;
  }

  /**
   * All of the guest's state as bytes, which {@link WasmSandbox.restore} continues from in this or another process, on
   * this or another runtime: memory, globals, tables, the stack of a call that is paused, gas, and the state behind
   * WASI. docs/snapshots.md says what is in it and what is not. Natively with `leavable` only.
   * @throws SnapshotError while the guest runs or waits for a promise that has not settled, and where it holds what
   *   cannot be saved: references to the host's objects, folders of the host's, open HTTP requests; SandboxDisposed
   */
  async snapshot(options: SnapshotOptions = {}): Promise<Uint8Array<ArrayBuffer>> {
    const { graph, settings } = this.ground;
    const life = this.alive();
    const checked = checkSnapshotOptions(options);
    const taken = await take(life, this.hasRun);
    const { packSnapshot } = await snapshots.load();
    return packSnapshot(taken, graph, settings, checked);
  }

  /**
   * A sandbox that goes on where a snapshot was made. The module and all options must be those of the sandbox that
   * made it, host functions included: none of them is in the snapshot. {@link WasmSandbox.execution} is the call that
   * was left.
   * @param bytes of any kind and realm; they stay as they are
   * @param options with the key that the snapshot was made with, if it was; it may also stand in an object of its own
   * @throws SnapshotError where the bytes are damaged or do not fit, were made with another key, or without one where one
   *   is given; GasExhausted, MemoryLimitExceeded where the guest in them is beyond the limits; what
   *   {@link WasmSandbox.create} throws
   */
  static async restore(bytes: Bytes, options: RestoreOptions, beside: Authenticated = {}): Promise<WasmSandbox> {
    // Before anything is waited for: the caller may change them then.
    const snapshot = ownBytes('the snapshot', bytes);
    const { key: within, ...rest } = record('the options', options) as Partial<RestoreOptions>;
    const own = within === undefined ? undefined : Authenticator.of(within);
    const { key = own } = checkAuthenticated('restore()', beside);
    const settings = settle(rest as SandboxOptions);
    const preparation = new Preparation(settings);
    const graph = await loadGraph(settings, preparation);
    if (settings.engine === 'native' && !settings.leavable) refuseLeaving('restore()');
    const { leavingEngine, readSnapshot } = await snapshots.load();
    const engine = await leavingEngine(graph, settings, preparation);
    const contents = await preparation.wait(readSnapshot(snapshot, graph, settings, key));
    const life = await Life.resume(engine.engine, graph, settings, contents, preparation);
    const sandbox = new WasmSandbox({ settings, engine, graph }, life);
    sandbox.hasRun = contents.hasRun;
    return sandbox;
  }

  /**
   * All that went in and out of the guest since it was built or reset, as bytes: arguments, results, what the host's
   * functions returned and wrote to memory, gas, and the module. {@link replay} verifies it anywhere, without the host
   * functions. Built, or restored, with `record: true` only; that of a restored or forked sandbox begins with the guest as
   * it was then.
   * @param options a key, without which it then cannot be replayed; without one anybody can make recordings
   * @throws UsageError where nothing was recorded, or a call has not ended; SandboxDisposed
   */
  async recording(options: Authenticated = {}): Promise<Uint8Array<ArrayBuffer>> {
    const { key } = checkAuthenticated('a recording', options);
    const recorded = await this.alive().recording();
    const { pack } = await snapshots.load();
    return pack(recorded, true, { kind: 'recording', key });
  }

  /**
   * A second sandbox in the state of this one, with a call that is paused in it. What either does from then on, the
   * other does not see; host functions and their state are shared. Natively with `leavable` only.
   * @param options whether the fork records, beginning now; as this one does unless given
   * @throws SnapshotError as {@link WasmSandbox.snapshot}, but references to the host's objects may be held;
   *   SandboxDisposed
   */
  async fork(options: ForkOptions = {}): Promise<WasmSandbox> {
    const { graph, engine, settings: own } = this.ground;
    const { record = own.record } = checkNamed<ForkOptions>('a fork', options, FORK_CHECKS);
    const settings = { ...own, instanceId: `${this.instanceId}/${++this.#forks}`, record };
    const life = await Life.resume(engine.engine, graph, settings, this.alive());
    const sandbox = new WasmSandbox({ settings, engine, graph }, life);
    sandbox.hasRun = this.hasRun;
    return sandbox;
  }

  /**
   * Starts over, as if just built: memory, globals, tables, segments, gas, statistics, and the state behind WASI and
   * HTTP. The start function runs again. Only a function that is the source of standard input goes on where it stands,
   * and folders of the host's stay as they are. A call that has not ended fails with CallAborted; one that is running,
   * and resets its own sandbox, ends in what was the sandbox before.
   * @param options what the guest is given until the next reset, in the place of what the sandbox was built with
   * @throws what {@link WasmSandbox.create} throws; the sandbox then has no instance until a reset succeeds
   */
  async reset(options: ProgramOptions = {}): Promise<void> {
    this.refuseDisposed();
    const input = checkProgramOptions('a reset', options);
    const { engine, graph, settings } = this.ground;
    checkProvided(settings.policy, input);
    const before = this.life;
    this.life = undefined;
    let life = before;
    if (before?.isResettable) {
      this.#resetting = before;
      try {
        await before.reset(settings, input);
      } catch (error) {
        before.dispose();
        throw error;
      } finally {
        this.#resetting = undefined;
      }
    } else {
      before?.retire();
      life = await Life.begin(engine.engine, graph, settings, undefined, input);
    }
    if (this.isDisposed) life?.dispose();
    this.refuseDisposed();
    // Where two resets overlapped, one of their instances is nobody's.
    (this.life as Life | undefined)?.dispose();
    this.take(life);
    this.hasRun = false;
  }

  /**
   * The instance in a sandbox of its own, and what lets go of the instance without holding the sandbox. Whoever has
   * this one finds it disposed of.
   * @internal For pools.
   */
  handOver(): { readonly sandbox: WasmSandbox; readonly close: () => void } {
    const life = this.alive();
    this.#endLoan?.();
    const sandbox = new WasmSandbox(this.ground, life);
    sandbox.hasRun = this.hasRun;
    this.life = undefined;
    this.isDisposed = true;
    return { sandbox, close: () => life.dispose() };
  }

  /**
   * Says what the program is given, and what gas is drawn from for this one, up to now too, until it is given back.
   * @throws GasExhausted
   * @internal For pools.
   */
  provide(input: ProgramInput, gasBudget: GasBudget | undefined): void {
    const life = this.alive();
    life.host.provide(input);
    if (gasBudget !== undefined) this.#endLoan = life.drawOn(gasBudget);
  }

  override dispose(): void {
    this.#resetting?.dispose();
    super.dispose();
  }

  /** {@link WasmSandbox.dispose}. */
  declare readonly [Symbol.dispose]: () => void;
  /** {@link WasmSandbox.dispose}. */
  declare readonly [Symbol.asyncDispose]: () => Promise<void>;

  static {
    const dispose = (sandbox: WasmSandbox) => sandbox.dispose();
    makeDisposable(WasmSandbox.prototype, { sync: dispose, async: async (sandbox) => dispose(sandbox) });
  }
}

function fromSource(source: ModuleSource, options: SourcelessOptions): Promise<WasmSandbox> {
  return WasmSandbox.create({ ...options, source });
}

function toUrl(text: string): URL {
  try {
    return new URL(text);
  } catch (cause) {
    throw new UsageError(`fromUrl needs an absolute URL, with its scheme; a path goes to fromFile`, { cause });
  }
}
