/** What there is of a queue, whether Redis has it or this process. */

import type { JobData, JobResult, WasmJob } from './job.ts';
import type { WasmJobProgress, WasmProcessor } from './processor.ts';

/** Milliseconds between attempts; an exponential delay doubles with each. */
export type Backoff = number | { readonly type: 'fixed' | 'exponential'; readonly delay: number };

/** How a job is queued: options of BullMQ's, of which these hold in process too. */
export interface WasmJobOptions {
  /** Of the queue's choosing unless given. */
  readonly jobId?: string | undefined;
  /** How often it is tried at most; 1 unless given. Only failures of the host are tried again. */
  readonly attempts?: number | undefined;
  /** None unless given. */
  readonly backoff?: Backoff | undefined;
  /** Milliseconds before which it is not begun. */
  readonly delay?: number | undefined;
}

/** A job of several that are added at once. */
export interface WasmJobEntry {
  /** For people; the module's unless given. */
  readonly name?: string | undefined;
  readonly data: WasmJob;
  readonly opts?: WasmJobOptions | undefined;
}

/** A job that was added. */
export interface QueuedJob<R = JobResult> {
  readonly id: string;
  readonly name: string;
  /**
   * What it comes to; the same promise every time.
   * @throws the guest's error, or what else the job failed with
   */
  finished(): Promise<R>;
}

/** Events of a worker; BullMQ's have more arguments. */
export interface WorkerEvents {
  /** It is begun, or taken up again. */
  active: (job: WorkerJob) => void;
  /** It shows how far it is. */
  progress: (job: WorkerJob, progress: WasmJobProgress) => void;
  /** It is done. */
  completed: (job: WorkerJob, result: JobResult | JobResult[]) => void;
  /** A try has failed, the last one or not. */
  failed: (job: WorkerJob | undefined, error: Error) => void;
  /** Nothing is left to do. */
  drained: () => void;
  /** Of the worker itself: a connection, a lock. */
  error: (error: Error) => void;
}

/** A job as events show it. */
export interface WorkerJob {
  readonly id?: string | undefined;
  readonly name: string;
  readonly attemptsMade: number;
}

/** How a worker takes jobs: options of BullMQ's, of which these hold in process too. */
export interface WasmWorkerOptions {
  /** Jobs at once; 1 unless given. */
  readonly concurrency?: number | undefined;
  /** At most so many jobs in so many milliseconds; without limit unless given. */
  readonly limiter?: { readonly max: number; readonly duration: number } | undefined;
}

/** Runs jobs of a queue. */
export interface WasmWorker {
  /** Has the listener called at every such event. */
  on<E extends keyof WorkerEvents>(event: E, listener: WorkerEvents[E]): this;
  /** No longer. */
  off<E extends keyof WorkerEvents>(event: E, listener: WorkerEvents[E]): this;
  /** Ends a job that runs here, for good. @returns whether it does */
  cancelJob(id: string, reason?: string): boolean;
  /**
   * Has durable jobs that run here gone on with elsewhere: saves their guests, gives the jobs back to the queue, and takes no
   * job until another worker has begun one, or a few seconds have passed.
   * @param id of one job alone
   * @returns how many were given back
   */
  release(id?: string): Promise<number>;
  /** Takes no more jobs, and waits for those that run; durable ones are given back. */
  close(): Promise<void>;
}

/** A queue of jobs for guests. */
export interface WasmQueue {
  readonly name: string;
  /** @throws UsageError for a job that is none */
  add(name: string, job: WasmJob, options?: WasmJobOptions): Promise<QueuedJob>;
  /** All of them, or none. @throws UsageError */
  addBulk(jobs: readonly WasmJobEntry[]): Promise<QueuedJob[]>;
  /**
   * Begins to take jobs, and runs them.
   * @param processor of {@link wasmProcessor}, of this worker alone
   * @typeParam O with a connection, all options of BullMQ's are taken too
   */
  worker<O extends object>(processor: WasmProcessor, options?: O & WasmWorkerOptions): WasmWorker;
  /** Adds a tree of jobs, each to be begun when those below it are done. @internal */
  addTree<R>(tree: JobTree): Promise<QueuedJob<R>>;
  /** Lets go of all connections, or of all jobs in process. Workers are closed by themselves. */
  close(): Promise<void>;
}

/** @internal */
export interface JobTree {
  readonly id: string;
  readonly name: string;
  readonly data: JobData;
  readonly opts: WasmJobOptions;
  readonly children: readonly JobTree[];
}
