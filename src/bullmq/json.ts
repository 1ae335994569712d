/** Values of guests as JSON has them, which knows neither bigints nor all numbers. */

import { UsageError } from '../../wasm/errors.ts';
import { describe } from '../../wasm/quote.ts';

/** A number, or text: of an i64, or of a number that JSON does not have. */
export type JsonValue = number | string | boolean | null | readonly JsonValue[];

const NUMBERS: ReadonlyMap<string, number> = new Map([
  ['NaN', Number.NaN],
  ['Infinity', Number.POSITIVE_INFINITY],
  ['-Infinity', Number.NEGATIVE_INFINITY],
  ['-0', -0],
]);

/** Digits of an integer of 64 bits, signed or not. */
const INTEGER = /^-?\d{1,20}$/;

/** @throws UsageError for objects and functions */
export function toJson(value: unknown): JsonValue {
  if (value === undefined || value === null) return null;
  if (typeof value === 'string' || typeof value === 'boolean') return value;
  if (typeof value === 'bigint') return String(value);
  if (typeof value === 'number') return Number.isFinite(value) && !Object.is(value, -0) ? value : describe(value);
  if (Array.isArray(value)) return value.map(toJson);
  throw new UsageError(`a job has numbers, bigints and text for arguments and results, not ${describe(value)}`);
}

/** What {@link toJson} made it of: text of an integer is one of 64 bits. */
export function fromJson(value: JsonValue): unknown {
  if (typeof value !== 'string') return value;
  return NUMBERS.get(value) ?? (INTEGER.test(value) ? BigInt(value) : value);
}
