/** Code that is never reached, and work that a trap cuts short: neither may change what is counted, or what is there. */

import { describe, expect, test } from 'vitest';
import { WasmSandbox } from '../../src/sync.ts';
import { parse } from '../../src/text.ts';
import type { Trap } from '../../wasm/errors.ts';
import { ENGINES, onlyOn, outcomeOf } from './outcome.ts';

/** What ends a block, so that nothing behind it is reached. */
const ENDS: Readonly<Record<string, string>> = {
  return: '(return (local.get $n))',
  br: '(br $out (local.get $n))',
  br_table: '(br_table $out $out (local.get $n) (i32.const 1))',
  'a tail call': '(return_call $id (local.get $n))',
  throw: '(throw $e (local.get $n))',
};

/** What stands behind it. */
const DEAD: Readonly<Record<string, string>> = {
  'a try_table that catches all': '(block $h (try_table (catch_all $h)))',
  'a try_table that catches references': '(block $h (result exnref) (try_table (catch_all_ref $h)) unreachable) drop',
  'a try_table in a try_table': '(block $h (try_table (catch_all $h) (try_table (catch_all $h) (call $work))))',
  'a legacy try': 'try call $work catch $e drop catch_all end',
  'a legacy try that throws again': 'try call $work catch_all rethrow 0 end',
  'a legacy try that delegates': 'try try call $work delegate 0 catch_all end',
  'loops and branches': '(loop $l (br_if $l (i32.const 1)) (br $l))',
  'an if whose arms end differently': '(if (i32.const 1) (then (return (i32.const 3))) (else (call $work)))',
  'operands that nobody pushed': 'select drop i32.add drop',
  'growth and bulk work': '(drop (memory.grow (i32.const 1))) (memory.fill (i32.const 0) (i32.const 0) (i32.const 9))',
  'many calls': '(call $work)'.repeat(200),
};

function sourceOf(end: string, dead: string): Uint8Array {
  const catches = end.startsWith('(throw');
  const body = `(block $out (result i32) ${end} ${dead} (i32.const -1))`;
  return parse(`(module (memory 1 3) (type $thrown (func (param i32))) ${catches || /catch|\$e/.test(dead) ? '(tag $e (type $thrown))' : ''}
    (func $id (param i32) (result i32) (local.get 0))
    (func $work (loop $l (br $l)))
    (func $inner (param $n i32) (result i32) ${body})
    (func (export "run") (param $n i32) (result i32)
      ${catches ? `(block $h (result i32) (try_table (catch $e $h) (drop (call $inner (local.get $n)))) (i32.const -2))` : '(call $inner (local.get $n))'}))`);
}

describe('code that is never reached costs nothing, and changes nothing (wasmtime, exceptions and fuel in 2026)', () => {
  test.each(
    Object.entries(ENDS).flatMap(([end, code]) =>
      Object.entries(DEAD).map(([what, dead]) => [end, what, code, dead] as const),
    ),
  )('%s, then %s', (_end, _what, end, dead) => {
    const source = sourceOf(end, dead);
    const { only } = onlyOn(source);
    for (const engine of only === undefined ? ENGINES : [only]) {
      const run = (bytes: Uint8Array, gasLimit?: bigint) =>
        outcomeOf({ name: '', options: { source: bytes, ...(gasLimit && { gasLimit }) }, calls: [['run', 7]] }, engine);
      const whole = run(source);
      expect(whole.ending).toEqual({ results: 7 });
      const ready = WasmSandbox.create({ source, engine }).getResourceStats().gasUsed;
      const bare = sourceOf(end, '');
      const readyBare = WasmSandbox.create({ source: bare, engine }).getResourceStats().gasUsed;
      expect((whole.gas as bigint) - ready).toBe((run(bare).gas as bigint) - readyBare);
      // To the unit.
      expect(run(source, whole.gas)).toEqual(whole);
      expect(run(source, (whole.gas as bigint) - 1n).ending).toEqual({ code: 'GAS_EXHAUSTED' });
    }
  });
});

/** Instructions that trap, behind stores that nobody reads before. */
const TRAPS: Readonly<Record<string, readonly [code: string, kind: string]>> = {
  unreachable: ['unreachable', 'unreachable'],
  'a division by zero': ['(drop (i32.div_u (i32.const 1) (local.get $zero)))', 'divide-by-zero'],
  'a division that overflows': ['(drop (i64.div_s (i64.const 0x8000000000000000) (i64.const -1)))', 'integer-overflow'],
  'a conversion': ['(drop (i32.trunc_f64_s (f64.const nan)))', 'invalid-conversion'],
  'a load out of bounds': ['(drop (i64.load (i32.const 65529)))', 'memory-out-of-bounds'],
  'a store out of bounds': ['(i64.store (i32.const 65529) (i64.const -1))', 'memory-out-of-bounds'],
  'a store of a vector out of bounds': [
    '(v128.store (i32.const 65521) (v128.const i64x2 -1 -1))',
    'memory-out-of-bounds',
  ],
  'a fill out of bounds': ['(memory.fill (i32.const 65530) (i32.const 255) (i32.const 7))', 'memory-out-of-bounds'],
  'a call of null': ['(call_indirect (i32.const 0))', 'uninitialized-element'],
  'an index beyond a table': ['(drop (table.get (i32.const 1)))', 'table-out-of-bounds'],
};

describe('what was stored before a trap is there, and what traps has stored nothing', () => {
  test.each(Object.entries(TRAPS))('%s', (_, [code, kind]) => {
    const source = parse(`(module (memory 1) (table 1 funcref) (global $g (mut i64) (i64.const 0))
      (func (export "run") (param $zero i32)
        (i64.store (i32.const 8) (i64.const 1)) (i64.store (i32.const 8) (i64.const 0x0102030405060708))
        (i32.store8 (i32.const 9) (i32.const 0xff)) (global.set $g (i64.const 5)) (global.set $g (i64.const 6))
        ${code}
        (i64.store (i32.const 8) (i64.const 0)) (global.set $g (i64.const 0)))
      (func (export "stored") (result i64 i64 i64)
        (i64.load (i32.const 8)) (global.get $g) (i64.load (i32.const 65528))))`);
    for (const engine of ENGINES) {
      const sandbox = WasmSandbox.create({ source, engine });
      expect(() => sandbox.call('run', [0])).toThrow(expect.objectContaining({ kind }) as unknown as Trap);
      expect(sandbox.call('stored')).toEqual([0x010203040506ff08n, 6n, 0n]);
    }
  });
});
