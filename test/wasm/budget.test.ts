import { expect, test } from 'vitest';
import {
  Budget,
  Growth,
  instanceBytes,
  mostElements,
  mostPages,
  noRoomForMemory,
  overBudget,
} from '../../wasm/budget.ts';
import { decode } from '../../wasm/decode.ts';
import { INSTANCE_BYTES, TABLE_ELEMENT_BYTES } from '../../wasm/gas.ts';
import { MAX_INSTANCE_PAGES, MODULE_LIMITS, PAGE_BYTES } from '../../wasm/limits.ts';
import { I32 } from '../../wasm/types.ts';
import { encodeModule } from '../generate/encode.ts';

const figuresOf = ({ used, peak, refused }: Budget) => ({ used, peak, refused });

test('a budget is taken to the last byte, and not beyond', () => {
  const budget = new Budget(100);
  expect(figuresOf(budget)).toEqual({ used: 0, peak: 0, refused: false });
  expect([budget.take(60), budget.take(40)]).toEqual([true, true]);
  expect(figuresOf(budget)).toEqual({ used: 100, peak: 100, refused: false });
  expect(budget.take(1)).toBe(false);
  expect(figuresOf(budget)).toEqual({ used: 100, peak: 100, refused: true });
});

test('what is given back can be taken again, and the peak stays', () => {
  const budget = new Budget(100);
  budget.take(80);
  budget.give(50);
  expect(figuresOf(budget)).toEqual({ used: 30, peak: 80, refused: false });
  expect([budget.take(40), budget.take(31), budget.take(30)]).toEqual([true, false, true]);
  expect(figuresOf(budget)).toEqual({ used: 100, peak: 100, refused: true });
});

test('asking takes nothing, and is remembered only where it is refused', () => {
  const budget = new Budget(100);
  budget.take(10);
  expect([budget.hasRoomFor(90), budget.holds(90), budget.hasRoomFor(91)]).toEqual([true, true, false]);
  expect(figuresOf(budget)).toEqual({ used: 10, peak: 10, refused: false });
  expect(budget.holds(91)).toBe(false);
  expect(figuresOf(budget)).toEqual({ used: 10, peak: 10, refused: true });
});

test('a budget that is reset is as at first', () => {
  const budget = new Budget(100);
  budget.take(10);
  budget.take(100);
  budget.reset();
  expect(figuresOf(budget)).toEqual({ used: 0, peak: 0, refused: false });
  expect(budget.take(100)).toBe(true);
});

test.each([
  ['memory', mostPages, Growth.ofMemory, MAX_INSTANCE_PAGES, PAGE_BYTES],
  ['table', mostElements, Growth.ofTable, MODULE_LIMITS.tableElements, TABLE_ELEMENT_BYTES],
] as const)('a %s grows to its maximum, and as long as the budget holds it', (_, most, of, highest, bytes) => {
  expect([undefined, 0, 7, highest, highest + 1].map(most)).toEqual([highest, 0, 7, highest, highest]);
  const budget = new Budget(10 * bytes);
  const growth = of(budget, 7);
  expect(growth.allows(3, 4)).toBe(true);
  expect(budget.used).toBe(0);
  expect(growth.take(3, 4)).toBe(true);
  expect(budget.used).toBe(4 * bytes);
  // Its own maximum is no refusal by the budget.
  expect([growth.allows(3, 5), growth.take(3, 5)]).toEqual([false, false]);
  expect(figuresOf(budget)).toEqual({ used: 4 * bytes, peak: 4 * bytes, refused: false });
  expect(growth.take(0, 7)).toBe(false);
  expect([growth.allows(0, 6), growth.allows(0, 7)]).toEqual([true, false]);
  expect(figuresOf(budget)).toEqual({ used: 4 * bytes, peak: 4 * bytes, refused: true });
  growth.give(1);
  expect(budget.used).toBe(3 * bytes);
  expect(growth.take(0, 7)).toBe(true);
});

test('the largest there can be is what the maximum and the whole budget allow', () => {
  const budget = new Budget(10 * PAGE_BYTES + 1);
  budget.take(9 * PAGE_BYTES);
  expect([Growth.ofMemory(budget, 7).largest, Growth.ofMemory(budget, 70).largest]).toEqual([7, 10]);
});

test('an instance after the first of its module takes what it holds', () => {
  const module = decode(
    encodeModule({
      functions: [{ body: [] }, { body: [], export: 'f' }, { body: [], export: 'g' }],
      globals: Array.from({ length: 5 }, () => ({ type: I32, init: [['i32.const', 0]] as const })),
      tables: [{ min: 0 }],
      memories: [{ min: 0 }],
      elements: [{ items: [0, 1, 0] }, { items: [1] }],
      data: [{ bytes: [] }],
    }),
  );
  const { function: one, global, export: exported, element, part } = INSTANCE_BYTES;
  const bytes = 3 * one + 5 * global + 2 * exported + 4 * element + (1 + 2 + 1) * part;
  expect(instanceBytes(module)).toBe(bytes);
  const budget = new Budget(bytes);
  expect([budget.bytesFor(module), budget.admit(module), budget.used]).toEqual([0, true, 0]);
  expect([budget.bytesFor(module), budget.admit(module), budget.used]).toEqual([bytes, true, bytes]);
  expect([budget.admit(module), budget.used, budget.refused]).toEqual([false, bytes, true]);
});

test('what there is no room for is named, with what is in use', () => {
  const budget = new Budget(100);
  budget.take(60);
  const resources = { memoryBytes: 60 } as never;
  const error = overBudget('a table of 5 elements', 41, budget, resources);
  expect(error.message).toBe(
    'Memory limit exceeded: the module asks for a table of 5 elements (41 bytes), the limit is 100 bytes of which 60 are in use; raise memoryLimit',
  );
  expect(error.resources).toBe(resources);
  expect(noRoomForMemory(MAX_INSTANCE_PAGES, budget).message).toBe(
    `Memory limit exceeded: a memory of ${MAX_INSTANCE_PAGES} pages was asked for, the limit is 100 bytes of which 60 are in use; raise memoryLimit`,
  );
  expect(noRoomForMemory(BigInt(MAX_INSTANCE_PAGES) + 1n, budget).message).toBe(
    `Memory limit exceeded: a memory of ${MAX_INSTANCE_PAGES + 1} pages was asked for, no memory has more than ${MAX_INSTANCE_PAGES} pages`,
  );
});
