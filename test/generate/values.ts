/**
 * Values for random calls. A value is text, so that it can be kept in a file and compared bit by bit: its type, a
 * colon, and its bits in hexadecimal (`i32:0xffffffff`, `f64:0x8000000000000000`, any NaN as `f64:nan`) or, for a
 * reference, `null`, the number of one of {@link TOKENS} or the export name of a function (`funcref:f2`).
 */

import fc from 'fast-check';
import { EXTERNREF, F32, F64, FUNCREF, I32, I64, isRefType, typeName, type ValType } from '../../wasm/types.ts';

export type ValueText = string;

/** Bits worth trying, by type: the edges of ranges, of conversions between types, and every kind of float. */
export const INTERESTING: Readonly<Partial<Record<ValType, readonly bigint[]>>> = {
  [I32]: [
    0x0n,
    0x1n,
    0xffff_ffffn,
    0x8000_0000n,
    0x7fff_ffffn,
    0x2n,
    0x3n,
    0x7n,
    0x1fn,
    0x20n,
    0x40n,
    0x7fn,
    0x80n,
    0xffn,
    0x100n,
    0x7fffn,
    0x8000n,
    0xfff8n,
    0xfffcn,
    0xffffn,
    0x1_0000n,
    0x4000_0000n,
    0xffff_ff80n,
    0xffff_8000n,
    0xffff_fffen,
    0x8000_0001n,
    0x3f80_0000n,
    0x7f80_0000n,
    0x7fa0_0000n,
    0x5555_5555n,
    0xdead_beefn,
  ],
  [I64]: [
    0x0n,
    0x1n,
    0xffff_ffff_ffff_ffffn,
    0x8000_0000_0000_0000n,
    0x7fff_ffff_ffff_ffffn,
    0x2n,
    0x3n,
    0x7n,
    0x1fn,
    0x20n,
    0x21n,
    0x3fn,
    0x40n,
    0x7fn,
    0x80n,
    0xffffn,
    0x7fff_ffffn,
    0x8000_0000n,
    0xffff_ffffn,
    0x1_0000_0000n,
    0xffff_ffff_0000_0000n,
    0xffff_ffff_8000_0000n,
    0xffff_ffff_7fff_ffffn,
    0x20_0000_0000_0001n,
    0x7fff_ffff_ffff_fc01n,
    0x8000_0000_0000_0401n,
    0x7fff_ff40_0000_0001n,
    0x8000_0000_0000_0001n,
    0xffff_ffff_ffff_fffen,
    0x7ff0_0000_0000_0000n,
    0x8000_0080_0000_0000n, // between two f32
    0x8000_0080_0000_0001n,
    0x8000_0180_0000_0000n,
    0x0040_0000_4000_0001n,
    0x5555_5555_5555_5555n,
    0xdead_beef_0bad_cafen,
  ],
  [F32]: [
    0x0000_0000n, // 0
    0x8000_0000n, // -0
    0x3f80_0000n, // 1
    0xbf80_0000n, // -1
    0x7fc0_0000n, // the canonical NaN
    0xffc0_0000n,
    0x7fa0_0000n, // signalling NaNs
    0xff80_0001n,
    0x7fff_ffffn,
    0x7f80_0000n, // infinities
    0xff80_0000n,
    0x7f7f_ffffn, // largest
    0xff7f_ffffn,
    0x0000_0001n, // subnormal
    0x807f_ffffn,
    0x0080_0000n, // smallest normal
    0x3f00_0000n, // 0.5
    0xbf00_0000n,
    0x3fc0_0000n, // 1.5
    0x4020_0000n, // 2.5
    0x4b00_0000n, // 2 ** 23
    0x4b7f_ffffn,
    0x4efe_ffffn, // round 2 ** 31, 2 ** 32, 2 ** 63, 2 ** 64
    0x4f00_0000n,
    0xcf00_0000n,
    0xcf00_0001n,
    0x4f7f_ffffn,
    0x4f80_0000n,
    0x5f00_0000n,
    0xdf00_0000n,
    0x5f7f_ffffn,
    0x5f80_0000n,
    0x42c8_0000n, // 100
    0xbf7f_ffffn, // just above -1
  ],
  [F64]: [
    0x0000_0000_0000_0000n, // 0
    0x8000_0000_0000_0000n, // -0
    0x3ff0_0000_0000_0000n, // 1
    0xbff0_0000_0000_0000n, // -1
    0x7ff8_0000_0000_0000n, // the canonical NaN
    0xfff8_0000_0000_0000n,
    0x7ff4_0000_0000_0000n, // signalling NaNs
    0xfff0_0000_0000_0001n,
    0x7fff_ffff_ffff_ffffn,
    0x7ff0_0000_0000_0000n, // infinities
    0xfff0_0000_0000_0000n,
    0x7fef_ffff_ffff_ffffn, // largest
    0xffef_ffff_ffff_ffffn,
    0x0000_0000_0000_0001n, // subnormal
    0x800f_ffff_ffff_ffffn,
    0x0010_0000_0000_0000n, // smallest normal
    0x3fe0_0000_0000_0000n, // 0.5
    0xbfe0_0000_0000_0000n,
    0x3ff8_0000_0000_0000n, // 1.5
    0x4004_0000_0000_0000n, // 2.5
    0x4330_0000_0000_0000n, // 2 ** 52
    0x433f_ffff_ffff_ffffn,
    0x41df_ffff_ffc0_0000n, // round 2 ** 31, 2 ** 32, 2 ** 63, 2 ** 64
    0x41df_ffff_ffe0_0000n,
    0x41e0_0000_0000_0000n,
    0xc1e0_0000_0000_0000n,
    0xc1e0_0000_001f_ffffn,
    0xc1e0_0000_0020_0000n,
    0x41ef_ffff_fff0_0000n,
    0x41f0_0000_0000_0000n,
    0x43df_ffff_ffff_ffffn,
    0x43e0_0000_0000_0000n,
    0xc3e0_0000_0000_0000n,
    0xc3e0_0000_0000_0001n,
    0x43ef_ffff_ffff_ffffn,
    0x43f0_0000_0000_0000n,
    0x47ef_ffff_f000_0000n, // between the largest f32 and infinity
    0x36a0_0000_0000_0000n, // round the smallest f32 subnormal
    0xbfef_ffff_ffff_ffffn, // just above -1
    0x4059_0000_0000_0000n, // 100
  ],
};

