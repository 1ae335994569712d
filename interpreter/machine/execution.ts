/** A call that can be left at any checkpoint and taken up again. */

import type { EngineExecution, Stop } from '../../wasm/engine.ts';
import { HostError, SnapshotError, type StackFrame, UsageError, type WasmSandboxError } from '../../wasm/errors.ts';
import type { GasBudget } from '../../wasm/gas-budget.ts';
import type { WasmValue } from '../../wasm/host.ts';
import { listOf, NO_GUEST_WAITING, PendingResult } from '../../wasm/host-call.ts';
import { type ForeignFunction, type GuestFunction, type Instance, WasmFunction } from '../store/index.ts';
import { backtrace, stackTop } from './backtrace.ts';
import { advance, begin, fail, finish, type Outer, resume, type Suspension } from './execute.ts';
import { storeOf } from './store.ts';
import type { Thread } from './thread.ts';

const SETTLED: Promise<void> = Promise.resolve();

/** Begins a call without running any of it. */
export function execution(
  func: GuestFunction,
  args: readonly WasmValue[],
  budgets?: readonly GasBudget[],
): EngineExecution {
  return func instanceof WasmFunction ? new WasmExecution(func, args, budgets) : new HostExecution(func, args);
}

/**
 * The same for a call that leaves the instances on its stack to others while it waits (JavaScript API, promise integration):
 * each has a stack of its own, wherever it is begun.
 */
export function promisingExecution(func: GuestFunction, args: readonly WasmValue[]): EngineExecution {
  return func instanceof WasmFunction ? new WasmExecution(func, args, undefined, true) : new HostExecution(func, args);
}

/** A call of an import that the module exports again: there is nothing to leave but a promise. */
class HostExecution implements EngineExecution {
  results: readonly WasmValue[] = [];
  private readonly func: ForeignFunction;
  private readonly args: readonly WasmValue[];
  private pending: PendingResult | undefined;
  private isOver = false;

  constructor(func: ForeignFunction, args: readonly WasmValue[]) {
    this.func = func;
    this.args = args;
  }

  get settled(): Promise<void> {
    return this.pending?.settled ?? SETTLED;
  }

  get isReady(): boolean {
    return this.pending === undefined || this.pending.outcome !== undefined;
  }

  advance(): Stop {
    if (this.isOver) throw new UsageError('the call has ended');
    if (!this.isReady) return 'waiting';
    const outcome = this.pending?.outcome;
    if (outcome === undefined) {
      const value = this.func.call(NO_GUEST_WAITING, this.args);
      if (!PendingResult.is(value)) return this.end(value);
      this.pending = value;
      return 'waiting';
    }
    if ('error' in outcome) throw outcome.error;
    return this.end(outcome.value);
  }

  private end(value: WasmValue): Stop {
    this.isOver = true;
    this.results = listOf(this.func.type.results, value);
    return 'done';
  }

  pause(): void {
    // It has no checkpoint.
  }

  abort<E extends WasmSandboxError>(error: E): E {
    this.isOver = true;
    return error;
  }
}

export class WasmExecution implements EngineExecution {
  results: readonly WasmValue[] = [];
  private readonly func: WasmFunction;
  private readonly args: readonly WasmValue[];
  /** From the first advance on. */
  private outer: Outer | undefined;
  private pending: Suspension | undefined;
  private held: readonly Instance[] = [];
  private readonly budgets: readonly GasBudget[] | undefined;
  private readonly isPromising: boolean;
  private isRunning = false;
  private isOver = false;
  /** The instance's count when it was left last: what is charged while it waits is of the stretch that follows. */
  private leftAt: bigint | undefined;
  onCharge?: (() => void) | undefined;
  /** Whether somebody wished while it ran that it pause. */
  wasAsked = false;

  constructor(func: WasmFunction, args: readonly WasmValue[], budgets?: readonly GasBudget[], isPromising = false) {
    this.func = func;
    this.args = args;
    this.budgets = budgets;
    this.isPromising = isPromising;
  }

  get settled(): Promise<void> {
    return this.pending?.result.settled ?? SETTLED;
  }

