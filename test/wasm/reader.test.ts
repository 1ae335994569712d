import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { CompileError } from '../../wasm/errors.ts';
import { Reader } from '../../wasm/reader.ts';
import { ByteWriter, signed, unsigned } from '../generate/encode.ts';

const reader = (...bytes: number[]) => new Reader(Uint8Array.from(bytes));

function s64(r: Reader): bigint {
  r.s64();
  return (BigInt(r.high) << 32n) | BigInt(r.low >>> 0);
}

const READ = {
  u32: (r: Reader) => BigInt(r.u32()),
  s32: (r: Reader) => BigInt(r.s32()),
  s33: (r: Reader) => BigInt(r.s33()),
  s64,
};

describe('LEB128', () => {
  test.each([
    ['u32', [0x00], 0n],
    ['u32', [0x7f], 127n],
    ['u32', [0x80, 0x01], 128n],
    ['u32', [0x80, 0x00], 0n],
    ['u32', [0x80, 0x80, 0x80, 0x80, 0x00], 0n],
    ['u32', [0xff, 0xff, 0xff, 0xff, 0x0f], 0xffff_ffffn],
    ['u32', [0x80, 0x80, 0x80, 0x80, 0x08], 0x8000_0000n],
    ['s32', [0x3f], 63n],
    ['s32', [0x40], -64n],
    ['s32', [0x7f], -1n],
    ['s32', [0xff, 0x00], 127n],
    ['s32', [0xff, 0x7f], -1n],
    ['s32', [0xff, 0xff, 0xff, 0xff, 0x07], 0x7fff_ffffn],
    ['s32', [0x80, 0x80, 0x80, 0x80, 0x78], -0x8000_0000n],
    ['s32', [0xff, 0xff, 0xff, 0xff, 0x7f], -1n],
    ['s33', [0x40], -64n],
    ['s33', [0x7f], -1n],
    ['s33', [0x80, 0x80, 0x80, 0x80, 0x0f], 0xf000_0000n],
    ['s64', [0x7f], -1n],
    ['s64', [0x80, 0x80, 0x80, 0x80, 0x08], 0x8000_0000n],
    ['s64', [0x80, 0x80, 0x80, 0x80, 0x78], -0x8000_0000n],
    ['s64', [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x00], 0x7fff_ffff_ffff_ffffn],
    ['s64', [0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x7f], -0x8000_0000_0000_0000n],
  ] as const)('%s of %j is %i', (form, bytes, expected) => {
    const r = reader(...bytes, 0xaa);
    expect(READ[form](r)).toBe(expected);
    expect(r.pos).toBe(bytes.length);
  });

  test.each([
    ['u32', [0x80, 0x80, 0x80, 0x80, 0x80, 0x00], 'too long', 4],
    ['u32', [0xff, 0xff, 0xff, 0xff, 0x1f], 'too large', 4],
    ['u32', [0x80, 0x80, 0x80, 0x80, 0x10], 'too large', 4],
    ['s32', [0x80, 0x80, 0x80, 0x80, 0x80, 0x00], 'too long', 4],
    ['s32', [0xff, 0xff, 0xff, 0xff, 0x0f], 'too large', 4],
    ['s32', [0x80, 0x80, 0x80, 0x80, 0x70], 'too large', 4],
    ['s32', [0x80, 0x80, 0x80, 0x80, 0x40], 'too large', 4],
    ['s33', [0x80, 0x80, 0x80, 0x80, 0x80, 0x00], 'malformed block type', 0],
    ['s33', [0x80, 0x80, 0x80, 0x80, 0x10], 'malformed block type', 0],
    ['s33', [0xff, 0x7f], 'malformed block type', 0],
    ['s33', [0xc0, 0x7f], 'malformed block type', 0],
    ['s64', [0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x00], 'too long', 9],
    ['s64', [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01], 'too large', 9],
    ['s64', [0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x7e], 'too large', 9],
    ['u32', [0x80, 0x80], 'unexpected end', 2],
    ['s32', [], 'unexpected end', 0],
    ['s64', [0xff], 'unexpected end', 1],
  ] as const)('%s of %j fails: %s', (form, bytes, message, offset) => {
    const attempt = () => READ[form](reader(...bytes));
    expect(attempt).toThrow(CompileError);
    expect(attempt).toThrow(message);
    expect(attempt).toThrow(expect.objectContaining({ offset }));
  });

  test('reads what is written', () => {
    const stretch = (bytes: number[], fill: number, more: number) =>
      more === 0
        ? bytes
        : [...bytes.slice(0, -1), (bytes.at(-1) as number) | 0x80, ...Array(more - 1).fill(fill | 0x80), fill];
    fc.assert(
      fc.property(fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }), fc.nat(64), fc.nat(9), (big, shift, more) => {
        const value = big >> BigInt(shift);
        const sign = value < 0n ? 0x7f : 0;
        const shortest = signed(value);
        expect(s64(reader(...stretch(shortest, sign, Math.min(more, 10 - shortest.length))))).toBe(value);
        const small = BigInt.asIntN(32, value);
        const shortest32 = signed(small);
        const fill = small < 0n ? 0x7f : 0;
        expect(reader(...stretch(shortest32, fill, Math.min(more, 5 - shortest32.length))).s32()).toBe(Number(small));
        const natural = BigInt.asUintN(32, value);
        const shortestU = unsigned(natural);
        expect(reader(...stretch(shortestU, 0, Math.min(more, 5 - shortestU.length))).u32()).toBe(Number(natural));
      }),
    );
  });
});

describe('other primitives', () => {
  test('fixed numbers are little-endian', () => {
    const r = reader(...new ByteWriter().fixed(0x89ab_cdef, 4).fixed(0x0123_4567_89ab_cdefn, 8).finish());
    r.fixed32();
    expect(r.low >>> 0).toBe(0x89ab_cdef);
    r.fixed64();
    expect([r.low >>> 0, r.high]).toEqual([0x89ab_cdef, 0x0123_4567]);
    expect(() => r.fixed32()).toThrow('unexpected end: 4 bytes expected, 0 left');
  });

  test('a count is never larger than the bytes that are left', () => {
    expect(reader(2, 0, 0).count(10, 'things')).toBe(2);
    expect(() => reader(3, 0, 0).count(10, 'things')).toThrow(
      'unexpected end: 3 things announced, 2 bytes left (offset 0x0)',
    );
    expect(() => reader(0xff, 0xff, 0xff, 0xff, 0x0f).count(10, 'things')).toThrow(
      '4294967295 things exceed the limit of 10',
    );
  });

  test('names are UTF-8, nothing else', () => {
    const name = (...bytes: number[]) => reader(bytes.length, ...bytes).name();
    expect(name(0xc3, 0xa9, 0xf0, 0x9f, 0x98, 0x80)).toBe('é😀');
    // A mark of byte order is a character of the name.
    expect(name(0xef, 0xbb, 0xbf, 0x61)).toBe('\ufeffa');
    expect(name(0x61, 0x00)).toBe('a\0');
    for (const bytes of [[0xc0, 0x80], [0xed, 0xa0, 0x80], [0xf4, 0x90, 0x80, 0x80], [0x80], [0xe2, 0x82]]) {
      expect(() => name(...bytes)).toThrow('malformed UTF-8 encoding');
    }
  });

  test('nothing past the end is read, though it is there', () => {
    const r = new Reader(Uint8Array.of(0x80, 0x01, 0x05), 0, 1);
    expect(() => r.u32()).toThrow('unexpected end');
    expect(() => new Reader(Uint8Array.of(2, 97, 98), 0, 2).name()).toThrow(CompileError);
  });
});
