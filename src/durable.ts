/**
 * Guests that survive their worker: checkpoints of a running guest in a store, from which another worker goes on. docs/durable.md
 * says what is guaranteed.
 * @module wasm-sandbox/durable
 */

export { JobReleased, JobTakenOver } from './durable/errors.ts';
export { type Fault, faultOf } from './durable/faults.ts';
export type { GuestFactory } from './durable/guests.ts';
export type {
  CheckpointInfo,
  CheckpointOptions,
  DiscardOptions,
  DurabilityOptions,
  DurableOptions,
} from './durable/options.ts';
export type { DurableResult } from './durable/outcome.ts';
export { type RecordedCaller, type RecordedFunction, recorded } from './durable/recorded.ts';
export { discardJob, runDurably } from './durable/run.ts';
export type { CheckpointStore } from './durable/store.ts';
