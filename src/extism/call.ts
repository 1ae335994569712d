/** What may be said about one call of a plug-in, and what its output is given as. */

import { PluginError } from '../../wasm/errors.ts';
import { messageOf, quote } from '../../wasm/quote.ts';
import { CALL_CHECKS, type CallOptions } from '../call/options.ts';
import { record, refuse } from '../checks/check.ts';
import { type Checks, checkNamed, type Given } from '../checks/named.ts';
import type { PluginOutput } from './output.ts';
import type { StandardSchema } from './schema.ts';

/** As what an output is given. */
export type OutputKind = 'json' | 'text' | 'bytes';

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

const READ: Readonly<Record<OutputKind, (output: PluginOutput) => unknown>> = {
  json: (output) => output.json(),
  text: (output) => output.text(),
  bytes: (output) => output.bytes(),
};

const OWN_CHECKS: Checks<CallOptions & Own> = {
  ...CALL_CHECKS,
  as: (value) =>
    value === 'json' || value === 'text' || value === 'bytes'
      ? value
      : refuse('as', "'json', 'text' or 'bytes'", value),
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
  const kind = as ?? 'json';
  const wrong = (what: string, cause?: unknown): never => {
    throw new PluginError(`the output of ${quote(name)} ${what}`, { function: name, status: 0, cause });
  };
  let value: unknown;
  try {
    value = READ[kind](output);
  } catch (cause) {
    wrong(`is no ${kind === 'json' ? 'JSON' : 'UTF-8'}: ${messageOf(cause)}`, cause);
  }
  if (schema === undefined) return value;
  const result = await schema['~standard'].validate(value);
  if (result.issues === undefined) return result.value;
  const issues = result.issues.slice(0, 4).map(({ message }) => message);
  return wrong(`does not fit its schema: ${messageOf(issues.join('; '))}`, result.issues);
}
