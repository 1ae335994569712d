/** A queue that Redis has, by the package `bullmq`, to be installed beside this one. */

import { UsageError, WasmSandboxError } from '../../wasm/errors.ts';
import { messageOf, quote } from '../../wasm/quote.ts';
import { settlesWithin } from '../time/turn.ts';
import { checkJob, type JobResult, type WasmJob } from './job.ts';
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

interface Closing {
  close(): Promise<void>;
}

interface ServerJob extends QueueJob {
  readonly id?: string;
  readonly progress: unknown;
  readonly finishedOn?: number | null;
  readonly returnvalue: unknown;
  readonly failedReason?: string;
  getState(): Promise<string>;
}

interface ServerEvent {
  readonly jobId: string;
  readonly returnvalue?: unknown;
  readonly failedReason?: string;
}

interface ServerEvents extends Closing {
  on(event: string, listener: (data: ServerEvent) => void): unknown;
  off(event: string, listener: (data: ServerEvent) => void): unknown;
  waitUntilReady(): Promise<unknown>;
}

interface ServerWorker extends Closing {
  on(event: string, listener: (...args: never[]) => void): unknown;
  off(event: string, listener: (...args: never[]) => void): unknown;
  cancelJob(id: string, reason?: string): boolean;
  pause(doNotWaitActive: boolean): Promise<void>;
  resume(): Promise<void>;
}

interface ServerQueue extends Closing {
  add(name: string, data: unknown, options: object): Promise<ServerJob>;
  addBulk(jobs: readonly { name: string; data: unknown; opts?: object | undefined }[]): Promise<ServerJob[]>;
  getJob(id: string): Promise<ServerJob | undefined>;
}

interface FlowNode {
  readonly name: string;
  readonly queueName: string;
  readonly data: unknown;
  readonly opts: object;
  readonly children: readonly FlowNode[];
}

interface Flows extends Closing {
  add(flow: FlowNode): Promise<{ readonly job: ServerJob }>;
}

type Make<T> = new (...args: readonly unknown[]) => T;

/** What is used of the package. */
export interface BullMQPackage {
  readonly Queue: Make<ServerQueue>;
  readonly QueueEvents: Make<ServerEvents>;
  readonly FlowProducer: Make<Flows>;
  readonly Worker: Make<ServerWorker>;
}

/** @throws UsageError where it is not installed */
export async function loadBullMQ(): Promise<BullMQPackage> {
  try {
    return (await import('bullmq')) as unknown as BullMQPackage;
  } catch (cause) {
    throw new UsageError(
      `a queue on Redis needs the package bullmq, and a client of Redis for it: install both beside this one (${messageOf(cause)})`,
      { cause },
    );
  }
}

/** What all parts of a queue are made with. */
export interface Common {
  readonly connection: object;
  readonly prefix?: string;
  readonly telemetry?: object;
}

/** How often another worker may take up a durable job whose worker has died; BullMQ's own default is once. */
const MOST_DEATHS = 100;
/** Milliseconds for which a worker that has given jobs back leaves them to others. */
const PATIENCE = 5_000;

type Ending = { readonly value: unknown } | { readonly failedReason: string };

/** Milliseconds after which is looked whether a job has ended, whatever was heard of it. */
const LOOK_AGAIN = 2_000;

export class ServerBackedQueue implements WasmQueue {
  readonly name: string;
  private readonly parts: BullMQPackage;
  private readonly common: Common;
  private readonly queue: ServerQueue;
  private readonly defaults: WasmJobOptions;
  private events: ServerEvents | undefined;
  /** Jobs that are waited for, and who is told. */
  private readonly endings = new Map<string, Promise<Ending>>();
  private readonly heard = new Map<string, (ending: Ending) => void>();
  private flows: Flows | undefined;

  constructor(parts: BullMQPackage, name: string, common: Common, defaults: WasmJobOptions) {
    this.name = name;
    this.parts = parts;
    this.common = common;
    this.defaults = defaults;
    this.queue = new parts.Queue(name, { ...common, defaultJobOptions: defaults });
  }

  async add(name: string, job: WasmJob, options: WasmJobOptions = {}): Promise<QueuedJob> {
    return this.handleOf(await this.queue.add(name, checkJob(job), options));
  }

  async addBulk(entries: readonly WasmJobEntry[]): Promise<QueuedJob[]> {
    const jobs = entries.map(({ name, data, opts }) => ({ name: name ?? data.module, data: checkJob(data), opts }));
    return (await this.queue.addBulk(jobs)).map((job) => this.handleOf<JobResult>(job));
  }

  async addTree<R>(tree: JobTree): Promise<QueuedJob<R>> {
    this.flows ??= new this.parts.FlowProducer(this.common);
    const { job } = await this.flows.add(this.flowOf(tree, {}));
    return this.handleOf<R>(job);
  }

