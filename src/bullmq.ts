/**
 * Jobs for guests, on BullMQ, by the package `bullmq`, to be installed beside this one; or in process, without a server. Guests
 * may survive their worker: docs/jobs.md.
 * @module wasm-sandbox/bullmq
 */

export { HandedBack, JobFailure } from './bullmq/failure.ts';
export { type WasmGroup, wasmGroup } from './bullmq/group.ts';
export type { JobInput, JobOutput, JobResult, WasmJob } from './bullmq/job.ts';
export type { JsonValue } from './bullmq/json.ts';
export {
  type ProcessorOptions,
  type QueueJob,
  type WasmJobProgress,
  type WasmProcessor,
  wasmProcessor,
} from './bullmq/processor.ts';
export type {
  Backoff,
  QueuedJob,
  WasmJobEntry,
  WasmJobOptions,
  WasmQueue,
  WasmWorker,
  WasmWorkerOptions,
  WorkerEvents,
  WorkerJob,
} from './bullmq/queue.ts';
export type { JobSpan, JobTracer, SpanAttributes } from './bullmq/trace.ts';
export { type WasmQueueOptions, wasmQueue } from './bullmq/wasm-queue.ts';
