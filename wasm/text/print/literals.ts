/** Numbers, strings and identifiers as the text format writes them. */

import { float32 } from '../numbers.ts';

const view = new DataView(new ArrayBuffer(8));

/** All but what the format has for itself (specification 6.3.5). */
const PLAIN = /^[!#$%&'*+./:<=>?@\\^_`|~\w-]+$/;

/** Controls, and characters that do not show or change how others show. */
const UNPRINTABLE = /["\\]|[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu;

const HEX: readonly string[] = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, '0'));

/** A name as a string. */
export function nameString(name: string): string {
  return `"${name.replace(UNPRINTABLE, escaped)}"`;
}

function escaped(character: string): string {
  const code = character.codePointAt(0) as number;
  return code < 0x80 ? `\\${HEX[code]}` : `\\u{${code.toString(16)}}`;
}

/** With the dollar sign, and in quotation marks where it has to be. */
export function identifier(name: string): string {
  return `$${PLAIN.test(name) ? name : nameString(name)}`;
}

/** A signed integer of 64 bits, by its halves. */
export function integer64(low: number, high: number): string {
  if (high === low >> 31) return String(low);
  if (high > -0x20_0000 && high < 0x20_0000) return String(high * 0x1_0000_0000 + (low >>> 0));
  return String((BigInt(high) << 32n) | BigInt(low >>> 0));
}

/** A float of 32 bits, by them. */
export function number32(bits: number): string {
  view.setInt32(0, bits);
  const value = view.getFloat32(0);
  const sign = bits < 0 ? '-' : '';
  if (Number.isNaN(value)) return `${sign}${nan(bits & 0x7f_ffff, 0x40_0000)}`;
  const magnitude = Math.abs(value);
  if (magnitude === Number.POSITIVE_INFINITY) return `${sign}inf`;
  if (Number.isInteger(magnitude) && magnitude < 0x100_0000) return sign + magnitude;
  // The fewest digits that are this number and no other.
  for (let digits = 6; ; digits++) {
    const text = String(Number(magnitude.toPrecision(digits)));
    if (digits === 9 || float32(text) === (bits & 0x7fff_ffff)) return sign + text;
  }
}

/** A float of 64 bits, by their halves. */
export function number64(low: number, high: number): string {
  view.setInt32(0, high);
  view.setInt32(4, low);
  const value = view.getFloat64(0);
  const sign = high < 0 ? '-' : '';
  if (Number.isNaN(value)) return `${sign}${nan((high & 0xf_ffff) * 0x1_0000_0000 + (low >>> 0), 0x8_0000_0000_0000)}`;
  const magnitude = Math.abs(value);
  return sign + (magnitude === Number.POSITIVE_INFINITY ? 'inf' : magnitude);
}

function nan(payload: number, canonical: number): string {
  return payload === canonical ? 'nan' : `nan:0x${payload.toString(16)}`;
}

/** Four bytes of a vector. */
export function lane32(bytes: Uint8Array, at: number): string {
  return `0x${HEX[bytes[at + 3] as number]}${HEX[bytes[at + 2] as number]}${HEX[bytes[at + 1] as number]}${HEX[bytes[at] as number]}`;
}
