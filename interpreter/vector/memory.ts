/** Loads and stores of vectors and of single lanes (specification 4.4.7). The place is known to be in bounds. */

import type { Compute } from './lanes.ts';

type Table = Record<string, Compute>;

/** How a lane is read from memory and written to it, by its bits. 64-bit lanes are bigints. */
const ACCESS = {
  8: { view: 'u8', get: 'getUint8', set: 'setUint8' },
  16: { view: 'u16', get: 'getUint16', set: 'setUint16' },
  32: { view: 'u32', get: 'getUint32', set: 'setUint32' },
  64: { view: 'u64', get: 'getBigUint64', set: 'setBigUint64' },
} as const;

type Bits = keyof typeof ACCESS;
const WIDTHS: readonly Bits[] = [8, 16, 32, 64];

function lanes(bits: Bits): Table {
  const { view, get, set } = ACCESS[bits];
  return {
    [`v128.load${bits}_splat`]: ({ d, memory, at }) => {
      const value = memory[get](at, true);
      if (view === 'u64') d.u64.fill(value as bigint);
      else d[view].fill(value as number);
    },
    [`v128.load${bits}_zero`]: ({ d, memory, at }) => {
      d.u64.fill(0n);
      d[view][0] = memory[get](at, true) as never;
    },
    [`v128.load${bits}_lane`]: ({ a, d, memory, at, lane }) => {
      d.u8.set(a.u8);
      d[view][lane] = memory[get](at, true) as never;
    },
    [`v128.store${bits}_lane`]: ({ a, memory, at, lane }) => memory[set](at, a[view][lane] as never, true),
  };
}

/** Loads 64 bits as lanes, each extended to twice its width. */
function extending(bits: 8 | 16 | 32): Table {
  const count = 64 / bits;
  const signed = { 8: 'getInt8', 16: 'getInt16', 32: 'getInt32' } as const;
  const load =
    (get: 'getInt8' | 'getUint8' | 'getInt16' | 'getUint16' | 'getInt32' | 'getUint32'): Compute =>
    ({ d, memory, at }) => {
      for (let i = 0; i < count; i++) {
        const value = memory[get](at + (i * bits) / 8, true);
        if (bits === 8) d.i16[i] = value;
        else if (bits === 16) d.i32[i] = value;
        else d.i64[i] = BigInt(value);
      }
    };
  return {
    [`v128.load${bits}x${count}_s`]: load(signed[bits]),
    [`v128.load${bits}x${count}_u`]: load(ACCESS[bits].get),
  };
}

export const ACCESSES: Table = {
  'v128.load': ({ d, memory, at }) => {
    for (let i = 0; i < 4; i++) d.i32[i] = memory.getInt32(at + 4 * i, true);
  },
  'v128.store': ({ a, memory, at }) => {
    for (let i = 0; i < 4; i++) memory.setInt32(at + 4 * i, a.i32[i] as number, true);
  },
  ...Object.assign({}, ...WIDTHS.map(lanes)),
  ...extending(8),
  ...extending(16),
  ...extending(32),
};
