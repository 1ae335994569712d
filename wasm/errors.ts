/**
 * Every failure the project can report, in one file: what each means, and the stable `code` programs match on.
 * Nothing else in the project throws anything but these, except a `WebAssembly`-shaped namespace, which must
 * throw `TypeError` and `RangeError` where the JavaScript API says so.
 */

import {
  type CauseData,
  countIn,
  type ErrorCode,
  type ErrorData,
  framesIn,
  type GasScope,
  isRecord,
  MAX_CAUSES,
  plainCause,
  plainPayload,
  type ResourceFigures,
  resourcesIn,
  type StackFrame,
  textIn,
} from './error-data.ts';
import { MAX_NESTED_CALLS, MAX_NESTED_VALUES } from './limits.ts';
import { quote } from './quote.ts';

export type {
  CauseData,
  ErrorCode,
  ErrorData,
  GasScope,
  ResourceData,
  ResourceFigures,
  StackFrame,
} from './error-data.ts';

/** Where in the guest a failure happened. Offsets count bytes from the start of the module. */
export interface Location {
  /** Imported functions count first. */
  readonly functionIndex?: number | undefined;
  /** From the module's `name` section or an export; absent when the module names nothing. */
  readonly functionName?: string | undefined;
  /** Bytes from the start of the module to the instruction. */
  readonly offset?: number | undefined;
}

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
    const hint = details.hint === undefined ? '' : `: ${details.hint}`;
    super(`${message}${describe(details)}${hint}`, 'cause' in details ? { cause: details.cause } : undefined);
    this.functionIndex = details.functionIndex;
    this.functionName = details.functionName;
    this.offset = details.offset;
    this.resources = details.resources;
    this.#frames = details.frames ?? [];
  }

  /** A namespace's error for a full stack is a `RangeError`, and this as well. */
  static override [Symbol.hasInstance](value: unknown): boolean {
    // biome-ignore lint/complexity/noThisInStatic: all classes of the family inherit it.
    if (Function.prototype[Symbol.hasInstance].call(this, value)) return true;
    const isBeside = typeof value === 'object' && value !== null && #frames in value && value instanceof RangeError;
    // biome-ignore lint/complexity/noThisInStatic: as above.
    return isBeside && ([WasmSandboxError, RuntimeError, StackLimitExceeded] as unknown[]).includes(this);
  }

  /**
   * The guest's calls that had not returned, the innermost first, 100 at most: of the call from outside that ended, up to
   * the host function that made it if one did. Empty on the native engine, and where no guest had run.
   */
  get frames(): readonly StackFrame[] {
    if (typeof this.#frames === 'function') this.#frames = this.#frames();
    return this.#frames;
  }

  /** That of its class, whatever a minifier calls it. */
  override get name(): string {
    return NAMES[this.code];
  }

  /**
   * What `JSON.stringify` writes, and what to send to a worker: the error itself, cloned, would lose its class.
   * {@link WasmSandboxError.from} makes the error of it again.
   */
  toJSON(): ErrorData {
    return dataOf(this, MAX_CAUSES);
  }

  /**
   * The error that {@link WasmSandboxError.toJSON} has made data of, with the class that its code says: as it was, but
   * for its stack, what a guest threw, and causes that were no errors.
   * @param data of anybody's
   * @throws UsageError where it is none
   */
  static from(data: unknown): WasmSandboxError {
    return restored(data, MAX_CAUSES);
  }
}

/** The bytes are not a valid module, or exceed a limit on modules. */
export class CompileError extends WasmSandboxError {
  readonly code = 'COMPILE';
  /**
   * What the module needs and the engine has not, where that is all: proposals by name, such as `stack switching`. Undefined where
   * the bytes are wrong.
   */
  readonly feature: string | undefined;

  constructor(message: string, { feature, ...details }: CompileErrorDetails = {}) {
    super(message, details);
    this.feature = feature;
  }
}

/** Of a {@link CompileError}. */
export interface CompileErrorDetails extends ErrorDetails {
  readonly feature?: string | undefined;
}

/**
 * A text is not a module of the text format, or the module is not valid. The message ends with the line, and with marks
 * under the place.
 */
export class TextError extends CompileError {
  /** From 1. */
  readonly line: number;
  /** From 1, in UTF-16 code units. */
  readonly column: number;

  constructor(message: string, line: number, column: number, details: CompileErrorDetails = {}) {
    super(message, details);
    this.line = line;
    this.column = column;
  }

  override get name(): string {
    return 'TextError';
  }
}

/** What an error says, without where. */
export function messageAlone(error: WasmSandboxError): string {
  return error.message.slice(0, error.message.length - describe(error).length);
}

