/** One instance with everything that ends with it, where nothing is waited for: {@link import('../sandbox/life.ts').Life}. */

import { createHost, type Host } from '../../policy/index.ts';
import type { Engine, EngineInstance } from '../../wasm/engine.ts';
import type { ResourceFigures } from '../../wasm/errors.ts';
import { GuestExit, type WasmValue } from '../../wasm/host.ts';
import { quote } from '../../wasm/quote.ts';
import type { WasmModule } from '../../wasm/types.ts';
import { disposedError, disposedFailure, untilDisposed } from '../call/disposed.ts';
import { failureOf, refuseUnknown } from '../call/failures.ts';
import { fromResults, toArguments } from '../call/values.ts';
import { runtimeFor } from '../runtime/provided.ts';
import { INITIALIZE } from '../sandbox/life.ts';
import type { Settings } from '../sandbox/options.ts';
import { Clock } from '../time/clock.ts';
import type { Preparation } from '../time/preparation.ts';

export class SyncLife {
  readonly host: Host;
  private readonly module: WasmModule;
  private readonly instanceId: string;
  private readonly clock = new Clock();
  private readonly instance: EngineInstance;
  private calls = 0;
  private isDisposed = false;

  /**
   * Instantiates the module and runs its start function, and a reactor's initialisation.
   * @throws LinkError, and whatever ends the guest
   */
  constructor(
    engine: Engine,
    module: WasmModule,
    { policy, args, limits, cpuTimeout, instanceId }: Settings,
    preparation: Preparation,
  ) {
    this.module = module;
    this.instanceId = instanceId;
    this.host = createHost(policy, { args, ...runtimeFor(policy), timeLeft: () => this.clock.left });
    try {
      const imports = untilDisposed(this.host.resolve, () => {
        if (this.isDisposed) throw disposedError(instanceId);
      });
      const { slices } = this.clock;
      const instantiate = () => engine.instantiate(module, { limits, imports, slices });
      this.instance = preparation.count(() => this.clock.runSync(cpuTimeout, instantiate, preparation.left));
      this.guard('its start', () => this.clock.runSync(cpuTimeout, () => this.start(), preparation.left));
    } catch (error) {
      this.host.close();
      throw error;
    }
  }

  private start(): void {
    const { instance } = this;
    instance.start();
    if (instance.functionType(INITIALIZE)?.key === '->') instance.call(INITIALIZE, []);
  }

  /** @param timeout milliseconds, or undefined */
  call(name: string, args: readonly unknown[], timeout: number | undefined): unknown {
    return this.guard(quote(name), () => fromResults(this.enter(name, args, timeout)));
  }

  /** Runs a WASI command: its `_start` returns or exits. Returns the status. */
  run(start: string, timeout: number | undefined): number {
    return this.guard(quote(start), () => {
      try {
        this.enter(start, [], timeout);
        return 0;
      } catch (error) {
        if (error instanceof GuestExit) return error.status;
        throw error;
      }
    });
  }

  private enter(name: string, args: readonly unknown[], timeout: number | undefined): readonly WasmValue[] {
    const { instance } = this;
    const type = instance.functionType(name) ?? refuseUnknown(instance, this.module, name);
    const values = toArguments(name, type, args, instance);
    this.calls++;
    return this.clock.runSync(timeout, () => instance.call(name, values));
  }

  /** Lets go of what is open outside. A guest that runs, and whose host function this is, ends when that returns. */
  dispose(): void {
    this.isDisposed = true;
    this.host.close();
  }

  /** Lets no failure out without the figures of what it cost. */
  private guard<T>(what: string, action: () => T): T {
    try {
      return action();
    } catch (cause) {
      const figures = () => this.figures();
      throw this.isDisposed ? disposedFailure(this.instanceId, cause, figures) : failureOf(what, cause, figures);
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
