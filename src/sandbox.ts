/** The public face: a module, its limits and its policy, run by an engine. */

import type { AuditEvent } from '../policy/index.ts';
import { SandboxDisposed, UsageError } from '../wasm/errors.ts';
import { type ExternKind, typeName, typeOfFunction, type WasmModule } from '../wasm/types.ts';
import { type AuditedCall, callAudited } from './audited.ts';
import { SandboxBuilder } from './builder.ts';
import { list, milliseconds, text } from './check.ts';
import { type ChosenEngine, chooseEngine } from './engines.ts';
import { Life } from './life.ts';
import { least, type SandboxOptions, type Settings, settle } from './options.ts';
import { loadModule, type ModuleSource } from './source.ts';
import { type MemoryUsage, type ResourceStats, resourceStats } from './stats.ts';
import { mayWait } from './waiting.ts';

/** An export; a function's with the names of its types. */
export interface ExportDescription {
  readonly name: string;
  readonly kind: ExternKind;
  readonly params?: readonly string[];
  readonly results?: readonly string[];
}

/** What the guest wrote and nobody took: as bytes, and decoded as UTF-8. */
export interface Output {
  readonly stdout: string;
  readonly stderr: string;
  readonly stdoutBytes: Uint8Array;
  readonly stderrBytes: Uint8Array;
}

export interface RunResult extends Output {
  /** An unsigned 32-bit integer; 0 where the program returned without saying. */
  readonly exitCode: number;
}

/** Options beside the source. */
export type SourcelessOptions = Omit<SandboxOptions, 'source'>;

/** @internal What tests, and whoever has decoded the module already, put in the place of the usual. */
export interface Internals {
  readonly module?: WasmModule;
  readonly engine?: ChosenEngine;
}

/** What a sandbox keeps over a reset. */
interface Ground {
  readonly module: WasmModule;
  readonly engine: ChosenEngine;
  readonly settings: Settings;
}

const COMMAND_START = '_start';

/**
 * A guest with its own memory, limits and policy. Gas, memory and stack are counted until {@link WasmSandbox.reset}.
 *
 * Every failure is an error of the `WasmSandboxError` family whose `resources` say what was used up to it. After a
 * trap or a time-out the guest can be called again, with the memory the failed call left; after its gas is exhausted
 * it cannot, before a reset.
 */
export class WasmSandbox {
  readonly instanceId: string;
  readonly #ground: Ground;
  /** Undefined after `dispose`, and where a reset failed. */
  #life: Life | undefined;
  #hasRun = false;
  #disposed = false;

  private constructor(ground: Ground, life: Life) {
    this.instanceId = ground.settings.instanceId;
    this.#ground = ground;
    this.#life = life;
  }

  static builder(): SandboxBuilder<WasmSandbox> {
    return new SandboxBuilder((options) => WasmSandbox.create(options));
  }

  /**
   * Loads, validates and instantiates a module, and runs its start function (and a WASI reactor's `_initialize`).
   * @throws UsageError, CompileError, LinkError, and whatever ends the start function
   */
  static async create(options: SandboxOptions, internals: Internals = {}): Promise<WasmSandbox> {
    const settings = settle(options);
    const module = internals.module ?? (await loadModule(settings.source, settings.moduleLimit));
    const needs = { mayWait: mayWait(module, settings.policy) };
    const engine = internals.engine ?? chooseEngine(settings.engine, needs);
    const life = await Life.begin(engine.engine, module, settings);
    return new WasmSandbox({ settings, engine, module }, life);
  }

  /** {@link WasmSandbox.create} from a file. */
  static fromFile(path: string | URL, options: SourcelessOptions = {}): Promise<WasmSandbox> {
    return fromSource(path, options);
  }

  /** {@link WasmSandbox.create} from bytes. */
  static fromBytes(
    bytes: ArrayBuffer | SharedArrayBuffer | ArrayBufferView,
    options: SourcelessOptions = {},
  ): Promise<WasmSandbox> {
    return fromSource(bytes, options);
  }

  /** {@link WasmSandbox.create} from a URL or a response, decoded while it arrives. */
  static async fromUrl(url: string | URL | Response, options: SourcelessOptions = {}): Promise<WasmSandbox> {
    return fromSource(typeof url === 'string' ? toUrl(url) : url, options);
  }

  /** What the module exports, in its order. */
  get exports(): readonly ExportDescription[] {
    const { module } = this.#ground;
    return module.exports.map(({ name, kind, index }) => {
      if (kind !== 'function') return { name, kind };
      const { params, results } = typeOfFunction(module, index);
      return { name, kind, params: params.map(typeName), results: results.map(typeName) };
    });
  }

  /**
   * Calls an exported function. Integers of 32 bits and floats are numbers; integers of 64 bits are bigints, and safe
   * integers are taken for them.
   * @returns undefined for a function without results, the result, or an array of several
   * @throws UsageError for an unknown function or arguments that do not fit; SandboxDisposed; whatever ends the guest
   */
  async call(name: string, args: readonly unknown[] = []): Promise<unknown> {
    return this.#call(name, args, undefined);
  }

  /**
   * The same, ended after so many milliseconds of wall-clock time, or the sandbox's own limit where that is less.
   * @throws CpuTimeoutExceeded too
   */
  async callWithTimeout(name: string, args: readonly unknown[], timeout: number): Promise<unknown> {
    return this.#call(name, args, milliseconds('the timeout', timeout));
  }

