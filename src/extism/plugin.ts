/** A plug-in: a sandbox whose functions take bytes and give bytes, by Extism's interface. */

import { PluginError, type ResourceFigures, UsageError } from '../../wasm/errors.ts';
import { INITIALIZE } from '../../wasm/module-graph.ts';
import { messageOf, quote } from '../../wasm/quote.ts';
import { decodeLossy } from '../../wasm/utf8.ts';
import { exitStatusBehind } from '../call/failures.ts';
import type { CallOptions } from '../call/options.ts';
import type { ExportDescription } from '../module/exported.ts';
import { makeDisposable } from '../runtime/disposable.ts';
import { WasmSandbox } from '../sandbox.ts';
import { checkPluginCall, type OutputValues, outputAs, type PluginCallOptions } from './call.ts';
import { CompiledPlugin } from './compiled.ts';
import type { PluginCall } from './kernel.ts';
import type { ManifestLike } from './manifest.ts';
import type { PluginOptions } from './options.ts';
import { inputBytes, PluginOutput } from './output.ts';
import type { StandardSchema } from './schema.ts';

/** What sets up the languages that need it, and that no sandbox calls by itself. In this order. */
const INITIALISERS = ['__wasm_call_ctors', 'hs_init'];

/**
 * A plug-in that is ready to be called, one call at a time. Its variables stay until {@link Plugin.reset}, its blocks until
 * the end of each call.
 */
export class Plugin {
  /** The plug-in's own, with its limits, statistics, output and audit. */
  readonly sandbox: WasmSandbox;
  readonly #compiled: CompiledPlugin;
  #isActive = false;

  private constructor(compiled: CompiledPlugin, sandbox: WasmSandbox) {
    this.#compiled = compiled;
    this.sandbox = sandbox;
  }

  /**
   * Loads what a manifest names, and makes it ready: its start function and the initialisation of its language run.
   * @throws UsageError for a manifest or options that are none, and where a module cannot be had; CompileError, LinkError,
   *   and whatever ends the start function
   */
  static async create(
    manifest: ManifestLike | PromiseLike<ManifestLike>,
    options: PluginOptions = {},
  ): Promise<Plugin> {
    const compiled = await CompiledPlugin.create(manifest, options);
    const sandbox = await WasmSandbox.create(compiled.sandbox);
    try {
      return await Plugin.in(sandbox, compiled);
    } catch (error) {
      sandbox.dispose();
      throw error;
    }
  }

  /**
   * A plug-in in a sandbox that is there already, fresh or reset: one that a pool of `compiled.sandbox` lends. Whose the
   * sandbox is does not change.
   * @throws whatever ends the initialisation of the plug-in's language
   */
  static async in(sandbox: WasmSandbox, compiled: CompiledPlugin): Promise<Plugin> {
    const plugin = new Plugin(compiled, sandbox);
    await plugin.#initialise();
    return plugin;
  }

  /** What the module exports, in its order. */
  get exports(): readonly ExportDescription[] {
    return this.sandbox.exports;
  }

  /** Whether a call is under way. */
  get isActive(): boolean {
    return this.#isActive;
  }

  /** Whether the module exports a function of that name. */
  functionExists(name: string): boolean {
    return this.exports.some((each) => each.kind === 'function' && each.name === name);
  }

