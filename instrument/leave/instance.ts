/** A natively running instance whose calls can be left: somebody else then goes on with all that it is. */

import type { Budget } from '../../wasm/budget.ts';
import type { EngineExecution, EngineInstance, InstantiateOptions, Stop } from '../../wasm/engine.ts';
import { type ResourceFigures, UsageError, type WasmSandboxError } from '../../wasm/errors.ts';
import type { GasBudget } from '../../wasm/gas-budget.ts';
import type { WasmValue } from '../../wasm/host.ts';
import type { LeftGuest, LeftValue, ReturningGuest } from '../../wasm/left.ts';
import { type Continuations, continuationsOf } from '../continue/continuation.ts';
import { NativeInstance } from '../engine.ts';
import type { RawFunction, WasmHost } from '../host.ts';
import { functionTypes, METER_EXPORTS } from '../layout.ts';
import { linker, references, uncaught } from '../linker.ts';
import type { MeteredModule } from '../metered.ts';
import { MeteredInstance, MeteredStore } from '../metered-instance.ts';
import { waitingAlone } from '../waits.ts';
import {
  type Call,
  type CallToGoOn,
  type Ending,
  type FrameToGoOn,
  type GoneOn,
  Leaving,
  type LeftCall,
} from './leaving.ts';

/** Whose instance it is. */
export interface Owner {
  /** The instance; undefined where there is none yet. */
  readonly native: LeavableInstance | undefined;
  figures(): ResourceFigures;
  /** Whether it has to be given the tables where it is left: it has none, or code changes them. */
  readonly takesTables: boolean;
  /** Goes on with a guest that was left. @param budgets what its call draws on */
  succeed(left: LeftGuest, budgets: readonly GasBudget[] | undefined): EngineExecution;
  /** Whoever goes on with the guest, since it was left. */
  readonly successor: EngineInstance | undefined;
  /** A call begins: the guest comes back, if it can. */
  comeBack(): void;
  /** Advances what goes on with a call, which may come back in the middle of it. */
  advance(execution: EngineExecution, call: LeftCall, gas: bigint | undefined): Stop;
}

export class LeavableInstance extends NativeInstance {
  private readonly leaving: Leaving;

  /** @param taken of a guest that is already there: what it has taken from */
  constructor(
    host: WasmHost,
    metered: MeteredModule,
    { limits, imports, slices, clock }: InstantiateOptions,
    taken?: Budget,
  ) {
    const link = linker(imports, functionTypes(metered.module), true);
    let latest: Leaving | undefined;
    let first = taken;
    super(() => {
      latest ??= new Leaving(limits, slices);
      const store = new MeteredStore(host, limits.stackBytes, { waits: waitingAlone(clock), uncaught });
      const guest = new MeteredInstance(store, metered, {
        limits,
        slices,
        link,
        references,
        leavable: latest,
        taken: first,
      });
      // After a reset it is one of its own.
      first = undefined;
      latest.of(guest);
      return guest;
    });
    this.leaving = latest as unknown as Leaving;
  }

  /** Makes all ready for the start function, if there is one; returns its number. */
  readyToStart(): number | undefined {
    this.prepareStart();
    return this.guest.metered.start;
  }

  /** An exported function as the engine has it; the start function where there is no name. */
  raw(name: string | undefined): RawFunction {
    const { guest } = this;
    return (name === undefined ? guest.meterExport(METER_EXPORTS.start) : guest.rawExport(name)) as RawFunction;
  }

  /** As {@link Leaving.call}. */
  run(call: Call, gas: bigint | undefined, withTables: boolean): Ending {
    return this.leaving.call(this.raw(call.name), call, gas, withTables);
  }

  /** All that it is while nothing of it runs. */
  atRest(): LeftGuest {
    return this.leaving.state(0);
  }

  /** Whether there is an instance of the engine's. */
  private isMade = false;

  protected override prepareStart(): void {
    super.prepareStart();
    this.isMade = true;
  }

  /** Makes that, with nothing of the guest run. @throws MemoryLimitExceeded */
  ready(): void {
    if (!this.isMade) this.prepareStart();
  }

  /** The memories of the engine's, where they are there already. */
  get madeMemories(): readonly WebAssembly.Memory[] {
    return this.isMade ? this.guest.rawMemories : [];
  }

