/** Checks of what embedders pass. All throw a UsageError that says what was expected and what came. */

import { copyOf, isBytes, viewOf } from '../../wasm/bytes.ts';
import { UsageError } from '../../wasm/errors.ts';
import { describe } from '../../wasm/quote.ts';

export { gasUnits as gas } from '../../wasm/gas-budget.ts';

/** @throws UsageError always */
export function refuse(what: string, expected: string, value: unknown): never {
  throw new UsageError(`${what} must be ${expected}, not ${describe(value)}`);
}

/** An integer of `min` to `max`. */
export function integer(
  what: string,
  value: unknown,
  unit: string,
  min: number,
  max = Number.MAX_SAFE_INTEGER,
): number {
  if (typeof value !== 'number' || !Number.isSafeInteger(value) || value < min || value > max) {
    const range = max === Number.MAX_SAFE_INTEGER ? `of at least ${min}` : `of ${min} to ${max}`;
    refuse(what, `an integer ${range} (${unit})`, value);
  }
  return value;
}

/** A number above 0, fractions allowed. */
export function milliseconds(what: string, value: unknown): number {
  if (typeof value !== 'number' || !(value > 0) || value === Number.POSITIVE_INFINITY) {
    refuse(what, 'a finite number of milliseconds above 0', value);
  }
  return value;
}

export function text(what: string, value: unknown): string {
  if (typeof value !== 'string') refuse(what, 'a string', value);
  return value;
}

/** A string that WASI can hand to a C program: no NUL inside. */
export function cString(what: string, value: unknown): string {
  if (text(what, value).includes('\0')) refuse(what, 'a string without NUL characters', value);
  return value as string;
}

export function list(what: string, value: unknown): readonly unknown[] {
  if (!Array.isArray(value)) refuse(what, 'an array', value);
  return value;
}

/** A plain object, of which only own enumerable properties count. */
export function record(what: string, value: unknown): Record<string, unknown> {
  if (typeof value !== 'object' || value === null || Array.isArray(value) || isBytes(value)) {
    refuse(what, 'an object', value);
  }
  return value as Record<string, unknown>;
}

export function callback(what: string, value: unknown): (...args: never[]) => unknown {
  if (typeof value !== 'function') refuse(what, 'a function', value);
  return value as (...args: never[]) => unknown;
}

/** Bytes of any kind, which are their owner's. */
export function sharedBytes(what: string, value: unknown): Uint8Array {
  return viewOf(value, what) ?? refuse(what, 'bytes', value);
}

/** A copy of bytes of any kind, which their owner cannot change. */
export function ownBytes(what: string, value: unknown): Uint8Array<ArrayBuffer> {
  return copyOf(value, what) ?? refuse(what, 'bytes', value);
}
