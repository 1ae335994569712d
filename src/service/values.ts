/**
 * Values of guests as JSON has them: as the JSON of Protocol Buffers has its own. Integers of 64 bits are decimal digits in a
 * string, whatever their value, and numbers as well where they come in; what floats have and JSON has not is a string too.
 */

import { quote } from '../../wasm/quote.ts';
import type { ExportDescription } from '../module/exported.ts';
import { RequestError } from './problems.ts';

/** What JSON can say. */
export type JsonValue = null | boolean | number | string | readonly JsonValue[] | { readonly [key: string]: JsonValue };

interface Conversion {
  readonly expected: string;
  /** Undefined where it does not fit. */
  readonly read: (value: unknown) => number | bigint | undefined;
}

const DIGITS = /^-?\d{1,20}$/;

const integer: Conversion['read'] = (value) => {
  const inRange = typeof value === 'number' && Number.isInteger(value) && value >= -(2 ** 31) && value < 2 ** 32;
  return inRange ? value : undefined;
};

const long: Conversion['read'] = (value) => {
  if (typeof value === 'number') return Number.isSafeInteger(value) ? BigInt(value) : undefined;
  if (typeof value !== 'string' || !DIGITS.test(value)) return undefined;
  const big = BigInt(value);
  return big >= -(1n << 63n) && big < 1n << 64n ? big : undefined;
};

const BEYOND: Readonly<Record<string, number>> = {
  NaN: Number.NaN,
  Infinity: Number.POSITIVE_INFINITY,
  '-Infinity': Number.NEGATIVE_INFINITY,
};

const float: Conversion['read'] = (value) =>
  typeof value === 'string' && Object.hasOwn(BEYOND, value)
    ? BEYOND[value]
    : typeof value === 'number'
      ? value
      : undefined;

const FLOAT: Conversion = { expected: 'a number, "NaN", "Infinity" or "-Infinity"', read: float };

const CONVERSIONS: Readonly<Record<string, Conversion>> = {
  i32: { expected: 'an integer of -2^31 to 2^32 - 1', read: integer },
  i64: { expected: 'an integer of -2^63 to 2^64 - 1, as decimal digits in a string beyond 2^53', read: long },
  f32: FLOAT,
  f64: FLOAT,
};

const isNumeric = (type: string) => Object.hasOwn(CONVERSIONS, type);

/**
 * Arguments out of JSON for an exported function.
 * @throws RequestError where they do not fit, or the function takes or gives what JSON cannot say
 */
export function argumentsFromJson({ name, params = [], results = [] }: ExportDescription, args: unknown): unknown[] {
  if (![...params, ...results].every(isNumeric)) {
    throw new RequestError('unknown-function', `the function ${quote(name)} takes or gives what JSON cannot say`);
  }
  if (!Array.isArray(args)) throw new RequestError('invalid-arguments', 'the arguments must be an array');
  if (args.length !== params.length) {
    const wanted = params.length === 1 ? 'one argument is' : `${params.length} arguments are`;
    throw new RequestError('invalid-arguments', `${wanted} wanted, and ${args.length} came`);
  }
  return params.map((type, index) => {
    const { expected, read } = CONVERSIONS[type] as Conversion;
    const value = read(args[index]);
    if (value === undefined) throw new RequestError('invalid-arguments', `argument ${index + 1} must be ${expected}`);
    return value;
  });
}

/** What a call gave, for JSON: null for nothing, a list for several results. */
export function resultToJson(result: unknown): JsonValue {
  if (result === undefined) return null;
  if (Array.isArray(result)) return result.map(resultToJson);
  if (typeof result === 'bigint') return String(result);
  return typeof result === 'number' && !Number.isFinite(result) ? String(result) : (result as number);
}
