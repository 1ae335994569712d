/** Errors as data, as JSON and the boundaries of workers carry them: made of an error, and read from anybody. */

import { describe } from './quote.ts';
import { reported } from './reported.ts';

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

/**
 * Whose gas was used up. `sandbox`: the limit on the instance, which cannot be entered again before a reset. `call`: the
 * limit of one call; others may be made. `budget`: a `GasBudget`; calls may be made once more has been granted to it.
 */
export type GasScope = 'sandbox' | 'call' | 'budget';

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
  | 'PLUGIN'
  | 'COMPONENT'
  | 'USAGE';

/** What of an error survives. There is no stack in it, which would tell where the host has its files. */
export interface ErrorData {
  /** That of its class, for people. */
  readonly name: string;
  readonly code: ErrorCode;
  readonly message: string;
  readonly functionIndex?: number | undefined;
  readonly functionName?: string | undefined;
  readonly offset?: number | undefined;
  /** Of a `Trap`. */
  readonly kind?: string | undefined;
  /** Of a `PoolUnavailable`, and what a plug-in says in a `PluginError`. */
  readonly reason?: string | undefined;
  /** Of a `PluginError` or a `ComponentError`. */
  readonly function?: string | undefined;
  /** Of a `ComponentError`: 64-bit integers as decimal digits, bytes as lists of numbers. */
  readonly payload?: unknown;
  /** Of a `PluginError`. */
  readonly status?: number | undefined;
  /** Of a `GasExhausted`. */
  readonly scope?: string | undefined;
  /** Of a `CompileError`. */
  readonly feature?: string | undefined;
  /** The guest's call stack, where there is one. */
  readonly frames?: readonly StackFrame[] | undefined;
  /** Of a `TextError`. */
  readonly line?: number | undefined;
  readonly column?: number | undefined;
  /** With units of gas as decimal digits. */
  readonly resources?: ResourceData | undefined;
  readonly cause?: CauseData | undefined;
}

/** {@link ResourceFigures} in JSON. */
export type ResourceData = {
  readonly [K in keyof ResourceFigures]: ResourceFigures[K] extends number | boolean
    ? ResourceFigures[K]
    : string | undefined;
};

/** An error of the family, another error, or what a cause that is none was, in words. */
export type CauseData = ErrorData | { readonly name: string; readonly message: string } | string;

/** Causes of causes that are kept. */
export const MAX_CAUSES = 8;

/** @throws UsageError by `refuse` */
export type Refuse = (what: string) => never;

export function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** What a cause that is no error of the family is as data. */
export function plainCause(cause: unknown): CauseData {
  if (cause instanceof Error) return { name: String(cause.name), message: String(cause.message) };
  return typeof cause === 'string' ? cause : describe(cause);
}

/** Values within one another that are kept of a payload. */
const MAX_PAYLOAD_DEPTH = 32;

/** What JSON can have of a payload: records, lists, text, numbers; the rest in words. */
export function plainPayload(value: unknown, depth: number = MAX_PAYLOAD_DEPTH): unknown {
  if (typeof value === 'bigint') return String(value);
  if (typeof value !== 'object' || value === null) {
    return typeof value === 'function' || typeof value === 'symbol' ? describe(value) : value;
  }
  if (depth === 0) return describe(value);
  if (ArrayBuffer.isView(value) && !(value instanceof DataView)) {
    return Array.from(value as unknown as ArrayLike<number | bigint>, (each) => plainPayload(each, depth - 1));
  }
  if (Array.isArray(value)) return value.map((each) => plainPayload(each, depth - 1));
  const prototype: unknown = Object.getPrototypeOf(value);
  if (prototype !== null && prototype !== Object.prototype) return describe(value);
  return Object.fromEntries(Object.entries(value).map(([key, each]) => [key, plainPayload(each, depth - 1)]));
}

/** A text of a data's, if it has it. */
export function textIn(data: Readonly<Record<string, unknown>>, key: string, refuse: Refuse): string | undefined {
  const value = data[key];
  return value === undefined || typeof value === 'string' ? value : refuse(`${key} must be text`);
}

/** A count of a data's, if it has it. */
export function countIn(data: Readonly<Record<string, unknown>>, key: string, refuse: Refuse): number | undefined {
  const value = data[key];
  if (value === undefined) return undefined;
  return Number.isSafeInteger(value) && (value as number) >= 0 ? (value as number) : refuse(`${key} must be a count`);
}

/** 20 digits are the most that 64 bits can have. */
const UNITS = /^\d{1,20}$/;

/** Units of gas: digits in JSON, bigints where a worker's boundary has carried the figures themselves. */
function unitsIn(data: Readonly<Record<string, unknown>>, key: string, refuse: Refuse): bigint | undefined {
  const value = data[key];
  if (value === undefined || (typeof value === 'bigint' && value >= 0n)) return value;
  return typeof value === 'string' && UNITS.test(value) ? BigInt(value) : refuse(`${key} must be units of gas`);
}

/** The figures of a data, if it has them. */
export function resourcesIn(data: Readonly<Record<string, unknown>>, refuse: Refuse): ResourceFigures | undefined {
  const { resources: figures } = data;
  if (figures === undefined) return undefined;
  if (!isRecord(figures)) return refuse('resources must be an object');
  const count = (key: string) => countIn(figures, key, refuse) ?? refuse(`resources must have ${key}`);
  return reported({
    gasUsed: unitsIn(figures, 'gasUsed', refuse) ?? refuse('resources must have gasUsed'),
    gasLimit: unitsIn(figures, 'gasLimit', refuse),
    memoryBytes: count('memoryBytes'),
    peakMemoryBytes: count('peakMemoryBytes'),
    memoryLimit: count('memoryLimit'),
    stackLimit: count('stackLimit'),
    growthRefused: figures['growthRefused'] === true,
  });
}

/** The call stack of a data, if it has one. */
export function framesIn(data: Readonly<Record<string, unknown>>, refuse: Refuse): readonly StackFrame[] {
  const { frames = [] } = data;
  if (!Array.isArray(frames)) return refuse('frames must be a list');
  return frames.map((frame: unknown) => {
    if (!isRecord(frame)) return refuse('a frame must be an object');
    const count = (key: string) => countIn(frame, key, refuse) ?? refuse(`a frame must have ${key}`);
    return {
      functionIndex: count('functionIndex'),
      functionName: textIn(frame, 'functionName', refuse),
      offset: count('offset'),
      codeOffset: count('codeOffset'),
    };
  });
}
