/** Runs the jobs of a queue: BullMQ's, or one in process. */

import { type ErrorData, UsageError } from '../../wasm/errors.ts';
import { quote } from '../../wasm/quote.ts';
import { COMMAND_START } from '../call/command.ts';
import { callback, gas, record } from '../checks/check.ts';
import { checkNamed } from '../checks/named.ts';
import { drive } from '../durable/drive.ts';
import { JobReleased } from '../durable/errors.ts';
import { checkGuests, type GuestFactory } from '../durable/guests.ts';
import {
  type CheckpointInfo,
  type CheckpointOptions,
  DURABILITY_CHECKS,
  type DurabilityOptions,
  every,
} from '../durable/options.ts';
import type { DurableResult } from '../durable/outcome.ts';
import { discardJob, runDurably } from '../durable/run.ts';
import type { WasmSandbox } from '../sandbox.ts';
import { HandedBack, JobFailure } from './failure.ts';
import { type Asked, askedOf, type JobData, type JobResult, readJob, readResult, toResult } from './job.ts';
import { type JobSpan, type JobTracer, traced } from './trace.ts';

/** What is used of a job of BullMQ's. */
export interface QueueJob {
  readonly id?: string | undefined;
  readonly name: string;
  readonly queueName: string;
  /** Of anybody's, who may add jobs. */
  readonly data: unknown;
  /** Milliseconds since 1970 at which it was added. */
  readonly timestamp: number;
  /** Shows it to onlookers. */
  updateProgress(progress: object): Promise<void>;
  /** What the jobs below it came to, by keys that end in a colon and their ids. */
  getChildrenValues(): Promise<Record<string, unknown> | undefined>;
  /** Gives it back to its queue. @param token of the lock */
  moveToWait(token?: string): Promise<unknown>;
}

/** What a job shows while it runs, and of its last failure. */
export interface WasmJobProgress {
  /** Units so far, as text. */
  readonly gasUsed?: string | undefined;
  /** Checkpoints that there have been, of all workers. */
  readonly checkpoints?: number | undefined;
  /** What it failed with: `WasmSandboxError.from(error)` is the error itself. */
  readonly error?: ErrorData | undefined;
}

/** How jobs are run. With `checkpointEvery` and a `store`, guests survive their worker. */
export interface ProcessorOptions extends Partial<DurabilityOptions> {
  /** Units of gas between two reports of progress; at checkpoints alone unless given. */
  readonly progressEvery?: CheckpointOptions | undefined;
  /** Units of gas that a job may use, whatever it asks for itself; no limit unless given. */
  readonly gasLimit?: bigint | number | undefined;
  /** Makes a span of every run: `trace.getTracer('…')` of `@opentelemetry/api`. */
  readonly tracer?: JobTracer | undefined;
}

/** What to give to a worker. */
export interface WasmProcessor {
  (job: QueueJob, token?: string, signal?: AbortSignal): Promise<JobResult | JobResult[]>;
  /** Whether guests survive their worker. */
  readonly isDurable: boolean;
  /**
   * Saves the guests of durable jobs that run here, and gives the jobs back to their queue, where any worker goes on with them.
   * A guest that waits for a host function is waited for. Jobs that are not durable go on here.
   * @param id of one job alone
   * @returns how many jobs were given back
   */
  release(id?: string): Promise<number>;
  /** Removes what is kept of a durable job, once the queue knows how it ended. */
  forget(job: Pick<QueueJob, 'id' | 'queueName' | 'timestamp'>): Promise<void>;
}

/** Units between two looks at a guest. */
const SLICE = 200_000n;
const YIELD_EVERY = 10;

interface Running {
  readonly release: AbortController;
  /** Settles with whether it was given back. */
  readonly ended: Promise<boolean>;
}

/**
 * A processor for `new Worker(name, processor, options)` of BullMQ, and for `wasmQueue()`. A failure that is the guest's own,
 * or the job's, is an `UnrecoverableError`: it is not tried again; so is one that was cancelled. Failures of the host are
 * tried again as the job's `attempts` say.
 * @param guests a `SandboxService`, whose pools run what is not durable, or two functions
 * @throws UsageError
 */
