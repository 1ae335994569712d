/** Content for entries that are no module's. */

/** A key of no module's. */
export function keyOf(number: number): string {
  return number.toString(16).padStart(64, '0');
}

/** Bytes that only this number has. */
export function contentOf(number: number, length = 1_000 + number): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(length);
  let state = number + 1;
  for (let i = 0; i < length; i++) {
    state = (Math.imul(state, 1_103_515_245) + 12_345) | 0;
    bytes[i] = state >>> 16;
  }
  return bytes;
}
