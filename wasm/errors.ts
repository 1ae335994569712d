/**
 * Every failure the project can report, in one file: what each means, and the stable `code` programs match on.
 * Nothing else in the project throws anything but these, except a `WebAssembly`-shaped namespace, which must
 * throw `TypeError` and `RangeError` where the JavaScript API says so.
 */

import { MAX_NESTED_CALLS, MAX_NESTED_VALUES } from './limits.ts';
import { quote } from './quote.ts';

/** Where in the guest a failure happened. Offsets count bytes from the start of the module. */
export interface Location {
  /** Imported functions count first. */
  readonly functionIndex?: number | undefined;
  /** From the module's `name` section or an export; absent when the module names nothing. */
  readonly functionName?: string | undefined;
  /** Bytes from the start of the module to the instruction. */
  readonly offset?: number | undefined;
}

/** A call of the guest's that had not returned when it ended. */
export interface StackFrame {
  /** Imported functions count first. */
  readonly functionIndex: number;
  /** From the module's `name` section or an export; undefined where the module names nothing. */
  readonly functionName: string | undefined;
  /** Bytes from the start of the module to the instruction: what ended the guest, or the call it was in. */
  readonly offset: number;
  /**
   * Bytes from the start of the code section's contents, which is how debug information counts: what `llvm-symbolizer` and
   * `addr2line` take.
   */
  readonly codeOffset: number;
}

/** Resource figures at the moment of a failure: exact for gas and memory, absent where nothing ran. */
export interface ResourceFigures {
  /** Units of the gas schedule. */
  readonly gasUsed: bigint;
  /** Undefined is without limit. */
  readonly gasLimit: bigint | undefined;
  /** Bytes in all memories and tables of the instance. */
  readonly memoryBytes: number;
  /** The most that they have had since the instance was made or reset. */
  readonly peakMemoryBytes: number;
  /** Bytes that they may have. */
  readonly memoryLimit: number;
  /** Bytes of stack weight, as docs/gas.md counts them. */
  readonly stackLimit: number;
  /** Whether a growth of a memory or table was refused since it would have passed the limit; guests may take that as they like. */
  readonly growthRefused: boolean;
}

/** The stable codes, with the class that carries each. */
export type ErrorCode =
  | 'COMPILE'
  | 'LINK'
  | 'TRAP'
  | 'EXCEPTION'
  | 'GAS_EXHAUSTED'
  | 'MEMORY_LIMIT'
  | 'STACK_LIMIT'
  | 'CPU_TIMEOUT'
  | 'ABORTED'
  | 'SECURITY'
  | 'HOST'
  | 'DISPOSED'
  | 'SNAPSHOT'
  | 'POOL'
  | 'USAGE';

/** What an error may carry beside its message. */
export interface ErrorDetails extends Location {
  /** What led to it, such as what a host function threw. */
  readonly cause?: unknown;
  /** What had been used until then. */
  readonly resources?: ResourceFigures | undefined;
  /** What to do about it, or what it may mean: behind the message. */
  readonly hint?: string | undefined;
  /** Gives the guest's call stack, when somebody asks for it. */
  readonly frames?: (() => readonly StackFrame[]) | undefined;
}

function describe(location: Location): string {
  const parts: string[] = [];
  if (location.functionIndex !== undefined) {
    const name = location.functionName === undefined ? '' : ` <${quote(location.functionName).slice(1, -1)}>`;
    parts.push(`function ${location.functionIndex}${name}`);
  }
  if (location.offset !== undefined) parts.push(`offset 0x${location.offset.toString(16)}`);
  return parts.length === 0 ? '' : ` (${parts.join(', ')})`;
}

/** The family. `message` already contains the location. */
export abstract class WasmSandboxError extends Error implements Location {
  /** Stable: what programs tell errors by. */
  abstract readonly code: ErrorCode;
  readonly functionIndex: number | undefined;
  readonly functionName: string | undefined;
  readonly offset: number | undefined;
  /** Filled in by whoever runs the guest, so that a failed call still reports what it cost. */
  resources: ResourceFigures | undefined;
  #frames: readonly StackFrame[] | (() => readonly StackFrame[]);

  constructor(message: string, details: ErrorDetails = {}) {
    super(
      `${message}${describe(details)}${details.hint === undefined ? '' : `: ${details.hint}`}`,
      'cause' in details ? { cause: details.cause } : undefined,
    );
    this.functionIndex = details.functionIndex;
    this.functionName = details.functionName;
    this.offset = details.offset;
    this.resources = details.resources;
    this.#frames = details.frames ?? [];
  }

