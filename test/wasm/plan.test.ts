import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { decode } from '../../wasm/decode.ts';
import {
  CARRIED_PER_UNIT,
  CLASS_COST,
  CODE_PER_THROW_UNIT,
  INSTRUCTION_COST,
  LABELS_PER_UNIT,
  OTHER_MEMORY_COST,
  REFERENCE_LOCAL_COST,
  THROWN_VALUE_COST,
} from '../../wasm/gas.ts';
import { blockType, InstructionReader } from '../../wasm/instructions.ts';
import { typeOfFunction, type WasmModule } from '../../wasm/module.ts';
import { type Mnemonic, OPCODES, opcode } from '../../wasm/opcodes.ts';
import { ChargePoints, instantiationCost, planFunction, priceInstantiation } from '../../wasm/plan.ts';
import { STEP_BYTES } from '../../wasm/steps.ts';
import { F64, FUNCREF, I32, isReference, V128, type ValType } from '../../wasm/types.ts';
import { encodeModule, type Instruction, type ModuleDescription } from '../generate/encode.ts';
import { anyModule } from '../generate/module.ts';

const zero: Instruction = ['i32.const', 0];
const pay: Instruction[] = [zero, 'i32.eqz', 'drop'];

/** Costs that the examples below count with. */
const SIMPLE = 1;
const BRANCH = 1;
const ENTRY = 4;

interface PlanText {
  readonly entry: number;
  /** The number of the instruction in the body at which the segment begins, its cost, and `check` for loop headers. */
  readonly points: readonly (readonly [at: number, cost: number, check?: 'check'])[];
}

function offsets(module: WasmModule, body: number): number[] {
  const { codeStart, end } = module.bodies.at(body);
  const reader = new InstructionReader(module.bytes, codeStart, end);
  const found: number[] = [];
  while (reader.pos < end) {
    reader.next();
    found.push(reader.offset);
  }
  return [...found, end];
}

function planOf(body: readonly Instruction[], locals: readonly ValType[] = []): PlanText {
  const module = decode(encodeModule({ functions: [{ params: [I32], locals, body }] }));
  const { entryCost, points } = planFunction(module, 0);
  const starts = offsets(module, 0);
  return {
    entry: entryCost,
    points: points.map(({ offset, cost, check }) =>
      check ? [starts.indexOf(offset), cost, 'check'] : [starts.indexOf(offset), cost],
    ),
  };
}

test('the costs the examples count with', () => {
  const cost = (mnemonic: Mnemonic) => INSTRUCTION_COST[opcode(mnemonic).index];
  expect(['i32.eqz', 'local.set', 'select'].map((m) => cost(m as Mnemonic))).toEqual([SIMPLE, SIMPLE, SIMPLE]);
  const branches = ['loop', 'br', 'br_if', 'br_table', 'return', 'if'];
  expect(branches.map((m) => cost(m as Mnemonic))).toEqual(Array(branches.length).fill(BRANCH));
  expect(['local.get', 'i32.const', 'f64.const'].map((m) => cost(m as Mnemonic))).toEqual(Array(3).fill(1 / 4));
  const free = ['block', 'else', 'end', 'nop', 'drop', 'unreachable'];
  expect(free.map((m) => cost(m as Mnemonic))).toEqual(Array(free.length).fill(0));
  expect(INSTRUCTION_COST).toHaveLength(OPCODES.length);
});

