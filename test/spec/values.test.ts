import { describe, expect, test } from 'vitest';
import { floatBits } from './floats.ts';
import { integerBits, readPattern, readValue } from './literals.ts';
import { readSexprs } from './sexpr.ts';
import type { Pattern, SpecValue } from './values.ts';
import { matches } from './values.ts';

function pattern(source: string): Pattern {
  return readPattern(readSexprs(source)[0]!);
}

function value(source: string): SpecValue {
  return readValue(readSexprs(source)[0]!);
}

/** The bits as the host's own conversion gives them: right for f64, and for f32 where nothing rounds twice. */
function bitsOf(number: number, type: 'f32' | 'f64'): bigint {
  const view = new DataView(new ArrayBuffer(8));
  if (type === 'f64') view.setFloat64(0, number);
  else view.setFloat32(0, number);
  return type === 'f64' ? view.getBigUint64(0) : BigInt(view.getUint32(0));
}

describe('S-expressions', () => {
  test('strings are bytes', () => {
    const [node] = readSexprs(String.raw`"a\00\fF\n\"\\\u{e9}é"`);
    expect(node).toEqual({
      kind: 'string',
      bytes: Uint8Array.of(0x61, 0x00, 0xff, 0x0a, 0x22, 0x5c, 0xc3, 0xa9, 0xc3, 0xa9),
      line: 1,
    });
  });

  test('comments are skipped, nested ones too, and lines are counted through them', () => {
    const [list] = readSexprs(';; one\n(; two (; three\n;) ;)(a;;b\n c"d")');
    expect(list).toMatchObject({
      kind: 'list',
      line: 3,
      items: [{ text: 'a', line: 3 }, { text: 'c', line: 4 }, { kind: 'string' }],
    });
  });

  test('depth costs no stack', () => {
    const depth = 200_000;
    expect(readSexprs('('.repeat(depth) + ')'.repeat(depth))).toHaveLength(1);
  });

  test.each(['(', ')', '"', '(; (; ;)', String.raw`"\q"`, '"a\nb"', ';'])('%j is refused', (source) => {
    expect(() => readSexprs(source)).toThrow(/^line 1: /);
  });
});

describe('float literals', () => {
  test.each([
    ['0', '0x0'],
    ['-0', '0x80000000'],
    ['1', '0x3f800000'],
    ['0x1.8p+3', '0x41400000'],
    ['0x1.ffff_fep+127', '0x7f7fffff'],
    ['0x1p-149', '0x1'],
    ['-0x1p-149', '0x80000001'],
    ['0x1.fffffcp-127', '0x7fffff'],
    ['0x1p-126', '0x800000'],
    ['0x0.000001p-126', '0x0'],
    ['0x1.000001p+0', '0x3f800000'],
    ['0x1.000003p+0', '0x3f800002'],
    ['0x1.00000100000000001p+0', '0x3f800001'],
    ['0x1p-150', '0x0'],
    ['0x1.0000000000000000001p-150', '0x1'],
    ['inf', '0x7f800000'],
    ['-inf', '0xff800000'],
    ['nan', '0x7fc00000'],
    ['-nan:0x20_0000', '0xffa00000'],
    ['+nan:0x7fffff', '0x7fffffff'],
    ['666.6', '0x4426a666'],
    ['3.4028235e38', '0x7f7fffff'],
    ['1e-45', '0x1'],
  ])('f32 %s', (literal, bits) => {
    expect(floatBits(literal, 'f32')).toBe(BigInt(bits));
  });

  test.each([
    ['0x1.fffffffffffffp+1023', '0x7fefffffffffffff'],
    ['0x1p-1074', '0x1'],
    ['0x0.fffffffffffffp-1022', '0xfffffffffffff'],
    ['0x1.ffff_ffa2p+31', '0x41effffffa200000'],
    ['-nan:0xf1e2_7a6b', '0xfff00000f1e27a6b'],
    ['nan', '0x7ff8000000000000'],
    ['1_000.5e-1', '0x4059033333333333'],
  ])('f64 %s', (literal, bits) => {
    expect(floatBits(literal, 'f64')).toBe(BigInt(bits));
  });

  test('an f32 decimal is rounded once', () => {
    // Just above the middle of two f32, by less than f64 can tell: rounding to f64 first would end at the even one.
    const literal = '1.00000005960464477539062500000000000000000001';
    expect(floatBits(literal, 'f32')).toBe(0x3f800001n);
    expect(bitsOf(Number(literal), 'f32')).toBe(0x3f800000n);
  });

  test.each([1e-323, 2.2250738585072014e-308, 0.1, Math.PI, 1e22, 1.7976931348623157e308, 123456789.125])(
    'decimals agree with the host: %d',
    (number) => {
      expect(floatBits(String(number), 'f64')).toBe(bitsOf(number, 'f64'));
      expect(floatBits(`-${number}`, 'f64')).toBe(bitsOf(-number, 'f64'));
    },
  );

  test.each([
    '',
    'x',
    '0x',
    '1p3',
    'nan:',
    'nan:0x0',
    'nan:0x800000',
    '0x1p+128',
    '0x1.ffffffp+127',
    '1e99',
    '1e99999',
  ])('f32 refuses %j', (literal) => {
    expect(() => floatBits(literal, 'f32')).toThrow(Error);
  });
});

