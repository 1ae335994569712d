/** Literals of numbers, beside what the tests of the suite make of them. */

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { float32, float64, signed, signed64 } from '../../wasm/text/numbers.ts';
import { number32, number64 } from '../../wasm/text/print/literals.ts';
import { floatBits } from '../spec/floats.ts';
import { integerBits } from '../spec/literals.ts';

const digits = (alphabet: string, most: number) =>
  fc.array(fc.constantFrom(...alphabet), { minLength: 1, maxLength: most }).map((all) => all.join(''));

/** A part that may be left out, behind what begins it. */
const optional = (begin: string, part: fc.Arbitrary<string>) =>
  fc.option(
    part.map((text) => begin + text),
    { nil: '' },
  );

const anySign = fc.constantFrom('', '+', '-');
const anyExponent = fc.tuple(anySign, digits('0123456789', 3)).map((parts) => parts.join(''));

const anyDecimal = fc
  .tuple(anySign, digits('0123456789', 30), optional('.', digits('0123456789', 30)), optional('e', anyExponent))
  .map((parts) => parts.join(''));
const anyHex = fc
  .tuple(
    anySign,
    digits('0123456789abcdefABCDEF', 20),
    optional('.', digits('0123456789abcdef', 20)),
    optional('p', anyExponent),
  )
  .map(([sign, ...rest]) => `${sign}0x${rest.join('')}`);

/** Halfway between two floats of 32 bits, and a little off. */
const anyMiddle = fc
  .tuple(fc.nat(0x7f7f_fffe), fc.constantFrom('', '0000000001', '0000000000'), fc.boolean())
  .map(([bits, more, isBelow]) => {
    const view = new DataView(new ArrayBuffer(4));
    const at = (of: number) => {
      view.setUint32(0, of);
      return view.getFloat32(0);
    };
    const middle = at(bits) + (at(bits + 1) - at(bits)) / 2;
    const text = middle.toPrecision(100);
    const [significand = '', exponent = '0'] = text.split('e');
    if (!isBelow) return `${significand}${more}e${exponent}`;
    // One less in the last place, and nines behind it.
    const last = significand.search(/[1-9](?=[0.]*$)/);
    return `${significand.slice(0, last)}${Number(significand[last]) - 1}${significand.slice(last + 1).replace(/\d/g, '9')}999e${exponent}`;
  });

const expected = (literal: string, type: 'f32' | 'f64'): bigint | 'range' => {
  try {
    return floatBits(literal, type);
  } catch {
    return 'range';
  }
};

test.each([
  ['decimal', anyDecimal],
  ['hexadecimal', anyHex],
  ['halfway', anyMiddle],
] as const)('%s floats are rounded once', (_, anyLiteral) => {
  fc.assert(
    fc.property(anyLiteral, (literal) => {
      const single = float32(literal);
      expect(typeof single === 'number' ? BigInt(single) : single).toBe(expected(literal, 'f32'));
      expect(float64(literal)).toBe(expected(literal, 'f64'));
    }),
    { numRuns: 1_000 },
  );
});

test('integers of 64 bits', () => {
  const anyInteger = fc.tuple(
    anySign,
    fc.oneof(
      digits('0123456789', 21),
      digits('0123456789abcdef', 18).map((hex) => `0x${hex}`),
    ),
  );
  fc.assert(
    fc.property(anyInteger, ([sign, magnitude]) => {
      let wanted: bigint | 'range';
      try {
        wanted = BigInt.asIntN(64, integerBits(sign + magnitude, 64));
      } catch {
        wanted = 'range';
      }
      const read = signed64(sign + magnitude);
      expect(typeof read === 'number' ? BigInt(read) : read).toBe(wanted);
    }),
  );
});

test('what is printed is read as the same bits', () => {
  fc.assert(
    fc.property(fc.integer(), fc.integer(), (low, high) => {
      expect(float32(number32(low))).toBe(low >>> 0);
      expect(float64(number64(low, high))).toBe((BigInt(high >>> 0) << 32n) | BigInt(low >>> 0));
    }),
    { numRuns: 2_000 },
  );
});

describe('what is no number, or does not fit', () => {
  test.each(['', '_1', '1_', '1__0', '0x', '1.5', '1e', '0x1p', '.5', '--1', 'nan:', '0b1', '١'])('%j', (literal) => {
    expect(signed(literal, 32)).toBe('malformed');
    if (literal !== '1.5') expect(float64(literal)).toBe('malformed');
  });

  test.each([
    ['256', 8],
    ['-129', 8],
    ['65536', 16],
    ['4294967296', 32],
    ['-2147483649', 32],
    ['99999999999999999999999', 32],
  ] as const)('%s in %d bits', (literal, bits) => {
    expect(signed(literal, bits)).toBe('range');
  });

  test('as long as anybody likes', () => {
    const zeros = '0'.repeat(1_000_000);
    expect(signed(`${zeros}7`, 32)).toBe(7);
    expect(signed(`1${zeros}`, 32)).toBe('range');
    expect(float64(`1${zeros}`)).toBe('range');
    expect(float64(`0.${zeros}1`)).toBe(0n);
    expect(float64(`0x${zeros}1p-1074`)).toBe(1n);
    expect(float32(`1e${'9'.repeat(1_000_000)}`)).toBe('range');
    expect(signed(`1${'_1'.repeat(1_000_000)}`, 32)).toBe('range');
  });
});
