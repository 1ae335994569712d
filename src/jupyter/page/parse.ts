/** What people type, as values of guests. */

import { UsageError } from '../../../wasm/errors.ts';
import { quote } from '../../../wasm/quote.ts';

const INTEGER = /^-?(?:\d+|0x[\da-f]+|0b[01]+)$/i;

/** Bits of integer types. */
const BITS: Readonly<Record<string, number>> = { i32: 32, i64: 64 };

/**
 * A number of a type. Integers may be written as signed or unsigned, and in hexadecimal or binary; floats may be `nan` and `inf`.
 * @throws UsageError for what is none of the type
 */
export function parseValue(type: string, typed: string): number | bigint {
  const text = typed.trim().replaceAll('_', '').toLowerCase();
  const bits = BITS[type];
  if (bits === undefined) return parseFloatOf(type, text, typed);
  if (!INTEGER.test(text)) throw new UsageError(`${quote(typed)} is no integer`);
  const isNegative = text.startsWith('-');
  const magnitude = BigInt(isNegative ? text.slice(1) : text);
  const value = isNegative ? -magnitude : magnitude;
  const half = 1n << BigInt(bits - 1);
  if (value < -half || value >= 2n * half) throw new UsageError(`${quote(typed)} does not fit into ${type}`);
  const signed = BigInt.asIntN(bits, value);
  return bits === 32 ? Number(signed) : signed;
}

const WORDS: Readonly<Record<string, number>> = {
  nan: Number.NaN,
  inf: Number.POSITIVE_INFINITY,
  '+inf': Number.POSITIVE_INFINITY,
  '-inf': Number.NEGATIVE_INFINITY,
};

function parseFloatOf(type: string, text: string, typed: string): number {
  const value = Object.hasOwn(WORDS, text) ? (WORDS[text] as number) : Number(text);
  if (text === '' || (Number.isNaN(value) && text !== 'nan')) throw new UsageError(`${quote(typed)} is no ${type}`);
  return value;
}

/** Arguments of a program, as a shell would part them: by spaces, but for those in quotes. */
export function parseArguments(text: string): string[] {
  const found = text.match(/"[^"]*"|'[^']*'|[^\s"']+/g) ?? [];
  return found.map((part) => (/^["']/.test(part) ? part.slice(1, -1) : part));
}
