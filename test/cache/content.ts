/** Content for entries that are no module's. */

/** A key of no module's. */
export function keyOf(number: number): string {
  return number.toString(16).padStart(64, '0');
}

/** Bytes that only this number has. */
export function contentOf(number: number, length = 1_000 + number): Uint8Array<ArrayBuffer> {
  const words = new Int32Array(Math.ceil(length / 4));
  let state = number + 1;
  for (let i = 0; i < words.length; i++) {
    state = (Math.imul(state, 1_103_515_245) + 12_345) | 0;
    words[i] = state;
  }
  return new Uint8Array(words.buffer, 0, length);
}
