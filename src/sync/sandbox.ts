/** A sandbox in which nothing is waited for: every method returns when it is done. */

import type { ProgramInput } from '../../policy/index.ts';
import { checkProvided } from '../../policy/sandboxed.ts';
import { UsageError } from '../../wasm/errors.ts';
import { loadReadyGraph } from '../cache/load.ts';
import {
  type BatchCall,
  type BatchOptions,
  type BatchResult,
  checkBatch,
  checkBatchOptions,
  runBatch,
} from '../call/batch.ts';
import { COMMAND_START, checkCommand } from '../call/command.ts';
import { type Functions, functionsOf } from '../call/functions.ts';
import { checkSyncCallOptions, type SyncCallOptions } from '../call/options.ts';
import { outputOf, type RunResult } from '../call/output.ts';
import { list, milliseconds, record, text } from '../checks/check.ts';
import { least } from '../checks/least.ts';
import { chooseEngine } from '../engines/choose.ts';
import { makeReadySync } from '../engines/ready.ts';
import type { ReadySource } from '../module/source.ts';
import { makeDisposable } from '../runtime/disposable.ts';
import { type AuditedCall, callAudited } from '../sandbox/audited.ts';
import { SandboxBuilder } from '../sandbox/builder.ts';
import { type Ground, SandboxFace } from '../sandbox/face.ts';
import { gasMeter } from '../sandbox/guest.ts';
import { type SandboxOptions, type SourcelessOptions, settle } from '../sandbox/options.ts';
import {
  checkProgramOptions,
  checkSyncRunOptions,
  type ProgramOptions,
  type SyncRunOptions,
} from '../sandbox/program.ts';
import { Preparation } from '../time/preparation.ts';
import { atOnce } from '../time/waits.ts';
import { SyncLife } from './life.ts';

/**
 * The sandbox of `wasm-sandbox`, with the same names, limits and figures. A host function that returns a promise
 * fails the guest's call with a HostError: to wait, a guest has to be called asynchronously. That holds for everything
 * the policy grants, HTTP and sleeping on a real clock among them.
 */
export class WasmSandbox extends SandboxFace<SyncLife> {
  private constructor(ground: Ground, preparation: Preparation) {
    super(ground, begin(ground, preparation));
  }

  /** Its `source` has to be bytes or a Module. */
  static builder(): SandboxBuilder<WasmSandbox> {
    return new SandboxBuilder((options) => WasmSandbox.create(options));
  }

  /**
   * Validates and instantiates a module, and runs its start function (and a WASI reactor's `_initialize`).
   * @throws UsageError, also for a source that would have to be waited for; CompileError, LinkError, and whatever ends
   *   the start function
   */
  static create(options: SandboxOptions): WasmSandbox {
    const settings = settle(options);
    const { yieldEvery, record, leavable } = settings;
    if (yieldEvery !== undefined) refuseAsynchronous('yieldEvery');
    if (leavable) refuseAsynchronous('leavable');
    if (record) refuseAsynchronous('record');
    const preparation = new Preparation(settings);
    const graph = loadReadyGraph(settings, preparation);
    // Nothing can wait here, so nothing speaks against the host's engine.
    const chosen = chooseEngine(settings.engine, graph, { mayWait: false, leavable: false });
    const engine = makeReadySync(chosen, graph, settings, preparation);
    return new WasmSandbox({ settings, engine, graph }, preparation);
  }

  /** {@link WasmSandbox.create} from bytes, or a Module. */
  static fromBytes(bytes: ReadySource, options: SourcelessOptions = {}): WasmSandbox {
    return WasmSandbox.create({ ...options, source: bytes });
  }

  /**
   * Calls an exported function. Integers of 32 bits and floats are numbers; integers of 64 bits are bigints, and safe
   * integers are taken for them.
   * @typeParam T what the caller knows of the result; nothing checks it
   * @returns undefined for a function without results, the result, or an array of several; of `_start` of a WASI command,
   *   which is run as {@link WasmSandbox.run} would, the exit status
   * @throws UsageError for an unknown function or arguments that do not fit; SandboxDisposed; whatever ends the guest
   */
  call<T = unknown>(name: string, args: readonly unknown[] = [], options?: SyncCallOptions): T {
    return this.#call(name, args, checkSyncCallOptions(options)) as T;
  }

