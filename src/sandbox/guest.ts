/** What a life is whether or not its calls are waited for: an instance, its host functions' state, clock and counts. */

import type { CallingSandbox, CallSurroundings, Host } from '../../policy/index.ts';
import type { Share } from '../../wasm/budget.ts';
import type { Engine, EngineInstance } from '../../wasm/engine.ts';
import { type ResourceFigures, UsageError } from '../../wasm/errors.ts';
import type { GasBudget } from '../../wasm/gas-budget.ts';
import type { GuestMemory, WasmValue } from '../../wasm/host.ts';
import type { WasmModule } from '../../wasm/module.ts';
import { INITIALIZE, type ModuleGraph } from '../../wasm/module-graph.ts';
import { disposedError, disposedFailure } from '../call/disposed.ts';
import type { Execution } from '../call/execution.ts';
import { failureOf, refuseUnknown } from '../call/failures.ts';
import { CallScope } from '../call/scope.ts';
import { toArguments } from '../call/values.ts';
import type { Weak } from '../runtime/weak.ts';
import type { Stopwatch } from '../time/stopwatch.ts';
import type { Settings } from './options.ts';

export interface GuestParts {
  readonly engine: Engine;
  readonly graph: ModuleGraph;
  readonly host: Host;
  readonly clock: Stopwatch;
  readonly settings: Settings;
}

/** Who is served by what a guest calls now. */
interface Served {
  readonly execution: Execution | undefined;
  readonly scope: CallScope;
}

/** Made for every call of a host function that asks for its caller: of a class, which takes a fraction of an object's time. */
class Surroundings implements CallSurroundings {
  readonly sandbox: CallingSandbox | undefined;
  readonly execution: Execution | undefined;
  private readonly scope: CallScope;

  constructor(sandbox: CallingSandbox | undefined, execution: Execution | undefined, scope: CallScope) {
    this.sandbox = sandbox;
    this.execution = execution;
    this.scope = scope;
  }

  get signal(): AbortSignal {
    return this.scope.signal;
  }
}

const NOBODY: Served = { execution: undefined, scope: new CallScope() };

export abstract class Guest {
  readonly host: Host;
  protected readonly clock: Stopwatch;
  protected readonly instance: EngineInstance;
  protected readonly instanceId: string;
  protected calls = 0;
  protected isDisposed = false;
  /** Calls that have begun and not ended, the innermost last. */
  protected readonly serving: Served[] = [];
  private owner: Weak<CallingSandbox> | undefined;
  private readonly module: WasmModule;

  /** @throws LinkError, and what else instantiation throws */
  protected constructor({ engine, graph, host, clock, settings: { limits, instanceId } }: GuestParts) {
    this.module = graph.guest;
    this.host = host;
    this.clock = clock;
    this.instanceId = instanceId;
    this.instance = engine.instantiate(graph.guest, {
      limits,
      imports: host.resolve,
      slices: clock.slices,
      clock: host.clock,
      graph,
    });
  }

  /** The name of a reactor's initialisation, where it has one. */
  protected get initialize(): string | undefined {
    return this.instance.functionType(INITIALIZE)?.key === '->' ? INITIALIZE : undefined;
  }

  /** @throws UsageError for an unknown function or arguments that do not fit */
  convert(name: string, args: readonly unknown[]): WasmValue[] {
    const { instance } = this;
    const type = instance.functionType(name) ?? refuseUnknown(instance, this.module, name);
    return toArguments(name, type, args, instance);
  }

  /** Says whose guest it is. */
  belongTo(owner: Weak<CallingSandbox>): void {
    this.owner = owner;
  }

  /** Behind a host function that has disposed of it, the guest does not go on. @throws SandboxDisposed */
  refuseDisposed(): void {
    if (this.isDisposed) throw disposedError(this.instanceId);
  }

  /** What the host function sees that is called now. */
  get surroundings(): CallSurroundings {
    const { execution, scope } = this.serving.at(-1) ?? NOBODY;
    return new Surroundings(this.owner?.deref(), execution, scope);
  }

  /** Runs a call that nobody can leave. */
  protected serve<T>(call: () => T): T {
    const scope = new CallScope();
    const served = { execution: undefined, scope };
    this.serving.push(served);
    const end = (reason: unknown): void => {
      remove(this.serving, served);
      scope.end(reason);
    };
    try {
      const result = call();
      if (!(result instanceof Promise)) end(undefined);
      else result.then(() => end(undefined), end);
      return result;
    } catch (error) {
      end(error);
      throw error;
    }
  }

  /** What is to be thrown for a failure: no one gets out without the figures of what it cost. */
  protected failure(what: string, cause: unknown): unknown {
    const figures = () => this.figures();
    return this.isDisposed ? disposedFailure(this.instanceId, cause, figures) : failureOf(what, cause, figures);
  }

  /** Ends it, and lets go of what is open outside. */
  abstract dispose(): void;

  /** @throws UsageError where there is none */
  memory(): GuestMemory {
    const { memory } = this.instance;
    if (memory === undefined) throw new UsageError('the module has no memory');
    return memory;
  }

  /** A view of the memory is given to the embedder, who may keep it. */
  lendMemory(): void {
    this.instance.lendMemory?.();
  }

  /** The embedder is going to change the memory. @throws UsageError where that must not be */
  changeMemory(): void {
    // Nothing stands against it here.
  }

  figures(): ResourceFigures {
    return this.instance.figures();
  }

  /** What runs it now, where that is another engine than the one it began on. */
  get runsOn(): EngineInstance['runsOn'] {
    return this.instance.runsOn;
  }

  /** A share in the memory budget, for what is kept for the guest outside of it. */
  share(): Share {
    return this.instance.share();
  }

  /**
   * Draws on a budget too, for what has been used so far as well.
   * @returns what ends that before a reset does
   * @throws GasExhausted
   */
  drawOn(budget: GasBudget): () => void {
    return this.instance.drawOn(budget);
  }

  get cpuTimeMs(): number {
    return this.clock.elapsed;
  }

  get functionCalls(): number {
    return this.calls;
  }
}

/** Of a list whose last it mostly is. */
export function remove<T>(list: T[], item: T): void {
  if (list.at(-1) === item) list.pop();
  else list.splice(list.indexOf(item), 1);
}

/** Starts counting the gas of a guest, and returns what tells how much it has used since; none without a guest. */
export function gasMeter(guest: Pick<Guest, 'figures'> | undefined): () => bigint {
  if (guest === undefined) return () => 0n;
  const before = guest.figures().gasUsed;
  return () => guest.figures().gasUsed - before;
}
