/** What the entries of services give. */

export { type GuestCalls, RequestCalls } from './calls.ts';
export type { ModuleMetrics } from './metrics.ts';
export { type AuditedOptions, type ModuleHealth, ServiceModule, type UseOptions } from './module.ts';
export type {
  Duration,
  LimitOptions,
  ModuleOptions,
  Reload,
  ServiceCacheOptions,
  ServiceGuestOptions,
  ServiceOptions,
  ServicePoolOptions,
  Size,
  WorkerOptions,
} from './options.ts';
export {
  PROBLEMS,
  type Problem,
  type ProblemKind,
  type ProblemName,
  problemResponse,
  RequestError,
  toProblem,
} from './problems.ts';
export { SandboxService, type ServiceHealth, type ServiceMetrics } from './service.ts';
export type { JsonValue } from './values.ts';
