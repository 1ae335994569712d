/** Which queue it is. */

import { record, text } from '../checks/check.ts';
import { type Checks, checkNamed } from '../checks/named.ts';
import { LocalQueue } from './in-process.ts';
import { type Common, loadBullMQ, ServerBackedQueue } from './on-redis.ts';
import type { WasmJobOptions, WasmQueue } from './queue.ts';

/** Where a queue is. */
export interface WasmQueueOptions {
  /** As BullMQ takes it: a client of Redis, or its options. Without one, the queue is in this process, and ends with it. */
  readonly connection?: object | undefined;
  /** In front of all keys in Redis; BullMQ's own unless given. */
  readonly prefix?: string | undefined;
  /** Of BullMQ's, such as `new BullMQOtel('…')` of the package `bullmq-otel`; none unless given. */
  readonly telemetry?: object | undefined;
  /** What holds of jobs that say nothing else. */
  readonly jobOptions?: WasmJobOptions | undefined;
}

const CHECKS: Checks<WasmQueueOptions> = {
  connection: (value) => record('connection', value),
  prefix: (value) => text('prefix', value),
  telemetry: (value) => record('telemetry', value),
  jobOptions: (value) => record('jobOptions', value) as WasmJobOptions,
};

/**
 * A queue of jobs for guests: BullMQ's with a connection, and one in this process without.
 * @throws UsageError; where bullmq is not installed, too
 */
export async function wasmQueue(name: string, options: WasmQueueOptions = {}): Promise<WasmQueue> {
  const { connection, jobOptions = {}, ...rest } = checkNamed<WasmQueueOptions>('a queue', options, CHECKS);
  const checked = text('the name of a queue', name);
  if (connection === undefined) return new LocalQueue(checked, jobOptions);
  return new ServerBackedQueue(await loadBullMQ(), checked, { connection, ...rest } as Common, jobOptions);
}
