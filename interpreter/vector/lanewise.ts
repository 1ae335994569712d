/** Instructions that treat every lane alike, and those that move lanes about (specification 4.3.2, 4.4.3). */

import type { BigView, Compute, Lanes, NumberView, Scratch } from './lanes.ts';
import { nearest, popcnt32 } from './scalars.ts';

type Table = Record<string, Compute>;

/** For lanes of floats: a NaN that the computation made becomes the canonical one. */
export function canonical(lanes: Lanes, view: NumberView): void {
  if (view === 'f32') {
    for (let i = 0; i < 4; i++) if (Number.isNaN(lanes.f32[i])) lanes.u32[i] = 0x7fc00000;
  } else if (view === 'f64') {
    for (let i = 0; i < 2; i++) if (Number.isNaN(lanes.f64[i])) lanes.u64[i] = 0x7ff8000000000000n;
  }
}

function unary(view: NumberView, f: (a: number) => number): Compute {
  return ({ a, d }) => {
    const from = a[view];
    const to = d[view];
    for (let i = 0; i < to.length; i++) to[i] = f(from[i] as number);
    canonical(d, view);
  };
}

function binary(view: NumberView, f: (a: number, b: number) => number): Compute {
  return ({ a, b, d }) => {
    const left = a[view];
    const right = b[view];
    const to = d[view];
    for (let i = 0; i < to.length; i++) to[i] = f(left[i] as number, right[i] as number);
    canonical(d, view);
  };
}

function unary64(f: (a: bigint) => bigint): Compute {
  return ({ a, d }) => {
    for (let i = 0; i < 2; i++) d.i64[i] = f(a.i64[i] as bigint);
  };
}

function binary64(f: (a: bigint, b: bigint) => bigint): Compute {
  return ({ a, b, d }) => {
    for (let i = 0; i < 2; i++) d.i64[i] = f(a.i64[i] as bigint, b.i64[i] as bigint);
  };
}

/** Lanes of `to` from comparing lanes of `view`: all ones where it holds. */
function compare(view: NumberView, to: 'i8' | 'i16' | 'i32' | 'i64', f: (a: number, b: number) => boolean): Compute {
  return ({ a, b, d }) => {
    const left = a[view];
    const right = b[view];
    for (let i = 0; i < left.length; i++) {
      const holds = f(left[i] as number, right[i] as number);
      if (to === 'i64') d.i64[i] = holds ? -1n : 0n;
      else d[to][i] = holds ? -1 : 0;
    }
  };
}

function compare64(f: (a: bigint, b: bigint) => boolean): Compute {
  return binary64((a, b) => (f(a, b) ? -1n : 0n));
}

/** Takes a lane of `b` where the condition holds, else that of `a`, bit by bit. */
function pick(view: 'f32' | 'f64', condition: (a: number, b: number) => boolean): Compute {
  const bits = view === 'f32' ? 'u32' : 'u64';
  return ({ a, b, d }) => {
    for (let i = 0; i < d[view].length; i++) {
      const from = condition(a[view][i] as number, b[view][i] as number) ? b : a;
      if (bits === 'u32') d.u32[i] = from.u32[i] as number;
      else d.u64[i] = from.u64[i] as bigint;
    }
  };
}

const clamp = (value: number, low: number, high: number) => (value < low ? low : value > high ? high : value);

const INTEGERS = [
  { shape: 'i8x16', signed: 'i8', unsigned: 'u8', bits: 8 },
  { shape: 'i16x8', signed: 'i16', unsigned: 'u16', bits: 16 },
  { shape: 'i32x4', signed: 'i32', unsigned: 'u32', bits: 32 },
] as const;

const COMPARISONS = {
  eq: (a: number | bigint, b: number | bigint) => a === b,
  ne: (a: number | bigint, b: number | bigint) => a !== b,
  lt: (a: number | bigint, b: number | bigint) => a < b,
  gt: (a: number | bigint, b: number | bigint) => a > b,
  le: (a: number | bigint, b: number | bigint) => a <= b,
  ge: (a: number | bigint, b: number | bigint) => a >= b,
} as const;

function shift(view: NumberView, bits: number, f: (a: number, n: number) => number): Compute {
  return (s) => {
    const n = (s.scalar.i32[0] as number) & (bits - 1);
    unary(view, (a) => f(a, n))(s);
  };
}

function shift64(view: BigView, f: (a: bigint, n: bigint) => bigint): Compute {
  return ({ a, d, scalar }) => {
    const n = BigInt((scalar.i32[0] as number) & 63);
    for (let i = 0; i < 2; i++) d[view][i] = f(a[view][i] as bigint, n);
  };
}