  /** Goes on with a guest that was left, and of which nothing runs. @returns whether that could be */
  comeBack(from: ReturningGuest): boolean {
    this.ready();
    return this.leaving.comeBack(from);
  }

  /** What goes on with frames. */
  get continuations(): Continuations {
    const { store, metered } = this.guest;
    return continuationsOf(store.host, metered);
  }

  /** Whether values can be given to it. */
  knows(values: readonly LeftValue[]): boolean {
    return this.leaving.knows(values);
  }

  /** As {@link Leaving.goOn}. */
  goOn(frame: FrameToGoOn, call: CallToGoOn): GoneOn {
    return this.leaving.goOn(frame, call);
  }

  /** Draws on a budget from now on, which has been told of what was used before. Returns what ends that. */
  drawAlso(budget: GasBudget): () => void {
    const { meter } = this.guest;
    const drawn = meter.beginCall([budget], true);
    return () => meter.endCall(drawn);
  }

  /** Has it be left at the next checkpoint beyond a count. */
  stop(beyond: bigint): void {
    this.leaving.stop(beyond);
  }

  /** Bytes that its memories, tables and what the host keeps for it take. */
  get budget(): Budget {
    return this.guest.meter.budget;
  }
}

const SETTLED: Promise<void> = Promise.resolve();

/** Runs natively until it is left, and then as its successor does. */
export class LeavableExecution implements EngineExecution {
  results: readonly WasmValue[] = [];
  onCharge: (() => void) | undefined;
  private readonly owner: Owner;
  private readonly call: Call;
  private isRunning = false;
  private isOver = false;
  /** What goes on with it. */
  private successor: EngineExecution | undefined;

  /** @param successor what goes on with it, where it has been begun elsewhere */
  constructor(owner: Owner, call: Call, successor?: EngineExecution) {
    if (successor !== undefined) this.continue(successor);
    this.owner = owner;
    this.call = call;
  }

  /** What goes on with it: also a call that has not begun where the guest was left meanwhile. */
  get next(): EngineExecution | undefined {
    if (this.successor === undefined && !this.isRunning && !this.isOver) {
      const { name, args, budgets } = this.call;
      const next = name === undefined ? undefined : this.owner.successor?.begin?.(name, args, budgets);
      if (next !== undefined) this.continue(next);
    }
    return this.successor;
  }

  private continue(next: EngineExecution): void {
    this.successor = next;
    next.onCharge = () => this.onCharge?.();
  }

  get settled(): Promise<void> {
    return this.successor?.settled ?? SETTLED;
  }

  get isReady(): boolean {
    return this.successor?.isReady ?? true;
  }

  get frames() {
    return this.successor?.frames ?? [];
  }

  advance(gas?: bigint): Stop {
    if (!this.isRunning && !this.isOver && this.successor === undefined) this.owner.comeBack();
    const { next } = this;
    if (next !== undefined) {
      const stop = this.owner.advance(next, this.call, gas);
      if (stop === 'done') this.results = next.results;
      return stop;
    }
    if (this.isRunning || this.isOver) throw new UsageError(`the call ${this.isOver ? 'has ended' : 'is running'}`);
    this.isRunning = true;
    let ending: Ending;
    try {
      const { native, takesTables } = this.owner;
      ending = (native as LeavableInstance).run(this.call, gas, takesTables);
    } catch (error) {
      this.isOver = true;
      throw error;
    } finally {
      this.isRunning = false;
    }
    if ('results' in ending) {
      this.isOver = true;
      this.results = ending.results;
      return 'done';
    }
    this.continue(this.owner.succeed(ending.left, this.call.budgets));
    return ending.left.wait === undefined ? 'paused' : 'waiting';
  }

  pause(beyond = -1n): void {
    // Whoever goes on with it may have given it back for a while.
    this.owner.native?.stop(beyond);
    this.successor?.pause(beyond);
  }

  abort(error: WasmSandboxError): WasmSandboxError {
    if (this.successor !== undefined) return this.successor.abort(error);
    if (this.isRunning) throw new UsageError('a guest that is running cannot be aborted: pause it first');
    this.isOver = true;
    error.resources ??= this.owner.figures();
    return error;
  }
}
