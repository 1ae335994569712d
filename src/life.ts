/** One instance with everything that ends with it: its host functions' state, its clock, its counts. */

import { createHost, type Host, type OpenFolder, type SecurityPolicy } from '../policy/index.ts';
import type { Engine, EngineInstance } from '../wasm/engine.ts';
import { HostError, type ResourceFigures } from '../wasm/errors.ts';
import { GuestExit, type WasmValue } from '../wasm/host.ts';
import { quote } from '../wasm/quote.ts';
import type { WasmModule } from '../wasm/types.ts';
import { Clock } from './clock.ts';
import { aborted, Execution, type ExecutionGround } from './execution/execution.ts';
import type { CallOptions } from './execution/options.ts';
import { Sleeper } from './execution/turn.ts';
import { failureOf, refuseLeaving, refuseUnknown } from './failures.ts';
import { takesFolders, takesHostVariables } from './needs.ts';
import type { Settings } from './options.ts';
import { fromResults, toArguments } from './values.ts';

/** What a WASI reactor wants called before anything else (WASI application ABI). */
export const INITIALIZE = '_initialize';

export class Life {
  readonly host: Host;
  private readonly module: WasmModule;
  private readonly clock: Clock;
  private readonly instance: EngineInstance;
  private readonly ground: ExecutionGround;
  private calls = 0;
  private latest: Execution | undefined;

  private constructor(
    engine: Engine,
    module: WasmModule,
    host: Host,
    clock: Clock,
    sleeper: Sleeper,
    settings: Settings,
  ) {
    this.module = module;
    this.host = host;
    this.clock = clock;
    const { limits } = settings;
    this.instance = engine.instantiate(module, { limits, imports: host.resolve, slices: this.clock.slices });
    this.ground = {
      instance: this.instance,
      clock,
      onBegin: (execution) => {
        this.calls++;
        this.latest = execution;
      },
      explain: (name, error) => failureOf(quote(name), error, () => this.figures()),
      onAbort: () => sleeper.cancel(),
    };
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
    const sleeper = new Sleeper();
    const time = { sleep: sleeper.sleep };
    const host = createHost(settings.policy, { args: settings.args, environment, openFolder, time, timeLeft });
    try {
      const life = new Life(engine, module, host, clock, sleeper, settings);
      await life.guard('its start', () => life.clock.run(settings.cpuTimeout, () => life.start(settings)));
      return life;
    } catch (error) {
      host.close();
      throw error;
    }
  }

  private async start({ cpuTimeout: timeout, yieldEvery }: Settings): Promise<void> {
    const { instance } = this;
    instance.start();
    if (instance.functionType(INITIALIZE)?.key !== '->') return;
    if (instance.begin === undefined) await instance.callAsync(INITIALIZE, []);
    else await this.execute(INITIALIZE, [], { timeout, yieldEvery }).run();
    this.calls = 0;
  }

  /**
   * Calls an exported function.
   * @returns nothing, the one result, or an array of them
   */
  async call(name: string, args: readonly unknown[], options: CallOptions): Promise<unknown> {
    return this.guard(quote(name), async () => {
      if (this.instance.begin !== undefined) return this.execute(name, args, options).run();
      const values = this.convert(name, args);
      const { signal, timeout, yieldEvery } = options;
      if (yieldEvery !== undefined) refuseLeaving('yieldEvery');
      if (signal?.aborted) throw aborted(name, signal);
      this.calls++;
      return fromResults(await this.clock.run(timeout, () => this.instance.callAsync(name, values)));
    });
  }

  /** Runs a WASI command: its `_start` returns or exits. Returns the status. */
  async run(start: string, options: CallOptions): Promise<number> {
    try {
      await this.call(start, [], options);
      return 0;
    } catch (error) {
      if (error instanceof HostError && error.cause instanceof GuestExit) return error.cause.status;
      throw error;
    }
  }

  /**
   * Begins a call that can be left.
   * @throws UsageError for an unknown function or arguments that do not fit, and where the engine cannot leave a guest
   */
  begin(name: string, args: readonly unknown[], options: CallOptions, isProgram: boolean): Execution {
    try {
      return this.execute(name, args, options, isProgram);
    } catch (error) {
      throw failureOf(quote(name), error, () => this.figures());
    }
  }

  private execute(name: string, args: readonly unknown[], options: CallOptions, isProgram = false): Execution {
    const values = this.convert(name, args);
    const engine = this.instance.begin?.(name, values) ?? refuseLeaving('start()');
    return new Execution(this.ground, { name, engine, options, isProgram });
  }

  private convert(name: string, args: readonly unknown[]): WasmValue[] {
    const type = this.instance.functionType(name) ?? refuseUnknown(this.instance, this.module, name);
    return toArguments(name, type, args);
  }

  /** Lets no failure out without the figures of what it cost. */
  private async guard<T>(what: string, action: () => Promise<T>): Promise<T> {
    try {
      return await action();
    } catch (cause) {
      throw failureOf(what, cause, () => this.figures());
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

/** Starts counting the gas of a life, and returns what tells how much it has used since; none without a life. */
export function gasMeter(life: Pick<Life, 'figures'> | undefined): () => bigint {
  if (life === undefined) return () => 0n;
  const before = life.figures().gasUsed;
  return () => life.figures().gasUsed - before;
}

/** The host's variables, where the policy grants any by name and the runtime has them. */
async function environmentFor(policy: SecurityPolicy): Promise<Readonly<Record<string, string | undefined>>> {
  if (!takesHostVariables(policy)) return {};
  try {
    return (await import('./environment.node.ts')).hostEnvironment();
  } catch {
    return {}; // A runtime without environment variables.
  }
}

/** Undefined where the policy grants no folder, or the runtime has none. */
async function folderOpener(policy: SecurityPolicy): Promise<OpenFolder | undefined> {
  if (!takesFolders(policy)) return undefined;
  try {
    return (await import('../policy/fs/node/open.node.ts')).openFolder;
  } catch {
    return undefined;
  }
}