  /**
   * The guest's calls that had not returned, the innermost first, 100 at most: of the call from outside that ended, up to
   * the host function that made it if one did. Empty on the native engine, and where no guest had run.
   */
  get frames(): readonly StackFrame[] {
    if (typeof this.#frames === 'function') this.#frames = this.#frames();
    return this.#frames;
  }

  /** That of its class. */
  override get name(): string {
    return this.constructor.name;
  }
}

/** The bytes are not a valid module, or exceed a limit on modules. */
export class CompileError extends WasmSandboxError {
  readonly code = 'COMPILE';
}

/** An import is missing, or is not what the module asks for. */
export class LinkError extends WasmSandboxError {
  readonly code = 'LINK';
}

/** Whatever ends a running guest. The guest cannot catch any of them. */
export abstract class RuntimeError extends WasmSandboxError {}

/** The traps of the specification (section 4.4). */
export type TrapKind =
  | 'unreachable'
  | 'divide-by-zero'
  | 'integer-overflow'
  | 'invalid-conversion'
  | 'memory-out-of-bounds'
  | 'table-out-of-bounds'
  | 'undefined-element'
  | 'uninitialized-element'
  | 'indirect-call-type-mismatch'
  | 'null-reference'
  | 'cast-failure'
  | 'array-out-of-bounds';

/** With the wording of the specification's reference interpreter. */
export const TRAPS: Readonly<Record<TrapKind, string>> = {
  unreachable: 'unreachable executed',
  'divide-by-zero': 'integer divide by zero',
  'integer-overflow': 'integer overflow',
  'invalid-conversion': 'invalid conversion to integer',
  'memory-out-of-bounds': 'out of bounds memory access',
  'table-out-of-bounds': 'out of bounds table access',
  'undefined-element': 'undefined element',
  'uninitialized-element': 'uninitialized element',
  'indirect-call-type-mismatch': 'indirect call type mismatch',
  'null-reference': 'null reference',
  'cast-failure': 'cast failure',
  'array-out-of-bounds': 'out of bounds array access',
};

/** The guest did something the specification makes a trap. */
export class Trap extends RuntimeError {
  readonly code = 'TRAP';
  readonly kind: TrapKind;

  constructor(kind: TrapKind, details: ErrorDetails = {}) {
    super(TRAPS[kind], details);
    this.kind = kind;
  }
}

/** The guest threw an exception that nothing caught. */
export class UncaughtException extends RuntimeError {
  readonly code = 'EXCEPTION';
  /** For the engine it came from. */
  readonly exception: unknown;

  constructor(exception: unknown, details: ErrorDetails = {}) {
    super('uncaught exception', details);
    this.exception = exception;
  }
}

/**
 * Whose gas was used up. `sandbox`: the limit on the instance, which cannot be entered again before a reset. `call`: the
 * limit of one call; others may be made. `budget`: a `GasBudget`; calls may be made once more has been granted to it.
 */
export type GasScope = 'sandbox' | 'call' | 'budget';

/** A limit on gas was reached, or a budget used up; `scope` says which. */
export class GasExhausted extends RuntimeError {
  readonly code = 'GAS_EXHAUSTED';
  readonly scope: GasScope;
  /** The instance's count at which a call's limit, or a budget, ended. @internal */
  endedAt: bigint | undefined;

  constructor(message: string, { scope = 'sandbox', ...details }: ErrorDetails & { readonly scope?: GasScope } = {}) {
    super(message, details);
    this.scope = scope;
  }
}

/** The memory budget was asked for more than it holds: at instantiation, or by a growth whose refusal led to a trap. */
export class MemoryLimitExceeded extends RuntimeError {
  readonly code = 'MEMORY_LIMIT';
}

/** The stack weight limit was reached. */
export class StackLimitExceeded extends RuntimeError {
  readonly code = 'STACK_LIMIT';
}

/** For a host function that calls the guest inside a call that a host function made, and so on. */
export function tooNested(resources: ResourceFigures): StackLimitExceeded {
  return new StackLimitExceeded(
    `Stack limit exceeded: more than ${MAX_NESTED_CALLS} calls inside one another, with host functions between them, or more than ${MAX_NESTED_VALUES} parameters and results of all these`,
    { resources },
  );
}

/** The wall-clock limit was reached. Never thrown where no clock was granted. */
export class CpuTimeoutExceeded extends RuntimeError {
  readonly code = 'CPU_TIMEOUT';
}

/** The caller's signal ended the call, or its sandbox was reset meanwhile. `cause` is the signal's reason. */
export class CallAborted extends RuntimeError {
  readonly code = 'ABORTED';
}

/** The guest asked for what the policy does not grant, and the policy says that this ends the call. */
export class SecurityViolation extends RuntimeError {
  readonly code = 'SECURITY';
}

/** A host function failed; `cause` is what it threw. */
export class HostError extends RuntimeError {
  readonly code = 'HOST';
}

/** A snapshot cannot be made of the guest as it stands, or is damaged, foreign, or does not fit. Nothing was changed. */
export class SnapshotError extends WasmSandboxError {
  readonly code = 'SNAPSHOT';
}

/** The sandbox was used after `dispose()`, or disposed of while the call was under way. */
export class SandboxDisposed extends WasmSandboxError {
  readonly code = 'DISPOSED';
}

/** `full`: too many wait already. `timeout`: none came free in time. `draining`: the pool takes no more work. */
export type PoolRefusal = 'full' | 'timeout' | 'draining';

/** A pool is used up or closed: the caller may try again later, or elsewhere. */
export class PoolUnavailable extends WasmSandboxError {
  readonly code = 'POOL';
  readonly reason: PoolRefusal;

  constructor(reason: PoolRefusal, message: string) {
    super(message);
    this.reason = reason;
  }
}

/** The embedder called the library wrongly: wrong argument, unknown export, conflicting options. */
export class UsageError extends WasmSandboxError {
  readonly code = 'USAGE';
}