function setScalar(s: Scratch, value: boolean | number): void {
  s.d.i32[0] = Number(value);
}

function integers(): Table {
  const table: Table = {};
  for (const { shape, signed, unsigned, bits } of INTEGERS) {
    for (const [name, holds] of Object.entries(COMPARISONS)) {
      if (name === 'eq' || name === 'ne') table[`${shape}.${name}`] = compare(signed, signed, holds);
      else {
        table[`${shape}.${name}_s`] = compare(signed, signed, holds);
        table[`${shape}.${name}_u`] = compare(unsigned, signed, holds);
      }
    }
    Object.assign(table, {
      [`${shape}.abs`]: unary(signed, Math.abs),
      [`${shape}.neg`]: unary(signed, (a) => -a),
      [`${shape}.add`]: binary(signed, (a, b) => a + b),
      [`${shape}.sub`]: binary(signed, (a, b) => a - b),
      [`${shape}.min_s`]: binary(signed, (a, b) => (a < b ? a : b)),
      [`${shape}.min_u`]: binary(unsigned, (a, b) => (a < b ? a : b)),
      [`${shape}.max_s`]: binary(signed, (a, b) => (a > b ? a : b)),
      [`${shape}.max_u`]: binary(unsigned, (a, b) => (a > b ? a : b)),
      [`${shape}.shl`]: shift(signed, bits, (a, n) => a << n),
      [`${shape}.shr_s`]: shift(signed, bits, (a, n) => a >> n),
      [`${shape}.shr_u`]: shift(unsigned, bits, (a, n) => a >>> n),
      [`${shape}.all_true`]: (s: Scratch) =>
        setScalar(
          s,
          s.a[signed].every((lane) => lane !== 0),
        ),
      [`${shape}.bitmask`]: (s: Scratch) => {
        let mask = 0;
        s.a[signed].forEach((lane, i) => {
          if (lane < 0) mask |= 1 << i;
        });
        setScalar(s, mask);
      },
    });
  }
  for (const { shape, signed, unsigned, bits } of INTEGERS.slice(0, 2)) {
    const most = 2 ** (bits - 1) - 1;
    Object.assign(table, {
      [`${shape}.add_sat_s`]: binary(signed, (a, b) => clamp(a + b, -most - 1, most)),
      [`${shape}.add_sat_u`]: binary(unsigned, (a, b) => clamp(a + b, 0, 2 * most + 1)),
      [`${shape}.sub_sat_s`]: binary(signed, (a, b) => clamp(a - b, -most - 1, most)),
      [`${shape}.sub_sat_u`]: binary(unsigned, (a, b) => clamp(a - b, 0, 2 * most + 1)),
      [`${shape}.avgr_u`]: binary(unsigned, (a, b) => (a + b + 1) >> 1),
    });
  }
  return table;
}

const INTEGERS_64: Table = {
  'i64x2.eq': compare64((a, b) => a === b),
  'i64x2.ne': compare64((a, b) => a !== b),
  'i64x2.lt_s': compare64((a, b) => a < b),
  'i64x2.gt_s': compare64((a, b) => a > b),
  'i64x2.le_s': compare64((a, b) => a <= b),
  'i64x2.ge_s': compare64((a, b) => a >= b),
  'i64x2.abs': unary64((a) => (a < 0n ? -a : a)),
  'i64x2.neg': unary64((a) => -a),
  'i64x2.add': binary64((a, b) => a + b),
  'i64x2.sub': binary64((a, b) => a - b),
  'i64x2.mul': binary64((a, b) => a * b),
  'i64x2.shl': shift64('i64', (a, n) => a << n),
  'i64x2.shr_s': shift64('i64', (a, n) => a >> n),
  'i64x2.shr_u': shift64('u64', (a, n) => a >> n),
  'i64x2.all_true': (s) => setScalar(s, s.a.i64[0] !== 0n && s.a.i64[1] !== 0n),
  'i64x2.bitmask': (s) => setScalar(s, ((s.a.i32[1] as number) < 0 ? 1 : 0) | ((s.a.i32[3] as number) < 0 ? 2 : 0)),
};