  get isReady(): boolean {
    return this.pending === undefined || this.pending.result.outcome !== undefined;
  }

  /** What it runs on, once it does. */
  get thread(): Thread | undefined {
    return this.outer?.thread;
  }

  get frames(): readonly StackFrame[] {
    if (this.isRunning || this.isOver || this.outer === undefined) return [];
    const { thread } = this.outer;
    return backtrace(thread, stackTop(thread))();
  }

  advance(gas?: bigint): Stop {
    if (this.isRunning || this.isOver) throw new UsageError(`the call ${this.isOver ? 'has ended' : 'is running'}`);
    if (!this.isReady) return 'waiting';
    return this.advanceTo(this.countAfter(gas));
  }

  /** The instance's count so many units on; undefined where none are given. */
  countAfter(gas: bigint | undefined): bigint | undefined {
    return gas === undefined ? undefined : (this.leftAt ?? this.func.instance.tank.total()) + gas;
  }

  /** The same, up to a count of the instance's. */
  advanceTo(stopAt: bigint | undefined): Stop {
    const { func } = this;
    const { tank } = func.instance;
    this.isRunning = true;
    try {
      this.hold(undefined);
      if (this.outer === undefined && func.entry() === 0) return 'paused';
      this.outer ??= begin(func, this.args, this.budgets, this.isPromising);
      // A call made by a host function shares the marks of the call that this one serves.
      if (!this.outer.isNested) tank.stopAt = stopAt;
      const stop = this.proceed(this.outer);
      this.isOver = stop === 'done';
      return stop;
    } catch (error) {
      this.isOver = true;
      throw error;
    } finally {
      if (this.outer?.isNested === false) {
        this.wasAsked = tank.stopAt !== stopAt;
        tank.stopAt = undefined;
      }
      this.leftAt = tank.total();
      this.isRunning = false;
    }
  }

  private proceed(outer: Outer): Stop {
    const { func } = this;
    const { thread } = outer;
    try {
      // The marks may have changed.
      thread.returnGas(thread.gas);
      thread.bind(thread.instance as Instance);
      if (this.pending === undefined) thread.takeGas();
      else this.deliver(this.pending);
      const stop = advance(thread);
      if (stop === undefined) {
        this.results = finish(outer, func);
        return 'done';
      }
      if (stop !== 'paused') {
        this.await(stop, outer);
        return 'waiting';
      }
      thread.returnGas(thread.gas);
      this.hold('paused');
      return 'paused';
    } catch (error) {
      throw fail(outer, func, error);
    }
  }

  private await(suspension: Suspension, { isNested }: Outer): void {
    const { result, call } = suspension;
    const caller = call?.caller;
    if (caller !== undefined) result.onSettled = () => caller.end();
    if (isNested) {
      caller?.giveUp();
      const what = call === undefined ? 'the guest waits for a notification' : 'a host function returned a promise';
      throw new HostError(`${what} inside a call that another host function made`);
    }
    if (caller !== undefined) caller.onCharge = () => this.onCharge?.();
    this.pending = suspension;
    this.hold('waiting');
  }

  private deliver(suspension: Suspension): void {
    this.pending = undefined;
    resume((this.outer as Outer).thread, suspension);
  }

  /** Keeps others from entering the instances on the stack while the guest is left, unless they may; and its objects. */
  private hold(how: 'paused' | 'waiting' | undefined): void {
    if (this.outer !== undefined) this.keep(this.outer, how !== undefined);
    if (this.isPromising) return;
    if (how !== undefined) {
      const { instance, callers } = (this.outer as Outer).thread;
      this.held = [instance as Instance, ...callers];
    }
    for (const instance of this.held) instance.suspended = how;
  }

  private keep({ store, thread, isNested }: Outer, isLeft: boolean): void {
    if (isNested) return;
    if (isLeft) {
      store.left.add(thread);
      thread.below = undefined;
      thread.nestedValues = this.func.type.values;
    } else {
      store.left.delete(thread);
      thread.below = store.active;
    }
  }

