/** What looking for room in the memory budget costs: to the unit, as documented. */

import { describe, expect, it } from 'vitest';
import { decode } from '../../wasm/decode.ts';
import { planFunction } from '../../wasm/plan.ts';
import { definedRef, EXTERNREF, I32, I64 } from '../../wasm/types.ts';
import { encodeModule, type Instruction } from '../generate/encode.ts';
import { failureOf, instantiate } from './engine.ts';

const NODE_REF = definedRef(0, true);
const NODE_BYTES = 64 + 2 * (48 + 8);
const get = (local: number): Instruction => ['local.get', local];

/** `list(n)` puts n nodes before those that a global holds; `forget()` lets go of all. */
const bytes = encodeModule({
  types: [
    {
      struct: [
        { type: NODE_REF, mutable: true },
        { type: I32, mutable: true },
      ],
    },
  ],
  tables: [{ element: EXTERNREF, min: 0 }],
  globals: [
    { type: NODE_REF, mutable: true, init: [['ref.null', NODE_REF]] },
    { type: I64, mutable: true, init: [['i64.const', 0]] },
  ],
  functions: [
    {
      params: [I32],
      export: 'list',
      body: [
        'loop',
        ...([['global.get', 0], get(0), ['struct.new', 0], ['global.set', 0]] as Instruction[]),
        ...([get(0), ['i32.const', -1], 'i32.add', ['local.tee', 0], ['br_if', 0], 'end'] as Instruction[]),
      ],
    },
    {
      export: 'forget',
      body: [
        ['ref.null', NODE_REF],
        ['global.set', 0],
      ],
    },
    { params: [I32], results: [I32], export: 'table', body: [['ref.null', EXTERNREF], get(0), ['table.grow', 0]] },
  ],
});
const DEPTH = planFunction(decode(bytes), 0).weight;
/** Two globals and a table. */
const ROOTS = 3;

/** Units that a node more costs where `nodes`, and a table of so many elements, fill the budget, beyond where there is room. */
function priceOfRoom(
  nodes: number,
  elements: number,
  before: (call: (name: string, n?: number) => void) => void,
): number {
  const used = [nodes * NODE_BYTES + 8 * elements, 2 ** 30].map((memoryBytes) => {
    const instance = instantiate(bytes, { memoryBytes });
    const call = (name: string, n?: number) => {
      instance.call(name, n === undefined ? [] : [n]);
    };
    call('table', elements);
    before(call);
    const { gasUsed } = instance.figures();
    call('list', 1);
    return instance.figures().gasUsed - gasUsed;
  });
  return Number((used[0] as bigint) - (used[1] as bigint));
}

describe('room costs a unit for every 8 bytes that a trace looks at', () => {
  it.each([
    [1, 0],
    [10, 0],
    [101, 0],
    [10, 100],
    [10, 1_000],
  ])('of %i objects and %i elements of a table', (nodes, elements) => {
    const found = priceOfRoom(nodes, elements, (call) => {
      call('list', nodes);
      call('forget');
    });
    expect(found).toBe(Math.ceil((nodes * NODE_BYTES + 8 * (ROOTS + elements) + DEPTH) / 8));
  });

  it('whether or not there turns out to be any', () => {
    const instance = instantiate(bytes, { memoryBytes: 10 * NODE_BYTES });
    instance.call('list', [10]);
    const { gasUsed } = instance.figures();
    const room = instantiate(bytes);
    const atFirst = room.figures().gasUsed;
    room.call('list', [1]);
    const node = room.figures().gasUsed - atFirst;
    failureOf(() => instance.call('list', [1]));
    const spent = Number(instance.figures().gasUsed - gasUsed);
    expect(spent).toBeGreaterThanOrEqual((10 * NODE_BYTES + 8 * ROOTS + DEPTH) / 8);
    expect(spent).toBeLessThanOrEqual((10 * NODE_BYTES + 8 * ROOTS + DEPTH) / 8 + 1 + Number(node));
  });
});
