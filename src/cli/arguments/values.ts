/** Guest values as text: the arguments and results of `run --invoke`. */

import { UsageError } from '../../../wasm/errors.ts';
import type { WasmValue } from '../../../wasm/host.ts';
import { quote } from '../../../wasm/quote.ts';
import { F32, F64, I32, I64, typeName, V128, type ValType } from '../../../wasm/types.ts';

interface Text {
  readonly accepts: string;
  /** Undefined where the text is no such value. */
  readonly parse: (text: string) => WasmValue;
  readonly show: (value: WasmValue) => string;
}

const INTEGER = /^([+-]?)(\d[\d_]*|0x[\da-f][\da-f_]*)$/i;
const FLOAT = /^[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:e[+-]?\d+)?$/i;
const HEX_FLOAT = /^([+-]?)0x([\da-f]+)(?:\.([\da-f]*))?(?:p([+-]?\d{1,5}))?$/i;
/** More digits than any value needs; longer text is refused before anything is computed from it. */
const LONGEST = 400;

function integer(bits: number): (text: string) => bigint | undefined {
  const lowest = -(1n << BigInt(bits - 1));
  const highest = (1n << BigInt(bits)) - 1n;
  return (text) => {
    const [, sign, digits] = INTEGER.exec(text) ?? [];
    if (digits === undefined || text.length > LONGEST) return undefined;
    const size = BigInt(digits.replaceAll('_', ''));
    const value = sign === '-' ? -size : size;
    return value >= lowest && value <= highest ? value : undefined;
  };
}

function parseFloating(text: string): number | undefined {
  if (text.length > LONGEST) return undefined;
  if (/^[+-]?nan$/i.test(text)) return Number.NaN;
  if (/^[+-]?inf(?:inity)?$/i.test(text))
    return text.startsWith('-') ? Number.NEGATIVE_INFINITY : Number.POSITIVE_INFINITY;
  if (FLOAT.test(text)) return Number(text);
  const [, sign, whole, fraction = '', exponent = '0'] = HEX_FLOAT.exec(text) ?? [];
  if (whole === undefined) return undefined;
  const size = Number(`0x${whole}${fraction}`) * 2 ** (Number(exponent) - 4 * fraction.length);
  return sign === '-' ? -size : size;
}

function showFloat(value: number, digits: string): string {
  if (Number.isNaN(value)) return 'nan';
  if (!Number.isFinite(value)) return value > 0 ? 'inf' : '-inf';
  return Object.is(value, -0) ? '-0' : digits;
}

/** The shortest decimal that reads back as the same single-precision number. */
function shortestF32(value: number): string {
  for (let precision = 6; precision < 9; precision++) {
    const text = value.toPrecision(precision);
    if (Math.fround(Number(text)) === value) return String(Number(text));
  }
  return String(Number(value.toPrecision(9)));
}

const parseI32 = integer(32);
const NULL = (text: string) => (text === 'null' ? null : undefined);
const showReference = (value: WasmValue) => (value === null ? 'null' : '<reference>');
const FLOAT_TEXT = 'a decimal or hexadecimal number, nan or inf';

const TEXT: Readonly<Record<ValType, Text>> = {
  [I32]: {
    accepts: 'a decimal or hexadecimal integer of 32 bits',
    parse: (text) => {
      const value = parseI32(text);
      return value === undefined ? undefined : Number(value);
    },
    show: String,
  },
  [I64]: { accepts: 'a decimal or hexadecimal integer of 64 bits', parse: integer(64), show: String },
  [F32]: {
    accepts: FLOAT_TEXT,
    parse: parseFloating,
    show: (value) => showFloat(value as number, shortestF32(value as number)),
  },
  [F64]: { accepts: FLOAT_TEXT, parse: parseFloating, show: (value) => showFloat(value as number, String(value)) },
  [V128]: { accepts: 'not to be had from outside', parse: () => undefined, show: () => '<vector>' },
};
const REFERENCE: Text = { accepts: 'null', parse: NULL, show: showReference };

/** @throws UsageError naming the position (from 1), the type and what is accepted */
export function parseValue(text: string, type: ValType, position: number): WasmValue {
  const { parse, accepts } = TEXT[type] ?? REFERENCE;
  const value = parse(text);
  if (value !== undefined) return value;
  throw new UsageError(`argument ${position} must be ${accepts} (${typeName(type)}), not ${quote(text)}`);
}

export function showValue(value: WasmValue, type: ValType): string {
  return (TEXT[type] ?? REFERENCE).show(value);
}
