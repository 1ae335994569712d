/** Worker threads for a module's calls, for the entry of a runtime that has them: what goes there, and what comes back. */

import { type ErrorData, type HostError, UsageError, WasmSandboxError } from '../../wasm/errors.ts';
import { GuestExit } from '../../wasm/host.ts';
import { reported } from '../../wasm/reported.ts';
import { exitStatusBehind } from '../call/failures.ts';
import type { DrainOptions, PoolFailure } from '../pool/options.ts';
import type { PoolStats } from '../pool/stats.ts';
import type { CallAudit } from '../sandbox/audited.ts';
import type { SourcelessOptions } from '../sandbox/options.ts';
import type { ModuleSettings } from './options.ts';
import { RequestError } from './problems.ts';

/** What each thread of a module is given once. */
export interface ThreadData {
  readonly name: string;
  /** Shared: every thread makes its own module of it. */
  readonly bytes: SharedArrayBuffer;
  /** JSON of a SecurityPolicy. */
  readonly policy: unknown;
  readonly sandbox: Omit<SourcelessOptions, 'securityPolicy' | 'capabilities' | 'signal'>;
  readonly plugin: ModuleSettings['plugin'];
  /** Whether a sandbox is kept. */
  readonly isWarm: boolean;
}

/** A call of a module's, by the name of the method. */
export interface Task {
  readonly method: 'warm' | 'call' | 'callJson' | 'run' | 'plugin';
  readonly args: readonly unknown[];
  /** Whether the answer is to have the record of what the guest asks for. */
  readonly isAudited: boolean;
}

/** A failure as it crosses threads. */
export interface Failure {
  readonly data: ErrorData;
  /** Of a RequestError. */
  readonly problem?: 'unknown-module' | 'unknown-function' | 'invalid-arguments';
  /** Of a guest that has ended its program. */
  readonly exitStatus?: number;
}

/** A sandbox of a thread's that could not be made or used again; without `failure`, for no error of this library. */
export interface Lost {
  readonly during: PoolFailure['during'];
  readonly failure: Failure | undefined;
}

/** What a thread says of a task. */
export type Answer = {
  readonly gasUsed: bigint;
  readonly lost: readonly Lost[];
  readonly audit?: CallAudit | undefined;
} & ({ readonly value: unknown } | { readonly failure: Failure });

/** The threads of one module, each with a sandbox of its own. */
export interface Threads {
  /**
   * @param begun is called when there is a thread for it
   * @throws PoolUnavailable, CallAborted, SandboxDisposed; whatever ends a thread
   */
  run(task: Task, signal: AbortSignal | undefined, begun: () => void): Promise<Answer>;
  getStats(): PoolStats;
  /** As of a SandboxPool; ends the threads. */
  drain(options?: DrainOptions): Promise<void>;
}

/** How many threads a module has, and how long callers wait for one. */
export type ThreadsOptions = ModuleSettings['pool'] & { readonly threads: number | undefined };

/** @throws UsageError where the package that it needs is not installed */
type OpenThreads = (data: ThreadData, options: ThreadsOptions) => Promise<Threads>;

let provided: (() => Promise<OpenThreads>) | undefined;

/** For the entry of a runtime that has threads. */
export function provideThreads(load: () => Promise<OpenThreads>): void {
  provided = load;
}

/** @throws UsageError where there are none, or the package that they need is not installed */
export async function openThreads(data: ThreadData, options: ThreadsOptions): Promise<Threads> {
  const open = await provided?.();
  if (open === undefined) throw new UsageError('workers: this runtime has no worker threads');
  return open(data, options);
}

/** A failure, for another thread; undefined where it is no error of this library. */
export function toFailure(error: unknown): Failure | undefined {
  if (!(error instanceof WasmSandboxError)) return undefined;
  const exitStatus = exitStatusBehind(error);
  return {
    data: error.toJSON(),
    ...(error instanceof RequestError && { problem: error.problem as NonNullable<Failure['problem']> }),
    ...(exitStatus !== undefined && { exitStatus }),
  };
}

/** A record that has crossed: what has to do with JSON stays behind. */
export function auditFrom({ events, violations, stats, ...rest }: CallAudit): CallAudit {
  const all = (list: CallAudit['events']) => list.map(reported);
  return reported({ ...rest, events: all(events), violations: all(violations), stats: reported(stats) });
}

/** The failure that {@link toFailure} was given. */
export function fromFailure({ data, problem, exitStatus }: Failure): WasmSandboxError {
  const error = WasmSandboxError.from(data);
  if (problem !== undefined) return new RequestError(problem, error.message, error.cause);
  if (exitStatus !== undefined) (error as HostError).cause = new GuestExit(exitStatus);
  return error;
}
