/** Sandboxes that are made once, lent to one caller at a time, and reset between callers. */

import { CallAborted, PoolUnavailable, UsageError } from '../../wasm/errors.ts';
import { callback } from '../checks/check.ts';
import type { Given } from '../checks/named.ts';
import { makeDisposable } from '../runtime/disposable.ts';
import type { WasmSandbox } from '../sandbox.ts';
import { aborted } from '../time/signal.ts';
import { type Factory, factoryFor } from './factory.ts';
import { Lease, type Loan, Watch } from './lease.ts';
import {
  type AcquireOptions,
  checkAcquire,
  checkDrain,
  checkPool,
  type DrainOptions,
  type PoolFailure,
  type PoolOptions,
  type PoolSettings,
} from './options.ts';
import { WaitingQueue } from './queue.ts';
import { type Counts, newCounts, type PoolStats } from './stats.ts';

/**
 * Makes sandboxes when they are needed, up to a maximum; callers beyond it wait in the order in which they came.
 *
 * A caller never meets what another has left behind: memory, globals, tables, files, output and counts are those of a
 * fresh sandbox. Where a sandbox cannot be reset or made, another is made for whoever waits; a caller for whom none can
 * be made is told why. Every caller gets one or the other.
 */
export class SandboxPool {
  readonly #settings: PoolSettings;
  readonly #make: Factory;
  readonly #idle: WasmSandbox[] = [];
  readonly #loans = new Set<Loan>();
  readonly #queue = new WaitingQueue<Lease>();
  readonly #watch: Watch;
  readonly #counts: Counts = newCounts();
  /** Sandboxes that are being made. */
  #starting = 0;
  /** Sandboxes that have come back and are not ready yet. */
  #resetting = 0;
  #isClosing = false;
  /** Drained, in time or not: what still comes is disposed of. */
  #isClosed = false;
  readonly #closed: Promise<void>;
  #close: () => void = () => undefined;

