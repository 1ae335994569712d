import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { decodeByHand, decodeLossy, decodeUtf8, encodeByHand, encodeUtf8 } from '../../wasm/utf8.ts';

const decoded = (bytes: Uint8Array, decode: (bytes: Uint8Array) => string) => {
  try {
    return decode(bytes);
  } catch (error) {
    return (error as Error).name;
  }
};

/** Bytes that are more often the beginning of something than not. */
const bytes = fc
  .uint8Array()
  .chain((random) =>
    fc
      .array(fc.constantFrom(0x41, 0x80, 0xbf, 0xc2, 0xe0, 0xa0, 0x9f, 0xed, 0xef, 0xbb, 0xf0, 0x90, 0x8f, 0xf4, 0xff))
      .map((chosen) => Uint8Array.from([...random.subarray(0, 3), ...chosen])),
  );

describe('without the runtime’s encoder and decoder, all is as with them', () => {
  test('decoding, strictly and not', () => {
    fc.assert(
      fc.property(bytes, (bytes) => {
        expect(decodeByHand(bytes, false)).toBe(decodeLossy(bytes));
        expect(decoded(bytes, (bytes) => decodeByHand(bytes, true))).toBe(decoded(bytes, decodeUtf8));
      }),
      { numRuns: 2_000 },
    );
  });

  test('encoding, halves of pairs among it', () => {
    const units = fc.array(fc.integer({ min: 0, max: 0xffff })).map((units) => String.fromCharCode(...units));
    fc.assert(
      fc.property(fc.oneof(fc.string({ unit: 'binary' }), units), (text) => {
        expect(encodeByHand(text)).toEqual(encodeUtf8(text));
      }),
      { numRuns: 2_000 },
    );
  });

  test('long texts', () => {
    const text = 'aé€😀'.repeat(20_000);
    expect(encodeByHand(text)).toEqual(encodeUtf8(text));
    expect(decodeByHand(encodeUtf8(text), true)).toBe(text);
  });
});
