import { describe, expect, it, test } from 'vitest';
import { TableInstance } from '../../interpreter/store/table.ts';
import { type Trap, WasmSandbox } from '../../src/index.ts';
import { parse } from '../../src/text.ts';
import { Budget } from '../../wasm/budget.ts';
import { TABLE_ELEMENT_BYTES } from '../../wasm/gas.ts';

import { EXTERNREF, I32, type TableType } from '../../wasm/types.ts';

const typeOf = (min: number, max?: number): TableType => ({ element: EXTERNREF, address: I32, limits: { min, max } });

test('a table grows to its maximum, and as long as the budget holds it', () => {
  const budget = new Budget(9 * TABLE_ELEMENT_BYTES);
  const table = TableInstance.create(typeOf(2, 5), [], budget, 'a') as TableInstance;
  expect([table.elements, table.limits]).toEqual([['a', 'a'], { min: 2, max: 5 }]);
  expect([table.mayGrow(3), table.mayGrow(4), table.grow(4, 'b'), budget.refused]).toEqual([true, false, -1, false]);
  expect([table.grow(3, 'b'), table.grow(0, 'c')]).toEqual([2, 5]);
  expect([table.elements, table.limits]).toEqual([['a', 'a', 'b', 'b', 'b'], { min: 5, max: 5 }]);
  expect(TableInstance.create(typeOf(5), [], budget, null)).toBeUndefined();
  expect([budget.used, budget.refused]).toEqual([5 * TABLE_ELEMENT_BYTES, true]);
  const other = TableInstance.create(typeOf(1), [], budget, null) as TableInstance;
  expect([other.mayGrow(3), other.mayGrow(4), other.grow(4, null), other.grow(3, null)]).toEqual([true, false, -1, 1]);
});

describe('tables one after another', () => {
  const source = parse(`(module (table $t 4 funcref) (global $g (mut i32) (i32.const 0))
    (func $f (export "f") (param i32) (result i32)
      (drop (table.get (i32.const 0)))
      (table.set (i32.const 1) (ref.func $f))
      (drop (table.get (i32.const 1)))
      (drop (table.get (local.get 0)))
      (global.set $g (i32.const 7))
      (i32.add (i32.add (table.size $t) (ref.is_null (table.get (i32.const 1)))) (global.get $g)))
    (elem declare func $f))`);

  it.each([3, 4, -1])('go on, or trap where they are, with index %i', async (index) => {
    const ends = await Promise.all(
      (['interpreter', 'native'] as const).map(async (engine) => {
        const sandbox = await WasmSandbox.fromBytes(source, { engine });
        const end = await sandbox.call('f', [index]).catch((error: Trap) => [error.kind, error.offset]);
        return [end, sandbox.getResourceStats().gasUsed];
      }),
    );
    expect(ends[0]).toEqual(ends[1]);
    expect(ends[0]?.[0]).toEqual(index === 3 ? 11 : ['table-out-of-bounds', expect.any(Number)]);
  });
});