describe('segments', () => {
  test('an empty function costs its entry', () => {
    expect(planOf([])).toEqual({ entry: ENTRY, points: [] });
  });

  test('declared locals cost a unit for every four, parameters nothing', () => {
    expect(planOf([], [I32]).entry).toBe(ENTRY + 1);
    expect(planOf([], Array(4).fill(I32)).entry).toBe(ENTRY + 1);
    expect(planOf([], Array(5).fill(F64)).entry).toBe(ENTRY + 2);
  });

  test('straight code is paid on entry', () => {
    expect(planOf([...pay, ...pay])).toEqual({ entry: ENTRY + 2 * SIMPLE, points: [] });
  });

  test('a block begins none, nor does its end, unless something jumps there', () => {
    expect(planOf([...pay, 'block', ...pay, 'end', ...pay])).toEqual({ entry: ENTRY + 3, points: [] });
    // 0 block, 1–3 pay, 4 const, 5 br_if, 6–8 pay, 9 end, 10–12 pay
    expect(planOf(['block', ...pay, zero, ['br_if', 0], ...pay, 'end', ...pay])).toEqual({
      entry: ENTRY + 1 + BRANCH,
      points: [
        [6, 1],
        [10, 1],
      ],
    });
  });

  test('a jump to the end of the block outside', () => {
    // 0 block, 1 block, 2 const, 3 br_if, 4–6 pay, 7 end, 8–10 pay, 11 end, 12–14 pay
    expect(planOf(['block', 'block', zero, ['br_if', 1], ...pay, 'end', ...pay, 'end', ...pay])).toEqual({
      entry: ENTRY + BRANCH,
      points: [
        [4, 2],
        [12, 1],
      ],
    });
  });

  test('a segment that costs nothing is not there', () => {
    expect(planOf(['block', ...pay, 'end', zero, 'drop'])).toEqual({ entry: ENTRY + 1, points: [] });
  });

  test('nor is one with constructs in it that cost nothing', () => {
    expect(planOf(['block', zero, ['br_if', 0], 'block', 'end', 'end'])).toEqual({ entry: ENTRY + BRANCH, points: [] });
  });

  test('a loop header always checks, its end begins nothing', () => {
    expect(planOf(['loop', 'end'])).toEqual({ entry: ENTRY + BRANCH, points: [[1, 0, 'check']] });
    expect(planOf([...pay, 'loop', ...pay, 'end', ...pay])).toEqual({
      entry: ENTRY + 1 + BRANCH,
      points: [[4, 2, 'check']],
    });
  });

  test('both arms of an if, and what follows', () => {
    // 0 const, 1 if, 2–4 pay, 5 else, 6–8 pay, 9–11 pay, 12 end, 13–15 pay
    expect(planOf([zero, 'if', ...pay, 'else', ...pay, ...pay, 'end', ...pay])).toEqual({
      entry: ENTRY + BRANCH,
      points: [
        [2, 1],
        [6, 2],
        [13, 1],
      ],
    });
  });

  test('after a conditional branch', () => {
    expect(planOf(['block', zero, ['br_if', 0], ...pay, 'end', ...pay])).toEqual({
      entry: ENTRY + BRANCH,
      points: [
        [3, 1],
        [7, 1],
      ],
    });
  });

  test('calls do not end one', () => {
    expect(planOf([...pay, zero, ['call', 0], ...pay])).toEqual({ entry: ENTRY + 1 + 4 + 1, points: [] });
  });
});

test('four pushes cost a unit, rounded down over a segment', () => {
  const pushes = (count: number): Instruction[] => [...Array(count).fill(zero), ...Array(count).fill('drop')];
  expect(planOf(pushes(3)).entry).toBe(ENTRY);
  expect(planOf(pushes(4)).entry).toBe(ENTRY + 1);
  // 0 const, 1 br_if, 2 const, 3 const, 4 const: the segments do not share.
  expect(planOf([zero, ['br_if', 0], ...pushes(3)])).toEqual({ entry: ENTRY + BRANCH, points: [] });
});

test('writing a reference to a local costs more than writing a number', () => {
  const copy = (local: number): Instruction[] => [
    ['local.get', local],
    ['local.set', local],
  ];
  const entry = (local: number) => planOf(copy(local), [I32, FUNCREF]).entry;
  expect(entry(2) - entry(1)).toBe(REFERENCE_LOCAL_COST);
});

test('accesses to another memory than the first cost more', () => {
  const entryCost = (memory: number) => {
    const body: Instruction[] = [zero, ['i32.load', { memory }], 'drop'];
    const memories = [{ min: 1 }, { min: 1 }];
    return planFunction(decode(encodeModule({ memories, functions: [{ body }] })), 0).entryCost;
  };
  expect(entryCost(1) - entryCost(0)).toBe(OTHER_MEMORY_COST);
});

