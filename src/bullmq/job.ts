/** What a job asks for and comes to, as JSON: checked where it is added, and again where it is read from Redis. */

import { UsageError } from '../../wasm/errors.ts';
import type { Output } from '../call/output.ts';
import { gas, list, record, refuse, text } from '../checks/check.ts';
import { type Checks, checkNamed } from '../checks/named.ts';
import { PROGRAM_CHECKS } from '../sandbox/program.ts';
import { fromJson, type JsonValue, toJson } from './json.ts';

/** What a program of a job is given. */
export interface JobInput {
  /** The first is the program's name. */
  readonly args?: readonly string[] | undefined;
  /** Exactly these variables. */
  readonly env?: Readonly<Record<string, string>> | undefined;
  /** Text. */
  readonly stdin?: string | undefined;
}

/** How results carry what the guest wrote. `text`: UTF-8, with U+FFFD for what is none. */
export type JobOutput = 'text' | 'base64';

/** A call of a guest, as the data of a job. */
export interface WasmJob {
  /** What the worker's factory knows the module by. */
  readonly module: string;
  /** The exported function; without one, the module is a WASI command. */
  readonly function?: string | undefined;
  /** Arguments of the function: numbers, and bigints or their digits. */
  readonly args?: readonly (number | bigint | string)[] | undefined;
  /** What a program is given. */
  readonly input?: JobInput | undefined;
  /** Units of gas. */
  readonly gasLimit?: bigint | number | string | undefined;
  /** `'text'` unless given. */
  readonly output?: JobOutput | undefined;
}

/** What a job came to. Its figures are the same, however often it was taken up on the way. */
export interface JobResult {
  /** What the function returned; of a program, its exit status. Integers of 64 bits are text. */
  readonly value: JsonValue;
  /** Units, as text. */
  readonly gasUsed: string;
  readonly stdout: string;
  readonly stderr: string;
}

/** A job in the queue. */
export interface JobData {
  /** None: the job collects what those before it came to. */
  readonly module?: string | undefined;
  readonly function?: string | undefined;
  readonly args?: readonly JsonValue[] | undefined;
  readonly input?: JobInput | undefined;
  readonly gasLimit?: string | undefined;
  readonly output?: JobOutput | undefined;
  /** Ids of the jobs whose results it gets, in this order. */
  readonly after?: readonly string[] | undefined;
}

const strings = (what: string, value: unknown) => list(what, value).map((each) => text(what, each));

const INPUT_CHECKS: Checks<JobInput> = {
  args: PROGRAM_CHECKS.args,
  env: PROGRAM_CHECKS.env,
  stdin: (value) => text('stdin', value),
};

const CHECKS: Checks<JobData> = {
  module: (value) => text('module', value),
  function: (value) => text('function', value),
  args: (value) => list('args', value).map(toJson),
  input: (value) => checkNamed<JobInput>('input', value, INPUT_CHECKS),
  gasLimit: (value) => String(gas('gasLimit', typeof value === 'string' ? digits(value) : value)),
  output: (value) => (value === 'text' || value === 'base64' ? value : refuse('output', "'text' or 'base64'", value)),
  after: (value) => strings('after', value),
};

function digits(value: string): bigint {
  return /^\d{1,20}$/.test(value) ? BigInt(value) : refuse('gasLimit', 'a number of units', value);
}

/** @throws UsageError */
export function checkJob(job: WasmJob): JobData {
  const { module, ...rest } = record('a job', job) as unknown as WasmJob;
  if (module === undefined) throw new UsageError('a job must have a module: what its worker knows it by');
  return readJob({ module, ...rest });
}

/** @param data of anybody's @throws UsageError */
export function readJob(data: unknown): JobData {
  return checkNamed<JobData>('a job', data, CHECKS);
}

/** What is asked of a guest. */
export interface Asked {
  readonly function: string | undefined;
  readonly args: readonly unknown[];
  readonly input: JobInput;
}

/**
 * With what those before it came to: a function gets their values in front of its arguments, a program their standard output
 * as its input.
 */
export function askedOf({ function: name, args = [], input = {} }: JobData, before: readonly JobResult[]): Asked {
  if (name === undefined) {
    const stdin = before.length === 0 ? input.stdin : before.map(({ stdout }) => stdout).join('') + (input.stdin ?? '');
    return { function: name, args: [], input: { ...input, ...(stdin !== undefined && { stdin }) } };
  }
  const values = before.flatMap(({ value }) => (value === null ? [] : value));
  return { function: name, args: [...values, ...args].map(fromJson), input };
}

/** A result of a job, of anybody's. @throws UsageError */
export function readResult(value: unknown): JobResult {
  const { value: result = null, gasUsed, stdout, stderr } = record('the result of a job', value);
  return {
    value: toJson(result),
    gasUsed: text('gasUsed', gasUsed),
    stdout: text('stdout', stdout),
    stderr: text('stderr', stderr),
  };
}

/** @throws UsageError for values that JSON cannot have */
export function toResult(
  { value, gasUsed, ...output }: Output & { readonly value: unknown; readonly gasUsed: bigint },
  as: JobOutput = 'text',
): JobResult {
  const streams =
    as === 'text'
      ? { stdout: output.stdout, stderr: output.stderr }
      : { stdout: toBase64(output.stdoutBytes), stderr: toBase64(output.stderrBytes) };
  return { value: toJson(value), gasUsed: String(gasUsed), ...streams };
}

const CHUNK = 4_096;

function toBase64(bytes: Uint8Array): string {
  let text = '';
  for (let at = 0; at < bytes.length; at += CHUNK) {
    text += String.fromCharCode(...bytes.subarray(at, at + CHUNK));
  }
  return btoa(text);
}
