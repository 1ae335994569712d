/**
 * Text as UTF-8 and back: by the runtime's own encoder and decoder, which are made when they are first needed, or by
 * what is here, where it has none.
 */

const REPLACEMENT = 0xfffd;
/** Characters that are made at once: arguments of a call have to fit on the stack. */
const CHUNK = 4_096;

let encoder: TextEncoder | undefined;
let strict: TextDecoder | undefined;
let lenient: TextDecoder | undefined;

/** Half a surrogate pair becomes the replacement character. */
export function encodeUtf8(text: string): Uint8Array<ArrayBuffer> {
  if (typeof TextEncoder === 'undefined') return encodeByHand(text);
  encoder ??= new TextEncoder();
  return encoder.encode(text);
}

/** @throws TypeError for bytes that are no UTF-8 */
export function decodeUtf8(bytes: Uint8Array): string {
  if (typeof TextDecoder === 'undefined') return decodeByHand(bytes, true);
  strict ??= new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
  return strict.decode(bytes);
}

/** With replacement characters for what is no UTF-8. */
export function decodeLossy(bytes: Uint8Array): string {
  if (typeof TextDecoder === 'undefined') return decodeByHand(bytes, false);
  lenient ??= new TextDecoder('utf-8', { ignoreBOM: true });
  return lenient.decode(bytes);
}

/** {@link encodeUtf8} on the language alone. */
export function encodeByHand(text: string): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(3 * text.length);
  let length = 0;
  for (let at = 0; at < text.length; at++) {
    let point = text.codePointAt(at) as number;
    if (point >= 0xd800 && point < 0xe000) point = REPLACEMENT;
    if (point < 0x80) {
      bytes[length++] = point;
      continue;
    }
    if (point >= 0x10000) {
      at++;
      bytes[length++] = 0xf0 | (point >> 18);
      bytes[length++] = 0x80 | ((point >> 12) & 0x3f);
    } else if (point >= 0x800) bytes[length++] = 0xe0 | (point >> 12);
    bytes[length++] = point >= 0x800 ? 0x80 | ((point >> 6) & 0x3f) : 0xc0 | (point >> 6);
    bytes[length++] = 0x80 | (point & 0x3f);
  }
  return bytes.slice(0, length);
}

/**
 * {@link decodeUtf8} or {@link decodeLossy} on the language alone. What ends before its time is one replacement, as the
 * web's standard says (Encoding, 8.1.1).
 */
export function decodeByHand(bytes: Uint8Array, isStrict: boolean): string {
  let text = '';
  let points: number[] = [];
  let at = 0;
  while (at < bytes.length) {
    const first = bytes[at++] as number;
    const needed = first < 0x80 ? 0 : first < 0xc2 ? -1 : first < 0xe0 ? 1 : first < 0xf0 ? 2 : first < 0xf5 ? 3 : -1;
    let point = needed <= 0 ? first : first & (0x3f >> needed);
    // The first of the others has narrower bounds: no form longer than necessary, no surrogate, nothing too large.
    let lowest = first === 0xe0 ? 0xa0 : first === 0xf0 ? 0x90 : 0x80;
    let highest = first === 0xed ? 0x9f : first === 0xf4 ? 0x8f : 0xbf;
    let isWhole = needed >= 0;
    for (let missing = needed; missing > 0; missing--) {
      const byte = bytes[at] ?? 0;
      if (byte < lowest || byte > highest) {
        isWhole = false;
        break;
      }
      at++;
      point = (point << 6) | (byte & 0x3f);
      [lowest, highest] = [0x80, 0xbf];
    }
    if (!isWhole && isStrict) throw new TypeError('the bytes are no UTF-8');
    points.push(isWhole ? point : REPLACEMENT);
    if (points.length < CHUNK) continue;
    text += String.fromCodePoint(...points);
    points = [];
  }
  return text + String.fromCodePoint(...points);
}