  /**
   * {@link WasmSandbox.call} with a record of the host calls that were made on the way, whether or not the policy
   * turns auditing on. Gas is the same as without.
   * @throws what `call` throws; `auditOf` then gives the record
   */
  async callWithAudit(name: string, args: readonly unknown[] = []): Promise<AuditedCall> {
    const life = this.#alive();
    return callAudited(
      life,
      () => this.#call(name, args, undefined),
      () => this.#stats(life),
    );
  }

  async #call(name: string, args: readonly unknown[], timeout: number | undefined): Promise<unknown> {
    const life = this.#alive();
    const limit = least(timeout, this.#ground.settings.cpuTimeout);
    return life.call(text('the name of a function', name), list('the arguments', args), limit);
  }

  /**
   * Runs a WASI command, once: a program expects to find its memory as it was built.
   * @throws UsageError where the module is no command, or has run since it was built or reset; SandboxDisposed;
   *   whatever ends the guest. {@link WasmSandbox.output} then has what it wrote before.
   */
  async run(): Promise<RunResult> {
    const life = this.#alive();
    if (this.#hasRun) throw new UsageError('the program has run: call reset() before running it again');
    if (!this.#ground.module.exports.some(({ name, kind }) => name === COMMAND_START && kind === 'function')) {
      throw new UsageError(`the module exports no function "${COMMAND_START}", so it is no WASI command: use call()`);
    }
    this.#hasRun = true;
    const exitCode = await life.run(COMMAND_START, this.#ground.settings.cpuTimeout);
    return { exitCode, ...outputOf(life) };
  }

  /** What the guest wrote so far to the streams for which no callback was given. */
  output(): Output {
    return outputOf(this.#alive());
  }

  /**
   * The files in memory that the policy granted, with what the guest made of them: copies, by the guest's absolute
   * path. Folders of the host's are not among them.
   */
  files(): ReadonlyMap<string, Uint8Array> {
    return this.#alive().host.files();
  }

  /** Host calls so far, where the policy turned auditing on. */
  auditEvents(): readonly AuditEvent[] {
    return this.#alive().host.audit.events;
  }

  /** Host calls that were refused, the first 1,000 of them, whether or not auditing is on. */
  violations(): readonly AuditEvent[] {
    return this.#alive().host.violations.events;
  }

  getResourceStats(): ResourceStats {
    return this.#stats(this.#alive());
  }

  #stats(life: Life): ResourceStats {
    const { engine, settings } = this.#ground;
    return resourceStats({
      instanceId: settings.instanceId,
      engine: engine.engine.name,
      engineReason: engine.reason,
      cpuTimeMs: life.cpuTimeMs,
      functionCalls: life.functionCalls,
      figures: life.figures(),
    });
  }

  memoryUsage(): MemoryUsage {
    const { memoryBytes, peakMemoryBytes, memoryLimit } = this.#alive().figures();
    return { usedBytes: memoryBytes, peakBytes: peakMemoryBytes, limitBytes: memoryLimit };
  }

  /**
   * Starts over: a fresh instance of the module, host state and statistics included. Only a function that is the
   * source of standard input goes on where it stands.
   * @throws what {@link WasmSandbox.create} throws; the sandbox then has no instance until a reset succeeds
   */
  async reset(): Promise<void> {
    this.#refuseDisposed();
    const { engine, module, settings } = this.#ground;
    this.#life?.host.close();
    this.#life = undefined;
    const life = await Life.begin(engine.engine, module, settings);
    if (this.#disposed) life.host.close();
    this.#refuseDisposed();
    this.#life = life;
    this.#hasRun = false;
  }

  /** Lets go of the instance and of what it has open; doing it again does nothing. */
  dispose(): void {
    this.#disposed = true;
    this.#life?.host.close();
    this.#life = undefined;
  }

  #alive(): Life {
    this.#refuseDisposed();
    if (this.#life === undefined) {
      throw new UsageError('the sandbox has no instance: its reset has not ended, or has failed. Call reset() again');
    }
    return this.#life;
  }

  #refuseDisposed(): void {
    if (this.#disposed)
      throw new SandboxDisposed(`the sandbox ${this.instanceId} has been disposed of: build a new one`);
  }

  declare readonly [Symbol.dispose]: () => void;
  declare readonly [Symbol.asyncDispose]: () => Promise<void>;

  static {
    // A runtime without these symbols has no `using` either; a plain member would there be named "undefined".
    const { prototype } = WasmSandbox;
    const define = (symbol: symbol | undefined, value: (this: WasmSandbox) => unknown) => {
      if (symbol !== undefined) Object.defineProperty(prototype, symbol, { value, configurable: true, writable: true });
    };
    define(Symbol.dispose, function () {
      this.dispose();
    });
    define(Symbol.asyncDispose, async function () {
      this.dispose();
    });
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

function outputOf({ host }: Life): Output {
  const decoder = new TextDecoder('utf-8', { ignoreBOM: true });
  const stdoutBytes = host.output('stdout');
  const stderrBytes = host.output('stderr');
  return { stdout: decoder.decode(stdoutBytes), stderr: decoder.decode(stderrBytes), stdoutBytes, stderrBytes };
}
