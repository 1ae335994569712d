/** A plug-in before there is a sandbox for it: its modules, and what it is given. */

import { type Caller, Capability } from '../../policy/index.ts';
import { UsageError } from '../../wasm/errors.ts';
import { DEFAULT_LIMITS } from '../../wasm/limits.ts';
import { least } from '../checks/least.ts';
import { checkOption, type SandboxOptions, type SourcelessOptions } from '../sandbox/options.ts';
import { WasmSandbox } from '../sandbox.ts';
import { Preparation } from '../time/preparation.ts';
import { aborted } from '../time/signal.ts';
import { bulkFunctions } from './bulk.ts';
import { ownFunctions } from './current-plugin.ts';
import { envFunctions } from './functions.ts';
import { Kernel } from './kernel.ts';
import { type ManifestLike, type ReadManifest, readManifest } from './manifest.ts';
import { checkPluginOptions, type ManifestOptions, type PluginOptions, settlePlugin } from './options.ts';
import type { PluginSettings } from './settings.ts';

/** Where a folder is granted for reading alone. */
const READ_ONLY = 'ro:';

/** What plug-ins of one kind have in common, for a plug-in by itself or a pool of their sandboxes. */
export class CompiledPlugin {
  /** What the plug-in's sandboxes are made of, for `SandboxPool.create({ sandbox })`. */
  readonly sandbox: SandboxOptions;
  readonly #settings: PluginSettings;
  /** What is kept for plug-ins, by sandbox; while one is made, by the signal of the call that makes it. */
  readonly #kernels = new WeakMap<object, Kernel>();

  private constructor(
    { bytes, modules }: ReadManifest,
    settings: PluginSettings,
    grants: ManifestOptions,
    options: PluginOptions,
  ) {
    this.#settings = settings;
    const { functions = {}, capabilities = [], cpuTimeout, ...rest } = options;
    const kernelOf = (caller: Caller): Kernel => this.#kernelOf(caller);
    this.sandbox = Object.freeze({
      ...rest,
      source: bytes,
      modules: Object.keys(modules).length === 0 ? undefined : modules,
      cpuTimeout: least(cpuTimeout, grants.timeoutMs),
      capabilities: [
        ...capabilities,
        ...granted(grants),
        ...envFunctions(kernelOf),
        bulkFunctions(kernelOf),
        ...ownFunctions(functions, kernelOf),
      ],
    });
  }

  /**
   * Loads what the manifest names, and verifies it; nothing is decoded or run yet.
   * @throws UsageError for a manifest or options that are none, and where a module cannot be had; CallAborted
   */
  static async create(
    manifest: ManifestLike | PromiseLike<ManifestLike>,
    options: PluginOptions = {},
  ): Promise<CompiledPlugin> {
    const { own, sandbox } = checkPluginOptions(options);
    const limit = checkOption('moduleLimit', sandbox.moduleLimit ?? DEFAULT_LIMITS.moduleBytes);
    const signal = sandbox.signal && checkOption('signal', sandbox.signal);
    if (signal?.aborted) throw aborted('loading the plug-in', signal.reason);
    const reading = Promise.resolve(manifest).then((like) => readManifest(like, limit));
    const read = await new Preparation({ signal }).wait(reading);
    const grants = { ...read.grants, ...own };
    const { functions } = own;
    return new CompiledPlugin(read, settlePlugin(grants), grants, { ...(sandbox as SourcelessOptions), functions });
  }

  /** What is kept for the plug-in in a sandbox: another one after each reset. @internal */
  kernelOf(sandbox: WasmSandbox): Kernel {
    let kernel = this.#kernels.get(sandbox);
    if (kernel === undefined || kernel.guest !== sandbox.guest || kernel.isOver) {
      kernel = new Kernel(this.#settings, sandbox.guest);
      this.#kernels.set(sandbox, kernel);
    }
    return kernel;
  }

  #kernelOf(caller: Caller): Kernel {
    const { sandbox } = caller;
    if (sandbox instanceof WasmSandbox && sandbox.guest !== undefined) return this.kernelOf(sandbox);
    const { signal } = caller;
    let kernel = this.#kernels.get(signal);
    if (kernel === undefined) {
      kernel = new Kernel(this.#settings, undefined);
      this.#kernels.set(signal, kernel);
    }
    return kernel;
  }
}

/** What a manifest grants, in the terms of policies. @throws UsageError */
function granted({ allowedHosts = [], allowedPaths = {}, memory = {} }: ManifestOptions): Capability[] {
  const grants: Capability[] = [];
  if (allowedHosts.length > 0) {
    const { maxHttpResponseBytes: maxResponseBytes } = memory;
    const limits = maxResponseBytes === undefined ? {} : { maxResponseBytes };
    grants.push(Capability.networkAccess(allowedHosts, { requireHttps: false, allowedPorts: 'any', ...limits }));
  }
  for (const [guest, folder] of Object.entries(allowedPaths)) {
    const readOnly = folder.startsWith(READ_ONLY);
    const host = readOnly ? folder.slice(READ_ONLY.length) : folder;
    if (host === '') throw new UsageError(`allowedPaths: no folder is named for ${guest}`);
    grants.push(Capability.filesystemAccess([{ host, guest }], { readOnly }));
  }
  return grants;
}
