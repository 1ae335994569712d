/** `createPlugin` as `@extism/extism` has it: the same names, messages and null, on a {@link Plugin}. */

import { CpuTimeoutExceeded, HostError, PluginError, UsageError } from '../../wasm/errors.ts';
import { quote } from '../../wasm/quote.ts';
import type { AsyncFunctions, Functions } from '../call/functions.ts';
import { record } from '../checks/check.ts';
import { WasmSandbox } from '../sandbox.ts';
import { Module, type ModuleExportDescriptor, type ModuleImportDescriptor } from '../webassembly/objects.ts';
import { CompiledPlugin } from './compiled.ts';
import type { ManifestLike } from './manifest.ts';
import type { PluginOptions } from './options.ts';
import type { PluginOutput } from './output.ts';
import { Plugin } from './plugin.ts';

/** What `createPlugin` of `@extism/extism` takes, and every option of {@link Plugin.create}. */
export interface CreatePluginOptions extends Omit<PluginOptions, 'timeoutMs'> {
  /** Whether the module may import WASI; false unless given. What it reaches is what is granted. */
  readonly useWasi?: boolean | undefined;
  /** Whether standard output and standard error go to the logger, as info and errors; they are kept in the sandbox unless given. */
  readonly enableWasiOutput?: boolean | undefined;
  /** Null is no limit. */
  readonly timeoutMs?: number | null | undefined;
  /** Means nothing: everything works where the caller is, time limits and requests too. */
  readonly runInWorker?: boolean | undefined;
  /** Means nothing, as there is no worker. */
  readonly sharedArrayBufferSize?: number | undefined;
  /** Means nothing, as there is no worker. */
  readonly nodeWorkerArgs?: unknown;
}

const WASI_MODULE = 'wasi_snapshot_preview1';

/** What `createPlugin` gives. */
export class ExtismPlugin {
  /** The same plug-in with all that `@extism/extism` has no name for. */
  readonly plugin: Plugin;
  readonly #module: Module;

  /** @internal */
  constructor(plugin: Plugin, module: Module) {
    this.plugin = plugin;
    this.#module = module;
  }

  /** Whether the module exports a function of that name. */
  async functionExists(name: string): Promise<boolean> {
    return this.plugin.functionExists(name);
  }

  /**
   * Calls an exported function.
   * @returns null where it puts nothing out
   * @throws PluginError, whose message is `Plugin-originated error: ` and what the plug-in says; what a function of the
   *   embedder's threw; what {@link Plugin.call} throws
   */
  async call(name: string, input?: unknown, hostContext?: unknown): Promise<PluginOutput | null> {
    if (this.plugin.isActive) throw new UsageError('plugin is not reentrant');
    const found = this.plugin.exports.find((each) => each.name === name);
    if (found?.kind !== 'function') {
      const what =
        found === undefined ? `function ${quote(name)} does not exist` : `export ${quote(name)} is not a function`;
      throw new UsageError(`Plugin error: ${what}`);
    }
    try {
      return await this.plugin.call(name, input ?? undefined, { hostContext });
    } catch (error) {
      throw asExtism(error, 'EXTISM: call canceled due to timeout');
    }
  }

  /** In the module's order. */
  async getExports(): Promise<ModuleExportDescriptor[]> {
    return Module.exports(this.#module);
  }

  /** In the module's order. */
  async getImports(): Promise<ModuleImportDescriptor[]> {
    return Module.imports(this.#module);
  }

  /** Its exported functions, each of which gives a promise: there is no instance of the host's. */
  async getInstance(): Promise<{ readonly exports: AsyncFunctions<Functions> }> {
    return { exports: this.plugin.sandbox.functions() };
  }

  /** Whether a call is under way. */
  isActive(): boolean {
    return this.plugin.isActive;
  }

  /** Whether its blocks are gone, as they are behind each call. Variables stay; `plugin.reset()` starts over. */
  async reset(): Promise<boolean> {
    return !this.plugin.isActive;
  }

  /** {@link Plugin.close}. */
  async close(): Promise<void> {
    this.plugin.close();
  }
}

/**
 * A plug-in with the methods that `@extism/extism` gives it. docs/extism.md says what is different.
 * @throws what {@link Plugin.create} throws; UsageError for a module that imports WASI without `useWasi`
 */
export async function createPlugin(
  manifest: ManifestLike | PromiseLike<ManifestLike>,
  options: CreatePluginOptions = {},
): Promise<ExtismPlugin> {
  const {
    useWasi = false,
    enableWasiOutput = false,
    timeoutMs,
    ...given
  } = record('the options of a plug-in', options) as CreatePluginOptions;
  const { runInWorker, sharedArrayBufferSize, nodeWorkerArgs, ...rest } = given;
  const { logger = console } = rest;
  const streams = enableWasiOutput
    ? { onStdout: lines((text) => logger.info(text)), onStderr: lines((text) => logger.error(text)) }
    : {};
  const compiled = await CompiledPlugin.create(manifest, { ...streams, ...rest, timeoutMs: timeoutMs ?? undefined });
  const module = new Module(compiled.sandbox.source as Uint8Array<ArrayBuffer>);
  if (!useWasi && Module.imports(module).some((each) => each.module === WASI_MODULE)) {
    throw new UsageError('WASI is not enabled; see the "useWasi" plugin option');
  }
  try {
    const sandbox = await WasmSandbox.create({ ...compiled.sandbox, source: module });
    return new ExtismPlugin(await Plugin.in(sandbox, compiled), module);
  } catch (error) {
    throw asExtism(error, 'EXTISM: timed out while waiting for plugin to instantiate');
  }
}

/** The error as embedders of the other library know it, with this one's as its cause. */
function asExtism(error: unknown, late: string): unknown {
  if (error instanceof CpuTimeoutExceeded) {
    return new CpuTimeoutExceeded(late, { cause: error, resources: error.resources });
  }
  if (error instanceof PluginError && error.reason !== undefined) {
    const { function: name, status, reason, resources } = error;
    return new PluginError(`Plugin-originated error: ${reason}`, {
      function: name,
      status,
      reason,
      resources,
      cause: error,
    });
  }
  return error instanceof HostError && error.cause instanceof Error ? error.cause : error;
}

function lines(log: (text: string) => void): (bytes: Uint8Array) => void {
  const decoder = new TextDecoder();
  return (bytes) => log(decoder.decode(bytes, { stream: true }).replace(/\n$/, ''));
}
