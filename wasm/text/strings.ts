/** What strings of the text format stand for (specification 6.3.3), once the lexer has found them well-formed. */

import { decodeUtf8, encodeUtf8 } from '../utf8.ts';

const BACKSLASH = 0x5c;

const ESCAPES: Readonly<Record<string, number>> = { t: 0x09, n: 0x0a, r: 0x0d, '"': 0x22, "'": 0x27, '\\': 0x5c };

/** The bytes of a string, whose quotation marks are at `start` and before `end`. */
export function stringBytes(source: string, start: number, end: number): Uint8Array {
  const first = start + 1;
  const last = end - 1;
  const written = source.slice(first, last);
  if (!written.includes('\\')) return encodeUtf8(written);
  // No UTF-16 code unit takes more than three bytes.
  const bytes = new Uint8Array(3 * (last - first));
  let length = 0;
  for (let at = first; at < last; ) {
    const code = source.charCodeAt(at);
    if (code === BACKSLASH) {
      const escaped = source[at + 1] as string;
      const known = ESCAPES[escaped];
      if (known !== undefined) {
        bytes[length++] = known;
        at += 2;
      } else if (escaped === 'u') {
        const close = source.indexOf('}', at);
        const scalar = Number.parseInt(source.slice(at + 3, close).replaceAll('_', ''), 16);
        length += put(bytes, length, String.fromCodePoint(scalar));
        at = close + 1;
      } else {
        bytes[length++] = (digit(source.charCodeAt(at + 1)) << 4) | digit(source.charCodeAt(at + 2));
        at += 3;
      }
    } else if (code < 0x80) {
      bytes[length++] = code;
      at++;
    } else {
      const character = String.fromCodePoint(source.codePointAt(at) as number);
      length += put(bytes, length, character);
      at += character.length;
    }
  }
  return bytes.subarray(0, length);
}

/** @returns how many bytes it is */
function put(bytes: Uint8Array, at: number, character: string): number {
  const encoded = encodeUtf8(character);
  bytes.set(encoded, at);
  return encoded.length;
}

/** Of a hexadecimal digit. */
function digit(code: number): number {
  return code <= 0x39 ? code - 0x30 : (code | 0x20) - 0x57;
}

/** The text of a string; undefined where it is not UTF-8, which it can be by escapes. */
export function nameText(source: string, start: number, end: number): string | undefined {
  const text = source.slice(start + 1, end - 1);
  return text.includes('\\') ? utf8(stringBytes(source, start, end)) : text;
}

/** Undefined where the bytes are not UTF-8. */
export function utf8(bytes: Uint8Array): string | undefined {
  try {
    return decodeUtf8(bytes);
  } catch {
    return undefined;
  }
}
