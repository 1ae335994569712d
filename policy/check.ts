/** Checks of what embedders pass. A misspelt option in a policy would be a hole, so unknown keys are errors. */

import { UsageError } from '../wasm/errors.ts';
import { quote } from '../wasm/quote.ts';

/** A value in a message: short, and on one line. */
export function show(value: unknown): string {
  if (typeof value === 'string') {
    return quote(value);
  }
  if (value === null || value === undefined || typeof value === 'boolean' || typeof value === 'number') {
    return String(value);
  }
  if (Array.isArray(value)) return 'an array';
  return `a value of type ${typeof value}`;
}

/** @throws UsageError always */
export function refuse(what: string, expected: string, value: unknown): never {
  throw new UsageError(`${what} must be ${expected}, not ${show(value)}`);
}

/**
 * Options as a plain object with no keys but the given ones.
 * @throws UsageError naming the key
 */
export function checkOptions(what: string, value: unknown, keys: readonly string[]): void {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) refuse(what, 'an object', value);
  for (const key of Object.keys(value)) {
    if (!keys.includes(key)) {
      throw new UsageError(`${what}: there is no option ${show(key)}; the options are ${keys.join(', ')}`);
    }
  }
}

export function checkString(what: string, value: unknown): string {
  if (typeof value !== 'string') refuse(what, 'a string', value);
  return value;
}

/** A string a C program can hold: no NUL inside. */
export function checkCString(what: string, value: unknown): string {
  if (checkString(what, value).includes('\0')) refuse(what, 'a string without NUL characters', value);
  return value as string;
}

export function checkBoolean(what: string, value: unknown): boolean {
  if (typeof value !== 'boolean') refuse(what, 'true or false', value);
  return value;
}

export function checkInteger(what: string, value: unknown, min: number, max: number): number {
  if (typeof value !== 'number' || !Number.isSafeInteger(value) || value < min || value > max) {
    refuse(what, `an integer from ${min} to ${max}`, value);
  }
  return value;
}

export function checkArray(what: string, value: unknown): readonly unknown[] {
  if (!Array.isArray(value)) refuse(what, 'an array', value);
  return value;
}

/** A bigint, or a number that is a safe integer, from `min` to below 2 to the power of `bits`. */
export function checkBigint(what: string, value: unknown, min: bigint, bits = 64): bigint {
  const big = typeof value === 'number' && Number.isSafeInteger(value) ? BigInt(value) : value;
  if (typeof big !== 'bigint' || big < min || big >= 1n << BigInt(bits)) {
    refuse(what, `a bigint or a safe integer of at least ${min} and below 2^${bits}`, value);
  }
  return big;
}
