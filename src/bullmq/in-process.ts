/** A queue in this process, for development and tests: what of BullMQ's behaviour the jobs can notice, without a server. */

import { UsageError } from '../../wasm/errors.ts';
import { quote } from '../../wasm/quote.ts';
import { integer, milliseconds } from '../checks/check.ts';
import { HandedBack } from './failure.ts';
import { checkJob, type JobData, type JobResult, type WasmJob } from './job.ts';
import type { QueueJob, WasmJobProgress, WasmProcessor } from './processor.ts';
import type {
  JobTree,
  QueuedJob,
  WasmJobEntry,
  WasmJobOptions,
  WasmQueue,
  WasmWorker,
  WasmWorkerOptions,
  WorkerEvents,
} from './queue.ts';

type Result = JobResult | JobResult[];

class LocalJob implements QueueJob {
  readonly id: string;
  readonly name: string;
  readonly queueName: string;
  readonly data: unknown;
  readonly timestamp = Date.now();
  readonly opts: WasmJobOptions;
  attemptsMade = 0;
  progress: WasmJobProgress = {};
  /** Of the jobs below it that are done, as JSON. */
  readonly below = new Map<string, string>();
  /** Jobs below it that are not done. */
  pending = 0;
  parent: LocalJob | undefined;
  isGivenBack = false;
  onProgress: (() => void) | undefined;
  readonly finished: Promise<Result>;
  #settle!: { resolve: (result: Result) => void; reject: (error: unknown) => void };

  constructor(queueName: string, id: string, name: string, data: JobData, opts: WasmJobOptions) {
    this.queueName = queueName;
    this.id = id;
    this.name = name;
    // As it would come out of Redis.
    this.data = JSON.parse(JSON.stringify(data));
    this.opts = opts;
    this.finished = new Promise((resolve, reject) => {
      this.#settle = { resolve, reject };
    });
    // Whoever asks is told.
    this.finished.catch(() => undefined);
  }

  resolve(result: Result): void {
    this.#settle.resolve(result);
  }

  reject(error: unknown): void {
    this.#settle.reject(error);
  }

  async updateProgress(progress: WasmJobProgress): Promise<void> {
    this.progress = JSON.parse(JSON.stringify(progress));
    this.onProgress?.();
  }

  async getChildrenValues(): Promise<Record<string, unknown>> {
    return Object.fromEntries([...this.below].map(([id, json]) => [`local:${id}`, JSON.parse(json)]));
  }

  async moveToWait(): Promise<void> {
    this.isGivenBack = true;
  }
}

export class LocalQueue implements WasmQueue {
  readonly name: string;
  private readonly waiting: LocalJob[] = [];
  private readonly ids = new Map<string, LocalJob>();
  private readonly workers = new Set<LocalWorker>();
  private readonly timers = new Set<ReturnType<typeof setTimeout>>();
  private readonly defaults: WasmJobOptions;
  private next = 1;
  private isClosed = false;

  constructor(name: string, defaults: WasmJobOptions) {
    this.name = name;
    this.defaults = defaults;
  }

  async add(name: string, job: WasmJob, options: WasmJobOptions = {}): Promise<QueuedJob> {
    const [added] = await this.addBulk([{ name, data: job, opts: options }]);
    return added as QueuedJob;
  }

  async addBulk(entries: readonly WasmJobEntry[]): Promise<QueuedJob[]> {
    const checked = entries.map(({ name, data, opts }) => ({ name: name ?? data.module, data: checkJob(data), opts }));
    return checked.map(({ name, data, opts = {} }) => {
      const job = this.make(opts.jobId ?? String(this.next++), name, data, opts);
      this.enqueue(job, job.opts.delay);
      return handleOf<JobResult>(job);
    });
  }

  async addTree<R>(tree: JobTree): Promise<QueuedJob<R>> {
    return handleOf<R>(this.plant(tree, undefined));
  }

