/** An execution among those of a scheduler. */

import { CpuTimeoutExceeded } from '../../wasm/errors.ts';
import type { Execution } from '../call/execution.ts';
import type { Given } from '../checks/named.ts';
import { TaskAccounts } from './account.ts';
import type { OnExhausted, TaskOptions } from './options.ts';

/** `ready` for its turn; `waiting` for a promise; `blocked`: a budget it draws on is used up; `ended`. */
export type TaskState = 'ready' | 'waiting' | 'blocked' | 'ended';

/** Virtual time for a unit of gas of a guest of weight 1: divisible without loss by most weights. */
const UNIT = 720_720_000_000n;

/** The most that a timer can wait for, in milliseconds. */
const LONGEST_TIMER = 2 ** 31 - 1;

/** Made by {@link Scheduler.add}. */
export class Task<T = unknown> {
  readonly execution: Execution<T>;
  /** What the execution ends with. Whoever does not look at it does not have to see it rejected. */
  readonly result: Promise<T>;
  readonly weight: number;
  readonly priority: number;
  readonly tenant: string | undefined;
  /** @internal Order of addition. */
  readonly number: number;
  /** @internal */
  readonly onExhausted: OnExhausted;
  /** @internal */
  readonly hasOwnBudget: boolean;
  /** @internal */
  readonly accounts: TaskAccounts = new TaskAccounts();
  /** @internal Gas it has had, by its weight: whoever has least is next. */
  virtualTime = 0n;
  /** @internal Units that its tenant has been told of. */
  counted: bigint;
  /** @internal Units of its share of ticks that it has not used; below 0 where it went beyond. */
  credit = 0n;
  /** @internal Milliseconds for which it has run. */
  ran = 0;
  readonly #runningTimeout: number | undefined;
  readonly #wallClockTimeout: number | undefined;
  #wallClockEnd = Number.POSITIVE_INFINITY;
  #phase: TaskState = 'ready';
  #blocked: { readonly promise: Promise<TaskState>; readonly settle: (state: TaskState) => void } | undefined;

  /** @internal */
  constructor(execution: Execution<T>, number: number, options: Given<TaskOptions>, onExhausted: OnExhausted) {
    this.execution = execution;
    this.counted = execution.gasUsed;
    this.number = number;
    this.weight = options.weight ?? 1;
    this.priority = options.priority ?? 0;
    this.tenant = options.tenant;
    this.onExhausted = options.onExhausted ?? onExhausted;
    this.hasOwnBudget = options.gasBudget !== undefined;
    this.#runningTimeout = options.runningTimeout;
    this.#wallClockTimeout = options.wallClockTimeout;
    this.result = new Promise<T>((resolve, reject) => {
      execution.onEnd(() => {
        if (execution.state === 'failed') reject(execution.error);
        else resolve(execution.result);
      });
    });
    this.result.catch(() => undefined);
    if (options.wallClockTimeout !== undefined) this.#watch(options.wallClockTimeout);
  }

  /** Whether its turn can come. */
  get state(): TaskState {
    return this.#phase;
  }

  /** @internal */
  enter(state: TaskState): void {
    this.#phase = state;
    if (state !== 'blocked' && state !== 'ended') return;
    this.#blocked?.settle(state);
    this.#blocked = undefined;
  }

  /** Resolves to `'blocked'` as soon as it is, at once where it is already, or to `'ended'` where it ends before. */
  get whenBlocked(): Promise<TaskState> {
    if (this.#phase === 'blocked' || this.#phase === 'ended') return Promise.resolve(this.#phase);
    if (this.#blocked === undefined) {
      let settle: (state: TaskState) => void = () => undefined;
      const promise = new Promise<TaskState>((resolve) => {
        settle = resolve;
      });
      this.#blocked = { promise, settle };
    }
    return this.#blocked.promise;
  }

  /** Units of gas it has used. */
  get gasUsed(): bigint {
    return this.execution.gasUsed;
  }

  /** What is left of its times. @internal */
  get timesLeft(): Pick<TaskOptions, 'runningTimeout' | 'wallClockTimeout'> {
    const left = (milliseconds: number) => Math.max(Number.MIN_VALUE, milliseconds);
    return {
      ...(this.#runningTimeout === undefined ? {} : { runningTimeout: left(this.#runningTimeout - this.ran) }),
      ...(this.#wallClockTimeout === undefined
        ? {}
        : { wallClockTimeout: left(this.#wallClockEnd - performance.now()) }),
    };
  }

  /** @internal */
  age(units: bigint): void {
    this.virtualTime += (units * UNIT) / BigInt(this.weight);
  }

  /** Ends it, where its time is over. @internal */
  endIfLate(): void {
    const late =
      this.ran >= (this.#runningTimeout ?? Number.POSITIVE_INFINITY)
        ? `within ${this.#runningTimeout} ms of running`
        : performance.now() >= this.#wallClockEnd
          ? `within ${this.#wallClockTimeout} ms by the clock on the wall`
          : undefined;
    if (late === undefined) return;
    this.execution.abort(new CpuTimeoutExceeded(`CPU timeout exceeded: the task did not end ${late}`));
  }

  /** Ends it also where it waits, or nobody gives it a turn. */
  #watch(milliseconds: number): void {
    this.#wallClockEnd = performance.now() + milliseconds;
    if (milliseconds > LONGEST_TIMER) return;
    // A timer may come a little early.
    const timer = setTimeout(() => {
      this.#wallClockEnd = Number.NEGATIVE_INFINITY;
      this.endIfLate();
    }, Math.ceil(milliseconds));
    this.execution.onEnd(() => clearTimeout(timer));
  }
}
