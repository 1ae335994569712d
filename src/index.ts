/**
 * Sandboxes, policies, pools, caches, schedulers and recordings.
 * @module wasm-sandbox
 */

export {
  type AuditEvent,
  type AuditLog,
  type AuditOptions,
  type AuditSink,
  auditLine,
  type ByteSink,
  type ByteSource,
  Capability,
  type FilesystemAccessOptions,
  jsonLines,
  type MemoryFiles,
  type NetworkAccessOptions,
  type OnViolation,
  SecurityPolicy,
  SecurityPolicyBuilder,
} from '../policy/index.ts';
export type { Bytes } from '../wasm/bytes.ts';
export type { EngineName } from '../wasm/engine.ts';
export {
  CallAborted,
  CompileError,
  CpuTimeoutExceeded,
  type ErrorCode,
  type ErrorDetails,
  GasExhausted,
  HostError,
  LinkError,
  type Location,
  MemoryLimitExceeded,
  type PoolRefusal,
  PoolUnavailable,
  type ResourceFigures,
  RuntimeError,
  SandboxDisposed,
  SecurityViolation,
  SnapshotError,
  StackLimitExceeded,
  Trap,
  type TrapKind,
  UncaughtException,
  UsageError,
  WasmSandboxError,
} from '../wasm/errors.ts';
export { type Caller, GuestExit, type GuestMemory } from '../wasm/host.ts';
export type { ExternKind } from '../wasm/types.ts';
export { type AuditedCall, auditOf, type CallAudit } from './audited.ts';
export type { BatchCall, BatchFailure, BatchOptions, BatchResult, BatchSuccess } from './batch.ts';
export { SandboxBuilder } from './builder.ts';
export { type CacheStats, SandboxCache } from './cache/cache.ts';
export type { CacheOptions, DiskCacheOptions } from './cache/options.ts';
export type { StoreStats } from './cache/store.ts';
export type { EngineChoice } from './engines.ts';
export type { Execution, ExecutionState } from './execution/execution.ts';
export type { CallOptions } from './execution/options.ts';
export type { ExportDescription } from './exported.ts';
export type { Authenticated, Key } from './key.ts';
export type { SandboxOptions } from './options.ts';
export type { Output, RunResult } from './output.ts';
export { Lease } from './pool/lease.ts';
export type {
  AcquireOptions,
  DrainOptions,
  Leak,
  PoolFailure,
  PoolOptions,
  SandboxFactory,
} from './pool/options.ts';
export { SandboxPool } from './pool/pool.ts';
export type { PoolStats, PoolTotals } from './pool/stats.ts';
export { type ReplayOptions, type ReplayReport, replay } from './replay/replay.ts';
export { type RestoreOptions, type SourcelessOptions, WasmSandbox } from './sandbox.ts';
export {
  Scheduler,
  type SchedulerOptions,
  type Task,
  type TaskOptions,
  type TaskState,
  type TenantFigures,
} from './scheduler/scheduler.ts';
export { GiB, KiB, MiB } from './sizes.ts';
export type { SnapshotOptions } from './snapshot/snapshot.ts';
export type { ModuleSource, ReadySource } from './source.ts';
export type { MemoryUsage, ResourceStats } from './stats.ts';