  /**
   * Calls a function with an input: text as UTF-8, bytes and typed arrays as they are, nothing for undefined, an array of
   * several dimensions (`{ data, shape }`) as a `.npy` file, a table of Apache Arrow as an IPC stream, anything else as JSON.
   * @returns the output as `as` says, where nothing was put out an empty one; without `as`, null in its place
   * @throws PluginError where the function sets an error, returns or exits with another status than 0, or gives an output
   *   that is not what was asked for; MemoryLimitExceeded also where there is no room for the input; UsageError also
   *   while another call is under way; what `WasmSandbox.call` throws
   */
  call(
    name: string,
    input?: unknown,
    options?: PluginCallOptions & { readonly as?: undefined; readonly schema?: undefined },
  ): Promise<PluginOutput | null>;
  /** As text, bytes, an array or a table. */
  call<K extends keyof OutputValues>(
    name: string,
    input: unknown,
    options: PluginCallOptions & { readonly as: K; readonly schema?: undefined },
  ): Promise<OutputValues[K]>;
  /** As JSON, or as the schema has made it. */
  call<T = unknown>(
    name: string,
    input: unknown,
    options: PluginCallOptions<T> & ({ readonly as: 'json' } | { readonly schema: StandardSchema<T> }),
  ): Promise<T>;
  async call(name: string, input?: unknown, options: PluginCallOptions = {}): Promise<unknown> {
    const { own, call, hostContext } = checkPluginCall(options);
    const bytes = inputBytes(input);
    const output = await this.#exchange(name, bytes instanceof Promise ? await bytes : bytes, call, hostContext);
    if (own.as === undefined && own.schema === undefined) return output ?? null;
    return outputAs(name, output ?? new PluginOutput(new Uint8Array(0)), own);
  }

  /**
   * Starts over as if just made: memory, variables, gas, statistics. A call that is under way fails with CallAborted.
   * @throws what {@link Plugin.create} throws
   */
  async reset(): Promise<void> {
    await this.sandbox.reset();
    await this.#initialise();
  }

  /** Ends it, and what it has open; a call that is under way fails with SandboxDisposed. */
  close(): void {
    this.sandbox.dispose();
  }

  async #initialise(): Promise<void> {
    for (const name of INITIALISERS) {
      const found = this.exports.find((each) => each.kind === 'function' && each.name === name);
      if (found === undefined || (name !== 'hs_init' && this.functionExists(INITIALIZE))) continue;
      // The arguments of hs_init are those of a program, of which there are none.
      await this.sandbox.call(
        name,
        (found.params ?? []).map(() => 0),
      );
    }
  }

  async #exchange(
    name: string,
    input: Uint8Array | undefined,
    options: CallOptions,
    hostContext: unknown,
  ): Promise<PluginOutput | undefined> {
    if (this.#isActive) {
      throw new UsageError(
        'the plug-in is not reentrant: a call of it is under way. Await it, or take one from a pool',
      );
    }
    const call = this.#compiled.kernelOf(this.sandbox).begin(input, hostContext);
    this.#isActive = true;
    try {
      const status = await this.#status(name, options);
      if (status !== 0 || call.errorAddress !== 0) throw failed(name, status, call, this.sandbox.guest?.figures());
      const output = call.outputBytes();
      // The blocks of a call end with it.
      return output && new PluginOutput(output, true);
    } finally {
      this.#isActive = false;
      call.end();
    }
  }

  async #status(name: string, options: CallOptions): Promise<number> {
    try {
      const result = await this.sandbox.call(name, [], options);
      return typeof result === 'number' ? result : 0;
    } catch (error) {
      const status = exitStatusBehind(error);
      if (status === undefined) throw error;
      return status;
    }
  }

  /** {@link Plugin.close}. */
  declare readonly [Symbol.dispose]: () => void;
  /** {@link Plugin.close}. */
  declare readonly [Symbol.asyncDispose]: () => Promise<void>;

  static {
    const close = (plugin: Plugin) => plugin.close();
    makeDisposable(Plugin.prototype, { sync: close, async: async (plugin) => close(plugin) });
  }
}

function failed(name: string, status: number, call: PluginCall, resources: ResourceFigures | undefined): PluginError {
  const message = call.blocks.from(call.errorAddress);
  const reason = message && decodeLossy(message);
  const said = reason === undefined ? '' : `: ${messageOf(reason)}`;
  const how = status === 0 ? 'failed' : `failed with status ${status}`;
  return new PluginError(`plug-in function ${quote(name)} ${how}${said}`, {
    function: name,
    status,
    reason,
    resources,
  });
}
