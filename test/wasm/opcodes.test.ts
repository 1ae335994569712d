import { describe, expect, test } from 'vitest';
import {
  ATOMIC,
  accessBytes,
  GC,
  MISC,
  OPCODES,
  opcode,
  PREFIX_GC,
  PREFIX_MISC,
  PREFIX_THREADS,
  PREFIX_VECTOR,
  SINGLE_BYTE,
  VECTOR,
} from '../../wasm/opcodes.ts';

const TABLES: Readonly<Record<number, Int16Array>> = {
  0: SINGLE_BYTE,
  [PREFIX_GC]: GC,
  [PREFIX_MISC]: MISC,
  [PREFIX_VECTOR]: VECTOR,
  [PREFIX_THREADS]: ATOMIC,
};
const count = (prefix: number) => OPCODES.filter(({ code }) => code >> 16 === prefix).length;

describe('the opcode table', () => {
  test('holds all of WebAssembly 3.0, the exceptions before it, and threads', () => {
    // 1.0 has 172; sign extension added 5, reference types `select_t table.get table.set ref.null ref.is_null ref.func`.
    // 3.0 added two tail calls, three of exceptions, five of typed references and `ref.eq`; it left out five of exceptions.
    expect(count(0)).toBe(172 + 5 + 6 + 2 + 3 + 5 + 1 + 5);
    expect(count(PREFIX_GC)).toBe(31);
    expect(count(PREFIX_MISC)).toBe(18);
    // And the relaxed ones of 3.0.
    expect(count(PREFIX_VECTOR)).toBe(236 + 20);
    // Seven widths of nine accesses; notifying, two ways of waiting, the fence.
    expect(count(PREFIX_THREADS)).toBe(7 * 9 + 4);
  });

  test('names and numbers everything once', () => {
    expect(new Set(OPCODES.map(({ mnemonic }) => mnemonic)).size).toBe(OPCODES.length);
    expect(new Set(OPCODES.map(({ code }) => code)).size).toBe(OPCODES.length);
  });

  test('is in the order of the codes', () => {
    const codes = OPCODES.map(({ code }) => code);
    expect(codes).toEqual(codes.toSorted((a, b) => a - b));
  });

  test('finds every row by its code, and nothing by another', () => {
    for (const { code, index } of OPCODES) {
      const table = TABLES[code >> 16];
      expect(table?.[code & 0xffff]).toBe(index);
    }
    expect([SINGLE_BYTE[0xfc], SINGLE_BYTE[0xfd], SINGLE_BYTE[0xfe], SINGLE_BYTE[0x16], SINGLE_BYTE[0xfb]]).toEqual([
      -1, -1, -1, -1, -1,
    ]);
    expect([MISC[18], VECTOR[0x9a], VECTOR[0x114], ATOMIC[0x4f]]).toEqual([-1, -1, -1, -1]);
    for (const table of Object.values(TABLES)) {
      for (const index of table) if (index >= 0) expect(OPCODES[index]?.index).toBe(index);
    }
  });

  test('gives a meaning to every plain instruction on numbers', () => {
    const without = OPCODES.filter(
      ({ code, special, immediates, params, meaning }) =>
        code >> 16 !== PREFIX_VECTOR &&
        code >> 16 !== PREFIX_THREADS &&
        !special &&
        params !== '' &&
        (immediates === 'none' || immediates === 'memarg') &&
        meaning === undefined,
    );
    expect(without.map(({ mnemonic }) => mnemonic)).toEqual([]);
  });

  test('says which instructions trap by themselves', () => {
    const trapping = OPCODES.filter(({ traps }) => traps.length > 0).map(({ mnemonic }) => mnemonic);
    const expected = ['i32', 'i64'].flatMap((type) => [
      ...['div_s', 'div_u', 'rem_s', 'rem_u'].map((name) => `${type}.${name}`),
      ...['f32_s', 'f32_u', 'f64_s', 'f64_u'].map((name) => `${type}.trunc_${name}`),
    ]);
    expect(trapping.toSorted()).toEqual(expected.toSorted());
    const kinds = (name: Parameters<typeof opcode>[0]) => opcode(name).traps.map(([, kind]) => kind);
    expect(kinds('i32.div_s')).toEqual(['divide-by-zero', 'integer-overflow']);
    expect(kinds('i64.rem_s')).toEqual(['divide-by-zero']);
    expect(kinds('i32.trunc_f64_u')).toEqual(['invalid-conversion', 'integer-overflow']);
  });

  test.each([
    ['i32.load', 4],
    ['i64.load', 8],
    ['f32.store', 4],
    ['f64.load', 8],
    ['i32.load8_s', 1],
    ['i64.load16_u', 2],
    ['i64.store32', 4],
    ['v128.load', 16],
    ['v128.store', 16],
    ['v128.load8x8_s', 8],
    ['v128.load16_splat', 2],
    ['v128.load64_zero', 8],
    ['v128.store8_lane', 1],
    ['i64.atomic.rmw32.cmpxchg_u', 4],
    ['memory.atomic.wait64', 8],
  ] as const)('%s moves %i bytes', (mnemonic, bytes) => {
    expect(accessBytes(opcode(mnemonic))).toBe(bytes);
  });
});
