import { expect, test } from 'vitest';
import { TableInstance } from '../../interpreter/store/table.ts';
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