  private plant({ id, name, data, opts, children }: JobTree, parent: LocalJob | undefined): LocalJob {
    const job = this.make(id, name, data, opts);
    job.parent = parent;
    job.pending = children.length;
    for (const child of children) this.plant(child, job);
    if (children.length === 0) this.enqueue(job, job.opts.delay);
    return job;
  }

  /** A job whose id is there already is that one, as in BullMQ. */
  private make(id: string, name: string, data: JobData, opts: WasmJobOptions): LocalJob {
    if (this.isClosed) throw new UsageError(`the queue ${quote(this.name)} is closed`);
    const known = this.ids.get(id);
    if (known !== undefined) return known;
    const job = new LocalJob(this.name, id, name, data, checkJobOptions({ ...this.defaults, ...opts }));
    this.ids.set(id, job);
    return job;
  }

  worker(processor: WasmProcessor, options: WasmWorkerOptions = {}): WasmWorker {
    const worker = new LocalWorker(this, processor, options);
    this.workers.add(worker);
    queueMicrotask(() => worker.pump());
    return worker;
  }

  /** Jobs that have not begun are nobody's then. */
  async close(): Promise<void> {
    this.isClosed = true;
    for (const timer of this.timers) clearTimeout(timer);
    this.timers.clear();
    for (const job of this.ids.values()) job.reject(new UsageError(`the queue ${quote(this.name)} was closed`));
    this.ids.clear();
    this.waiting.length = 0;
  }

  leave(worker: LocalWorker): void {
    this.workers.delete(worker);
  }

  take(): LocalJob | undefined {
    return this.waiting.shift();
  }

  get isEmpty(): boolean {
    return this.waiting.length === 0;
  }

  /** In front of all others, where it was given back. */
  enqueue(job: LocalJob, delay = 0, isGivenBack = false): void {
    if (this.isClosed) return;
    if (delay > 0) {
      this.later(delay, () => this.enqueue(job));
      return;
    }
    if (this.waiting.includes(job)) return;
    if (isGivenBack) this.waiting.unshift(job);
    else this.waiting.push(job);
    this.wake();
  }

  wake(): void {
    for (const worker of this.workers) worker.pump();
  }

  later(delay: number, run: () => void): void {
    const timer = setTimeout(() => {
      this.timers.delete(timer);
      run();
    }, delay);
    this.timers.add(timer);
  }

  complete(job: LocalJob, result: Result): void {
    this.ids.delete(job.id);
    job.resolve(JSON.parse(JSON.stringify(result)));
    const { parent } = job;
    if (parent === undefined) return;
    parent.below.set(job.id, JSON.stringify(result));
    if (--parent.pending === 0) this.enqueue(parent, parent.opts.delay);
  }

  fail(job: LocalJob, error: unknown): void {
    this.ids.delete(job.id);
    job.reject(error);
    for (let { parent } = job; parent !== undefined; { parent } = parent) {
      this.ids.delete(parent.id);
      parent.reject(error);
    }
  }
}

/** The guest's own error, where it is one. */
function handleOf<R>(job: LocalJob): QueuedJob<R> {
  return { id: job.id, name: job.name, finished: () => job.finished as Promise<R> };
}

function checkJobOptions(options: WasmJobOptions): WasmJobOptions {
  const { attempts, backoff, delay } = options;
  if (attempts !== undefined) integer('attempts', attempts, 'times', 1);
  if (delay !== undefined && delay !== 0) milliseconds('delay', delay);
  const wait = typeof backoff === 'object' ? backoff.delay : backoff;
  if (wait !== undefined && wait !== 0) milliseconds('backoff', wait);
  return options;
}

function delayBefore({ backoff, attempts }: WasmJobOptions, attempt: number): number {
  if (attempts === undefined || backoff === undefined) return 0;
  if (typeof backoff === 'number') return backoff;
  return backoff.type === 'fixed' ? backoff.delay : backoff.delay * 2 ** (attempt - 1);
}

type Listeners = { [E in keyof WorkerEvents]: Set<WorkerEvents[E]> };