test('results cost, but for the first, and twice where they are vectors or references', () => {
  const entryCost = (...results: ValType[]) =>
    planFunction(decode(encodeModule({ functions: [{ results, body: ['unreachable'] }] })), 0).entryCost;
  expect(entryCost()).toBe(ENTRY);
  expect(entryCost(V128)).toBe(ENTRY);
  expect(entryCost(FUNCREF)).toBe(ENTRY);
  expect(entryCost(FUNCREF, I32, F64)).toBe(ENTRY + 1);
  expect(entryCost(I32, FUNCREF, V128)).toBe(ENTRY + 2);
  expect(entryCost(I32, I32, FUNCREF)).toBe(ENTRY + 2);
});

test('values carried by a branch cost, but for the first', () => {
  const signature = (count: number) => ({ params: [], results: Array(count).fill(I32) as ValType[] });
  const carrying = (count: number) =>
    planOf([['block', signature(count)], ...Array(count).fill(zero), ['br', 0], 'end', ...Array(count).fill('drop')])
      .entry;
  expect(carrying(1)).toBe(ENTRY + BRANCH);
  expect(carrying(2)).toBe(ENTRY + BRANCH + 1);
  expect(carrying(9)).toBe(ENTRY + BRANCH + 2 + 4);
});

test('a branch to a loop carries its parameters, not its results', () => {
  const params = new Array<ValType>(5).fill(I32);
  const body: Instruction[] = [
    ...params.map(() => zero),
    ['loop', { params, results: [I32] }],
    ['br', 0],
    'end',
    'drop',
  ];
  expect(planOf(body).points).toEqual([[6, BRANCH + 2, 'check']]);
});

describe('code that cannot be reached costs nothing', () => {
  test.each<[string, Instruction[]]>([
    ['br', [['br', 0]]],
    ['br_table', [zero, ['br_table', [0], 0]]],
  ])('after %s, to the end where it goes', (_, branch) => {
    const at = branch.length + 5;
    expect(planOf(['block', ...branch, ...pay, 'end', ...pay])).toEqual({ entry: ENTRY + BRANCH, points: [[at, 1]] });
  });

  test('after return, and after the block it stands in', () => {
    expect(planOf(['block', 'return', ...pay, 'end', ...pay])).toEqual({ entry: ENTRY + BRANCH, points: [] });
  });

  test('after a block out of which every path leaves', () => {
    const arms: Instruction[] = [zero, 'if', 'return', 'else', 'unreachable', 'end'];
    expect(planOf([...arms, ...pay])).toEqual({ entry: ENTRY + BRANCH, points: [[2, BRANCH]] });
  });

  test('after an if out of both arms of which every path leaves', () => {
    expect(planOf([zero, 'if', 'unreachable', 'else', 'unreachable', 'end', ...pay])).toEqual({
      entry: ENTRY + BRANCH,
      points: [],
    });
  });

  test('after unreachable, to the end of the function', () => {
    expect(planOf([...pay, 'unreachable', ...pay, 'block', ...pay, 'end', ...pay])).toEqual({
      entry: ENTRY + 1,
      points: [],
    });
  });

  test('whole constructs in it, loops too', () => {
    const dead: Instruction[] = [
      zero,
      'if',
      ...pay,
      'else',
      ...pay,
      'end',
      'loop',
      ...pay,
      'end',
      'block',
      ...pay,
      'end',
    ];
    const body: Instruction[] = ['block', ['br', 0], ...dead, ...pay, 'end', ...pay];
    expect(planOf(body)).toEqual({ entry: ENTRY + BRANCH, points: [[body.length - 3, 1]] });
  });

  test('the other arm can be reached', () => {
    // 0 const, 1 if, 2 br, 3–5 pay, 6 else, 7–9 pay, 10 end
    expect(planOf([zero, 'if', ['br', 0], ...pay, 'else', ...pay, 'end'])).toEqual({
      entry: ENTRY + BRANCH,
      points: [
        [2, BRANCH],
        [7, 1],
      ],
    });
  });

  test('what follows an endless loop', () => {
    expect(planOf(['loop', ['br', 0], 'end', ...pay, 'loop', ...pay, 'end'])).toEqual({
      entry: ENTRY + BRANCH,
      points: [[1, BRANCH, 'check']],
    });
  });

  test('what follows a loop is reached from the block around it', () => {
    const body: Instruction[] = ['block', 'loop', ['br', 1], 'end', ...pay, 'end', ...pay];
    expect(planOf(body)).toEqual({
      entry: ENTRY + BRANCH,
      points: [
        [2, BRANCH, 'check'],
        [8, 1],
      ],
    });
  });
});

