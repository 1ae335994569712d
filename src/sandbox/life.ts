/** One instance with everything that ends with it: its host functions' state, its clock, its counts. */

import { images, snapshots } from '../../interpreter/index.ts';
import type { ProgramInput } from '../../policy/index.ts';
import { hostFunctions, hostNeeds, loadHostFunctions } from '../../policy/parts.ts';
import { IdleHost } from '../../policy/sandboxed.ts';
import type { Engine, EngineImage } from '../../wasm/engine.ts';
import { CallAborted, type ResourceFigures, UsageError, type WasmSandboxError } from '../../wasm/errors.ts';
import type { GasBudget } from '../../wasm/gas-budget.ts';
import type { ModuleGraph } from '../../wasm/module-graph.ts';
import { Part } from '../../wasm/part.ts';
import { messageOf, quote } from '../../wasm/quote.ts';
import { hasThreads } from '../../wasm/spawn.ts';
import { damaged, WireReader, WireWriter } from '../../wasm/wire.ts';
import { COMMAND_START } from '../call/command.ts';
import { disposedError } from '../call/disposed.ts';
import { Execution, type ExecutionGround } from '../call/execution.ts';
import { exitStatusBehind, refuseLeaving } from '../call/failures.ts';
import { CallGas, type CallOptions } from '../call/options.ts';
import { fromResults } from '../call/values.ts';
import type { Recorder } from '../replay/recorder.ts';
import { loadRuntimeFor } from '../runtime/provided.ts';
import type { Contents, LeftCall } from '../snapshot/contents.ts';
import { Preparation } from '../time/preparation.ts';
import { aborted } from '../time/signal.ts';
import { Stopwatch } from '../time/stopwatch.ts';
import { Sleeper } from '../time/turn.ts';
import { Guest, type GuestParts, remove } from './guest.ts';
import type { Settings } from './options.ts';

/** Once it is there nothing waits for it: how long a reset takes may be seen by whoever calls meanwhile. */
const recording = new Part('recorder', () => import('../replay/recorder.ts'));

/** What errors call the start function and a reactor's initialisation. */
const STARTING = 'its start';

/** All that a life is. */
interface LifeState {
  readonly guest: EngineImage | WireReader;
  readonly host: WireReader;
  readonly call: (LeftCall & { readonly gasBudget?: GasBudget | undefined }) | undefined;
  readonly functionCalls: number;
}

function savedIn({ guest, host, call, functionCalls }: Contents): LifeState {
  return { guest: new WireReader(guest), host: new WireReader(host), call, functionCalls };
}

export class Life extends Guest {
  private readonly sleeper: Sleeper;
  private readonly recorder: Recorder | undefined;
  private readonly budgets: readonly GasBudget[];
  /** Of the executions since the last reset. */
  private ground: ExecutionGround;

  private constructor(parts: GuestParts, sleeper: Sleeper, recorder: Recorder | undefined) {
    super(parts);
    this.recorder = recorder;
    this.budgets = parts.settings.limits.budgets ?? [];
    this.sleeper = sleeper;
    this.ground = this.newGround();
  }

  private newGround(): ExecutionGround {
    return {
      instance: this.instance,
      clock: this.clock,
      budgets: this.budgets,
      over: undefined,
      onBegin: (execution) => {
        this.calls++;
        const served = { execution, scope: execution.scope };
        this.serving.push(served);
        execution.onEnd(() => remove(this.serving, served));
      },
      explain: (what, error) => this.failure(what, error),
      onAbort: () => this.sleeper.cancel(),
    };
  }

  /**
   * Instantiates the module and runs its start function, and a reactor's initialisation.
   * @throws LinkError, and whatever ends the guest
   */
  static async begin(
    engine: Engine,
    graph: ModuleGraph,
    settings: Settings,
    preparation: Preparation = new Preparation(settings),
    input: ProgramInput = {},
  ): Promise<Life> {
    const life = await Life.create(engine, graph, settings, preparation);
    try {
      life.host.provide(input);
      await life.guard(
        () => STARTING,
        () => life.clock.run(settings.cpuTimeout, () => life.start(settings, settings.signal), preparation.left),
      );
      return life;
    } catch (error) {
      life.host.close();
      throw error;
    }
  }