  private constructor(settings: PoolSettings, make: Factory) {
    this.#settings = settings;
    this.#make = make;
    this.#watch = new Watch((loan) => this.#onCollected(loan));
    this.#closed = new Promise((resolve) => {
      this.#close = resolve;
    });
  }

  /**
   * Loads the module, and makes the first `min` sandboxes.
   * @throws UsageError; what making a sandbox throws
   */
  static async create(options: PoolOptions): Promise<SandboxPool> {
    const settings = checkPool(options);
    const { signal, min } = settings;
    const refuseAborted = () => {
      if (signal?.aborted) throw aborted('making the pool', signal.reason);
    };
    refuseAborted();
    const pool = new SandboxPool(settings, await factoryFor(settings.sandbox, signal));
    const starts = await Promise.allSettled(Array.from({ length: min }, () => pool.#start(true)));
    for (const start of starts) if (start.status === 'fulfilled') pool.#idle.push(start.value);
    try {
      const failure = starts.find((start) => start.status === 'rejected');
      if (failure !== undefined) throw failure.reason;
      refuseAborted();
    } catch (error) {
      await pool.drain();
      throw error;
    }
    return pool;
  }

  /**
   * Waits for a sandbox. Whoever gets one must release it; {@link SandboxPool.use} does so by itself, and
   * `await using` does so for the lease.
   * @throws PoolUnavailable where too many wait already, where the time is over, and once the pool is drained;
   *   CallAborted; what making a sandbox throws; UsageError
   */
  async acquire(options: AcquireOptions = {}): Promise<Lease> {
    const { waiting, input, gasBudget } = checkAcquire(options);
    const lease = await this.#acquire(waiting);
    try {
      lease.sandbox.provide(input, gasBudget);
    } catch (error) {
      void lease.release();
      throw error;
    }
    return lease;
  }

  async #acquire({ signal, timeout = this.#settings.acquireTimeout }: Given<DrainOptions>): Promise<Lease> {
    const counts = this.#counts;
    if (this.#isClosing) throw this.#draining();
    if (signal?.aborted) throw this.#aborted(signal);
    const ready = this.#queue.length === 0 ? this.#idle.pop() : undefined;
    if (ready !== undefined) return this.#lend(ready);
    const { max, maxWaiting } = this.#settings;
    // Callers for whom there is room do not count as waiting: a sandbox is being made for them.
    if (this.#queue.length >= maxWaiting + max - this.#loans.size) {
      counts.refused++;
      throw new PoolUnavailable(
        'full',
        `the pool is full: all ${max} sandboxes are in use, and ${maxWaiting} callers wait`,
      );
    }
    const waiting = this.#queue.wait({
      timeout,
      signal,
      timedOut: () => {
        counts.timedOut++;
        return new PoolUnavailable('timeout', `no sandbox came free within ${timeout} ms: all ${max} are in use`);
      },
      aborted: () => this.#aborted(signal),
    });
    counts.peakWaiting = Math.max(counts.peakWaiting, this.#queue.length);
    this.#turn();
    try {
      return await waiting;
    } catch (error) {
      // A drain may have waited for this caller alone.
      this.#turn();
      throw error;
    }
  }

  /**
   * Runs a function with a sandbox, which is the function's alone until its promise has settled. The sandbox is reset
   * behind the caller's back.
   * @throws what {@link SandboxPool.acquire} throws, and what the function throws
   */
  async use<T>(work: (sandbox: WasmSandbox) => T | Promise<T>, options: AcquireOptions = {}): Promise<T> {
    callback('the function to run', work);
    const lease = await this.acquire(options);
    try {
      return await work(lease.sandbox);
    } finally {
      void lease.release();
    }
  }

  /** What the pool has, and what it did since it was made. */
  getStats(): PoolStats {
    const { min, max } = this.#settings;
    return {
      min,
      max,
      size: this.#size,
      idle: this.#idle.length,
      leased: this.#loans.size,
      starting: this.#starting,
      resetting: this.#resetting,
      waiting: this.#queue.length,
      ...this.#counts,
    };
  }

  /** Disposes of the sandboxes beyond `min` that nobody uses. Returns how many. */
  trim(): number {
    const many = Math.min(this.#idle.length, Math.max(0, this.#size - this.#settings.min));
    for (const sandbox of this.#idle.splice(0, many)) this.#destroy(sandbox);
    return many;
  }

  /**
   * Closes the pool: nobody new is let in, whoever waits is still served, and when the last lease has come back all
   * sandboxes are disposed of. After the time-out callers that wait are turned away, and leases that are still out are
   * reported as leaks and their sandboxes disposed of. Doing it again waits for the same end.
   * @throws UsageError
   */
  async drain(options: DrainOptions = {}): Promise<void> {
    const { timeout = this.#settings.drainTimeout, signal } = checkDrain(options);
    this.#isClosing = true;
    this.#turn();
    if (this.#isClosed) return;
    const patience = new WaitingQueue<void>();
    const giveUp = () => undefined;
    const waiting = patience.wait({ timeout, signal, timedOut: giveUp, aborted: giveUp });
    void this.#closed.then(() => patience.serve());
    await waiting.catch(() => this.#abandon());
  }

  get #size(): number {
    return this.#idle.length + this.#loans.size + this.#starting + this.#resetting;
  }

  /** Does all that can be done now. Called after every change. */
  #turn(): void {
    while (this.#queue.length > 0) {
      const sandbox = this.#idle.pop();
      if (sandbox === undefined) break;
      this.#queue.serve(this.#lend(sandbox));
    }
    const wanted = this.#queue.length - this.#starting - this.#resetting;
    const room = this.#settings.max - this.#size;
    for (let i = Math.min(wanted, room); i > 0; i--) void this.#add();
    if (!this.#isClosing || this.#queue.length > 0) return;
    for (const sandbox of this.#idle.splice(0)) this.#destroy(sandbox);
    if (this.#size > 0 || this.#isClosed) return;
    this.#isClosed = true;
    this.#close();
  }

  /** Makes up for sandboxes that were lost, as far as `min` asks for them. */
  #replenish(): void {
    if (this.#isClosing) return;
    for (let i = this.#settings.min - this.#size; i > 0; i--) void this.#add();
  }

  async #add(): Promise<void> {
    this.#starting++;
    let sandbox: WasmSandbox;
    try {
      sandbox = await this.#start();
    } catch (error) {
      this.#starting--;
      this.#report({ during: 'start', error });
      // One failure, one caller: those for whom sandboxes are on their way are not concerned.
      if (this.#queue.length > this.#starting + this.#resetting) this.#queue.fail(error);
      this.#turn();
      return;
    }
    this.#starting--;
    this.#accept(sandbox);
  }

  /** @throws what making a sandbox throws */
  async #start(isFirst = false): Promise<WasmSandbox> {
    try {
      // Whoever made it has it no more.
      const { sandbox } = (await this.#make(isFirst)).handOver();
      this.#counts.created++;
      return sandbox;
    } catch (error) {
      this.#counts.failedStarts++;
      throw error;
    }
  }

  #accept(sandbox: WasmSandbox): void {
    if (this.#isClosed) this.#destroy(sandbox);
    else this.#idle.push(sandbox);
    this.#turn();
  }

  #lend(own: WasmSandbox): Lease {
    const { sandbox, close } = own.handOver();
    const loan = this.#watch.loan(sandbox, close);
    this.#loans.add(loan);
    const counts = this.#counts;
    counts.acquired++;
    counts.peakLeased = Math.max(counts.peakLeased, this.#loans.size);
    return new Lease(sandbox, () => this.#takeBack(sandbox, loan));
  }

  async #takeBack(lent: WasmSandbox, loan: Loan): Promise<void> {
    this.#watch.end(lent);
    // Else it was given up, and disposed of.
    if (!this.#loans.delete(loan)) return;
    this.#counts.released++;
    this.#resetting++;
    const sandbox = await this.#restore(lent);
    this.#resetting--;
    if (sandbox !== undefined) return this.#accept(sandbox);
    this.#replenish();
    this.#turn();
  }

  /** A sandbox as good as new; undefined where that cannot be had. */
  async #restore(lent: WasmSandbox): Promise<WasmSandbox | undefined> {
    const { healthCheck } = this.#settings;
    const counts = this.#counts;
    let own = lent;
    let during: PoolFailure['during'] = 'reset';
    try {
      own = lent.handOver().sandbox;
      if (healthCheck !== undefined) {
        during = 'health';
        if ((await healthCheck(own)) !== true)
          throw new UsageError(`the health check of ${own.instanceId} did not return true`);
        during = 'reset';
      }
      await own.reset();
      return own;
    } catch (error) {
      if (during === 'reset') counts.failedResets++;
      else counts.unhealthy++;
      this.#report({ during, error });
      this.#destroy(own);
      return undefined;
    }
  }

  #onCollected(loan: Loan): void {
    if (!this.#loans.delete(loan)) return;
    this.#leaked(loan, 'collected');
    this.#replenish();
    this.#turn();
  }

  #leaked(loan: Loan, found: 'collected' | 'drain'): void {
    const { onLeak } = this.#settings;
    this.#counts.leaked++;
    const sandbox = loan.sandbox.deref();
    this.#destroy(sandbox === undefined ? { dispose: loan.close } : sandbox);
    tell(onLeak, { instanceId: loan.instanceId, found });
  }

  /** Ends a drain that has taken too long. */
  #abandon(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#queue.failAll(() => this.#draining());
    for (const loan of this.#loans) this.#leaked(loan, 'drain');
    this.#loans.clear();
    for (const sandbox of this.#idle.splice(0)) this.#destroy(sandbox);
    this.#close();
  }

  #destroy(sandbox: { dispose(): void }): void {
    this.#counts.destroyed++;
    try {
      sandbox.dispose();
    } catch (error) {
      this.#report({ during: 'close', error });
    }
  }

  #report(failure: PoolFailure): void {
    tell(this.#settings.onFailure, failure);
  }

  #draining(): PoolUnavailable {
    this.#counts.refused++;
    return new PoolUnavailable('draining', 'the pool is being drained: it lends nothing any more');
  }

  #aborted(signal: AbortSignal | undefined): CallAborted {
    this.#counts.aborted++;
    return new CallAborted('Call aborted: waiting for a sandbox of the pool was ended by its signal', {
      cause: signal?.reason,
    });
  }

  /** {@link SandboxPool.drain}. */
  declare readonly [Symbol.asyncDispose]: () => Promise<void>;

  static {
    makeDisposable(SandboxPool.prototype, { async: (pool) => pool.drain() });
  }
}

/** Later, so that what an embedder's function throws is the embedder's, and finds the pool in order. */
function tell<T>(listener: ((event: T) => void) | undefined, event: T): void {
  if (listener !== undefined) queueMicrotask(() => listener(event));
}
