/** Relaxed vector instructions: of the results that the specification allows, always the deterministic profile's. */

import { expect, test } from 'vitest';
import { type Mnemonic, opcode } from '../../wasm/opcodes.ts';
import { DETERMINISTIC } from '../../wasm/relaxed.ts';
import { ascii, funcType, list, module, section, sized, unsigned } from '../spec/byte-writer.ts';
import { createHost } from '../spec/hosts.ts';

const V128 = [0x7b];

/** Exports the instruction as a function "f" on as many vectors as it takes. */
function moduleOf(mnemonic: Mnemonic): Uint8Array {
  const { code, params } = opcode(mnemonic);
  const operands = Array.from(params, (_, index) => [0x20, index]).flat();
  return module(
    section(
      1,
      list([
        funcType(
          Array.from(params, () => V128),
          [V128],
        ),
      ]),
    ),
    section(3, list([[0]])),
    section(7, list([[...ascii('f'), 0, 0]])),
    section(10, list([sized([0, ...operands, 0xfd, ...unsigned(code & 0xffff), 0x0b])])),
  );
}

type Lanes =
  | Int8Array
  | Uint8Array
  | Int16Array
  | Int32Array
  | Uint32Array
  | Float32Array
  | Float64Array
  | BigInt64Array;

function bitsOf(lanes: Lanes): bigint {
  const bytes = new Uint8Array(lanes.buffer);
  return bytes.reduceRight((bits, byte) => (bits << 8n) | BigInt(byte), 0n);
}

async function run(mnemonic: Mnemonic, operands: readonly Lanes[]): Promise<bigint> {
  const host = await createHost('interpreter');
  const instance = host.instantiate(host.compile(moduleOf(mnemonic)), new Map());
  const [result] = host.invoke(
    instance,
    'f',
    operands.map((lanes) => ({ type: 'v128', bits: bitsOf(lanes) })),
  );
  return (result as { readonly bits: bigint }).bits;
}

const i8 = (...lanes: number[]) => Int8Array.from({ length: 16 }, (_, i) => lanes[i % lanes.length] as number);
const i16 = (...lanes: number[]) => Int16Array.from({ length: 8 }, (_, i) => lanes[i % lanes.length] as number);
const i32 = (...lanes: number[]) => Int32Array.from({ length: 4 }, (_, i) => lanes[i % lanes.length] as number);
const f32 = (...lanes: number[]) => Float32Array.from({ length: 4 }, (_, i) => lanes[i % lanes.length] as number);
const f64 = (...lanes: number[]) => Float64Array.from({ length: 2 }, (_, i) => lanes[i % lanes.length] as number);

const COUNT = i8(...Array.from({ length: 16 }, (_, i) => i + 1));
const CANONICAL = i32(0x7fc00000);
const CANONICAL_64 = BigInt64Array.of(0x7ff8000000000000n, 0x7ff8000000000000n);
/** Its square is 1 + 2 ** -22 + 2 ** -46, of which an f32 keeps two terms. */
const NEAR_ONE = 1 + 2 ** -23;
/** Likewise for f64. */
const NEAR_ONE_64 = 1 + 2 ** -52;

test.each<[Mnemonic, Lanes[], Lanes]>([
  ['i8x16.relaxed_swizzle', [COUNT, i8(0, 15, 16, 31, 127, -128, -1, 1)], i8(1, 16, 0, 0, 0, 0, 0, 2)],
  ['i32x4.relaxed_trunc_f32x4_s', [f32(Number.NaN, 3e9, -3e9, -1.5)], i32(0, 0x7fffffff, -0x80000000, -1)],
  ['i32x4.relaxed_trunc_f32x4_u', [f32(Number.NaN, 5e9, -1.5, 3e9)], i32(0, -1, 0, 3e9)],
  ['i32x4.relaxed_trunc_f64x2_s_zero', [f64(Number.NaN, -3e9)], i32(0, -0x80000000, 0, 0)],
  ['i32x4.relaxed_trunc_f64x2_u_zero', [f64(5e9, -3e9)], i32(-1, 0, 0, 0)],
  ['f32x4.relaxed_madd', [f32(NEAR_ONE), f32(NEAR_ONE), f32(-1 - 2 ** -22)], f32(0)],
  ['f32x4.relaxed_madd', [f32(2, 1e38), f32(3, 10), f32(4, -1e38)], f32(10, Number.POSITIVE_INFINITY)],
  ['f32x4.relaxed_nmadd', [f32(NEAR_ONE, 2), f32(NEAR_ONE, 3), f32(1 + 2 ** -22, 4)], f32(0, -2)],
  ['f32x4.relaxed_nmadd', [f32(0), f32(1), f32(-0)], f32(-0)],
  ['f32x4.relaxed_madd', [f32(Number.POSITIVE_INFINITY), f32(0), f32(1)], CANONICAL],
  ['f64x2.relaxed_madd', [f64(NEAR_ONE_64), f64(NEAR_ONE_64), f64(-1 - 2 ** -51)], f64(0)],
  ['f64x2.relaxed_nmadd', [f64(NEAR_ONE_64, 2), f64(NEAR_ONE_64, 3), f64(1 + 2 ** -51, 4)], f64(0, -2)],
  ['i8x16.relaxed_laneselect', [i8(0x55), i8(0x2a), i8(-128, 0x0f)], i8(0x2a, 0x25)],
  ['i16x8.relaxed_laneselect', [i16(0x1234), i16(0x5678), i16(0x00ff, -256)], i16(0x5634, 0x1278)],
  ['i32x4.relaxed_laneselect', [i32(0x12345678), i32(0), i32(-0x10000, 0xffff)], i32(0x12340000, 0x5678)],
  ['i64x2.relaxed_laneselect', [i32(1, 2), i32(3, 4), i32(-1, 0)], i32(1, 4)],
  ['f32x4.relaxed_min', [f32(Number.NaN, 0), f32(0, Number.NaN)], CANONICAL],
  ['f32x4.relaxed_min', [f32(0, -0, 1), f32(-0, 0, 2)], f32(-0, -0, 1)],
  ['f32x4.relaxed_max', [f32(0, -0, 1), f32(-0, 0, 2)], f32(0, 0, 2)],
  ['f64x2.relaxed_min', [f64(0, -0), f64(-0, 0)], f64(-0)],
  ['f64x2.relaxed_max', [f64(Number.NaN, 0), f64(0, Number.NaN)], CANONICAL_64],
  ['i16x8.relaxed_q15mulr_s', [i16(-32768, 16384), i16(-32768, 3)], i16(32767, 2)],
  ['i16x8.relaxed_dot_i8x16_i7x16_s', [i8(-128, -128, 3, 4), i8(-128, -128, -5, 6)], i16(32767, 9)],
  ['i32x4.relaxed_dot_i8x16_i7x16_add_s', [i8(-128), i8(-128), i32(1, 2)], i32(65535, 65536)],
])('%s %#', async (mnemonic, operands, expected) => {
  expect(await run(mnemonic, operands)).toBe(bitsOf(expected));
});

test('what a relaxed instruction stands for has its operands and result', () => {
  for (const [relaxed, same] of Object.entries(DETERMINISTIC) as [Mnemonic, Mnemonic][]) {
    const { params, results, immediates } = opcode(relaxed);
    expect(opcode(same), relaxed).toMatchObject({ params, results, immediates });
  }
});