test('a frame weighs its parameters, locals and operands, and what is passed in memory', () => {
  const weight = (params: number, locals: number, operands: number, results = 0) => {
    const body: Instruction[] = [
      ...Array(operands).fill(zero),
      ...Array(operands).fill('drop'),
      ...Array(results).fill(zero),
    ];
    const types = { params: Array(params).fill(I32), results: Array(results).fill(I32) };
    return planFunction(decode(encodeModule({ functions: [{ ...types, locals: Array(locals).fill(F64), body }] })), 0)
      .weight;
  };
  expect(weight(0, 0, 0)).toBe(128);
  expect(weight(1, 2, 3)).toBe(128 + 6 * 8);
  expect(weight(8, 0, 0)).toBe(128 + 8 * 8);
  expect(weight(10, 0, 0)).toBe(128 + 12 * 8);
  expect(weight(0, 0, 1, 1)).toBe(128 + 8);
  expect(weight(0, 0, 0, 3)).toBe(128 + 5 * 8);
});

test('charges are found by their number, and past the last one there is none', () => {
  const points = new ChargePoints();
  points.push(10, 7, false);
  points.push(20, 0, true);
  points.push(2 ** 29, 2 ** 30, false);
  expect([...points]).toEqual([
    { offset: 10, cost: 7, check: false },
    { offset: 20, cost: 0, check: true },
    { offset: 2 ** 29, cost: 2 ** 30, check: false },
  ]);
  expect([0, 1, 2, 3].map((index) => points.offsetAt(index))).toEqual([10, 20, 2 ** 29, Number.POSITIVE_INFINITY]);
  expect([0, 1, 2].map((index) => points.costAt(index))).toEqual([7, 0, 2 ** 30]);
});

test('a body that takes many steps is planned like any other', () => {
  const times = STEP_BYTES / 2;
  const body = new Array<Instruction[]>(times).fill(pay).flat();
  expect(planOf([...body, 'loop', ...body, 'end'])).toEqual({
    entry: ENTRY + times * (SIMPLE + 1 / 4) + BRANCH,
    points: [[body.length + 1, times * (SIMPLE + 1 / 4), 'check']],
  });
});

