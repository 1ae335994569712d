/** Instructions whose result has lanes of another width or type (specification 4.3.2 to 4.3.4). */

import type { Compute, Lanes, NumberView } from './lanes.ts';
import { truncSatS32, truncSatU32 } from './scalars.ts';

type Table = Record<string, Compute>;

/** Narrows the lanes of both operands, saturating. */
function narrow(from: 'i16' | 'i32', to: 'i8' | 'u8' | 'i16' | 'u16', low: number, high: number): Compute {
  return ({ a, b, d }) => {
    const half = a[from].length;
    for (let i = 0; i < 2 * half; i++) {
      const lane = (i < half ? a[from][i] : b[from][i - half]) as number;
      d[to][i] = lane < low ? low : lane > high ? high : lane;
    }
  };
}

/** Reads and writes lanes of the wide view, which are bigints where it has 64 bits. */
function wide(to: 'i16' | 'i32' | 'i64', lanes: Lanes, i: number, value: number | bigint): void {
  if (to === 'i64') lanes.i64[i] = BigInt(value);
  else lanes[to][i] = Number(value);
}

type Narrow = 'i8' | 'u8' | 'i16' | 'u16' | 'i32' | 'u32';

function extend(from: Narrow, to: 'i16' | 'i32' | 'i64', high: boolean): Compute {
  return ({ a, d }) => {
    const lanes = a[from];
    const first = high ? lanes.length / 2 : 0;
    for (let i = 0; i < lanes.length / 2; i++) wide(to, d, i, lanes[first + i] as number);
  };
}

function multiply(from: Narrow, to: 'i16' | 'i32' | 'i64', high: boolean): Compute {
  return ({ a, b, d }) => {
    const half = a[from].length / 2;
    const first = high ? half : 0;
    for (let i = 0; i < half; i++) {
      const left = a[from][first + i] as number;
      const right = b[from][first + i] as number;
      wide(to, d, i, to === 'i64' ? BigInt(left) * BigInt(right) : left * right);
    }
  };
}

function addPairs(from: Narrow, to: 'i16' | 'i32'): Compute {
  return ({ a, d }) => {
    for (let i = 0; i < d[to].length; i++) d[to][i] = (a[from][2 * i] as number) + (a[from][2 * i + 1] as number);
  };
}

const WIDENINGS = [
  ['i16x8', 'i8x16', 'i16', 'i8', 'u8'],
  ['i32x4', 'i16x8', 'i32', 'i16', 'u16'],
  ['i64x2', 'i32x4', 'i64', 'i32', 'u32'],
] as const;

function widenings(): Table {
  const table: Table = {};
  for (const [shape, from, to, signed, unsigned] of WIDENINGS) {
    for (const [sign, view] of [
      ['s', signed],
      ['u', unsigned],
    ] as const) {
      table[`${shape}.extend_low_${from}_${sign}`] = extend(view, to, false);
      table[`${shape}.extend_high_${from}_${sign}`] = extend(view, to, true);
      table[`${shape}.extmul_low_${from}_${sign}`] = multiply(view, to, false);
      table[`${shape}.extmul_high_${from}_${sign}`] = multiply(view, to, true);
      if (to !== 'i64') table[`${shape}.extadd_pairwise_${from}_${sign}`] = addPairs(view, to);
    }
  }
  return table;
}

/** Converts the first lanes; those of the result beyond them are zero. */
function convert(from: NumberView, to: NumberView, lanes: number, f: (a: number) => number): Compute {
  return ({ a, d }) => {
    d.u64.fill(0n);
    for (let i = 0; i < lanes; i++) {
      const value = f(a[from][i] as number);
      d[to][i] = value;
      if (to === 'f32' && Number.isNaN(value)) d.u32[i] = 0x7fc00000;
      if (to === 'f64' && Number.isNaN(value)) d.u64[i] = 0x7ff8000000000000n;
    }
  };
}

const same = (a: number) => a;

export const CONVERSIONS: Table = {
  ...widenings(),
  'i8x16.narrow_i16x8_s': narrow('i16', 'i8', -128, 127),
  'i8x16.narrow_i16x8_u': narrow('i16', 'u8', 0, 255),
  'i16x8.narrow_i32x4_s': narrow('i32', 'i16', -32768, 32767),
  'i16x8.narrow_i32x4_u': narrow('i32', 'u16', 0, 65535),
  'i32x4.dot_i16x8_s': ({ a, b, d }) => {
    const product = (i: number) => (a.i16[i] as number) * (b.i16[i] as number);
    for (let i = 0; i < 4; i++) d.i32[i] = product(2 * i) + product(2 * i + 1);
  },
  'i32x4.trunc_sat_f32x4_s': convert('f32', 'i32', 4, truncSatS32),
  'i32x4.trunc_sat_f32x4_u': convert('f32', 'i32', 4, truncSatU32),
  'i32x4.trunc_sat_f64x2_s_zero': convert('f64', 'i32', 2, truncSatS32),
  'i32x4.trunc_sat_f64x2_u_zero': convert('f64', 'i32', 2, truncSatU32),
  'f32x4.convert_i32x4_s': convert('i32', 'f32', 4, same),
  'f32x4.convert_i32x4_u': convert('u32', 'f32', 4, same),
  'f64x2.convert_low_i32x4_s': convert('i32', 'f64', 2, same),
  'f64x2.convert_low_i32x4_u': convert('u32', 'f64', 2, same),
  'f32x4.demote_f64x2_zero': convert('f64', 'f32', 2, same),
  'f64x2.promote_low_f32x4': convert('f32', 'f64', 2, same),
};
