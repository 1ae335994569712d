/** A call of a sandbox that the embedder steps, runs, pauses and continues. */

import type { EngineExecution, EngineInstance } from '../../wasm/engine.ts';
import { type CallAborted, type StackFrame, UsageError, type WasmSandboxError } from '../../wasm/errors.ts';
import type { GasBudget } from '../../wasm/gas-budget.ts';
import { exitStatus } from '../../wasm/host.ts';
import { quote } from '../../wasm/quote.ts';
import { gas as checkGas } from '../checks/check.ts';
import { aborted } from '../time/signal.ts';
import type { CallTime, Stopwatch } from '../time/stopwatch.ts';
import { settlesWithin } from '../time/turn.ts';
import type { CallGas, CallOptions } from './options.ts';
import { CallScope } from './scope.ts';
import { fromResults } from './values.ts';

/**
 * `ready`: nothing of it has run. `running`: it runs, or has let the event loop go round. `paused`: at a checkpoint,
 * or with a promise that has settled. `waiting`: for a host function's promise. `done` and `failed`: it has ended.
 */
export type ExecutionState = 'ready' | 'running' | 'paused' | 'waiting' | 'done' | 'failed';

/** What an execution needs of the sandbox it runs in. */
export interface ExecutionGround {
  readonly instance: EngineInstance;
  readonly clock: Stopwatch;
  /** What the sandbox draws on. */
  readonly budgets: readonly GasBudget[];
  /** What executions of it are to fail with, since it has been reset or disposed of. */
  over: (() => WasmSandboxError) | undefined;
  /** The first time that it runs. */
  onBegin(execution: Execution): void;
  /** Gives a failure what callers expect of it. */
  explain(what: string, error: unknown): unknown;
  /** It is ended while a host function may still be at work. */
  onAbort(): void;
}

/** @internal */
export interface ExecutionParts {
  readonly name: string;
  /** What errors call it; its name unless given. */
  readonly what?: string;
  readonly engine: EngineExecution;
  readonly options: CallOptions;
  readonly gas: CallGas;
  /** Whether it is a program, whose exit status is its result. */
  readonly isProgram: boolean;
  /** Whether it has run before: it was restored. */
  readonly hasBegun?: boolean;
  /** Units that it had used before. */
  readonly gasBefore?: bigint;
}

/**
 * Milliseconds for which a guest that waits is left alone behind the end of its time: the policy's own functions end
 * with it, and the guest may then be the one to say so.
 */
const GRACE = 50;

type Ending = { readonly value: unknown } | { readonly error: unknown };

/**
 * Made by `WasmSandbox.start`. Where it is left and taken up changes no result, no gas and no memory. While it is
 * paused or waits, nothing else can be called in its sandbox.
 *
 * The time limit counts the time in which it runs, or is waited for by {@link Execution.run}.
 */
export class Execution<T = unknown> {
  /** Of the exported function. */
  readonly name: string;
  readonly #ground: ExecutionGround;
  readonly #engine: EngineExecution;
  readonly #options: CallOptions;
  readonly #isProgram: boolean;
  readonly #given: string | undefined;
  #state: ExecutionState = 'ready';
  #ending: Ending | undefined;
  /** Units used by it before it was restored, or in all, once it has ended. */
  #gasUsed: bigint;
  /** The instance's count when it began; undefined before, and once it has ended. */
  #gasMark: bigint | undefined;
  /** Milliseconds it has had. */
  #spent = 0;
  /** Raised whenever whoever runs it is to let go. */
  #turns = 0;
  #stopped: (() => void)[] = [];
  #completion: { readonly promise: Promise<T>; readonly settle: (ending: Ending) => void } | undefined;
  /** Ends the wait of whoever runs it. */
  #wake: (() => void) | undefined;
  #onAbort: (() => void) | undefined;

  /** @internal */
  constructor(ground: ExecutionGround, parts: ExecutionParts) {
    this.#ground = ground;
    this.name = parts.name;
    this.#given = parts.what;
    this.#engine = parts.engine;
    this.#options = parts.options;
    this.gas = parts.gas;
    this.#isProgram = parts.isProgram;
    this.#gasUsed = parts.gasBefore ?? 0n;
    this.#engine.onCharge = () => {
      for (const listener of this.#chargeListeners) listener();
    };
    if (parts.hasBegun) {
      this.#state = 'paused';
      this.#gasMark = this.#instanceGas;
      ground.onBegin(this as Execution);
    }
    const { signal } = parts.options;
    if (signal === undefined) return;
    this.#onAbort = () => this.cancel(signal.reason);
    if (signal.aborted) this.cancel(signal.reason);
    else signal.addEventListener('abort', this.#onAbort, { once: true });
  }

  /** Where it is now. */
  get state(): ExecutionState {
    return this.#state === 'waiting' && this.#engine.isReady && this.#wake === undefined ? 'paused' : this.#state;
  }

  /** Units of gas that the call has used so far, what its host functions have charged included. */
  get gasUsed(): bigint {
    return this.#gasMark === undefined ? this.#gasUsed : this.#gasUsed + this.#instanceGas - this.#gasMark;
  }

  /** While it has begun and not ended, nothing else uses the instance's gas. */
  get #instanceGas(): bigint {
    return this.#ground.instance.gasUsed;
  }