describe('exceptions', () => {
  const CATCH_ALL = 2;
  const nothing = { params: [], results: [] };
  const caught = (clauses: number): Instruction[] => [
    ['try_table', nothing, new Array<number[]>(clauses).fill([CATCH_ALL, 0])],
    ...pay,
    'end',
  ];

  test('clauses cost as many of them as there are, where their body is entered', () => {
    expect([0, 1, 2, 5].map((clauses) => planOf(['block', ...caught(clauses), 'end']).entry)).toEqual(
      [0, 1, 1, 3].map((units) => ENTRY + SIMPLE + units),
    );
    // A block is no such thing, wherever it stands.
    expect(planOf(['block', ...caught(5), 'end', 'block', 'end', ...pay, 'loop', 'end']).points[0]?.[1]).toBe(
      SIMPLE + BRANCH,
    );
  });

  test('a clause is a path to its label, and to no other', () => {
    // 0 block, 1 block, 2 try_table, 3–5 pay, 6 end, 7–9 pay, 10 end, 11–13 pay, 14 end, 15–17 pay
    const around = (label: number) =>
      planOf([
        'block',
        'block',
        ['try_table', nothing, [[CATCH_ALL, label]]],
        ...pay,
        'end',
        ...pay,
        'end',
        ...pay,
        'end',
        ...pay,
      ]);
    expect(around(0)).toEqual({ entry: ENTRY + 1 + 2 * SIMPLE, points: [[11, 2]] });
    expect(around(1)).toEqual({ entry: ENTRY + 1 + 3 * SIMPLE, points: [[15, 1]] });
  });

  test('a catch begins a segment, and is paid for where its try is entered', () => {
    // 0 try, 1–3 pay, 4 catch_all, 5–7 pay, 8 end, 9–11 pay
    const legacy = planOf(['try', ...pay, 'catch_all', ...pay, 'end', ...pay]);
    expect(legacy).toEqual({
      entry: ENTRY + 1 + SIMPLE,
      points: [
        [5, 1],
        [9, 1],
      ],
    });
    // Behind a loop's header, which is a segment of its own, and one that costs nothing.
    const arms = (count: number): Instruction[] => ['try', ...new Array<Instruction>(count).fill(['catch', 0]), 'end'];
    const { points } = planFunction(
      decode(
        encodeModule({
          tags: [{ params: [] }],
          functions: [{ body: ['loop', ...arms(3), 'end', zero, 'if', ...arms(4), 'else', ...arms(0), 'end'] }],
        }),
      ),
      0,
    );
    expect([...points].filter(({ cost }) => cost > 0).map(({ cost, check }) => [cost, check])).toEqual([
      [2, true],
      [1, false],
      [2, false],
    ]);
  });

  test('what follows a try out of which, and out of its arms, every path leaves costs nothing', () => {
    const left = planOf(['try', 'unreachable', 'catch_all', 'unreachable', 'end', ...pay]);
    expect(left).toEqual({ entry: ENTRY + 1, points: [] });
    expect(planOf(['try', 'catch_all', 'unreachable', 'end', ...pay]).points).toHaveLength(1);
  });

  test('a catch is paid for in the segment of its try, whichever that is', () => {
    const loops = (count: number) => new Array<Instruction[]>(count).fill(['loop', 'end']).flat();
    for (const before of [0, 1, 2, 3]) {
      const body: Instruction[] = [...loops(before), 'loop', 'try', 'catch_all', 'end', 'end'];
      // The header of the next loop is in the segment of the one before it.
      const costs = [...new Array<number>(before).fill(BRANCH), 1];
      const { entryCost, points } = planFunction(decode(encodeModule({ functions: [{ body }] })), 0);
      expect(entryCost).toBe(ENTRY + BRANCH);
      expect(points.map(({ cost }) => cost).filter((cost) => cost > 0)).toEqual(costs);
    }
  });

  test('a plan says whether there is something around which exceptions are looked for', () => {
    const catches = (...body: Instruction[]) =>
      planFunction(decode(encodeModule({ functions: [{ body }] })), 0).catches;
    expect(
      [[], ['block', 'end'], ['loop', 'end'], [zero, 'if', 'end']].map((body) => catches(...(body as Instruction[]))),
    ).toEqual([false, false, false, false]);
    expect([catches('try', 'end'), catches(...caught(0)), catches('block', ...caught(1), 'end')]).toEqual([
      true,
      true,
      true,
    ]);
  });

  test('what a catch leaves is carried, beyond the first value', () => {
    const costOf = (results: number) => {
      const list = new Array<ValType>(results).fill(I32);
      const arm = [
        'catch_all',
        ...list.map(() => zero),
        'end',
        ...list.map((): Instruction => 'drop'),
      ] as Instruction[];
      const body: Instruction[] = [['try', { params: [], results: list }], 'unreachable', ...arm];
      const plan = planFunction(decode(encodeModule({ functions: [{ body }] })), 0);
      return [...plan.points].reduce((sum, { cost }) => sum + cost, 0);
    };
    expect([1, 2, 4, 8].map(costOf)).toEqual([0, 1, 3, 6]);
  });

  test('what a try itself leaves is not, nor is anything where an arm does not come to its end', () => {
    const list = new Array<ValType>(8).fill(I32);
    const whole = (...arms: Instruction[]) => {
      const drops = list.map((): Instruction => 'drop');
      const body: Instruction[] = [['try', { params: [], results: list }], ...arms, 'end', ...drops];
      const { entryCost, points } = planFunction(decode(encodeModule({ functions: [{ body }] })), 0);
      return [entryCost - ENTRY, points.map(({ cost }) => cost).filter((cost) => cost > 0)];
    };
    const values = list.map(() => zero);
    // A quarter of a unit for each constant, and one for the catch.
    expect(whole(...values, 'catch_all', 'unreachable')).toEqual([3, []]);
    expect(whole('unreachable', 'catch_all', 'unreachable')).toEqual([1, []]);
    expect(whole('unreachable', 'catch_all', ...values)).toEqual([1, [6]]);
  });

  test.each([3, 4, 11, 4_000])('throwing behind %i bytes of code costs for them', (count) => {
    const body: Instruction[] = [...new Array<Instruction>(count).fill('nop'), ['throw', 0]];
    const { entryCost } = planFunction(decode(encodeModule({ tags: [{ params: [] }], functions: [{ body }] })), 0);
    expect(entryCost).toBe(ENTRY + CLASS_COST.throw + Math.floor(count / CODE_PER_THROW_UNIT));
  });

  test.each([0, 1, 3])('throwing %i values costs for each', (count) => {
    const params = new Array<ValType>(count).fill(I32);
    const body: Instruction[] = [...params.map(() => zero), ['throw', 0], ...pay];
    const { entryCost, points } = planFunction(decode(encodeModule({ tags: [{ params }], functions: [{ body }] })), 0);
    expect(entryCost).toBe(
      ENTRY +
        Math.floor(count / 4) +
        CLASS_COST.throw +
        THROWN_VALUE_COST * count +
        Math.floor((2 * count) / CODE_PER_THROW_UNIT),
    );
    expect(points).toHaveLength(0);
  });
});

