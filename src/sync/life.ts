/** One instance with everything that ends with it, where nothing is waited for: {@link import('../sandbox/life.ts').Life}. */

import { createHost, type ProgramInput } from '../../policy/index.ts';
import { hostNeeds } from '../../policy/parts.ts';
import type { Engine } from '../../wasm/engine.ts';
import { exitStatus, type WasmValue } from '../../wasm/host.ts';
import type { ModuleGraph } from '../../wasm/module-graph.ts';
import { quote } from '../../wasm/quote.ts';
import { COMMAND_START } from '../call/command.ts';
import { CallGas, type SyncCallOptions } from '../call/options.ts';
import { fromResults } from '../call/values.ts';
import { runtimeFor } from '../runtime/provided.ts';
import { Guest } from '../sandbox/guest.ts';
import type { Settings } from '../sandbox/options.ts';
import type { Preparation } from '../time/preparation.ts';
import { Stopwatch } from '../time/stopwatch.ts';

export class SyncLife extends Guest {
  /**
   * Instantiates the module and runs its start function, and a reactor's initialisation.
   * @throws LinkError, and whatever ends the guest
   */
  static begin(
    engine: Engine,
    graph: ModuleGraph,
    settings: Settings,
    preparation: Preparation,
    input: ProgramInput = {},
  ): SyncLife {
    const { policy, args, cpuTimeout } = settings;
    const clock = new Stopwatch();
    let life: SyncLife | undefined;
    const surroundings = () => (life as SyncLife).surroundings;
    const afterCall = () => life?.refuseDisposed();
    const given = { args, ...runtimeFor(policy), timeLeft: () => clock.left, surroundings, afterCall };
    const host = createHost(policy, given, hostNeeds(graph, policy).program);
    const make = () => new SyncLife({ engine, graph, host, clock, settings });
    try {
      const begun = preparation.count(() => clock.runSync(cpuTimeout, make, preparation.left));
      life = begun;
      host.provide(input);
      begun.guard(
        () => 'its start',
        () => clock.runSync(cpuTimeout, () => begun.start(), preparation.left),
      );
      return begun;
    } catch (error) {
      host.close();
      throw error;
    }
  }

  private start(): void {
    const { instance } = this;
    this.serve(() => {
      instance.start();
      const { initialize } = this;
      if (initialize !== undefined) instance.call(initialize, []);
    });
  }

  call(name: string, args: readonly unknown[], options: SyncCallOptions): unknown {
    return this.guard(
      () => quote(name),
      () => fromResults(this.enter(name, args, options)),
    );
  }

  /** Runs a WASI command: its `_start` returns or exits. Returns the status. */
  run(options: SyncCallOptions): number {
    return this.guard(
      () => quote(COMMAND_START),
      () => {
        try {
          this.enter(COMMAND_START, [], options);
          return 0;
        } catch (error) {
          const status = exitStatus(error);
          if (status === undefined) throw error;
          return status;
        }
      },
    );
  }

  private enter(name: string, args: readonly unknown[], options: SyncCallOptions): readonly WasmValue[] {
    const values = this.convert(name, args);
    this.calls++;
    const { budgets } = new CallGas(options);
    return this.clock.runSync(options.timeout, () => this.serve(() => this.instance.call(name, values, budgets)));
  }

  /** Lets go of what is open outside. A guest that runs, and whose host function this is, ends when that returns. */
  dispose(): void {
    this.isDisposed = true;
    this.host.close();
  }

  private guard<T>(what: () => string, action: () => T): T {
    try {
      return action();
    } catch (cause) {
      throw this.failure(what(), cause);
    }
  }
}
