/** Worker threads by Piscina, which ends and replaces those whose call is aborted. */

import { availableParallelism } from 'node:os';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { PoolUnavailable, SandboxDisposed, UsageError } from '../../wasm/errors.ts';
import { quote } from '../../wasm/quote.ts';
import type { DrainOptions } from '../pool/options.ts';
import { WaitingQueue } from '../pool/queue.ts';
import { newCounts, type PoolStats } from '../pool/stats.ts';
import { aborted } from '../time/signal.ts';
import { RequestError } from './problems.ts';
import type { Answer, Task, ThreadData, Threads, ThreadsOptions } from './threads.ts';

/** Milliseconds after which a thread that nobody has used ends, where there are more than `min`. */
const IDLE = 10_000;

/** Bundles in CommonJS have no URL of their own, and modules no file name. The thread's program is beside either's folder. */
const here = import.meta.url ?? pathToFileURL(__filename).href;
const PROGRAM = fileURLToPath(new URL(`../service-thread.node.${here.endsWith('.ts') ? 'ts' : 'js'}`, here));

type Piscina = import('piscina').Piscina<Task, Answer>;

interface Places {
  readonly min: number;
  readonly max: number;
  readonly maxWaiting: number;
  readonly acquireTimeout: number | undefined;
  readonly drainTimeout: number;
}

class PiscinaThreads implements Threads {
  readonly #name: string;
  readonly #piscina: Piscina;
  readonly #options: Places;
  readonly #queue = new WaitingQueue<void>();
  /** What ends each call that has a thread. */
  readonly #running = new Set<AbortController>();
  readonly #counts = newCounts();
  /** Places of calls that have, or are being given, a thread. */
  #taken = 0;
  #isClosing = false;
  #closed: Promise<void> | undefined;
  /** Told when the last call has ended. */
  #onEmpty: (() => void) | undefined;

  constructor(name: string, piscina: Piscina, options: Places) {
    this.#name = name;
    this.#piscina = piscina;
    this.#options = options;
    piscina.on('workerCreate', () => void this.#counts.created++);
    piscina.on('workerDestroy', () => void this.#counts.destroyed++);
    // A thread that ends before its first call: who waits for one would wait for ever.
    piscina.on('error', (error: unknown) => {
      if (piscina.queueSize > 0) this.#endAll(() => error);
    });
  }

  async run(task: Task, signal: AbortSignal | undefined, begun: () => void): Promise<Answer> {
    await this.#enter(signal);
    const counts = this.#counts;
    const ending = new AbortController();
    const stop = () => ending.abort(aborted(`the use of ${quote(this.#name)}`, signal?.reason));
    this.#running.add(ending);
    counts.acquired++;
    counts.peakLeased = Math.max(counts.peakLeased, this.#running.size);
    signal?.addEventListener('abort', stop, { once: true });
    if (signal?.aborted) stop();
    begun();
    try {
      return await this.#piscina.run(task, { signal: ending.signal });
    } catch (error) {
      if (ending.signal.aborted) throw ending.signal.reason;
      throw error instanceof DOMException && error.name === 'DataCloneError'
        ? new RequestError('invalid-arguments', `what was passed cannot go to another thread: ${error.message}`, error)
        : error;
    } finally {
      signal?.removeEventListener('abort', stop);
      counts.released++;
      this.#running.delete(ending);
      this.#leave();
    }
  }

  getStats(): PoolStats {
    const { min, max } = this.#options;
    const leased = this.#running.size;
    const size = Math.max(leased, this.#piscina.threads.length);
    const waiting = this.#queue.length;
    return { min, max, size, idle: size - leased, leased, starting: 0, resetting: 0, waiting, ...this.#counts };
  }

  async drain({ timeout = this.#options.drainTimeout, signal }: DrainOptions = {}): Promise<void> {
    this.#isClosing = true;
    this.#closed ??= new Promise<void>((resolve) => {
      this.#onEmpty = resolve;
    }).then(() => this.#piscina.destroy());
    this.#closeWhenEmpty();
    const patience = new WaitingQueue<void>();
    const giveUp = () => undefined;
    const waiting = patience.wait({ timeout, signal, timedOut: giveUp, aborted: giveUp });
    void this.#closed.then(() => patience.serve());
    await waiting.catch(() => {
      this.#queue.failAll(() => this.#draining());
      this.#counts.leaked += this.#running.size;
      this.#endAll(() => new SandboxDisposed(`the service was closed while ${quote(this.#name)} was in use`));
    });
    await this.#closed;
  }

  /** Waits until there is a thread. */
  async #enter(signal: AbortSignal | undefined): Promise<void> {
    const { max, maxWaiting, acquireTimeout: timeout } = this.#options;
    const counts = this.#counts;
    if (this.#isClosing) throw this.#draining();
    const onAbort = () => {
      counts.aborted++;
      return aborted(`waiting for a thread of ${quote(this.#name)}`, signal?.reason);
    };
    if (signal?.aborted) throw onAbort();
    if (this.#taken < max) {
      this.#taken++;
      return;
    }
    if (this.#queue.length >= maxWaiting) {
      counts.refused++;
      throw new PoolUnavailable('full', `all ${max} threads are in use, and ${maxWaiting} callers wait`);
    }
    const timedOut = () => {
      counts.timedOut++;
      return new PoolUnavailable('timeout', `no thread came free within ${timeout} ms: all ${max} are in use`);
    };
    const waiting = this.#queue.wait({ timeout, signal, timedOut, aborted: onAbort });
    counts.peakWaiting = Math.max(counts.peakWaiting, this.#queue.length);
    await waiting;
  }

  /** Hands the place of a call that has ended to whoever waits longest. */
  #leave(): void {
    if (this.#queue.length > 0) this.#queue.serve();
    else {
      this.#taken--;
      this.#closeWhenEmpty();
    }
  }

  #closeWhenEmpty(): void {
    if (this.#isClosing && this.#taken === 0) this.#onEmpty?.();
  }

  #draining(): PoolUnavailable {
    this.#counts.refused++;
    return new PoolUnavailable('draining', 'the service is being closed: it runs nothing any more');
  }

  #endAll(reason: () => unknown): void {
    for (const ending of this.#running) ending.abort(reason());
  }
}

/** @throws UsageError where piscina is not installed */
export async function openPiscina(data: ThreadData, options: ThreadsOptions): Promise<Threads> {
  const { threads = availableParallelism(), min = 0, maxWaiting = 1_000, drainTimeout = 30_000 } = options;
  const max = Math.max(min, Math.min(threads, options.max ?? Number.POSITIVE_INFINITY));
  const { Piscina } = await import('piscina').catch((cause: unknown) => {
    throw new UsageError('workers needs the package piscina: npm install piscina', { cause });
  });
  const piscina: Piscina = new Piscina({
    filename: PROGRAM,
    workerData: data,
    minThreads: min,
    maxThreads: max,
    idleTimeout: IDLE,
    // Else a thread that waits for its next call has no event loop, in which its sandbox is made ready again.
    atomics: 'disabled',
    recordTiming: false,
  });
  return new PiscinaThreads(data.name, piscina, {
    ...{ min, max, maxWaiting, drainTimeout },
    acquireTimeout: options.acquireTimeout,
  });
}