  /**
   * What `call` would have returned; of a program, its exit status.
   * @throws UsageError before it is done; where it failed, what it failed with
   */
  get result(): T {
    if (this.#ending === undefined) throw new UsageError(`${this.#label} has not ended: it is ${this.state}`);
    if ('error' in this.#ending) throw this.#ending.error;
    return this.#ending.value as T;
  }

  /** What it failed with; undefined where it has not. */
  get error(): unknown {
    return this.#ending !== undefined && 'error' in this.#ending ? this.#ending.error : undefined;
  }

  /**
   * Where it was left: the guest's calls that have not returned, the innermost first, 100 at most. Empty before it has begun,
   * while it runs, and once it has ended; then its error has those of a failure.
   */
  get frames(): readonly StackFrame[] {
    return this.#engine.frames ?? [];
  }

  /** What errors call it: made where one is, as that takes longer than a short call. */
  get #what(): string {
    return this.#given ?? quote(this.name);
  }

  get #label(): string {
    return `the execution of ${this.#what}`;
  }

  /**
   * Runs it until it ends, has to wait, or has used more than so many units of gas: it then stands at the first
   * checkpoint (docs/gas.md) behind them, the same one in every run. Where it waits and its promise has not settled,
   * and where it has ended, nothing happens. A call made by a host function of the guest itself is run to its end.
   * @returns the state; a failure is in {@link Execution.error}
   * @throws UsageError while it is running
   */
  step(gas: bigint | number): ExecutionState {
    const units = checkGas('the gas of a step', gas);
    this.#prepare();
    if (this.state !== 'ready' && this.state !== 'paused') return this.state;
    const time = this.#begin(undefined);
    try {
      this.#advance(time, units);
    } finally {
      this.#end(time);
    }
    return this.#state;
  }

