/** Float literals of the text format (specification, section 6.3.2) to exact bit patterns. */

export type FloatType = 'f32' | 'f64';

interface Format {
  /** Bits of precision, the implicit one included. */
  readonly precision: number;
  readonly exponentBits: number;
}

const FORMATS: Readonly<Record<FloatType, Format>> = {
  f32: { precision: 24, exponentBits: 8 },
  f64: { precision: 53, exponentBits: 11 },
};

/** Far outside both formats, and small enough that the powers below stay cheap. */
const MAX_EXPONENT = 10_000;

const HEX = /^0x([0-9a-f]+)(?:\.([0-9a-f]*))?(?:p([+-]?\d+))?$/i;
const DECIMAL = /^(\d+)(?:\.(\d*))?(?:e([+-]?\d+))?$/i;

function bitLength(value: bigint): number {
  return value.toString(2).length;
}

/** `numerator / denominator` times 2 to the `-exponent`, rounded to an integer, ties to even. */
function roundedQuotient(numerator: bigint, denominator: bigint, exponent: number): bigint {
  if (exponent < 0) numerator <<= BigInt(-exponent);
  else denominator <<= BigInt(exponent);
  const quotient = numerator / denominator;
  const twiceRest = 2n * (numerator % denominator);
  const up = twiceRest > denominator || (twiceRest === denominator && (quotient & 1n) === 1n);
  return up ? quotient + 1n : quotient;
}

/**
 * The bits of a positive fraction. Rounding happens once, from the exact value: going through a JavaScript number
 * would round an f32 twice.
 */
function fractionBits(numerator: bigint, denominator: bigint, format: Format): bigint {
  if (numerator === 0n) return 0n;
  const { precision, exponentBits } = format;
  const least = 2 - 2 ** (exponentBits - 1) - (precision - 1);
  let magnitude = bitLength(numerator) - bitLength(denominator);
  const below = magnitude < 0 ? numerator << BigInt(-magnitude) : numerator;
  if (below < (magnitude < 0 ? denominator : denominator << BigInt(magnitude))) magnitude--;
  const unit = Math.max(magnitude - (precision - 1), least);
  // The implicit bit of the significand adds one to the exponent field; a carry out of rounding does so too.
  return (BigInt(unit - least) << BigInt(precision - 1)) + roundedQuotient(numerator, denominator, unit);
}

function fraction(text: string): readonly [numerator: bigint, denominator: bigint] | undefined {
  const hex = HEX.exec(text);
  const match = hex ?? DECIMAL.exec(text);
  if (!match) return undefined;
  const [, whole = '', rest = '', power = '0'] = match;
  const digits = BigInt(`${hex ? '0x' : ''}${whole}${rest}`);
  const exponent = Number(power) - rest.length * (hex ? 4 : 1);
  if (Math.abs(exponent) > MAX_EXPONENT) throw new Error(`exponent out of range: ${text}`);
  const scale = (hex ? 2n : 10n) ** BigInt(Math.abs(exponent));
  return exponent < 0 ? [digits, scale] : [digits * scale, 1n];
}

/**
 * The bits of a literal: hexadecimal, decimal, `inf`, `nan` or `nan:0x…`, with optional sign and underscores.
 * @throws Error when it is none of these, or rounds to infinity.
 */
export function floatBits(literal: string, type: FloatType): bigint {
  const format = FORMATS[type];
  const fractionMask = (1n << BigInt(format.precision - 1)) - 1n;
  const infinity = ((1n << BigInt(format.exponentBits)) - 1n) << BigInt(format.precision - 1);
  const sign = literal.startsWith('-') ? 1n << BigInt(format.precision - 1 + format.exponentBits) : 0n;
  const text = literal.replace(/^[+-]/, '').replaceAll('_', '');

  if (text === 'inf') return sign | infinity;
  if (text === 'nan') return sign | infinity | ((fractionMask + 1n) >> 1n);
  if (/^nan:0x[0-9a-f]+$/i.test(text)) {
    const payload = BigInt(text.slice(4));
    if (payload === 0n || payload > fractionMask) throw new Error(`NaN payload out of range: ${literal}`);
    return sign | infinity | payload;
  }
  const exact = fraction(text);
  if (!exact) throw new Error(`not a float: ${literal}`);
  const bits = fractionBits(...exact, format);
  if (bits >= infinity) throw new Error(`${type} out of range: ${literal}`);
  return sign | bits;
}