/** An import is missing, or is not what the module asks for. */
export class LinkError extends WasmSandboxError {
  readonly code = 'LINK';
}

/** Whatever ends a running guest. The guest cannot catch any of them. */
export abstract class RuntimeError extends WasmSandboxError {}

/** The traps of the specification (section 4.4), and those of the JavaScript API's builtins for strings. */
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
  | 'array-out-of-bounds'
  | 'string-out-of-bounds'
  | 'invalid-code-point'
  | 'unaligned-atomic'
  | 'expected-shared-memory'
  | 'deadlock';

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
  'string-out-of-bounds': 'string offset out of bounds',
  'invalid-code-point': 'invalid code point',
  'unaligned-atomic': 'unaligned atomic',
  'expected-shared-memory': 'expected shared memory',
  /** Every thread of the guest waits without end: none could ever be notified. */
  deadlock: 'deadlock: all threads wait for notifications',
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

/** A plug-in's function has failed as it says itself, or has given what is not what was asked for. It can be called again. */
export class PluginError extends WasmSandboxError {
  readonly code = 'PLUGIN';
  /** The exported function. */
  readonly function: string;
  /** What it returned, or exited with; 0 where it only set an error, or gave the wrong output. */
  readonly status: number;
  /** What the plug-in says, in full; undefined where it says nothing. */
  readonly reason: string | undefined;

  constructor(
    message: string,
    {
      function: name,
      status,
      reason,
      ...details
    }: ErrorDetails & { readonly function: string; readonly status: number; readonly reason?: string | undefined },
  ) {
    super(message, details);
    this.function = name;
    this.status = status;
    this.reason = reason;
  }
}

/** A function of a component has returned the error of its `result`. It can be called again. */
export class ComponentError extends WasmSandboxError {
  readonly code = 'COMPONENT';
  /** The exported function, behind its interface where it is in one. */
  readonly function: string;
  /** The error, as WIT's types come to JavaScript; undefined where the type has none. From data, what JSON has of it. */
  readonly payload: unknown;

  constructor(
    message: string,
    { function: name, payload, ...details }: ErrorDetails & { readonly function: string; readonly payload: unknown },
  ) {
    super(message, details);
    this.function = name;
    this.payload = payload;
  }
}

/** The embedder called the library wrongly: wrong argument, unknown export, conflicting options. */
export class UsageError extends WasmSandboxError {
  readonly code = 'USAGE';
}

type Made = new (message: string, details?: ErrorDetails) => WasmSandboxError;

/** The class of each code. */
const CLASSES: Readonly<
  Record<Exclude<ErrorCode, 'COMPILE' | 'TRAP' | 'EXCEPTION' | 'GAS_EXHAUSTED' | 'POOL' | 'PLUGIN' | 'COMPONENT'>, Made>
> = {
  LINK: LinkError,
  MEMORY_LIMIT: MemoryLimitExceeded,
  STACK_LIMIT: StackLimitExceeded,
  CPU_TIMEOUT: CpuTimeoutExceeded,
  ABORTED: CallAborted,
  SECURITY: SecurityViolation,
  HOST: HostError,
  DISPOSED: SandboxDisposed,
  SNAPSHOT: SnapshotError,
  USAGE: UsageError,
};

const NAMES: Readonly<Record<ErrorCode, string>> = {
  COMPILE: 'CompileError',
  LINK: 'LinkError',
  TRAP: 'Trap',
  EXCEPTION: 'UncaughtException',
  GAS_EXHAUSTED: 'GasExhausted',
  MEMORY_LIMIT: 'MemoryLimitExceeded',
  STACK_LIMIT: 'StackLimitExceeded',
  CPU_TIMEOUT: 'CpuTimeoutExceeded',
  ABORTED: 'CallAborted',
  SECURITY: 'SecurityViolation',
  HOST: 'HostError',
  DISPOSED: 'SandboxDisposed',
  SNAPSHOT: 'SnapshotError',
  POOL: 'PoolUnavailable',
  PLUGIN: 'PluginError',
  COMPONENT: 'ComponentError',
  USAGE: 'UsageError',
};

const GAS_SCOPES: readonly unknown[] = ['sandbox', 'call', 'budget'] satisfies GasScope[];
const POOL_REFUSALS: readonly unknown[] = ['full', 'timeout', 'draining'] satisfies PoolRefusal[];

