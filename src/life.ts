/** One instance with everything that ends with it: its host functions' state, its clock, its counts. */

import { createHost, type Host, type OpenFolder, type SecurityPolicy } from '../policy/index.ts';
import type { Engine, EngineInstance } from '../wasm/engine.ts';
import { HostError, type ResourceFigures, UsageError, WasmSandboxError } from '../wasm/errors.ts';
import { GuestExit, type WasmValue } from '../wasm/host.ts';
import { quote } from '../wasm/quote.ts';
import type { WasmModule } from '../wasm/types.ts';
import { Clock } from './clock.ts';
import type { Settings } from './options.ts';
import { suggest } from './similar.ts';
import { fromResults, toArguments } from './values.ts';

/** What a WASI reactor wants called before anything else (WASI application ABI). */
const INITIALIZE = '_initialize';

export class Life {
  readonly host: Host;
  private readonly module: WasmModule;
  private readonly clock: Clock;
  private readonly instance: EngineInstance;
  private calls = 0;

  private constructor(engine: Engine, module: WasmModule, host: Host, clock: Clock, settings: Settings) {
    this.module = module;
    this.host = host;
    this.clock = clock;
    const { limits } = settings;
    this.instance = engine.instantiate(module, { limits, imports: host.resolve, slices: this.clock.slices });
  }

  /**
   * Instantiates the module and runs its start function, and a reactor's initialisation.
   * @throws LinkError, and whatever ends the guest
   */
  static async begin(engine: Engine, module: WasmModule, settings: Settings): Promise<Life> {
    const environment = await environmentFor(settings.policy);
    const openFolder = await folderOpener(settings.policy);
    const clock = new Clock();
    const timeLeft = () => clock.left;
    const host = createHost(settings.policy, { args: settings.args, environment, openFolder, timeLeft });
    try {
      const life = new Life(engine, module, host, clock, settings);
      await life.guard('its start', () => life.clock.run(settings.cpuTimeout, () => life.start()));
      return life;
    } catch (error) {
      host.close();
      throw error;
    }
  }

  private async start(): Promise<void> {
    const { instance } = this;
    instance.start();
    if (instance.functionType(INITIALIZE)?.key === '->') await instance.callAsync(INITIALIZE, []);
  }

  /**
   * Calls an exported function.
   * @param timeout milliseconds, or undefined
   * @returns nothing, the one result, or an array of them
   */
  async call(name: string, args: readonly unknown[], timeout: number | undefined): Promise<unknown> {
    return this.guard(quote(name), async () => fromResults(await this.enter(name, args, timeout)));
  }

  /** Runs a WASI command: its `_start` returns or exits. Returns the status. */
  async run(start: string, timeout: number | undefined): Promise<number> {
    return this.guard(quote(start), async () => {
      try {
        await this.enter(start, [], timeout);
        return 0;
      } catch (error) {
        if (error instanceof GuestExit) return error.status;
        throw error;
      }
    });
  }

  private async enter(name: string, args: readonly unknown[], timeout: number | undefined): Promise<WasmValue[]> {
    const { instance } = this;
    const type = instance.functionType(name) ?? this.failUnknown(name);
    const values = toArguments(name, type, args);
    this.calls++;
    return this.clock.run(timeout, () => instance.callAsync(name, values));
  }

  private failUnknown(name: string): never {
    const kind = this.instance.exportKind(name);
    if (kind !== undefined) throw new UsageError(`the export ${quote(name)} is a ${kind}, not a function`);
    const names = this.module.exports.filter((item) => item.kind === 'function').map((item) => item.name);
    throw new UsageError(`the module exports no function ${quote(name)}; ${suggest(name, names, 'it exports')}`);
  }

  /** Lets no failure out without the figures of what it cost. */
  private async guard<T>(what: string, action: () => Promise<T>): Promise<T> {
    try {
      return await action();
    } catch (cause) {
      const error = cause instanceof GuestExit ? exited(what, cause) : cause;
      if (error instanceof WasmSandboxError) error.resources ??= this.figures();
      throw error;
    }
  }

  figures(): ResourceFigures {
    return this.instance.figures();
  }

  get cpuTimeMs(): number {
    return this.clock.elapsed;
  }

  get functionCalls(): number {
    return this.calls;
  }
}

/** A program that ends itself has no result for its caller; {@link Life.run} is where that is expected. */
function exited(what: string, exit: GuestExit): HostError {
  const message = `the guest ended its program with status ${exit.status} in ${what}; use run() for a WASI command`;
  return new HostError(message, { cause: exit });
}

/** The host's variables, where the policy grants any by name and the runtime has them. */
async function environmentFor(policy: SecurityPolicy): Promise<Readonly<Record<string, string | undefined>>> {
  const takesHosts = policy.capabilities.some((item) => item.kind === 'environment' && item.names.length > 0);
  if (!takesHosts) return {};
  try {
    return (await import('./environment.node.ts')).hostEnvironment();
  } catch {
    return {}; // A runtime without environment variables.
  }
}

/** Undefined where the policy grants no folder, or the runtime has none. */
async function folderOpener(policy: SecurityPolicy): Promise<OpenFolder | undefined> {
  const takesFolders = policy.capabilities.some(
    (item) => item.kind === 'filesystem' && item.mounts.some((mount) => 'host' in mount),
  );
  if (!takesFolders) return undefined;
  try {
    return (await import('../policy/fs/node/open.node.ts')).openFolder;
  } catch {
    return undefined;
  }
}
