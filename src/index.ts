/** The public API of `wasm-sandbox`. */

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
export type { EngineName } from '../wasm/engine.ts';
export {
  CompileError,
  CpuTimeoutExceeded,
  type ErrorCode,
  type ErrorDetails,
  GasExhausted,
  HostError,
  LinkError,
  type Location,
  MemoryLimitExceeded,
  type ResourceFigures,
  RuntimeError,
  SandboxDisposed,
  SecurityViolation,
  StackLimitExceeded,
  Trap,
  type TrapKind,
  UsageError,
  WasmSandboxError,
} from '../wasm/errors.ts';
export { type Caller, GuestExit, type GuestMemory } from '../wasm/host.ts';
export { type AuditedCall, auditOf, type CallAudit } from './audited.ts';
export { SandboxBuilder } from './builder.ts';
export type { EngineChoice } from './engines.ts';
export type { SandboxOptions } from './options.ts';
export { type ExportDescription, type Output, type RunResult, type SourcelessOptions, WasmSandbox } from './sandbox.ts';
export { GiB, KiB, MiB } from './sizes.ts';
export type { ModuleSource } from './source.ts';
export type { MemoryUsage, ResourceStats } from './stats.ts';