test('there is no plan for a body that is not there', () => {
  const module = decode(encodeModule({ functions: [{ body: [] }] }));
  expect(() => planFunction(module, 1)).toThrow(RangeError);
});

/**
 * What all instructions cost that control can arrive at, found by following every edge, and at how many of them a
 * segment may begin.
 */
function reachable(module: WasmModule, body: number): { cost: number; boundaries: number } {
  const { codeStart, end, locals } = module.bodies.at(body);
  const { params, results } = typeOfFunction(module, module.importedFunctions + body);
  const reader = new InstructionReader(module.bytes, codeStart, end);
  interface Construct {
    isIf: boolean;
    elseAt: number | undefined;
    endAt: number;
    isLoop: boolean;
    start: number;
    /** Values a branch to it carries. */
    arity: number;
  }
  const code: {
    mnemonic: Mnemonic;
    cost: number;
    labels: number[];
    inside: Construct[];
    own: Construct | undefined;
  }[] = [];
  const open: Construct[] = [
    { isIf: false, elseAt: undefined, endAt: -1, isLoop: false, start: -1, arity: results.length },
  ];
  const types = [...params, ...locals.flatMap(({ count, type }) => new Array<ValType>(count).fill(type))];
  while (reader.pos < end) {
    const index = reader.next();
    const { mnemonic } = OPCODES[index] as (typeof OPCODES)[number];
    const at = code.length;
    const inside = [...open];
    let own: Construct | undefined;
    if (mnemonic === 'block' || mnemonic === 'loop' || mnemonic === 'if') {
      const type = blockType(reader.a, module.types);
      const arity = (mnemonic === 'loop' ? type?.params.length : type?.results.length) ?? 0;
      own = { isIf: mnemonic === 'if', elseAt: undefined, endAt: -1, isLoop: mnemonic === 'loop', start: at, arity };
      open.push(own);
    } else if (mnemonic === 'else') {
      own = open.at(-1) as Construct;
      own.elseAt = at;
    } else if (mnemonic === 'end') {
      own = open.pop() as Construct;
      own.endAt = at;
    }
    const labels =
      mnemonic === 'br' || mnemonic === 'br_if'
        ? [reader.a]
        : mnemonic === 'br_table'
          ? [...reader.labels.subarray(0, reader.a + 1)]
          : [];
    const arity = labels.length === 0 ? 0 : (inside.at(-1 - (labels[0] as number)) as Construct).arity;
    const carried = Math.ceil(Math.max(arity - 1, 0) / CARRIED_PER_UNIT);
    const isWritten = mnemonic === 'local.set' || mnemonic === 'local.tee';
    const written = isWritten && isReference(types[reader.a] as ValType) ? REFERENCE_LOCAL_COST : 0;
    code.push({ mnemonic, cost: (INSTRUCTION_COST[index] as number) + carried + written, labels, inside, own });
  }
  const reached = new Set<number>();
  const todo = [0];
  for (let at = todo.pop(); at !== undefined; at = todo.pop()) {
    const entry = code[at];
    if (entry === undefined || reached.has(at)) continue;
    reached.add(at);
    const { mnemonic, labels, inside, own } = entry;
    for (const label of labels) {
      const target = inside.at(-1 - label) as Construct;
      todo.push(target.isLoop ? target.start : target.endAt);
    }
    // An arm that falls into `else` goes on at the end.
    if (mnemonic === 'else') todo.push((own as Construct).endAt);
    else if (mnemonic === 'if')
      todo.push(at + 1, own?.elseAt === undefined ? (own as Construct).endAt : own.elseAt + 1);
    else if (!['br', 'br_table', 'return', 'unreachable'].includes(mnemonic)) todo.push(at + 1);
  }
  let cost = 0;
  let boundaries = 1;
  for (const at of reached) {
    cost += code[at]?.cost ?? 0;
    if (['loop', 'if', 'else', 'end', 'br_if'].includes(code[at]?.mnemonic as string)) boundaries++;
  }
  return { cost, boundaries };
}