  /**
   * Runs it to its end, waiting for promises and letting the event loop go round as its options say.
   * @returns a promise of {@link Execution.result}: the same one every time, also where it was paused between
   * @throws UsageError while it is running; whatever ends the guest
   */
  run(): Promise<T> {
    this.#prepare();
    if (this.#completion === undefined) {
      this.#completion = completion<T>();
      if (this.#ending !== undefined) this.#completion.settle(this.#ending);
    }
    if (this.#ending === undefined) void this.#drive();
    return this.#completion.promise;
  }

  /**
   * Makes it stand still at its next checkpoint: at once, unless a host function of its own asks. What it waits for may
   * come meanwhile. {@link Execution.step} and {@link Execution.run} go on.
   * @returns the state in which it was left
   */
  async pause(): Promise<ExecutionState> {
    this.#turns++;
    this.#wake?.();
    if (this.#state !== 'running') return this.state;
    if (!this.#isInside) {
      this.#state = 'paused';
      return this.#state;
    }
    this.#engine.pause();
    return new Promise((resolve) => this.#stopped.push(() => resolve(this.state)));
  }

  /**
   * Settles, and is never rejected, when there is something to go on with: at once, unless it waits for a promise.
   */
  whenReady(): Promise<void> {
    return this.state === 'waiting' ? this.#engine.settled : Promise.resolve();
  }

  /**
   * Ends it with CallAborted, if it has not ended: at its next checkpoint where a host function of its own asks, else
   * at once.
   * @param reason the error's cause
   */
  cancel(reason?: unknown): void {
    this.#cancel(aborted(this.#given ?? `the call of ${quote(this.name)}`, reason));
  }

  /** Ends it, unless it stands on the JavaScript stack. @internal */
  abort(error: WasmSandboxError): void {
    if (this.#ending !== undefined || this.#isInside) return;
    this.#turns++;
    if (this.#state === 'waiting') this.#ground.onAbort();
    // The instance may be another tenant's by now: what it says of itself is none of this one's.
    const { over } = this.#ground;
    const failure = this.#engine.abort(over?.() ?? error);
    failure.resources ??= this.#ground.instance.figures();
    this.#settle({ error: over === undefined ? this.#ground.explain(this.#what, failure) : failure });
    this.#wake?.();
  }

  /** Calls the listener as soon as it has ended, if it has not. @internal */
  onEnd(listener: () => void): void {
    this.#listeners.push(listener);
  }

  /** Calls the listener whenever it has used gas while it waits. @internal */
  onCharge(listener: () => void): void {
    this.#chargeListeners.push(listener);
  }

  /** Whether the sandbox or the call draws on a budget. @internal */
  drawsOn(budget: GasBudget): boolean {
    return this.gas.budget === budget || this.#ground.budgets.includes(budget);
  }

  /** @internal For snapshots. */
  get engine(): EngineExecution {
    return this.#engine;
  }

  /** @internal */
  get isProgram(): boolean {
    return this.#isProgram;
  }

  /** @internal For host functions. */
  readonly scope: CallScope = new CallScope();
  /** What its gas is drawn from. @internal */
  readonly gas: CallGas;

  #isInside = false;
  readonly #listeners: (() => void)[] = [];
  readonly #chargeListeners: (() => void)[] = [];

  #cancelled: CallAborted | undefined;

  #cancel(error: CallAborted): void {
    if (!this.#isInside) {
      this.abort(error);
      return;
    }
    this.#cancelled ??= error;
    this.#engine.pause();
  }

  /** @throws UsageError while it is running */
  #prepare(): void {
    if (this.#state === 'running' || this.#wake !== undefined) throw new UsageError(`${this.#label} is running`);
    const { over } = this.#ground;
    if (over !== undefined) this.abort(over());
  }

  #begin(yieldEvery: number | undefined): CallTime {
    if (this.#state === 'ready') this.#ground.onBegin(this as Execution);
    this.#state = 'running';
    const limit = this.#options.timeout;
    return this.#ground.clock.begin({ limit, left: limit === undefined ? undefined : limit - this.#spent, yieldEvery });
  }

  #end(time: CallTime): void {
    this.#spent += performance.now() - time.begun;
    time.end();
  }

  /** One stretch on the JavaScript stack. The state afterwards is its outcome. */
  #advance(time: CallTime, gas?: bigint): void {
    this.#state = 'running';
    this.#isInside = true;
    this.#gasMark ??= this.#instanceGas;
    try {
      const stop = time.run(() => this.#engine.advance(gas));
      this.#state = stop;
      this.#isInside = false;
      if (stop === 'done') {
        const value = fromResults(this.#engine.results);
        this.#settle({ value: this.#isProgram ? 0 : value });
      } else if (this.#cancelled !== undefined) this.abort(this.#cancelled);
    } catch (error) {
      this.#isInside = false;
      const status = this.#isProgram ? exitStatus(error) : undefined;
      this.#settle(status === undefined ? { error: this.#ground.explain(this.#what, error) } : { value: status });
    }
    for (const resolve of this.#stopped.splice(0)) resolve();
  }

  async #drive(): Promise<void> {
    const turn = ++this.#turns;
    const { yieldEvery } = this.#options;
    const time = this.#begin(yieldEvery);
    try {
      if (time.isDue) {
        // Others have had all of this round of the event loop.
        await time.pass();
        if (turn !== this.#turns || this.#ending !== undefined) return;
      }
      for (;;) {
        if (this.#engine.isReady) this.#advance(time);
        else this.#state = 'waiting';
        if (this.#ending !== undefined || turn !== this.#turns) return;
        if (this.#state === 'paused') {
          this.#state = 'running';
          await time.pass();
        } else await this.#settled(time);
        if (turn !== this.#turns || this.#ending !== undefined) return;
      }
    } finally {
      this.#end(time);
    }
  }

  /** Until the promise has settled, or nobody is to wait for it any longer. */
  async #settled(time: CallTime): Promise<void> {
    // Promises that settle at once, one after another, let no timer fire.
    if (time.left < -GRACE) {
      this.abort(time.exceeded());
      return;
    }
    const woken = new Promise<void>((resolve) => {
      this.#wake = resolve;
    });
    try {
      const isInTime = await settlesWithin(Promise.race([this.#engine.settled, woken]), time.left + GRACE);
      if (!isInTime && this.#ending === undefined) this.abort(time.exceeded());
      else if (time.isDue) await time.pass();
    } finally {
      this.#wake = undefined;
    }
  }

  #settle(ending: Ending): void {
    this.#gasUsed = this.gasUsed;
    this.#gasMark = undefined;
    this.#ending = ending;
    this.#state = 'error' in ending ? 'failed' : 'done';
    this.#completion?.settle(ending);
    this.scope.end('error' in ending ? ending.error : undefined);
    if (this.#onAbort !== undefined) this.#options.signal?.removeEventListener('abort', this.#onAbort);
    for (const listener of this.#listeners.splice(0)) listener();
  }
}

function completion<T>(): { promise: Promise<T>; settle: (ending: Ending) => void } {
  let settle: (ending: Ending) => void = () => undefined;
  const promise = new Promise<T>((resolve, reject) => {
    settle = (ending) => {
      if ('error' in ending) reject(ending.error);
      else resolve(ending.value as T);
    };
  });
  return { promise, settle };
}
