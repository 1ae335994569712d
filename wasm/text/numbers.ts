/** Number literals of the text format (specification 6.3.2) to exact bits. Linear in the literal, however long it is. */

/** What a literal is: digits of which base, with or without a fraction and an exponent. */
const INTEGER = /^[+-]?(?:0x[\da-f]+(?:_[\da-f]+)*|\d+(?:_\d+)*)$/i;
const DECIMAL = /^(\d+(?:_\d+)*)(?:\.(\d+(?:_\d+)*)?)?(?:e([+-]?\d+(?:_\d+)*))?$/i;
const HEX = /^0x([\da-f]+(?:_[\da-f]+)*)(?:\.([\da-f]+(?:_[\da-f]+)*)?)?(?:p([+-]?\d+(?:_\d+)*))?$/i;

/** Digits up to which a number is exact, by base. */
const EXACT = { 10: 15, 16: 13 } as const;
/** No more than 64 bits have more digits than this. */
const MOST = { 10: 20, 16: 16 } as const;

/** Why a literal is none: it is not written like one, or does not fit. */
export type Fault = 'malformed' | 'range';

/**
 * The magnitude of an integer literal, and its sign: a number where that is exact, else a bigint.
 * @returns a fault where it has more than 64 bits
 */
function integer(literal: string): { readonly isNegative: boolean; readonly magnitude: number | bigint } | Fault {
  if (!INTEGER.test(literal)) return 'malformed';
  const first = literal[0];
  const unsigned = first === '-' || first === '+' ? literal.slice(1) : literal;
  const base = /^0x/i.test(unsigned) ? 16 : 10;
  const digits = (base === 16 ? unsigned.slice(2) : unsigned).replace(/^[0_]+/, '').replaceAll('_', '');
  if (digits.length > MOST[base]) return 'range';
  const isExact = digits.length <= EXACT[base];
  const magnitude = digits === '' ? 0 : isExact ? Number.parseInt(digits, base) : big(digits, base);
  return { isNegative: first === '-', magnitude };
}

function big(digits: string, base: 10 | 16): bigint {
  return BigInt(base === 16 ? `0x${digits}` : digits);
}

/** An integer of 0 to `max`, which is no more than 2^53. */
export function unsigned(literal: string, max: number): number | Fault {
  // Nearly all are indices of one or two digits.
  if (literal.length < 10 && /^\d+$/.test(literal)) {
    const value = Number(literal);
    return value <= max ? value : 'range';
  }
  if (/^[+-]/.test(literal)) return 'malformed';
  const read = integer(literal);
  if (typeof read === 'string') return read;
  return read.magnitude <= max ? Number(read.magnitude) : 'range';
}

/** An unsigned integer of 64 bits. */
export function unsigned64(literal: string): bigint | Fault {
  if (/^[+-]/.test(literal)) return 'malformed';
  const read = integer(literal);
  if (typeof read === 'string') return read;
  const value = BigInt(read.magnitude);
  return value < 1n << 64n ? value : 'range';
}

/** An integer of up to 32 bits, signed or unsigned, as a signed number. */
export function signed(literal: string, bits: 8 | 16 | 32): number | Fault {
  const read = integer(literal);
  if (typeof read === 'string') return read;
  const magnitude = Number(read.magnitude);
  if (magnitude > (read.isNegative ? 2 ** (bits - 1) : 2 ** bits - 1)) return 'range';
  const value = read.isNegative ? -magnitude : magnitude;
  return (value << (32 - bits)) >> (32 - bits);
}

/** An integer of 64 bits, signed or unsigned, as a signed number: where that is exact, no bigint. */
export function signed64(literal: string): number | bigint | Fault {
  const read = integer(literal);
  if (typeof read === 'string') return read;
  const { isNegative, magnitude } = read;
  if (typeof magnitude === 'number') return isNegative ? -magnitude : magnitude;
  if (magnitude >= (isNegative ? (1n << 63n) + 1n : 1n << 64n)) return 'range';
  return BigInt.asIntN(64, isNegative ? -magnitude : magnitude);
}

/** A binary floating-point format. */
interface Format {
  /** Bits of precision, the implicit one included. */
  readonly precision: number;
  /** Exponent of the smallest power of two that is above zero. */
  readonly least: number;
  readonly infinity: bigint;
  readonly sign: bigint;
}

const F32: Format = { precision: 24, least: -149, infinity: 0x7f80_0000n, sign: 0x8000_0000n };
const F64: Format = { precision: 53, least: -1074, infinity: 0x7ff0_0000_0000_0000n, sign: 1n << 63n };

const view = new DataView(new ArrayBuffer(8));

/** Bits of an f32. */
export function float32(literal: string): number | Fault {
  const bits = float(literal, F32);
  return typeof bits === 'bigint' ? Number(bits) : bits;
}

/** Bits of an f64. */
export function float64(literal: string): bigint | Fault {
  return float(literal, F64);
}

function float(literal: string, format: Format): bigint | Fault {
  const first = literal[0];
  const magnitude = first === '-' || first === '+' ? literal.slice(1) : literal;
  const bits = magnitudeBits(magnitude, format);
  if (typeof bits === 'string') return bits;
  return first === '-' ? bits | format.sign : bits;
}

function magnitudeBits(text: string, format: Format): bigint | Fault {
  if (text === 'inf') return format.infinity;
  if (text === 'nan') return format.infinity | (1n << BigInt(format.precision - 2));
  if (text.startsWith('nan:0x')) return nan(text.slice('nan:'.length), format);
  const hex = HEX.exec(text);
  const bits = hex !== null ? hexBits(hex, format) : decimalBits(text, format);
  return bits === format.infinity ? 'range' : bits;
}