describe('on entry', () => {
  test.each([
    [4, [I32, I32, I32, F64], 1],
    [5, [I32, I32, I32, F64, F64], 2],
    ['vectors, which count twice', [V128, V128], 1],
    ['vectors and others', [V128, V128, I32], 2],
  ] as const)('%s locals', (_, locals, units) => {
    expect(planOf([], locals).entry).toBe(ENTRY + units);
  });

  test('a table of labels costs by those beyond what caches hold', () => {
    const table = (labels: number) => planOf([zero, ['br_table', new Array<number>(labels).fill(0), 0]]).entry;
    const few = table(0);
    expect(few).toBe(ENTRY + BRANCH);
    expect([LABELS_PER_UNIT - 1, LABELS_PER_UNIT, 3 * LABELS_PER_UNIT].map(table)).toEqual([few, few + 1, few + 3]);
  });
});

describe('instantiating costs', () => {
  const cost = (module: ModuleDescription) => Number(instantiationCost(decode(encodeModule(module))));
  const memories = [{ min: 1 }];
  const tables = [{ min: 0 }];
  const functions = [{ body: [] }];
  const chain = (length: number): Instruction[] =>
    [zero, ...Array.from({ length }, () => [zero, 'i32.add']).flat()] as Instruction[];
  const global = (init: Instruction[]) => ({ type: I32, init });

  test.each<[string, ModuleDescription, ModuleDescription, number]>([
    ['a function', {}, { functions }, 64],
    ['an export', { functions }, { functions: [{ body: [], export: 'f' }] }, 64],
    ['a long name of an export', { functions }, { functions: [{ body: [], export: 'f'.repeat(66) }] }, 64 + 2 * 2],
    [
      'long names of an import',
      {},
      { imports: [{ module: 'm'.repeat(65), name: 'n'.repeat(70), memory: { min: 0 } }] },
      2 * 1 + 2 * 6,
    ],
    ['a tag', {}, { tags: [{ params: [] }] }, 64],
    ['a page', { memories }, { memories: [{ min: 2 }] }, 2_048],
    ['a memory without pages', {}, { memories: [{ min: 0 }] }, 2_048],
    ['an imported memory', {}, { imports: [{ module: 'a', name: 'm', memory: { min: 9 } }] }, 0],
    ['a table', {}, { tables }, 64],
    ['an imported table', {}, { imports: [{ module: 'a', name: 't', table: { min: 9 } }] }, 64],
    ['elements of a table', { tables }, { tables: [{ min: 3 }] }, 48],
    ['what they are at first', { tables }, { tables: [{ min: 0, init: [['ref.null', FUNCREF]] }] }, 192],
    ['a global', {}, { globals: [global([zero])] }, 192],
    ['an imported global', {}, { imports: [{ module: 'a', name: 'g', global: { type: I32 } }] }, 192],
    ['an expression of 30 bytes', {}, { globals: [global(chain(9))] }, 192],
    ['an expression of 303 bytes', {}, { globals: [global(chain(100))] }, 192 + 4 * (303 - 32)],
    ['an empty passive data segment', { memories }, { memories, data: [{ bytes: [] }] }, 64],
    ['an empty active one', { memories }, { memories, data: [{ offset: [zero], bytes: [] }] }, 64 + 192],
    [
      'one of 33 bytes',
      { memories },
      { memories, data: [{ offset: [zero], bytes: new Uint8Array(33) }] },
      64 + 192 + 2,
    ],
    [
      'one at a long offset',
      { memories },
      { memories, data: [{ offset: chain(100), bytes: [] }] },
      64 + 192 + 4 * (303 - 32),
    ],
    ['an empty passive element segment', { tables }, { tables, elements: [{ items: [] }] }, 64],
    ['an empty active one', { tables }, { tables, elements: [{ offset: [zero], items: [] }] }, 64 + 192],
    ['an empty declarative one', { tables }, { tables, elements: [{ declarative: true, items: [] }] }, 64],
    ['functions in a segment', { functions }, { functions, elements: [{ items: [0, 0, 0] }] }, 64 + 12],
    [
      'expressions in a segment',
      { functions },
      { functions, elements: [{ items: [[['ref.func', 0]], [['ref.null', FUNCREF]]] }] },
      64 + 2 * (4 + 192),
    ],
  ])('%s', (_, without, having, units) => {
    expect(cost(having) - cost(without)).toBe(units);
  });

  test('the same however often it is asked, and is found in steps once', () => {
    const elements = Array.from({ length: 50_000 }, () => ({ items: [] }));
    const module = decode(encodeModule({ elements }));
    const steps = () => [...priceInstantiation(module)].length;
    expect(steps()).toBeGreaterThan(2);
    expect(steps()).toBe(0);
    expect(instantiationCost(module)).toBe(64n * 50_000n);
  });

  const many = <T>(item: T) => Array.from({ length: 50_000 }, () => item);
  test.each<[string, ModuleDescription]>([
    ['globals', { globals: many(global([zero])) }],
    [
      'exports',
      { functions, exports: many(0).map((index, i) => ({ name: `${i}`, kind: 'function' as const, index })) },
    ],
    ['imports', { imports: many({ module: '', name: '', function: { params: [], results: [] } }) }],
    ['data', { data: many({ bytes: [] }) }],
    ['segments of elements', { elements: many({ items: [] }) }],
    ['elements', { elements: [{ items: many<Instruction[]>([['ref.null', FUNCREF]]) }] }],
  ])('found in steps, where it is that of many %s', (_, module) => {
    const steps = [...priceInstantiation(decode(encodeModule(module)))];
    expect(steps).toHaveLength(Math.floor(50_000 / STEP_BYTES));
  });
});

