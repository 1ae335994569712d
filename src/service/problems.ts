/** What failures are to whoever made a request: problem details of RFC 9457. One table says it for all of them. */

import { type ErrorCode, GasExhausted, HostError, UsageError, WasmSandboxError } from '../../wasm/errors.ts';
import { exitStatusBehind } from '../call/failures.ts';

/** What is known of a kind of problem. */
export interface ProblemKind {
  /** Of HTTP. */
  readonly status: number;
  /** For people. */
  readonly title: string;
  /** Seconds, where the same request may succeed later. */
  readonly retryAfter?: number;
}

/** Every kind there is, by what ends its `type`. Stable: clients match on the types. */
export const PROBLEMS = {
  'unknown-module': { status: 404, title: 'There is no such module' },
  'unknown-function': { status: 404, title: 'There is no such function' },
  'invalid-arguments': { status: 400, title: 'The arguments do not fit' },
  'gas-exhausted': { status: 422, title: 'The guest used up the gas that it may use' },
  'memory-limit': { status: 422, title: 'The guest asked for more memory than it may have' },
  'stack-limit': { status: 422, title: 'The guest asked for more stack than it may have' },
  'time-limit': { status: 422, title: 'The guest did not end within its time' },
  'budget-exhausted': { status: 429, title: 'The budget of gas is used up' },
  trap: { status: 422, title: 'The guest trapped' },
  exception: { status: 422, title: 'The guest threw an exception' },
  exit: { status: 422, title: 'The guest ended its program in the middle of a call' },
  'plugin-failed': { status: 422, title: 'The plug-in reported a failure' },
  'component-failed': { status: 422, title: 'The component reported a failure' },
  denied: { status: 422, title: 'The guest asked for what it is not allowed' },
  unavailable: { status: 503, title: 'No sandbox is free', retryAfter: 1 },
  aborted: { status: 503, title: 'The call was ended before its end', retryAfter: 1 },
  internal: { status: 500, title: 'The server failed' },
} as const satisfies Readonly<Record<string, ProblemKind>>;

/** The kinds of problems: what ends their `type`. */
export type ProblemName = keyof typeof PROBLEMS;

/** What problems' types begin with. Names, not places: there is nothing to be had from them. */
const TYPES = 'urn:problem-type:wasm-sandbox:';

/** Problem details of RFC 9457, for `application/problem+json`. */
export interface Problem {
  /** `urn:problem-type:wasm-sandbox:` and the kind. Stable. */
  readonly type: string;
  /** For people; the same for all problems of a type. */
  readonly title: string;
  /** The HTTP status. */
  readonly status: number;
  /** What is wrong with this request, where the request can be mended. */
  readonly detail?: string;
  /** Seconds after which the request may be made again: what the header `Retry-After` is to say. */
  readonly retryAfter?: number;
}

/**
 * The request is at fault, not the program: it names a module or a function that is not there, or passes what does not fit.
 * The message says what it was and lists nothing of what there is.
 */
export class RequestError extends UsageError {
  /** Which fault it is. */
  readonly problem: ProblemName;

  constructor(problem: 'unknown-module' | 'unknown-function' | 'invalid-arguments', message: string, cause?: unknown) {
    super(message, cause === undefined ? {} : { cause });
    this.problem = problem;
  }

  override get name(): string {
    return 'RequestError';
  }
}

const OF_CODE: Readonly<Record<ErrorCode, ProblemName>> = {
  TRAP: 'trap',
  EXCEPTION: 'exception',
  GAS_EXHAUSTED: 'gas-exhausted',
  MEMORY_LIMIT: 'memory-limit',
  STACK_LIMIT: 'stack-limit',
  CPU_TIMEOUT: 'time-limit',
  SECURITY: 'denied',
  PLUGIN: 'plugin-failed',
  COMPONENT: 'component-failed',
  POOL: 'unavailable',
  ABORTED: 'aborted',
  DISPOSED: 'aborted',
  // What the embedder, or a function of the embedder's, did wrong.
  COMPILE: 'internal',
  LINK: 'internal',
  HOST: 'internal',
  SNAPSHOT: 'internal',
  USAGE: 'internal',
};

/** Which kind of problem a failure is. */
export function problemOf(error: unknown): ProblemName {
  if (!(error instanceof WasmSandboxError)) return 'internal';
  if (error instanceof RequestError) return error.problem;
  if (error instanceof GasExhausted && error.scope === 'budget') return 'budget-exhausted';
  if (error instanceof HostError && exitStatusBehind(error) !== undefined) return 'exit';
  return OF_CODE[error.code];
}

/**
 * What to tell a client of a failure, whatever it is. Neither what the module exports, nor what the host's own functions
 * threw, nor what the guest said of itself is in it.
 */
export function toProblem(error: unknown): Problem {
  const name = problemOf(error);
  const { title, status, retryAfter }: ProblemKind = PROBLEMS[name];
  return {
    type: TYPES + name,
    title,
    status,
    ...(name === 'invalid-arguments' && { detail: (error as RequestError).message }),
    ...(retryAfter !== undefined && { retryAfter }),
  };
}

/** Takes failures that are the server's own, as the console and every logger do. */
export interface ProblemLogger {
  /** Takes whatever was thrown. */
  readonly error: (error: unknown) => void;
}

/** What an adapter's error handler is made with. */
export interface ProblemHandlerOptions {
  /** Told of failures that are the server's own; the console unless given. */
  readonly logger?: ProblemLogger | undefined;
}

/** The media type of problems. */
export const PROBLEM_TYPE = 'application/problem+json';

/** The header fields that a problem is sent with. */
export function problemHeaders({ retryAfter }: Problem): Record<string, string> {
  return { 'content-type': PROBLEM_TYPE, ...(retryAfter !== undefined && { 'retry-after': String(retryAfter) }) };
}

/** {@link toProblem} as an HTTP response of the Fetch API. */
export function problemResponse(error: unknown): Response {
  const problem = toProblem(error);
  return new Response(JSON.stringify(problem), { status: problem.status, headers: problemHeaders(problem) });
}