  /** A call that was left in another instance of the module, and has been put on a stack of this one. */
  static resumed(func: WasmFunction, thread: Thread, budgets: readonly GasBudget[] = []): WasmExecution {
    const resumed = new WasmExecution(func, []);
    const store = storeOf(func.instance);
    const outside = { pc: 0, fp: 0, sp: 0, depth: 0, instance: undefined, callers: 0, base: 0, nestedValues: 0 };
    const drawn = func.instance.tank.draws.add(budgets);
    resumed.outer = { store, thread, isNested: false, drawn, ...outside };
    resumed.leftAt = func.instance.tank.total();
    resumed.hold('paused');
    return resumed;
  }

  /**
   * The stack as it was left; undefined where the call has ended.
   * @throws SnapshotError where it cannot be part of a snapshot as it stands
   */
  left(): { readonly thread: Thread; readonly func: WasmFunction } | undefined {
    const { func, pending } = this;
    if (this.isOver) return undefined;
    if (this.outer === undefined) this.enter();
    const outer = this.outer as Outer;
    if (this.isRunning) throw new SnapshotError('the guest is running: a snapshot can be made while it is paused');
    if (!this.isReady) {
      throw new SnapshotError(
        'the guest waits for a promise of a host function, which no snapshot can hold: make it when that has settled',
      );
    }
    if (pending !== undefined) this.take(pending, outer.thread);
    return { thread: outer.thread, func };
  }

  /**
   * The same of a thread among others, which may stand at an instruction that waits, also where that is over; undefined
   * where it has not begun.
   */
  leftInTurn(): { readonly thread: Thread; readonly func: WasmFunction } | undefined {
    const { outer, func, pending } = this;
    if (outer === undefined) return undefined;
    const waits = pending !== undefined && pending.call === undefined;
    return waits ? { thread: outer.thread, func } : this.left();
  }

  /** Has one that stands at an instruction that waits, or behind a call of the host, go on when this comes. */
  waitFor(result: PendingResult, call?: Suspension['call']): void {
    this.await({ result, call }, this.outer as Outer);
  }

  /** It was left while its function was being lowered, and has no stack yet: gives it one, without going on. */
  private enter(): void {
    try {
      this.outer = begin(this.func, this.args, this.budgets, this.isPromising);
    } catch (cause) {
      throw new SnapshotError('the call cannot be entered: go on with it', { cause });
    }
    const { thread } = this.outer;
    thread.returnGas(thread.gas);
    this.hold('paused');
  }

  /** Takes the value that has come, without going on. */
  private take(pending: Suspension, thread: Thread): void {
    try {
      thread.bind(thread.instance as Instance);
      this.deliver(pending);
    } catch (cause) {
      pending.result.outcome = { error: cause };
      this.pending = pending;
      throw new SnapshotError('the host function that the guest waited for has failed: go on with the call', { cause });
    }
    thread.returnGas(thread.gas);
    this.hold('paused');
  }

  pause(beyond = -1n): void {
    if (this.isRunning) this.func.instance.tank.stopAt = beyond;
  }

  /** What was taken over from it stands here now, as others count: the next stretch begins here. */
  goneOn(): void {
    this.leftAt = this.func.instance.tank.total();
  }

  /** What was taken over from it has ended so: its call has. */
  end<E>(error: E): E {
    this.isOver = true;
    this.hold(undefined);
    return fail(this.outer as Outer, this.func, error);
  }

  abort<E extends WasmSandboxError>(error: E): E {
    if (this.isRunning) throw new UsageError('a guest that is running cannot be aborted: pause it first');
    if (this.isOver) return error;
    this.isOver = true;
    this.hold(undefined);
    this.pending?.call?.caller.giveUp();
    this.pending?.result.onDropped?.();
    this.pending = undefined;
    if (this.outer !== undefined) return fail(this.outer, this.func, error);
    error.resources ??= this.func.instance.figures();
    return error;
  }
}

/** Calls a function, suspending the guest while a host function's promise is pending. @throws what `call` throws */
export async function callAsync(
  func: GuestFunction,
  args: readonly WasmValue[],
  budgets?: readonly GasBudget[],
): Promise<readonly WasmValue[]> {
  const begun = execution(func, args, budgets);
  while (begun.advance() !== 'done') await begun.settled;
  return begun.results;
}
