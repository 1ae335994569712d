/** What references in registers cost to clear: counted, not timed. */

import { afterEach, describe, expect, it, vi } from 'vitest';
import { Thread } from '../../interpreter/machine/thread.ts';
import { SlotReferences } from '../../interpreter/values/reference.ts';
import { EXTERNREF, FUNCREF, I32, type ValType } from '../../wasm/types.ts';
import { encodeModule, type Instruction, type ModuleDescription } from '../generate/encode.ts';
import { instantiate } from './engine.ts';

const get = (local: number): Instruction => ['local.get', local];
const repeat = (count: number, ...body: Instruction[]): Instruction[] =>
  Array.from({ length: count }, () => body).flat();

describe('references beside registers', () => {
  it('are null where nothing was written, or nothing since', () => {
    const references = new SlotReferences();
    references.set(5, undefined);
    references.set(2, 'two');
    expect([0, 2, 5, 6].map((slot) => references.get(slot))).toEqual([null, 'two', undefined, null]);
    references.cut(5);
    expect(references.get(5)).toBe(null);
    references.set(9, 'nine');
    expect([2, 5, 8, 9].map((slot) => references.get(slot))).toEqual(['two', null, null, 'nine']);
    expect(references.before(3)).toEqual([null, null, 'two']);
    expect(references.before(100)).toHaveLength(10);
  });

  it('move down, with the nulls among them and behind them', () => {
    const references = new SlotReferences();
    for (const slot of [0, 1, 2, 3, 5]) references.set(slot, slot);
    references.moveDown(1, 4, 3);
    expect([0, 1, 2, 3].map((slot) => references.get(slot))).toEqual([0, null, 5, null]);
  });

  it('are let go by the list, too', () => {
    const references = new SlotReferences();
    references.set(3, 'kept');
    references.cut(1);
    references.set(7, 'later');
    expect(references.before(8)).toEqual([null, null, null, null, null, null, null, 'later']);
    references.drop();
    expect([references.end, references.get(7)]).toEqual([0, null]);
  });
});

it.each([1_000, 1_000_000])(
  'a thread with a stack of %i bytes holds nothing of its guest when it is given back',
  (stack) => {
    const thread = new Thread();
    thread.prepare(stack);
    while (thread.grow());
    thread.registers.fill(7);
    thread.references.set(3, 'kept');
    thread.clear();
    thread.prepare(stack);
    expect(thread.registers.every((word) => word === 0)).toBe(true);
    expect([thread.references.end, thread.references.get(3)]).toEqual([0, null]);
  },
);

describe('clearing them', () => {
  afterEach(() => vi.restoreAllMocks());

  /** How many are cleared while a guest runs. */
  function cleared(module: ModuleDescription, ...args: number[]): { slots: number; gas: bigint } {
    const instance = instantiate(encodeModule(module));
    let slots = 0;
    const cut = SlotReferences.prototype.cut;
    vi.spyOn(SlotReferences.prototype, 'cut').mockImplementation(function (this: SlotReferences, slot) {
      slots += Math.max(0, this.end - slot);
      cut.call(this, slot);
    });
    const { gasUsed } = instance.figures();
    instance.call('run', args);
    return { slots, gas: instance.figures().gasUsed - gasUsed };
  }

  const times = (...body: Instruction[]): Instruction[] => [
    ['loop'],
    ...body,
    get(0),
    ['i32.const', -1],
    'i32.add',
    ['local.tee', 0],
    ['br_if', 0],
    'end',
  ];
  const run = (body: Instruction[], locals: ValType[] = []) => ({ params: [I32], export: 'run', locals, body });
  const HIGH = 30_000;

  it('takes nothing for a stack that could be high and is not', () => {
    const high = ['unreachable', ...repeat(HIGH, ['ref.null', FUNCREF]), ...repeat(HIGH, 'drop')] as Instruction[];
    const functions = [
      run(times(['call', 1])),
      { body: [['i32.const', 0], 'if', ...high.slice(1), 'end'] as Instruction[] },
    ];
    const { slots, gas } = cleared({ tags: [{ params: [] }], functions }, 1_000);
    expect(slots).toBeLessThan(10);
    expect(gas).toBeLessThan(20_000n);
  });

  it('takes nothing for what another call has cleared before', () => {
    const climb = [...repeat(HIGH, ['ref.null', FUNCREF]), ...repeat(HIGH, 'drop')] as Instruction[];
    const functions = [run([['call', 2], ...times(['call', 1])]), { body: [] }, { body: climb }];
    const { slots } = cleared({ tags: [{ params: [] }], functions }, 1_000);
    expect(slots).toBeLessThan(HIGH + 10);
  });

  // The dearest ways up: what is below is paid for by a quarter of a unit for a value, of which vectors take two slots.
  it.each([
    ['locals', new Array<ValType>(5_000).fill(0x7b)],
    ['references', new Array<ValType>(10_000).fill(EXTERNREF)],
  ])('is paid for by %s', (_, locals) => {
    const up = {
      locals: [...locals, FUNCREF],
      body: [
        ['ref.func', 1],
        ['local.set', locals.length],
      ] as Instruction[],
    };
    const functions = [run(times(['call', 1])), up];
    const module = { tags: [{ params: [] }], functions, elements: [{ declarative: true, items: [1] }] };
    const { slots, gas } = cleared(module, 100);
    expect(slots).toBeGreaterThan(0.9 * 100 * 10_000);
    expect(slots).toBeLessThanOrEqual(8 * Number(gas));
  });

  it('leaves what frames below hold, over calls and tail calls', () => {
    const functions = [
      {
        params: [EXTERNREF, I32],
        results: [EXTERNREF],
        export: 'run',
        body: [get(0), get(1), ['ref.null', FUNCREF], ['call', 1], 'drop'] as Instruction[],
      },
      {
        params: [I32, FUNCREF],
        results: [I32],
        body: [
          get(0),
          'i32.eqz',
          'if',
          ['i32.const', 7],
          'return',
          'end',
          get(0),
          ['i32.const', 1],
          'i32.sub',
          get(1),
          ['return_call', 1],
        ] as Instruction[],
      },
    ];
    const instance = instantiate(encodeModule({ tags: [{ params: [] }], functions }));
    expect(instance.call('run', [undefined, 5])).toEqual([undefined]);
    expect(instance.call('run', ['kept', 5])).toEqual(['kept']);
  });
});