  /**
   * One that takes up the state of another in the place of starting.
   * @param from what was saved; or the other itself
   * @throws LinkError, SnapshotError, GasExhausted, MemoryLimitExceeded, CpuTimeoutExceeded
   */
  static async resume(
    engine: Engine,
    graph: ModuleGraph,
    settings: Settings,
    from: Contents | Life,
    preparation: Preparation = new Preparation(settings),
  ): Promise<Life> {
    // Before anything is made, and paid for.
    if (from instanceof Life && from.instance.capture === undefined) refuseLeaving('fork()');
    await Promise.all([snapshots.load(), images.load()]);
    const life = await Life.create(engine, graph, settings, preparation);
    try {
      const take = () => life.take(from instanceof Life ? from.capture('copy') : savedIn(from), settings);
      preparation.count(() => life.clock.runSync(settings.cpuTimeout, take, preparation.left));
      return life;
    } catch (error) {
      life.host.close();
      throw error;
    }
  }

  private static async create(
    engine: Engine,
    graph: ModuleGraph,
    settings: Settings,
    preparation: Preparation,
  ): Promise<Life> {
    const needs = hostNeeds(graph, settings.policy);
    await loadHostFunctions(needs);
    const runtime = await loadRuntimeFor(settings.policy);
    if (settings.record) {
      if (hasThreads(graph.guest)) throw new UsageError('record is for guests without threads');
      await recording.load();
    }
    const recorded = settings.record ? recording.now.record(engine, graph, settings) : undefined;
    const clock = new Stopwatch();
    const timeLeft = () => clock.left;
    const sleeper = new Sleeper();
    const time = { sleep: sleeper.sleep };
    let life: Life | undefined;
    const surroundings = () => (life as Life).surroundings;
    const afterCall = () => life?.refuseDisposed();
    const given = { args: settings.args, ...runtime, time, timeLeft, surroundings, afterCall };
    const host = needs.any
      ? hostFunctions.now.createHost(settings.policy, given, needs.program)
      : new IdleHost(settings.policy);
    const parts = { engine: recorded?.engine ?? engine, graph, host, clock, settings };
    const make = () => new Life(parts, sleeper, recorded?.recorder);
    try {
      life = preparation.count(() => clock.runSync(settings.cpuTimeout, make, preparation.left));
      return life;
    } catch (error) {
      host.close();
      throw error;
    }
  }

  private async start({ cpuTimeout: timeout, yieldEvery }: Settings, signal?: AbortSignal): Promise<void> {
    const { instance } = this;
    const options = { timeout, yieldEvery, signal };
    const { initialize } = this;
    if (instance.begin === undefined || instance.beginStart === undefined) {
      this.serve(() => instance.start());
      if (initialize !== undefined) await this.serve(() => instance.callAsync(initialize, []));
    } else {
      const start = instance.beginStart();
      const gas = new CallGas({});
      if (start !== undefined) {
        await new Execution(this.ground, {
          name: '',
          what: STARTING,
          engine: start,
          options,
          gas,
          isProgram: false,
        }).run();
      }
      if (initialize !== undefined) await this.execute(initialize, [], options).run();
    }
    this.calls = 0;
  }

  /**
   * Calls an exported function.
   * @returns nothing, the one result, or an array of them
   */
  async call(name: string, args: readonly unknown[], options: CallOptions): Promise<unknown> {
    return this.guard(
      () => quote(name),
      async () => {
        if (this.instance.begin !== undefined) return this.execute(name, args, options).run();
        const values = this.convert(name, args);
        const { signal, timeout, yieldEvery } = options;
        if (yieldEvery !== undefined) refuseLeaving('yieldEvery');
        if (signal?.aborted) throw aborted(`the call of ${quote(name)}`, signal.reason);
        this.calls++;
        const { budgets } = new CallGas(options);
        const call = () => this.serve(() => this.instance.callAsync(name, values, budgets));
        return fromResults(await this.clock.run(timeout, call));
      },
    );
  }

  /** Runs a WASI command: its `_start` returns or exits. Returns the status. */
  async run(options: CallOptions): Promise<number> {
    try {
      await this.call(COMMAND_START, [], options);
      return 0;
    } catch (error) {
      const status = exitStatusBehind(error);
      if (status === undefined) throw error;
      return status;
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
      throw this.failure(quote(name), error);
    }
  }

  private execute(name: string, args: readonly unknown[], options: CallOptions, isProgram = false): Execution {
    const values = this.convert(name, args);
    const gas = new CallGas(options);
    const engine = this.instance.begin?.(name, values, gas.budgets) ?? refuseLeaving('start()');
    return new Execution(this.ground, { name, engine, options, gas, isProgram });
  }

  override changeMemory(): void {
    if (this.recorder === undefined) return;
    throw new UsageError(
      'the memory of a sandbox that records is written by its guest and its host functions only: what came from elsewhere could not be replayed. Pass it as an argument, or through a host function',
    );
  }

  /** @throws UsageError where nothing was recorded, or not all of it */
  async recording(): Promise<Uint8Array> {
    if (this.recorder === undefined)
      throw new UsageError('nothing was recorded: build the sandbox with { record: true }');
    return this.recorder.finish(this.instance);
  }