export function wasmProcessor(guests: GuestFactory, options: ProcessorOptions = {}): WasmProcessor {
  const factory = checkGuests(guests);
  const settings = checkOptions(options);
  const running = new Map<string, Running>();

  // BullMQ gives a signal to functions that have three parameters.
  const processor = async (job: QueueJob, token: string | undefined, signal: AbortSignal | undefined) => {
    const release = new AbortController();
    const name = nameOf(job);
    const run = processJob(factory, settings, job, signal, release.signal).catch(async (error) => {
      if (!(error instanceof JobReleased)) throw await failed(job, error, signal?.aborted === true);
      await job.moveToWait(token);
      throw new HandedBack(error.message);
    });
    const ended = run.then(
      () => false,
      (error) => error instanceof HandedBack,
    );
    if (settings.durability !== undefined) running.set(name, { release, ended });
    try {
      return await run;
    } finally {
      running.delete(name);
    }
  };

  return Object.assign(processor as WasmProcessor, {
    isDurable: settings.durability !== undefined,
    async release(id?: string): Promise<number> {
      const asked = [...running].filter(([name]) => id === undefined || name.split(SEPARATOR)[1] === id);
      for (const [, { release }] of asked) release.abort();
      const gone = await Promise.all(asked.map(([, { ended }]) => ended));
      return gone.filter(Boolean).length;
    },
    async forget(job: QueueJob): Promise<void> {
      const { durability } = settings;
      if (durability === undefined) return;
      const { store, key, maxCheckpointBytes } = durability;
      await discardJob(nameOf(job), { store, key, maxCheckpointBytes });
    },
  });
}

const SEPARATOR = '/';

/** Its time too: ids may come again. */
function nameOf({ id, queueName, timestamp }: Pick<QueueJob, 'id' | 'queueName' | 'timestamp'>): string {
  return [encodeURIComponent(queueName), encodeURIComponent(id ?? ''), timestamp].join(SEPARATOR);
}

interface Settings {
  readonly durability: DurabilityOptions | undefined;
  readonly progressEvery: bigint | undefined;
  readonly gasLimit: bigint | undefined;
  readonly yieldEvery: number;
  readonly tracer: JobTracer | undefined;
}

const CHECKS = {
  ...DURABILITY_CHECKS,
  progressEvery: (value: unknown) => every('progressEvery', value),
  gasLimit: (value: unknown) => BigInt(gas('gasLimit', value)),
  tracer: (value: unknown) => {
    callback('tracer.startActiveSpan', record('tracer', value)['startActiveSpan']);
    return value as JobTracer;
  },
} as const;

type Checked = { readonly [K in keyof typeof CHECKS]?: ReturnType<(typeof CHECKS)[K]> };

/** @throws UsageError */
function checkOptions(options: ProcessorOptions): Settings {
  const { store, checkpointEvery, progressEvery, gasLimit, tracer, yieldEvery } = checkNamed<Checked>(
    'a processor',
    options,
    CHECKS,
  );
  if ((store === undefined) !== (checkpointEvery === undefined)) {
    throw new UsageError('durable jobs need both a store and checkpointEvery: { gas }');
  }
  const { progressEvery: _, gasLimit: __, tracer: ___, ...durability } = options;
  return {
    // As it was given: it is checked, and its key imported, for each job.
    durability: store === undefined ? undefined : (durability as DurabilityOptions),
    progressEvery,
    gasLimit,
    yieldEvery: yieldEvery ?? YIELD_EVERY,
    tracer,
  };
}

async function failed(job: QueueJob, error: unknown, wasCancelled: boolean): Promise<JobFailure> {
  const failure = JobFailure.of(error, wasCancelled);
  if (failure.data !== undefined) await report(job, { error: failure.data });
  return failure;
}

/** Progress is for onlookers: where it cannot be told, the job goes on. */
async function report(job: QueueJob, progress: WasmJobProgress): Promise<void> {
  await job.updateProgress(progress).catch(() => undefined);
}

async function processJob(
  guests: GuestFactory,
  settings: Settings,
  job: QueueJob,
  signal: AbortSignal | undefined,
  release: AbortSignal,
): Promise<JobResult | JobResult[]> {
  const data = readJob(job.data);
  const before = await resultsBefore(job, data);
  const { module } = data;
  if (module === undefined) return before;
  const asked = askedOf(data, before);
  const limits = [settings.gasLimit, data.gasLimit && BigInt(data.gasLimit)].filter(
    (limit) => typeof limit === 'bigint',
  );
  const gasLimit = limits.length === 0 ? undefined : limits.reduce((a, b) => (a < b ? a : b));
  const attributes = {
    'messaging.system': 'bullmq',
    'messaging.destination.name': job.queueName,
    'messaging.message.id': job.id ?? '',
    'wasm.module': module,
    'wasm.function': asked.function ?? COMMAND_START,
  };
  return traced(settings.tracer, `wasm ${module}`, attributes, async (span) => {
    const part: Part = { guests, settings, job, module, asked, gasLimit, signal, release, span };
    const result = await (settings.durability === undefined ? runHere(part) : runKept(part, settings.durability));
    span?.setAttributes({ 'wasm.gas_used': String(result.gasUsed) });
    return toResult(result, data.output);
  });
}