function dataOf(error: WasmSandboxError, causes: number): ErrorData {
  const { name, code, message, functionIndex, functionName, offset, resources, cause } = error;
  return {
    name,
    code,
    message,
    functionIndex,
    functionName,
    offset,
    kind: error instanceof Trap ? error.kind : undefined,
    reason: error instanceof PoolUnavailable || error instanceof PluginError ? error.reason : undefined,
    function: error instanceof PluginError || error instanceof ComponentError ? error.function : undefined,
    payload: error instanceof ComponentError ? plainPayload(error.payload) : undefined,
    status: error instanceof PluginError ? error.status : undefined,
    scope: error instanceof GasExhausted ? error.scope : undefined,
    feature: error instanceof CompileError ? error.feature : undefined,
    line: error instanceof TextError ? error.line : undefined,
    column: error instanceof TextError ? error.column : undefined,
    frames: error.frames.length === 0 ? undefined : error.frames.map((frame) => ({ ...frame })),
    resources: resources && {
      ...resources,
      gasUsed: String(resources.gasUsed),
      gasLimit: resources.gasLimit === undefined ? undefined : String(resources.gasLimit),
    },
    cause: cause === undefined ? undefined : causeData(cause, causes),
  };
}

function causeData(cause: unknown, causes: number): CauseData {
  return cause instanceof WasmSandboxError && causes > 0 ? dataOf(cause, causes - 1) : plainCause(cause);
}

/** @throws UsageError */
function refuseData(what: string): never {
  throw new UsageError(`this is not the data of an error: ${what}`);
}

function restored(data: unknown, causes: number): WasmSandboxError {
  if (!isRecord(data)) return refuseData('it must be an object');
  const { code, kind, reason, scope = 'sandbox' } = data;
  if (typeof code !== 'string' || !Object.hasOwn(NAMES, code)) return refuseData('its code is unknown');
  const message = textIn(data, 'message', refuseData) ?? refuseData('it must have a message');
  const frames = framesIn(data, refuseData);
  const cause = data['cause'] === undefined ? {} : { cause: restoredCause(data['cause'], causes) };
  const details: ErrorDetails = { ...cause, frames: () => frames };
  let error: WasmSandboxError;
  if (code === 'TRAP') {
    if (typeof kind !== 'string' || !Object.hasOwn(TRAPS, kind)) return refuseData('its kind of trap is unknown');
    error = new Trap(kind as TrapKind, details);
  } else if (code === 'EXCEPTION') {
    error = new UncaughtException(undefined, details);
  } else if (code === 'POOL') {
    if (!POOL_REFUSALS.includes(reason)) return refuseData('its reason is unknown');
    error = new PoolUnavailable(reason as PoolRefusal, message);
  } else if (code === 'PLUGIN') {
    const name = textIn(data, 'function', refuseData) ?? refuseData('it must have a function');
    const { status } = data;
    if (typeof status !== 'number') return refuseData('its status is no number');
    error = new PluginError(message, {
      ...details,
      function: name,
      status,
      reason: textIn(data, 'reason', refuseData),
    });
  } else if (code === 'COMPONENT') {
    const name = textIn(data, 'function', refuseData) ?? refuseData('it must have a function');
    error = new ComponentError(message, { ...details, function: name, payload: plainPayload(data['payload']) });
  } else if (code === 'COMPILE') {
    const place = (key: string) => countIn(data, key, refuseData) ?? refuseData(`it must have a ${key}`);
    const compile = { ...details, feature: textIn(data, 'feature', refuseData) };
    const isText = data['line'] !== undefined;
    error = isText
      ? new TextError(message, place('line'), place('column'), compile)
      : new CompileError(message, compile);
  } else if (code === 'GAS_EXHAUSTED') {
    if (!GAS_SCOPES.includes(scope)) return refuseData('its scope is unknown');
    error = new GasExhausted(message, { ...details, scope: scope as GasScope });
  } else {
    error = new CLASSES[code as keyof typeof CLASSES](message, details);
  }
  // The message has the location in it already.
  Object.defineProperty(error, 'message', { value: message, configurable: true, writable: true });
  return Object.assign(error, {
    functionIndex: countIn(data, 'functionIndex', refuseData),
    functionName: textIn(data, 'functionName', refuseData),
    offset: countIn(data, 'offset', refuseData),
    resources: resourcesIn(data, refuseData),
  });
}

function restoredCause(cause: unknown, causes: number): unknown {
  if (!isRecord(cause)) return typeof cause === 'string' ? cause : refuseData('a cause must be an object or text');
  if (cause['code'] !== undefined && causes > 0) return restored(cause, causes - 1);
  const error = new Error(textIn(cause, 'message', refuseData));
  const value = textIn(cause, 'name', refuseData) ?? 'Error';
  return Object.defineProperty(error, 'name', { value, configurable: true, writable: true });
}
