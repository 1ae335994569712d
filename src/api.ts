/** Sandboxes, policies, pools, caches, schedulers and recordings: what the entries have in common. */

export {
  type AuditEvent,
  type AuditLog,
  type AuditOptions,
  type AuditSink,
  auditLine,
  type ByteSink,
  type ByteSource,
  type Caller,
  type CallingExecution,
  type CallingSandbox,
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
  type CauseData,
  CompileError,
  type CompileErrorDetails,
  CpuTimeoutExceeded,
  type ErrorCode,
  type ErrorData,
  type ErrorDetails,
  GasExhausted,
  type GasScope,
  HostError,
  LinkError,
  type Location,
  MemoryLimitExceeded,
  type PoolRefusal,
  PoolUnavailable,
  type ResourceData,
  type ResourceFigures,
  RuntimeError,
  SandboxDisposed,
  SecurityViolation,
  SnapshotError,
  type StackFrame,
  StackLimitExceeded,
  TextError,
  Trap,
  type TrapKind,
  UncaughtException,
  UsageError,
  WasmSandboxError,
} from '../wasm/errors.ts';
export { GasBudget, type GasBudgetState } from '../wasm/gas-budget.ts';
export { type CallingGuest, GuestExit, type GuestMemory } from '../wasm/host.ts';
export type { Pointer } from '../wasm/memory-access.ts';
export type { ExternKind } from '../wasm/types.ts';
export { type CacheStats, SandboxCache } from './cache/cache.ts';
export type { StoreStats } from './cache/entry-store.ts';
export type { CacheOptions, DiskCacheOptions } from './cache/options.ts';
export type { BatchCall, BatchFailure, BatchOptions, BatchResult, BatchSuccess } from './call/batch.ts';
export type { Execution, ExecutionState } from './call/execution.ts';
export type { AsyncFunctions, Functions } from './call/functions.ts';
export type { CallOptions } from './call/options.ts';
export type { Output, RunResult } from './call/output.ts';
export { GiB, KiB, MiB } from './checks/sizes.ts';
export type { Authenticated, Key } from './crypto/key.ts';
export type { EngineChoice } from './engines/choose.ts';
export type { ExportDescription } from './module/exported.ts';
export type { LinkedModules, ModuleResolver } from './module/modules.ts';
export type { ModuleSource, ReadySource } from './module/source.ts';
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
export { type AuditedCall, auditOf, type CallAudit } from './sandbox/audited.ts';
export { SandboxBuilder } from './sandbox/builder.ts';
export type { SandboxMemory } from './sandbox/memory.ts';
export type { SandboxOptions, SourcelessOptions } from './sandbox/options.ts';
export type { ProgramOptions, RunOptions } from './sandbox/program.ts';
export type { MemoryUsage, ResourceStats } from './sandbox/stats.ts';
export { type ForkOptions, type RestoreOptions, WasmSandbox } from './sandbox.ts';
export type {
  OnExhausted,
  SchedulerOptions,
  SchedulerRunOptions,
  TaskOptions,
  TickOptions,
} from './scheduler/options.ts';
export { Scheduler, type TenantFigures } from './scheduler/scheduler.ts';
export type { RestoreSchedulerOptions, SchedulerState, TaskSaved, TenantSaved } from './scheduler/state.ts';
export type { Task, TaskState } from './scheduler/task.ts';
export type { SnapshotOptions } from './snapshot/take.ts';