/** What the jobs before it came to, in the order in which it names them. */
async function resultsBefore(job: QueueJob, { after = [] }: JobData): Promise<JobResult[]> {
  if (after.length === 0) return [];
  const byId = new Map<string, unknown>();
  for (const [key, value] of Object.entries((await job.getChildrenValues()) ?? {})) {
    byId.set(key.slice(key.lastIndexOf(':') + 1), value);
  }
  return after.map((id) => {
    const value = byId.get(id);
    if (value === undefined) throw new UsageError(`the job ${quote(id)}, whose result this one needs, has none`);
    return readResult(value);
  });
}

interface Part {
  readonly guests: GuestFactory;
  readonly settings: Settings;
  readonly job: QueueJob;
  readonly module: string;
  readonly asked: Asked;
  readonly gasLimit: bigint | undefined;
  readonly signal: AbortSignal | undefined;
  readonly release: AbortSignal;
  readonly span: JobSpan | undefined;
}

async function runKept(part: Part, durability: DurabilityOptions): Promise<DurableResult> {
  const { guests, job, module, asked, gasLimit, signal, release, span } = part;
  let told: Promise<void> | undefined;
  const onCheckpoint = async ({ sequence, gasUsed, recordedCalls, bytes }: CheckpointInfo) => {
    span?.addEvent('checkpoint', {
      'wasm.checkpoint.sequence': sequence,
      'wasm.checkpoint.bytes': bytes,
      'wasm.gas_used': String(gasUsed),
      'wasm.recorded_calls': recordedCalls,
    });
    await told;
    told = report(job, { gasUsed: String(gasUsed), checkpoints: sequence + 1 });
  };
  try {
    const { function: name, args, input } = asked;
    return await runDurably(guests, {
      ...durability,
      job: nameOf(job),
      module,
      function: name,
      args,
      input,
      gasLimit,
      signal,
      release,
      onCheckpoint,
    });
  } finally {
    await told;
  }
}

async function runHere(part: Part): Promise<DurableResult> {
  const { guests, settings, module, asked, signal } = part;
  const { function: name, input } = asked;
  // What is lent is made already: only a run can still give it input, of which it may not have been granted env.
  const canBeLent =
    name === undefined
      ? settings.progressEvery === undefined && input.env === undefined
      : Object.keys(input).length === 0;
  if (guests.use !== undefined && canBeLent) {
    const work = name === undefined ? runProgram : runFunction;
    return guests.use(module, (sandbox) => work(sandbox, part), { signal });
  }
  const sandbox = await guests.build(module, input);
  try {
    return await runFunction(sandbox, part);
  } finally {
    sandbox.dispose();
  }
}

async function runProgram(sandbox: WasmSandbox, part: Part): Promise<DurableResult> {
  const { settings, asked, gasLimit, signal } = part;
  const { engine, gasUsed: before } = sandbox.getResourceStats();
  const yieldEvery = engine === 'native' ? undefined : settings.yieldEvery;
  const { exitCode, ...output } = await sandbox.run({ ...asked.input, signal, gasLimit, yieldEvery });
  return { value: exitCode, gasUsed: sandbox.getResourceStats().gasUsed - before, ...output };
}

async function runFunction(sandbox: WasmSandbox, part: Part): Promise<DurableResult> {
  const { settings, job, asked, gasLimit, signal } = part;
  const { function: name = COMMAND_START, args } = asked;
  const { engine, gasUsed: before } = sandbox.getResourceStats();
  if (engine === 'native') {
    const value = await sandbox.call(name, args, { signal, gasLimit });
    return { value, gasUsed: sandbox.getResourceStats().gasUsed - before, ...sandbox.output() };
  }
  const execution = sandbox.start(name, args, { gasLimit });
  let reported = 0n;
  await drive(execution, { slice: SLICE, yieldEvery: settings.yieldEvery, signal }, async () => {
    const { gasUsed } = execution;
    if (settings.progressEvery === undefined || gasUsed - reported < settings.progressEvery) return;
    reported = gasUsed;
    await report(job, { gasUsed: String(gasUsed) });
  });
  return { value: execution.result, gasUsed: execution.gasUsed, ...sandbox.output() };
}