/** Host values for `externref`: what JavaScript values a guest must hand back unchanged. */
export const TOKENS: readonly unknown[] = [Object.freeze({ token: 0 }), undefined, 'text', 7, Symbol('token'), () => 0];

const BITS: Readonly<Partial<Record<ValType, number>>> = { [I32]: 32, [I64]: 64, [F32]: 32, [F64]: 64 };

const view = new DataView(new ArrayBuffer(8));

/** The value of `type` whose bits are the low ones of `bits`; for a reference, one chosen by them. */
export function valueText(type: ValType, bits: bigint): ValueText {
  const width = BITS[type];
  if (width === undefined) {
    const choice = Number(bits % BigInt(TOKENS.length + 1));
    return `${typeName(type)}:${type === EXTERNREF && choice > 0 ? choice - 1 : 'null'}`;
  }
  return `${typeName(type)}:0x${BigInt.asUintN(width, bits)
    .toString(16)
    .padStart(width / 4, '0')}`;
}

/** The value as JavaScript passes it. `find` gives the function exported under a name. */
export function toJs(text: ValueText, find: (name: string) => unknown): unknown {
  const [type, rest] = text.split(':') as [string, string];
  switch (type) {
    case 'i32':
      return Number(BigInt.asIntN(32, BigInt(rest)));
    case 'i64':
      return BigInt.asIntN(64, BigInt(rest));
    case 'f32':
      if (rest === 'nan') return Number.NaN;
      view.setUint32(0, Number(rest));
      return view.getFloat32(0);
    case 'f64':
      if (rest === 'nan') return Number.NaN;
      view.setBigUint64(0, BigInt(rest));
      return view.getFloat64(0);
    case 'externref':
      return rest === 'null' ? null : TOKENS[Number(rest)];
    default:
      return rest === 'null' ? null : find(rest);
  }
}

/** The text of a JavaScript value that came out as a `type`. `nameOf` gives the export name of a function. */
export function fromJs(type: ValType, value: unknown, nameOf: (value: unknown) => string): ValueText {
  const name = typeName(type);
  if (isRefType(type)) {
    if (value === null) return `${name}:null`;
    return `${name}:${type === FUNCREF ? nameOf(value) : externName(value, nameOf)}`;
  }
  const expected = type === I64 ? 'bigint' : 'number';
  if (typeof value !== expected) return `${name}:${typeof value} instead`;
  if (type === I64) return valueText(type, value as bigint);
  if (type === I32)
    return (value as number) === ((value as number) | 0)
      ? valueText(type, BigInt(value as number))
      : `${name}:${value}`;
  if (Number.isNaN(value)) return `${name}:nan`;
  if (type === F64) {
    view.setFloat64(0, value as number);
    return valueText(type, view.getBigUint64(0));
  }
  view.setFloat32(0, value as number);
  return Object.is(view.getFloat32(0), value) ? valueText(type, BigInt(view.getUint32(0))) : `${name}:${value}`;
}

function externName(value: unknown, nameOf: (value: unknown) => string): string {
  const token = TOKENS.indexOf(value);
  return token >= 0 ? String(token) : nameOf(value);
}

const EVERY_INTERESTING = [...new Set([I32, I64, F32, F64].flatMap((type) => INTERESTING[type as ValType] ?? []))];

/** Bits for an argument of any type. */
export const anyBits: fc.Arbitrary<bigint> = fc.oneof(
  fc.constantFrom(...EVERY_INTERESTING),
  fc.bigInt({ min: 0n, max: 255n }),
  fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }),
);

/** Every type but vectors, numbers more often. */
export const anyType: fc.Arbitrary<ValType> = fc.constantFrom(
  ...([I32, I64, F32, F64, I32, I64, F32, F64, I32, I64, F32, F64, EXTERNREF, FUNCREF] as const),
);
