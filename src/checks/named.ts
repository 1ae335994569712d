/** Options by name: unknown ones are refused, absent and undefined ones left out. */

import { UsageError } from '../../wasm/errors.ts';
import { quote } from '../../wasm/quote.ts';
import { record } from './check.ts';
import { suggest } from './similar.ts';

/** The check of each option; what it returns is what is used. */
export type Checks<T> = { readonly [K in keyof T]-?: (value: unknown) => NonNullable<T[K]> };

/** What has been checked. */
export type Given<T> = { readonly [K in keyof T]?: Exclude<T[K], undefined> };

/**
 * @param what they are options of, for messages: `a pool`
 * @throws UsageError
 */
export function checkNamed<T>(what: string, options: unknown, checks: Checks<T>): Given<T> {
  const checked: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(record(`the options of ${what}`, options))) {
    if (!Object.hasOwn(checks, name)) {
      const known = suggest(name, Object.keys(checks), 'the options are');
      throw new UsageError(`${what} has no option ${quote(name)}; ${known}`);
    }
    if (value !== undefined) checked[name] = checks[name as keyof T](value);
  }
  return checked as Given<T>;
}