export class LocalWorker implements WasmWorker {
  private readonly queue: LocalQueue;
  private readonly processor: WasmProcessor;
  private readonly concurrency: number;
  private readonly limiter: WasmWorkerOptions['limiter'];
  private readonly running = new Map<string, { readonly cancel: AbortController; readonly ended: Promise<void> }>();
  private readonly listeners: Listeners = {
    active: new Set(),
    progress: new Set(),
    completed: new Set(),
    failed: new Set(),
    drained: new Set(),
    error: new Set(),
  };
  /** Jobs begun within the limiter's time. */
  private recent = 0;
  private isPaused = false;
  private isClosing = false;

  constructor(queue: LocalQueue, processor: WasmProcessor, { concurrency = 1, limiter }: WasmWorkerOptions) {
    this.queue = queue;
    this.processor = processor;
    this.concurrency = integer('concurrency', concurrency, 'jobs', 1);
    if (limiter !== undefined) {
      integer('limiter.max', limiter.max, 'jobs', 1);
      milliseconds('limiter.duration', limiter.duration);
    }
    this.limiter = limiter;
  }

  on<E extends keyof WorkerEvents>(event: E, listener: WorkerEvents[E]): this {
    this.listeners[event].add(listener);
    return this;
  }

  off<E extends keyof WorkerEvents>(event: E, listener: WorkerEvents[E]): this {
    this.listeners[event].delete(listener);
    return this;
  }

  private emit<E extends keyof WorkerEvents>(event: E, ...args: Parameters<WorkerEvents[E]>): void {
    for (const listener of [...this.listeners[event]]) (listener as (...args: unknown[]) => void)(...args);
  }

  cancelJob(id: string, reason?: string): boolean {
    const running = this.running.get(id);
    running?.cancel.abort(reason);
    return running !== undefined;
  }

  async release(id?: string): Promise<number> {
    this.isPaused = true;
    const count = await this.processor.release(id);
    // A turn for the others, who have been woken.
    await new Promise((resolve) => setTimeout(resolve, 0));
    this.isPaused = false;
    this.pump();
    return count;
  }

  async close(): Promise<void> {
    this.isClosing = true;
    this.queue.leave(this);
    await this.processor.release();
    await Promise.all([...this.running.values()].map(({ ended }) => ended));
  }

  pump(): void {
    while (!this.isClosing && !this.isPaused && this.running.size < this.concurrency) {
      if (this.limiter !== undefined && this.recent >= this.limiter.max) return;
      const job = this.queue.take();
      if (job === undefined) return;
      if (this.limiter !== undefined) this.count(this.limiter.duration);
      const cancel = new AbortController();
      this.running.set(job.id, { cancel, ended: this.run(job, cancel.signal) });
    }
  }

  private count(duration: number): void {
    this.recent++;
    this.queue.later(duration, () => {
      this.recent--;
      this.pump();
    });
  }

  private async run(job: LocalJob, signal: AbortSignal): Promise<void> {
    job.isGivenBack = false;
    job.onProgress = () => this.emit('progress', job, job.progress);
    // Behind its being counted as running.
    await Promise.resolve();
    this.emit('active', job);
    try {
      const result = await this.processor(job, job.id, signal);
      this.running.delete(job.id);
      this.queue.complete(job, result);
      this.emit('completed', job, result);
      await this.processor.forget(job);
    } catch (error) {
      this.running.delete(job.id);
      await this.failed(job, error as Error);
    }
    if (this.queue.isEmpty && this.running.size === 0) this.emit('drained');
    this.pump();
  }

  private async failed(job: LocalJob, error: Error): Promise<void> {
    if (error instanceof HandedBack && job.isGivenBack) {
      this.queue.enqueue(job, 0, true);
      return;
    }
    job.attemptsMade++;
    const isFinal = error.name === 'UnrecoverableError' || job.attemptsMade >= (job.opts.attempts ?? 1);
    if (isFinal) this.queue.fail(job, error.cause ?? error);
    else this.queue.enqueue(job, delayBefore(job.opts, job.attemptsMade));
    this.emit('failed', job, error);
    if (isFinal) await this.processor.forget(job);
  }
}