function nan(payload: string, { infinity, precision }: Format): bigint | Fault {
  const bits = unsigned64(payload);
  if (typeof bits === 'string') return bits;
  return bits > 0n && bits < 1n << BigInt(precision - 1) ? infinity | bits : 'range';
}

/** Hexadecimal digits that are taken in full; of the others it matters only whether they are zero. */
const TAKEN = 20;

function hexBits([, whole = '', rest = '', power = '0']: RegExpExecArray, format: Format): bigint {
  const all = (whole + rest).replaceAll('_', '');
  const digits = all.replace(/^0+/, '');
  if (digits === '') return 0n;
  const taken = digits.slice(0, TAKEN);
  const places = rest.replaceAll('_', '').length;
  const exponent = Number(power.replaceAll('_', '')) + 4 * (digits.length - taken.length - places);
  const hasMore = /[^0]/.test(digits.slice(TAKEN));
  // One more bit stands for all that follow: rounding looks at nothing else.
  return round((BigInt(`0x${taken}`) << 1n) | (hasMore ? 1n : 0n), exponent - 1, format);
}

/** The bits of `significand` times 2 to the `exponent`, rounded to nearest, ties to even. */
function round(significand: bigint, exponent: number, { precision, least, infinity }: Format): bigint {
  const length = significand.toString(2).length;
  // Far below and far above everything: no shift of that length.
  if (exponent + length < least - 1) return 0n;
  if (exponent + length > 2_000) return infinity;
  const unit = Math.max(exponent + length - precision, least);
  const drop = unit - exponent;
  let rounded: bigint;
  if (drop <= 0) rounded = significand << BigInt(-drop);
  else {
    rounded = significand >> BigInt(drop);
    const half = 1n << BigInt(drop - 1);
    const cut = significand & ((1n << BigInt(drop)) - 1n);
    if (cut > half || (cut === half && (rounded & 1n) === 1n)) rounded++;
  }
  // The implicit bit adds one to the exponent, and so does a carry out of rounding.
  const bits = (BigInt(unit - least) << BigInt(precision - 1)) + rounded;
  return bits < infinity ? bits : infinity;
}

function decimalBits(text: string, format: Format): bigint | Fault {
  const match = DECIMAL.exec(text);
  if (match === null) return 'malformed';
  const plain = text.replaceAll('_', '');
  const value = Number(plain);
  view.setFloat64(0, value);
  const bits = view.getBigUint64(0);
  if (format === F64) return bits;
  view.setFloat32(0, value);
  const rounded = BigInt(view.getUint32(0));
  // Rounding twice is wrong only where the first time has led to the middle between two floats of 32 bits.
  const side = isMiddle(value) ? compare(match, value) : 0;
  if (side === 0) return rounded;
  view.setFloat32(0, value);
  return nextTo(value, side);
}

/** Whether a value is as far from one float of 32 bits as from the next. */
function isMiddle(value: number): boolean {
  const below = Math.fround(value);
  if (below === value || value === 0) return false;
  // The middle of 2^128 and the largest float counts, as that is what decides about overflow.
  const bits = neighbours(value);
  return bits.low + (bits.high - bits.low) / 2 === value;
}

/** The floats of 32 bits on both sides of a positive value that is none; the higher one may be 2^128. */
function neighbours(value: number): { readonly low: number; readonly high: number; readonly lowBits: number } {
  view.setFloat32(0, value);
  let lowBits = view.getUint32(0);
  if (view.getFloat32(0) > value) lowBits--;
  view.setUint32(0, lowBits);
  const low = view.getFloat32(0);
  view.setUint32(0, lowBits + 1);
  const high = view.getFloat32(0);
  return { low, high: high === Number.POSITIVE_INFINITY ? 2 ** 128 : high, lowBits };
}

/** Bits of the float of 32 bits below or above a value. */
function nextTo(value: number, side: number): bigint {
  const { lowBits } = neighbours(value);
  return BigInt(side < 0 ? lowBits : lowBits + 1);
}

/** Whether what a literal says is less than a value (-1), or more (1), or the same. */
function compare([, whole = '', rest = '', power = '0']: RegExpExecArray, value: number): number {
  const said = scientific(whole.replaceAll('_', '') + rest.replaceAll('_', ''), {
    exponent: Number(power.replaceAll('_', '')) - rest.replaceAll('_', '').length,
  });
  const real = exactDecimal(value);
  if (said.exponent !== real.exponent) return said.exponent < real.exponent ? -1 : 1;
  if (said.digits === real.digits) return 0;
  return said.digits < real.digits ? -1 : 1;
}

interface Decimal {
  /** Without zeros at the ends; the point is before them. */
  readonly digits: string;
  readonly exponent: number;
}

function scientific(all: string, { exponent }: { readonly exponent: number }): Decimal {
  const digits = all.replace(/^0+/, '');
  let end = digits.length;
  while (end > 0 && digits[end - 1] === '0') end--;
  return { digits: digits.slice(0, end), exponent: exponent + digits.length };
}

/** All digits of a positive value. */
function exactDecimal(value: number): Decimal {
  view.setFloat64(0, value);
  const bits = view.getBigUint64(0);
  const field = Number(bits >> 52n);
  const significand = (bits & ((1n << 52n) - 1n)) | (field === 0 ? 0n : 1n << 52n);
  const exponent = Math.max(field, 1) - 1075;
  if (exponent >= 0) return scientific(String(significand << BigInt(exponent)), { exponent: 0 });
  return scientific(String(significand * 5n ** BigInt(-exponent)), { exponent });
}
