/** What may be said about one call of a plug-in, and what its output is given as. */

import { PluginError, UsageError } from '../../wasm/errors.ts';
import { messageOf, quote } from '../../wasm/quote.ts';
import { CALL_CHECKS, type CallOptions } from '../call/options.ts';
import { record, refuse } from '../checks/check.ts';
import { type Checks, checkNamed, type Given } from '../checks/named.ts';
import { decodeTable } from '../values/arrow.ts';
import type { ReadNdArray } from '../values/ndarray.ts';
import { decodeNpy } from '../values/npy.ts';
import type { PluginOutput } from './output.ts';
import type { StandardSchema } from './schema.ts';

/** What an output is given as, by what was asked for; of JSON the caller knows more. */
export interface OutputValues {
  readonly text: string;
  /** Of its own. */
  readonly bytes: Uint8Array<ArrayBuffer>;
  /** The array in the `.npy` file that is put out. */
  readonly npy: ReadNdArray;
  /** A table of Apache Arrow; `wasm-sandbox/arrow` has to be imported. */
  readonly arrow: object;
}

/** As what an output is given. */
export type OutputKind = 'json' | keyof OutputValues;

/** Options of one call of a plug-in. */
export interface PluginCallOptions<T = unknown> extends CallOptions {
  /** As what the output is given; a `PluginOutput`, or null where there is none, unless given. */
  readonly as?: OutputKind | undefined;
  /** Validates the output, as JSON unless `as` says otherwise; what it makes of it is given. */
  readonly schema?: StandardSchema<T> | undefined;
  /** For the embedder's functions that the plug-in calls: what {@link CurrentPlugin.hostContext} gives them. */
  readonly hostContext?: unknown;
}

interface Own {
  readonly as?: OutputKind | undefined;
  readonly schema?: StandardSchema<unknown> | undefined;
}

interface Kind {
  /** What bytes are none of that cannot be read so. */
  readonly format: string;
  readonly read: (output: PluginOutput) => unknown;
}

const KINDS: Readonly<Record<OutputKind, Kind>> = {
  json: { format: 'JSON', read: (output) => output.json() },
  text: { format: 'UTF-8', read: (output) => output.text() },
  bytes: { format: 'bytes', read: (output) => output.bytes() },
  npy: { format: '.npy file', read: (output) => decodeNpy(output.bytes()) },
  arrow: { format: 'IPC stream of Apache Arrow', read: (output) => decodeTable(output.bytes()) },
};

const isKind = (value: unknown): value is OutputKind => typeof value === 'string' && Object.hasOwn(KINDS, value);
const KIND_NAMES = Object.keys(KINDS)
  .map((kind) => `'${kind}'`)
  .join(', ');

const OWN_CHECKS: Checks<CallOptions & Own> = {
  ...CALL_CHECKS,
  as: (value) => (isKind(value) ? value : refuse('as', `one of ${KIND_NAMES}`, value)),
  schema: (value) => {
    const standard = (record('schema', value) as Partial<StandardSchema<unknown>>)['~standard'];
    if (typeof standard?.validate !== 'function') refuse('schema', 'a Standard Schema', value);
    return value as StandardSchema<unknown>;
  },
};
export interface CheckedCall {
  readonly own: Own;
  readonly call: Given<CallOptions>;
  readonly hostContext: unknown;
}

/** @throws UsageError */
export function checkPluginCall(options: unknown): CheckedCall {
  const { hostContext, ...rest } = record('the options of a call', options);
  const { as, schema, ...call } = checkNamed<CallOptions & Own>('a call', rest, OWN_CHECKS);
  return { own: { as, schema }, call, hostContext };
}

/** @throws PluginError where the output is not what was asked for */
export async function outputAs(name: string, output: PluginOutput, { as, schema }: Own): Promise<unknown> {
  const { format, read } = KINDS[as ?? 'json'];
  const wrong = (what: string, cause?: unknown): never => {
    throw new PluginError(`the output of ${quote(name)} ${what}`, { function: name, status: 0, cause });
  };
  let value: unknown;
  try {
    value = await read(output);
  } catch (cause) {
    if (cause instanceof UsageError) throw cause;
    const reason = messageOf(cause);
    // Some say by themselves what it is none of.
    wrong(reason.startsWith(`no ${format}`) ? `is ${reason}` : `is no ${format}: ${reason}`, cause);
  }
  if (schema === undefined) return value;
  const result = await schema['~standard'].validate(value);
  if (result.issues === undefined) return result.value;
  const issues = result.issues.slice(0, 4).map(({ message }) => message);
  return wrong(`does not fit its schema: ${messageOf(issues.join('; '))}`, result.issues);
}