  /** Whether {@link reset} can be called: where it cannot, another life has to take the place of this one. */
  get isResettable(): boolean {
    return this.instance.reset !== undefined && !this.clock.isRunning;
  }

  /**
   * Starts over, in place. A call that has not ended fails.
   * @throws what `begin` throws; the life is then to be given up
   */
  async reset(settings: Settings, input: ProgramInput): Promise<void> {
    this.endAll(wasReset);
    this.ground = this.newGround();
    this.clock.reset();
    this.host.reset();
    this.host.provide(input);
    await this.guard(
      () => STARTING,
      () =>
        this.clock.run(settings.cpuTimeout, async () => {
          this.instance.reset?.();
          await this.start(settings);
        }),
    );
  }

  /** Makes way for another life: a call that runs at this moment goes on to its end, and no other does. */
  retire(): void {
    this.endAll(wasReset);
    this.host.close();
  }

  /**
   * Ends all calls with SandboxDisposed, and lets go of what is open outside; doing it again does nothing. A guest that
   * runs, and whose host function this is, ends when that returns.
   */
  dispose(): void {
    if (this.isDisposed) return;
    this.isDisposed = true;
    this.endAll(() => disposedError(this.instanceId));
    this.host.close();
  }

  /** Ends the calls that do not run at this moment, and those that were never begun as soon as they are to be. */
  private endAll(why: () => WasmSandboxError): void {
    let figures: ResourceFigures | undefined;
    this.ground.over = () => {
      const error = why();
      error.resources = figures;
      return error;
    };
    for (const { execution } of [...this.serving]) execution?.abort(why());
    // Those that are found to be over later end with the figures of what they belonged to.
    figures = this.figures();
  }

  /** The call that was begun and has not ended; the innermost, where host functions have made others. */
  get execution(): Execution | undefined {
    return this.serving.findLast(({ execution }) => execution !== undefined)?.execution;
  }

  /**
   * The state as it stands, good until the guest goes on.
   * @throws UsageError where the engine cannot; SnapshotError where the state cannot be saved as it is
   */
  capture(purpose: 'write' | 'copy'): LifeState {
    const { execution, instance } = this;
    if (instance.capture === undefined) refuseLeaving('snapshot()');
    const guest = instance.capture(execution?.engine, purpose);
    const host = new WireWriter();
    this.host.save(host);
    const call = execution && {
      name: execution.name,
      isProgram: execution.isProgram,
      gasUsed: execution.gasUsed,
      gasLeft: execution.gas.allowance?.remaining,
      gasBudget: execution.gas.budget,
    };
    return { guest, host: new WireReader(host.written), call, functionCalls: this.calls };
  }

  private take({ guest, host, call, functionCalls }: LifeState, { cpuTimeout, yieldEvery }: Settings): void {
    if (this.instance.install === undefined) refuseLeaving('restore()');
    this.host.load(host);
    host.end();
    if (this.recorder !== undefined) beginRecording(this.recorder, guest, call?.name);
    const gas = new CallGas({ gasLimit: call?.gasLeft, gasBudget: call?.gasBudget });
    const engine = this.instance.install(guest, call?.name, gas.budgets);
    if ((engine === undefined) !== (call === undefined)) damaged('its call has no stack, or its stack no call');
    if (engine !== undefined && call !== undefined) {
      const { name, isProgram, gasUsed: gasBefore } = call;
      if (gasBefore > this.instance.gasUsed) damaged('its call has used more gas than its guest');
      if (isProgram && name !== COMMAND_START) damaged('its call is of no program');
      const options = { timeout: cpuTimeout, yieldEvery };
      new Execution(this.ground, { name, isProgram, gasBefore, engine, options, gas, hasBegun: true });
    }
    this.calls = functionCalls;
  }

  /** @param what asked where it failed: to quote a name takes longer than a short call */
  private async guard<T>(what: () => string, action: () => Promise<T>): Promise<T> {
    try {
      return await action();
    } catch (cause) {
      throw this.failure(what(), cause);
    }
  }
}

/** A recording that begins with a guest as it was left. */
function beginRecording(recorder: Recorder, guest: EngineImage | WireReader, call: string | undefined): void {
  if (guest instanceof WireReader) {
    recorder.begin(guest.raw(guest.left).slice(), call);
    guest.pos = 0;
    return;
  }
  const image = new WireWriter();
  try {
    guest.write(image);
  } catch (error) {
    recorder.giveUp(`it would begin with a guest that cannot be saved: ${messageOf(error)}`);
    return;
  }
  recorder.begin(image.written, call);
}

function wasReset(): CallAborted {
  return new CallAborted('Call aborted: the sandbox was reset');
}
