/** The policy layer: what a guest may reach, decided before it runs and recorded while it does. */

export type { HostCall, HostFunction, HostGas, WasmValue } from '../wasm/host.ts';
export { type AuditEvent, AuditLog, type AuditLogOptions, type AuditSink, auditLine, jsonLines } from './audit.ts';
export type { Caller, CallingExecution, CallingSandbox, CallSurroundings } from './caller.ts';
export { Capability } from './capabilities.ts';
export type {
  ClockCapability,
  CustomCapability,
  EnvironmentCapability,
  FilesystemAccessOptions,
  FilesystemCapability,
  GuestFunction,
  GuestFunctionDeclaration,
  HostFunctionPrice,
  HostFunctionsCapability,
  MemoryFiles,
  MemoryMount,
  Mount,
  NetworkAccessOptions,
  NetworkCapability,
  OwnCall,
  PlainFunction,
  RandomCapability,
  StdioCapability,
  StdioOptions,
  VirtualClockOptions,
} from './capability.ts';
export type { TimeSources } from './clock.ts';
export type { AuditOptions, OnViolation, PolicyLimits } from './data.ts';
export { type Decision, decide, type Grants, type NetworkRequest, type PolicyRequest } from './decide.ts';
export type { OpenFolder } from './fs/mounts.ts';
export { createHost, type Host } from './host.ts';
export type { HostOptions, ProgramInput } from './host-options.ts';
export type { Json } from './json.ts';
export { isCapability } from './made.ts';
export type { HttpClient, HttpFailure, HttpRequest, HttpResponse } from './net/client.ts';
export type { Header } from './net/headers.ts';
export { SecurityPolicy, SecurityPolicyBuilder } from './policy.ts';
export type { RandomFill } from './random.ts';
export {
  type ByteSink,
  type ByteSource,
  type KeptSource,
  type ReadableBytes,
  type StreamName,
  toInput,
  toOutput,
  type WritableBytes,
} from './stdio.ts';