describe('integer literals', () => {
  test.each([
    ['0xffff_ffff', 0xffffffffn],
    ['-1', 0xffffffffn],
    ['-0x80000000', 0x80000000n],
    ['+7', 7n],
  ])('i32 %s', (literal, bits) => {
    expect(integerBits(literal, 32)).toBe(bits);
  });

  test.each(['0x1_0000_0000', '-0x80000001', '0x', '1.5', ''])('i32 refuses %j', (literal) => {
    expect(() => integerBits(literal, 32)).toThrow(Error);
  });
});

describe('constants', () => {
  test('lane 0 is the lowest bits, in every shape', () => {
    const bits = 0x0f0e0d0c0b0a09080706050403020100n;
    expect(value('(v128.const i8x16 0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15)')).toEqual({ type: 'v128', bits });
    expect(value('(v128.const i32x4 0x03020100 0x07060504 0x0b0a0908 0x0f0e0d0c)')).toEqual({ type: 'v128', bits });
    expect(value('(v128.const i64x2 0x0706050403020100 0x0f0e0d0c0b0a0908)')).toEqual({ type: 'v128', bits });
    expect(value('(v128.const f32x4 1 0 -0 nan:0x1)')).toMatchObject({ bits: 0x7f80000180000000000000003f800000n });
  });

  test.each([
    '(i32.const)',
    '(i32.const 1 2)',
    '(f32.const nan:canonical)',
    '(v128.const i32x4 1 2 3)',
    '(v128.const i128x1 1)',
    '(ref.func)',
    '(ref.extern)',
    '(ref.null)',
    '(ref.null nonsense)',
    '(either (i32.const 1) (i32.const 2))',
    '(unknown)',
  ])('%s is no constant', (source) => {
    expect(() => value(source)).toThrow(/^line 1: /);
  });
});

describe('matching', () => {
  const f32 = (bits: bigint): SpecValue => ({ type: 'f32', bits });
  const f64 = (bits: bigint): SpecValue => ({ type: 'f64', bits });

  test.each([
    ['(f32.const nan:canonical)', f32(0x7fc00000n), true],
    ['(f32.const nan:canonical)', f32(0xffc00000n), true],
    ['(f32.const nan:canonical)', f32(0x7fc00001n), false],
    ['(f32.const nan:canonical)', f32(0x7f800000n), false],
    ['(f32.const nan:arithmetic)', f32(0xffc00001n), true],
    ['(f32.const nan:arithmetic)', f32(0x7fa00000n), false],
    ['(f32.const nan:arithmetic)', f32(0x3fc00000n), false],
    ['(f32.const nan:0x200000)', f32(0x7fa00000n), true],
    ['(f32.const nan:0x200000)', f32(0x7fe00000n), false],
    ['(f32.const -0)', f32(0n), false],
    ['(f64.const nan:canonical)', f64(0xfff8000000000000n), true],
    ['(f64.const nan:canonical)', f64(0x7ff8000000000001n), false],
    ['(f64.const nan:arithmetic)', f64(0x7ff8000000000001n), true],
    ['(f64.const nan:arithmetic)', f64(0x7ff4000000000000n), false],
    ['(i32.const 1)', { type: 'i64', bits: 1n }, false],
    ['(either (i32.const 1) (i32.const 2))', { type: 'i32', bits: 2n }, true],
    ['(either (i32.const 1) (i32.const 2))', { type: 'i32', bits: 3n }, false],
  ] as const)('%s and %o: %s', (source, result, expected) => {
    expect(matches(result, pattern(source))).toBe(expected);
  });

  test('lanes are compared one by one, each by its own pattern', () => {
    const expected = pattern('(v128.const f32x4 nan:canonical 1 nan:arithmetic -0)');
    const good = 0x80000000_7fc12345_3f800000_ffc00000n;
    expect(matches({ type: 'v128', bits: good }, expected)).toBe(true);
    for (const bit of [0n, 32n, 86n, 127n]) {
      expect(matches({ type: 'v128', bits: good ^ (1n << bit) }, expected)).toBe(false);
    }
  });

  test.each([
    ['(ref.null)', { type: 'ref', kind: 'null', hierarchy: 'func' }, true],
    ['(ref.null nofunc)', { type: 'ref', kind: 'null', hierarchy: 'func' }, true],
    ['(ref.null extern)', { type: 'ref', kind: 'null', hierarchy: 'func' }, false],
    ['(ref.null any)', { type: 'ref', kind: 'null' }, true],
    ['(ref.null)', { type: 'ref', kind: 'func' }, false],
    ['(ref.func)', { type: 'ref', kind: 'func' }, true],
    ['(ref.func)', { type: 'ref', kind: 'null' }, false],
    ['(ref.extern)', { type: 'ref', kind: 'extern' }, true],
    ['(ref.extern 1)', { type: 'ref', kind: 'extern', id: 1 }, true],
    ['(ref.extern 1)', { type: 'ref', kind: 'extern', id: 2 }, false],
    ['(ref.extern 1)', { type: 'ref', kind: 'extern' }, false],
    ['(ref.host 1)', { type: 'ref', kind: 'extern', id: 1 }, false],
    ['(ref.eq)', { type: 'ref', kind: 'array' }, true],
    ['(ref.eq)', { type: 'ref', kind: 'host', id: 1 }, false],
    ['(ref.struct)', { type: 'ref', kind: 'array' }, false],
    ['(i32.const 0)', { type: 'ref', kind: 'null' }, false],
  ] as const)('%s and %o: %s', (source, result, expected) => {
    expect(matches(result, pattern(source))).toBe(expected);
  });
});