  private flowOf({ id, name, data, opts, children }: JobTree, more: object): FlowNode {
    return {
      name,
      queueName: this.name,
      data,
      opts: { ...this.defaults, ...opts, jobId: id, ...more },
      children: children.map((child) => this.flowOf(child, { failParentOnFailure: true })),
    };
  }

  worker(processor: WasmProcessor, options: WasmWorkerOptions = {}): WasmWorker {
    const more = processor.isDurable ? { maxStalledCount: MOST_DEATHS } : {};
    const worker = new this.parts.Worker(this.name, processor, { ...more, ...options, ...this.common });
    return new ServerBackedWorker(worker, processor, () => this.listen());
  }

  private listen(): ServerEvents {
    if (this.events === undefined) {
      this.events = new this.parts.QueueEvents(this.name, this.common);
      this.events.on('completed', ({ jobId, returnvalue: value }) => this.heard.get(jobId)?.({ value }));
      this.events.on('failed', ({ jobId, failedReason = '' }) => this.heard.get(jobId)?.({ failedReason }));
    }
    return this.events;
  }

  private handleOf<R>({ id = '', name }: ServerJob): QueuedJob<R> {
    let finished: Promise<R> | undefined;
    return { id, name, finished: () => (finished ??= this.resultOf(id) as Promise<R>) };
  }

  private async resultOf(id: string): Promise<unknown> {
    let ending = this.endings.get(id);
    if (ending === undefined) {
      ending = this.waitFor(id).finally(() => this.endings.delete(id));
      this.endings.set(id, ending);
    }
    const ended = await ending;
    if ('value' in ended) return ended.value;
    // The message is all that BullMQ keeps of an error.
    const { error } = ((await this.queue.getJob(id))?.progress ?? {}) as WasmJobProgress;
    throw error === undefined ? new Error(ended.failedReason) : WasmSandboxError.from(error);
  }

  private async waitFor(id: string): Promise<Ending> {
    let ending: Ending | undefined;
    const told = new Promise<void>((resolve) => {
      this.heard.set(id, (ended) => {
        ending = ended;
        resolve();
      });
    });
    try {
      await this.listen().waitUntilReady();
      for (;;) {
        // What ended before anybody listened is told by nobody.
        const job = await this.queue.getJob(id);
        const state = await job?.getState();
        // It may have ended since it was read, without its result then.
        const ended = state === 'completed' || state === 'failed' ? await this.queue.getJob(id) : undefined;
        if (ended !== undefined && state === 'completed') return { value: ended.returnvalue };
        if (ended !== undefined && state === 'failed') return { failedReason: ended.failedReason ?? '' };
        await settlesWithin(told, LOOK_AGAIN);
        if (ending !== undefined) return ending;
        if (job === undefined) throw new UsageError(`the job ${quote(id)} is in the queue no more`);
      }
    } finally {
      this.heard.delete(id);
    }
  }

  async close(): Promise<void> {
    for (const part of [this.events, this.flows, this.queue]) await part?.close();
  }
}

class ServerBackedWorker implements WasmWorker {
  private readonly worker: ServerWorker;
  private readonly processor: WasmProcessor;
  private readonly listen: () => ServerEvents;

  constructor(worker: ServerWorker, processor: WasmProcessor, listen: () => ServerEvents) {
    this.worker = worker;
    this.processor = processor;
    this.listen = listen;
    // What is kept of a job is of use until the queue knows how it ended.
    const forget = (job: ServerJob) => void processor.forget(job).catch(() => undefined);
    worker.on('completed', forget);
    worker.on('failed', (job: ServerJob | undefined) => {
      if (job?.finishedOn) forget(job);
    });
    // Without a listener, a lock that is lost would end the process.
    worker.on('error', () => undefined);
  }

  on<E extends keyof WorkerEvents>(event: E, listener: WorkerEvents[E]): this {
    this.worker.on(event, listener as (...args: never[]) => void);
    return this;
  }

  off<E extends keyof WorkerEvents>(event: E, listener: WorkerEvents[E]): this {
    this.worker.off(event, listener as (...args: never[]) => void);
    return this;
  }

  cancelJob(id: string, reason?: string): boolean {
    return this.worker.cancelJob(id, reason);
  }

  async release(id?: string): Promise<number> {
    const events = this.listen();
    await events.waitUntilReady();
    let stop: () => void = () => undefined;
    const taken = new Promise<void>((resolve) => {
      stop = resolve;
    });
    const seen = ({ jobId }: { readonly jobId: string }) => {
      if (id === undefined || jobId === id) stop();
    };
    events.on('active', seen);
    const timer = setTimeout(stop, PATIENCE);
    await this.worker.pause(true);
    try {
      const count = await this.processor.release(id);
      if (count > 0) await taken;
      return count;
    } finally {
      clearTimeout(timer);
      events.off('active', seen);
      await this.worker.resume();
    }
  }

  async close(): Promise<void> {
    await this.worker.pause(true);
    await this.processor.release();
    await this.worker.close();
  }
}