test('every instruction that can be reached is in one segment, no other in any, on random modules', () => {
  const entry = (module: WasmModule, body: number) => {
    const { results } = typeOfFunction(module, module.importedFunctions + body);
    let slots = 0;
    for (const { count, type } of module.bodies.at(body).locals) slots += type === V128 ? 2 * count : count;
    let passed = 0;
    for (const type of results.slice(1)) passed += type === V128 || isReference(type) ? 2 : 1;
    return ENTRY + Math.ceil(slots / 4) + Math.ceil(passed / 2);
  };
  fc.assert(
    fc.property(anyModule({ fuel: undefined }), (bytes) => {
      const module = decode(bytes);
      for (const [body, { codeStart, end }] of [...module.bodies].entries()) {
        const { entryCost, points } = planFunction(module, body);
        const starts = new Set(offsets(module, body));
        let last = codeStart;
        let total = entryCost - entry(module, body);
        for (const { offset, cost, check } of points) {
          expect(offset).toBeGreaterThan(last);
          expect(offset).toBeLessThanOrEqual(end);
          expect(starts.has(offset)).toBe(true);
          expect(cost > 0 || check).toBe(true);
          last = offset;
          total += cost;
        }
        // Every segment rounds down what its pushes cost.
        const { cost, boundaries } = reachable(module, body);
        expect(total).toBeLessThanOrEqual(cost);
        expect(total).toBeGreaterThan(cost - boundaries);
      }
    }),
    { numRuns: 150 },
  );
});