function floats(): Table {
  const table: Table = {};
  for (const [shape, view, mask] of [
    ['f32x4', 'f32', 'i32'],
    ['f64x2', 'f64', 'i64'],
  ] as const) {
    for (const [name, holds] of Object.entries(COMPARISONS)) table[`${shape}.${name}`] = compare(view, mask, holds);
    Object.assign(table, {
      [`${shape}.ceil`]: unary(view, Math.ceil),
      [`${shape}.floor`]: unary(view, Math.floor),
      [`${shape}.trunc`]: unary(view, Math.trunc),
      [`${shape}.nearest`]: unary(view, nearest),
      [`${shape}.sqrt`]: unary(view, Math.sqrt),
      [`${shape}.add`]: binary(view, (a, b) => a + b),
      [`${shape}.sub`]: binary(view, (a, b) => a - b),
      [`${shape}.mul`]: binary(view, (a, b) => a * b),
      [`${shape}.div`]: binary(view, (a, b) => a / b),
      [`${shape}.min`]: binary(view, Math.min),
      [`${shape}.max`]: binary(view, Math.max),
      [`${shape}.pmin`]: pick(view, (a, b) => b < a),
      [`${shape}.pmax`]: pick(view, (a, b) => a < b),
    });
  }
  return table;
}

/** On bits, as signs of NaNs change too. */
const SIGNS: Table = {
  'f32x4.abs': unary('i32', (a) => a & 0x7fffffff),
  'f32x4.neg': unary('i32', (a) => a ^ -0x80000000),
  'f64x2.abs': unary64((a) => a & 0x7fffffffffffffffn),
  'f64x2.neg': unary64((a) => a ^ -0x8000000000000000n),
};

const SPLATS: Table = Object.fromEntries(
  (
    [
      ['i8x16', 'i8'],
      ['i16x8', 'i16'],
      ['i32x4', 'i32'],
      ['i64x2', 'i64'],
      // As bits, which keeps the payload of a NaN.
      ['f32x4', 'i32'],
      ['f64x2', 'i64'],
    ] as const
  ).flatMap(([shape, view]): [string, Compute][] => [
    [
      `${shape}.splat`,
      ({ d, scalar }) => {
        if (view === 'i64') d.i64.fill(scalar.i64[0] as bigint);
        else d[view].fill(scalar[view][0] as number);
      },
    ],
    [
      `${shape}.replace_lane`,
      ({ a, d, scalar, lane }) => {
        d.u8.set(a.u8);
        if (view === 'i64') d.i64[lane] = scalar.i64[0] as bigint;
        else d[view][lane] = scalar[view][0] as number;
      },
    ],
  ]),
);

function extract(view: NumberView | 'i64'): Compute {
  return ({ a, d, lane }) => {
    if (view === 'i64') d.i64[0] = a.i64[lane] as bigint;
    else d.i32[0] = a[view][lane] as number;
  };
}

const EXTRACTS: Table = {
  'i8x16.extract_lane_s': extract('i8'),
  'i8x16.extract_lane_u': extract('u8'),
  'i16x8.extract_lane_s': extract('i16'),
  'i16x8.extract_lane_u': extract('u16'),
  'i32x4.extract_lane': extract('i32'),
  'i64x2.extract_lane': extract('i64'),
  'f32x4.extract_lane': extract('i32'),
  'f64x2.extract_lane': extract('i64'),
};

const OTHERS: Table = {
  'v128.const': ({ d, immediate }) => d.u8.set(immediate.u8),
  'v128.not': unary('i32', (a) => ~a),
  'v128.and': binary('i32', (a, b) => a & b),
  'v128.andnot': binary('i32', (a, b) => a & ~b),
  'v128.or': binary('i32', (a, b) => a | b),
  'v128.xor': binary('i32', (a, b) => a ^ b),
  'v128.bitselect': ({ a, b, c, d }) => {
    for (let i = 0; i < 4; i++) {
      const mask = c.i32[i] as number;
      d.i32[i] = ((a.i32[i] as number) & mask) | ((b.i32[i] as number) & ~mask);
    }
  },
  'v128.any_true': (s) =>
    setScalar(
      s,
      s.a.i32.some((word) => word !== 0),
    ),
  'i8x16.popcnt': unary('u8', popcnt32),
  'i16x8.mul': binary('i16', (a, b) => a * b),
  'i32x4.mul': binary('i32', Math.imul),
  'i16x8.q15mulr_sat_s': binary('i16', (a, b) => clamp((a * b + 0x4000) >> 15, -32768, 32767)),
  'i8x16.shuffle': ({ a, b, d, immediate }) => {
    for (let i = 0; i < 16; i++) {
      const from = immediate.u8[i] as number;
      d.u8[i] = (from < 16 ? a.u8[from] : b.u8[from - 16]) as number;
    }
  },
  'i8x16.swizzle': ({ a, b, d }) => {
    for (let i = 0; i < 16; i++) d.u8[i] = a.u8[b.u8[i] as number] ?? 0;
  },
};

export const LANEWISE: Table = {
  ...integers(),
  ...INTEGERS_64,
  ...floats(),
  ...SIGNS,
  ...SPLATS,
  ...EXTRACTS,
  ...OTHERS,
};