  /**
   * The exported functions as methods, each as {@link WasmSandbox.call} with its name. They call the guest that the
   * sandbox has then, also after a reset.
   * @typeParam Exports what the caller knows of them; at run time there are those that the module exports
   */
  functions<Exports extends object = Functions>(): Exports {
    return functionsOf(this.module, (name, args) => this.call(name, args)) as Exports;
  }

  /**
   * The same, ended after so many milliseconds of wall-clock time, or the sandbox's own limit where that is less.
   * @throws CpuTimeoutExceeded too
   */
  callWithTimeout<T = unknown>(name: string, args: readonly unknown[], timeout: number): T {
    return this.#call(name, args, { timeout: milliseconds('the timeout', timeout) }) as T;
  }

  /**
   * Makes several calls, one after another. Failures are in the results, not thrown.
   * @returns what came of each call made, in order: fewer than asked for where a failure ended the batch
   * @throws UsageError for a list that is none, before anything is called; SandboxDisposed
   */
  callBatch<T = unknown>(calls: readonly BatchCall[], options: BatchOptions & SyncCallOptions = {}): BatchResult<T>[] {
    const { onFailure, ...rest } = record('the options of a batch', options);
    const batch = checkBatch(calls, checkBatchOptions({ onFailure }));
    const each = checkSyncCallOptions(rest);
    this.alive();
    const meter = () => gasMeter(this.life);
    return atOnce(runBatch<T>(batch, (name, args) => this.#call(name, args, each), meter));
  }

  /**
   * {@link WasmSandbox.call} with a record of the host calls that were made on the way, whether or not the policy
   * turns auditing on. Gas is the same as without.
   * @throws what `call` throws; `auditOf` then gives the record
   */
  callWithAudit<T = unknown>(name: string, args: readonly unknown[] = []): AuditedCall<T> {
    const life = this.alive();
    const stats = () => this.statsOf(life);
    return atOnce(callAudited<T>(life, () => this.#call(name, args, {}), stats));
  }

  #call(name: string, args: readonly unknown[], options: SyncCallOptions): unknown {
    const life = this.alive();
    const values = list('the arguments', args);
    if (text('the name of a function', name) !== COMMAND_START) {
      return life.call(name, values, this.#callOptions(options));
    }
    this.beginProgram(life, values);
    return life.run(this.#callOptions(options));
  }

  /** With what the sandbox itself says of its calls. */
  #callOptions(options: SyncCallOptions): SyncCallOptions {
    return { ...options, timeout: least(options.timeout, this.ground.settings.cpuTimeout) };
  }

  /**
   * Runs a WASI command, once: a program expects to find its memory as it was built.
   * @param options for this run; what the sandbox was built with holds for what is not said
   * @throws UsageError where the module is no command, or has run since it was built or reset; SandboxDisposed;
   *   whatever ends the guest. {@link WasmSandbox.output} then has what it wrote before.
   */
  run(options: SyncRunOptions = {}): RunResult {
    const life = this.alive();
    const { input, call } = checkSyncRunOptions(options);
    checkCommand(this.module, this.hasRun);
    life.host.provide(input);
    const exitCode = this.#call(COMMAND_START, [], call) as number;
    return { exitCode, ...outputOf(life.host) };
  }

  /**
   * Starts over: a fresh instance of the module, host state and statistics included. Only a function that is the
   * source of standard input goes on where it stands.
   * @param options what the guest is given until the next reset, in the place of what the sandbox was built with
   * @throws what {@link WasmSandbox.create} throws; the sandbox then has no instance until a reset succeeds
   */
  reset(options: ProgramOptions = {}): void {
    this.refuseDisposed();
    const input = checkProgramOptions('a reset', options);
    checkProvided(this.ground.settings.policy, input);
    this.life?.host.close();
    this.life = undefined;
    this.take(begin(this.ground, new Preparation(this.ground.settings), input));
    this.hasRun = false;
  }

  /** {@link WasmSandbox.dispose}. */
  declare readonly [Symbol.dispose]: () => void;

  static {
    makeDisposable(WasmSandbox.prototype, { sync: (sandbox) => sandbox.dispose() });
  }
}

/** @throws UsageError always */
function refuseAsynchronous(option: string): never {
  throw new UsageError(`${option} is for guests that are called asynchronously: build the sandbox of wasm-sandbox`);
}

function begin({ engine, graph, settings }: Ground, preparation: Preparation, input?: ProgramInput): SyncLife {
  return SyncLife.begin(engine.engine, graph, settings, preparation, input);
}
