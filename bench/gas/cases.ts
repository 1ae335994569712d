/** Loops that do nothing but one thing, for every price on the schedule, and for what has none. */

import type { Instruction, ModuleDescription } from '../../test/generate/encode.ts';
import { CLASS_COST } from '../../wasm/gas.ts';
import { type GasClass, OPCODES, type Opcode } from '../../wasm/opcodes.ts';
import { EXTERNREF, F32, F64, FUNCREF, I32, I64, V128, type ValType } from '../../wasm/types.ts';

const OPERAND_PRICES = {
  entry: 'by locals, results',
  bytes: 'by bytes',
  elements: 'by elements',
  page: 'by pages',
  host: 'host call',
  wasi: 'WASI call',
  instance: 'instantiation',
} as const;

/** Classes of instructions, and prices that depend on operands. */
export type Price = Exclude<GasClass, 'free'> | keyof typeof OPERAND_PRICES;

const { free: _free, ...CLASSES } = CLASS_COST;

/** What is charged for each. */
export const PRICES: Readonly<Record<Price, string>> = {
  ...(Object.fromEntries(Object.entries(CLASSES).map(([name, units]) => [name, String(units)])) as Record<
    keyof typeof CLASSES,
    string
  >),
  ...OPERAND_PRICES,
};

/** How a case is timed: a call of `run(n)`, the same on a fresh instance each time, or instantiation itself. */
export type Timing = 'call' | 'fresh' | 'instantiate';

export interface Case {
  /** `free` for what costs nothing. */
  readonly price: Price | 'free';
  readonly name: string;
  readonly module: ModuleDescription;
  readonly timing: Timing;
  /** How often `run` is told to go round, where that is not to be found out. */
  readonly rounds?: number;
  /** Free things done in each round of the loop. */
  readonly free?: number;
  /** What the host does when the guest calls `env.f`. */
  readonly host?: 'nothing' | 'looks at the memory';
}

/** Copies of an instruction in the body of a loop: enough that the loop itself hardly shows. */
const COPIES = 64;
/** Values handed over at once, where something costs the more the more there are; far below what modules may have. */
const MANY = 200;

const LETTER: Readonly<Record<string, ValType>> = { i: I32, l: I64, f: F32, d: F64, v: V128 };
const CONST = { [I32]: 'i32.const', [I64]: 'i64.const', [F32]: 'f32.const', [F64]: 'f64.const' } as const;

type Numeric = keyof typeof CONST;

/** A local of the loop and the value it starts with. */
type Operand = readonly [type: ValType, value: number | bigint];

function isNumeric(type: ValType): type is Numeric {
  return type in CONST;
}

function repeat(body: readonly Instruction[], times: number): Instruction[] {
  return Array.from({ length: times }, () => body).flat();
}

interface LoopOptions extends Omit<ModuleDescription, 'functions'> {
  readonly copies?: number;
  /** Functions after the one with the loop, which has index 0, or 1 where a function is imported. */
  readonly others?: ModuleDescription['functions'];
  readonly before?: readonly Instruction[];
}

/** A module whose `run(n)` goes n times through copies of `body`. Local 0 counts; the operands are locals 1, 2, … */
function loop(body: readonly Instruction[], operands: readonly Operand[] = [], options: LoopOptions = {}) {
  const { copies = COPIES, others = [], before = [], ...rest } = options;
  const setup = operands.flatMap(([type, value], i): Instruction[] =>
    isNumeric(type)
      ? [
          [CONST[type], value],
          ['local.set', i + 1],
        ]
      : [],
  );
  return {
    ...rest,
    functions: [
      {
        params: [I32],
        export: 'run',
        locals: operands.map(([type]) => type),
        body: [
          ...setup,
          ...before,
          'loop',
          ...repeat(body, copies),
          ['local.get', 0],
          ['i32.const', -1],
          'i32.add',
          ['local.tee', 0],
          ['br_if', 0],
          'end',
        ],
      },
      ...others,
    ],
  } satisfies ModuleDescription;
}

const MEMORY: Pick<ModuleDescription, 'memories'> = { memories: [{ min: 2, export: 'memory' }] };

/** Operands that an instruction may find easy or hard; all are in range for every conversion to integers. */
const VARIANTS: readonly (readonly [name: string, values: Readonly<Record<string, readonly (number | bigint)[]>>])[] = [
  ['', { i: [305_419_896, 13], l: [1_234_567n, 13n], f: [1234.5, 0.75], d: [1234.5, 0.75] }],
  [
    'large',
    {
      i: [-2_147_483_647, 65_521],
      l: [0x7edc_ba98_7654_3210n, 0x1234_5678_9abn],
      f: [16_777_215.5, 12_345.678],
      d: [2_147_483_000.25, 1e-7],
    },
  ],
  ['subnormal', { f: [1e-42, 2e-43], d: [1e-310, 3e-311] }],
];

/** The cases of a row of the opcode table that is a plain computation or a memory access. */
function rowCases(row: Opcode): Case[] {
  const isAccess = row.immediates === 'memarg';
  if (row.special || row.gas === 'free' || row.gas === 'bulk') return [];
  if (!isAccess && row.immediates !== 'none') return [];
  return VARIANTS.flatMap(([variant, values]) => {
    if (variant !== '' && !(variant === 'subnormal' ? /^[fd]/ : /[lfd]/).test(row.params)) return [];
    if (isAccess && variant !== '') return [];
    const operands = [...row.params].map((letter, i): Operand => {
      if (isAccess && i === 0) return [I32, 64];
      return [LETTER[letter] as ValType, values[letter]?.[i] ?? values[letter]?.[0] ?? 0];
    });
    const body: Instruction[] = [
      ...operands.map((_, i): Instruction => ['local.get', i + 1]),
      row.mnemonic,
      ...(row.results === '' ? [] : ['drop' as const]),
    ];
    const name = variant === '' ? row.mnemonic : `${row.mnemonic} (${variant})`;
    const one: Case = { price: row.gas, name, timing: 'call', module: loop(body, operands, isAccess ? MEMORY : {}) };
    if (!isAccess) return [one];
    const unaligned = operands.map(([type, value], i): Operand => [type, i === 0 ? 61 : value]);
    return [one, { ...one, name: `${row.mnemonic} (unaligned)`, module: loop(body, unaligned, MEMORY) }];
  });
}

function call(price: Case['price'], name: string, module: ModuleDescription, more: Partial<Case> = {}): Case {
  return { price, name, timing: 'call', module, ...more };
}

const TABLE: Pick<ModuleDescription, 'tables'> = { tables: [{ min: 20_000 }] };
const SEGMENT: Pick<ModuleDescription, 'elements'> = { elements: [{ items: new Array<number>(10_000).fill(0) }] };
const GLOBALS: Pick<ModuleDescription, 'globals'> = {
  globals: [
    { type: I32, mutable: true, init: [['i32.const', 1]] },
    { type: I64, mutable: true, init: [['i64.const', 1]] },
  ],
};
const PASSIVE: Pick<ModuleDescription, 'data'> = { data: [{ bytes: new Uint8Array(65_536) }] };

const ONE: Operand = [I32, 1];
const ZERO: Operand = [I32, 0];
const FIVE_I64: Operand = [I64, 5n];
const NO_FUNCTION: Operand = [FUNCREF, 0];

function simpleCases(): Case[] {
  const get = (i: number): Instruction => ['local.get', i];
  return [
    call('simple', 'local.set', loop([get(1), ['local.set', 2]], [ONE, ZERO])),
    call('simple', 'local.set (i64)', loop([get(1), ['local.set', 2]], [FIVE_I64, FIVE_I64])),
    call('simple', 'local.set (reference)', loop([get(1), ['local.set', 2]], [NO_FUNCTION, NO_FUNCTION])),
    call(
      'simple',
      'local.set (constant)',
      loop(
        [
          ['i32.const', 7],
          ['local.set', 1],
        ],
        [ONE],
      ),
    ),
    call('simple', 'local.tee', loop([get(1), ['local.tee', 2], 'drop'], [ONE, ZERO])),
    call('simple', 'select', loop([get(1), get(2), get(1), 'select', 'drop'], [ONE, ZERO])),
    call('simple', 'select (i64)', loop([get(1), get(1), get(2), 'select', 'drop'], [FIVE_I64, ONE])),
    call('simple', 'global.get', loop([['global.get', 0], 'drop'], [], GLOBALS)),
    call('simple', 'global.set', loop([get(1), ['global.set', 0]], [ONE], GLOBALS)),
    call('simple', 'global.get (i64)', loop([['global.get', 1], 'drop'], [], GLOBALS)),
    call('simple', 'global.set (i64)', loop([get(1), ['global.set', 1]], [FIVE_I64], GLOBALS)),
    call('simple', 'ref.null', loop([['ref.null', FUNCREF], 'drop'])),
    call('simple', 'ref.is_null', loop([get(1), 'ref.is_null', 'drop'], [NO_FUNCTION])),
    call('simple', 'ref.func', loop([['ref.func', 0], 'drop'], [], { elements: [{ declarative: true, items: [0] }] })),
    call('simple', 'memory.size', loop([['memory.size'], 'drop'], [], MEMORY)),
    call('simple', 'table.size', loop([['table.size', 0], 'drop'], [], TABLE)),
    call('simple', 'data.drop', loop([['data.drop', 0]], [], { ...MEMORY, ...PASSIVE })),
    call('simple', 'elem.drop', loop([['elem.drop', 0]], [], { ...TABLE, ...SEGMENT })),
  ];
}

function branchCases(): Case[] {
  const get = (i: number): Instruction => ['local.get', i];
  const empty = { body: [] };
  return [
    call('branch', 'br', loop(['block', ['br', 0], 'end'])),
    call('branch', 'br_if (taken)', loop(['block', get(1), ['br_if', 0], 'end'], [ONE])),
    call('branch', 'br_if (not taken)', loop(['block', get(1), ['br_if', 0], 'end'], [ZERO])),
    call('branch', 'br_if (back)', loop([], [], { copies: 0 })),
    call('branch', 'if', loop([get(1), 'if', 'end'], [ONE])),
    call('branch', 'if (else)', loop([get(1), 'if', 'else', 'end'], [ZERO])),
    call('branch', 'br_table', loop(['block', 'block', get(1), ['br_table', [1, 0], 1], 'end', 'end'], [ONE])),
    call(
      'branch',
      'br_table (1,000 labels)',
      loop(['block', get(1), ['br_table', new Array<number>(1_000).fill(0), 0], 'end'], [[I32, 999]]),
    ),
    // Nobody can return without having been called: the call's price is part of it.
    call('call', 'call, return', loop([['call', 1]], [], { others: [{ body: ['return'] }] })),
    call('call', 'call', loop([['call', 1]], [], { others: [empty] })),
    call(
      'call',
      'call (3 arguments)',
      loop([get(1), get(1), get(1), ['call', 1]], [ONE], { others: [{ params: [I32, I32, I32], body: [] }] }),
    ),
    call(
      'call',
      'call (result)',
      loop([['call', 1], 'drop'], [], { others: [{ results: [I64], body: [['i64.const', 1]] }] }),
    ),
    call(
      'indirect',
      'call_indirect',
      loop([get(1), ['call_indirect', { params: [], results: [] }]], [ZERO], {
        others: [empty],
        tables: [{ min: 1 }],
        elements: [{ offset: [['i32.const', 0]], items: [1] }],
      }),
    ),
    call(
      'entry',
      'call (1,000 locals)',
      loop([['call', 1]], [], { copies: 8, others: [{ locals: new Array<ValType>(1_000).fill(I64), body: [] }] }),
    ),
    call(
      'entry',
      'call (1,000 references)',
      loop([['call', 1]], [], { copies: 8, others: [{ locals: new Array<ValType>(1_000).fill(EXTERNREF), body: [] }] }),
    ),
  ];
}

function accessCases(): Case[] {
  const get = (i: number): Instruction => ['local.get', i];
  return [
    call('memory', 'table.get', loop([get(1), ['table.get', 0], 'drop'], [ONE], TABLE)),
    call('memory', 'table.set', loop([get(1), get(2), ['table.set', 0]], [ONE, NO_FUNCTION], TABLE)),
  ];
}

/** Three operands: where to, what or where from, how much. */
function bulkCases(): Case[] {
  const three = (to: number, from: number, count: number): Operand[] => [
    [I32, to],
    [I32, from],
    [I32, count],
  ];
  const get = (i: number): Instruction => ['local.get', i];
  const operation = (instruction: Instruction): Instruction[] => [get(1), get(2), get(3), instruction];
  const memory = { ...MEMORY, ...PASSIVE };
  const tables = { ...TABLE, ...SEGMENT };
  const elementFill: Instruction[] = [get(1), get(2), get(3), ['table.fill', 0]];
  const fillOperands = (count: number): Operand[] => [ZERO, NO_FUNCTION, [I32, count]];
  const cases: Case[] = [];
  for (const count of [0, 1, 32, 65_536]) {
    const price = count === 65_536 ? 'bytes' : 'bulk';
    const bytes = `${count.toLocaleString('en-US')} bytes`;
    const copies = count === 65_536 ? 4 : COPIES;
    cases.push(
      call(
        price,
        `memory.fill (${bytes})`,
        loop(operation(['memory.fill']), three(0, 7, count), { ...memory, copies }),
      ),
      call(
        price,
        `memory.copy (${bytes})`,
        loop(operation(['memory.copy']), three(65_536, 0, count), { ...memory, copies }),
      ),
      call(
        price,
        `memory.init (${bytes})`,
        loop(operation(['memory.init', 0]), three(0, 0, count), { ...memory, copies }),
      ),
    );
  }
  cases.push(
    call(
      'bytes',
      'memory.copy (overlapping)',
      loop(operation(['memory.copy']), three(1, 0, 65_536), { ...memory, copies: 4 }),
    ),
  );
  for (const count of [0, 1, 10_000]) {
    const price = count === 10_000 ? 'elements' : 'bulk';
    const elements = `${count.toLocaleString('en-US')} elements`;
    const copies = count === 10_000 ? 4 : COPIES;
    cases.push(
      call(price, `table.fill (${elements})`, loop(elementFill, fillOperands(count), { ...tables, copies })),
      call(
        price,
        `table.copy (${elements})`,
        loop(operation(['table.copy', 0, 0]), three(10_000, 0, count), { ...tables, copies }),
      ),
      call(
        price,
        `table.init (${elements})`,
        loop(operation(['table.init', 0, 0]), three(0, 0, count), { ...tables, copies }),
      ),
    );
  }
  const grow = (count: number): Instruction[] => [['i32.const', count], ['memory.grow'], 'drop'];
  const growTable = (count: number): Instruction[] => [
    ['ref.null', FUNCREF],
    ['i32.const', count],
    ['table.grow', 0],
    'drop',
  ];
  cases.push(
    call('bulk', 'memory.grow (0 pages)', loop(grow(0), [], MEMORY)),
    call('bulk', 'memory.grow (refused)', loop(grow(65_536), [], MEMORY)),
    call('bulk', 'table.grow (0 elements)', loop(growTable(0), [], TABLE)),
    call('page', 'memory.grow (page by page)', loop(grow(1), [], { ...MEMORY, copies: 1 }), {
      timing: 'fresh',
      rounds: 1_000,
    }),
    call('page', 'memory.grow (1,000 pages)', loop(grow(1_000), [], { ...MEMORY, copies: 1 }), {
      timing: 'fresh',
      rounds: 1,
    }),
    call('elements', 'table.grow (one by one)', loop(growTable(1), [], { tables: [{ min: 0 }], copies: 1 }), {
      timing: 'fresh',
      rounds: 20_000,
    }),
    call(
      'elements',
      'table.grow (100,000 elements)',
      loop(growTable(100_000), [], { tables: [{ min: 0 }], copies: 1 }),
      {
        timing: 'fresh',
        rounds: 1,
      },
    ),
  );
  return cases;
}

const HOST_FUNCTION: Pick<ModuleDescription, 'imports'> = {
  imports: [{ module: 'env', name: 'f', function: { params: [], results: [] } }],
};

function hostCases(): Case[] {
  return [
    call('host', 'host call', loop([['call', 0]], [], HOST_FUNCTION), { host: 'nothing' }),
    call(
      'wasi',
      'sched_yield',
      loop([['call', 0], 'drop'], [], {
        imports: [{ module: 'wasi_snapshot_preview1', name: 'sched_yield', function: { params: [], results: [I32] } }],
      }),
    ),
    call(
      'wasi',
      'random_get (16 bytes)',
      loop([['i32.const', 0], ['i32.const', 16], ['call', 0], 'drop'], [], {
        ...MEMORY,
        imports: [
          { module: 'wasi_snapshot_preview1', name: 'random_get', function: { params: [I32, I32], results: [I32] } },
        ],
      }),
    ),
    call(
      'wasi',
      'random_get (64 KiB)',
      loop([['i32.const', 0], ['i32.const', 65_536], ['call', 0], 'drop'], [], {
        ...MEMORY,
        copies: 1,
        imports: [
          { module: 'wasi_snapshot_preview1', name: 'random_get', function: { params: [I32, I32], results: [I32] } },
        ],
      }),
    ),
  ];
}

function instanceCases(): Case[] {
  const instantiate = (name: string, module: ModuleDescription): Case => ({
    price: 'instance',
    name,
    timing: 'instantiate',
    module,
  });
  const thousand = Array.from({ length: 1_000 }, (_, i) => ({ body: [], export: `f${i}` }));
  return [
    instantiate('1 page', { memories: [{ min: 1 }] }),
    instantiate('1,000 pages', { memories: [{ min: 1_000 }] }),
    instantiate('1,000 exported functions', { functions: thousand }),
    instantiate('1,000 globals', {
      globals: Array.from({ length: 1_000 }, () => ({ type: I64, init: [['i64.const', 1]] as const })),
    }),
    instantiate('10,000 elements', {
      functions: [{ body: [] }],
      tables: [{ min: 10_000 }],
      elements: [{ offset: [['i32.const', 0]], items: new Array<number>(10_000).fill(0) }],
    }),
    instantiate('64 KiB of data', {
      memories: [{ min: 1 }],
      data: [{ offset: [['i32.const', 0]], bytes: new Uint8Array(65_536) }],
    }),
  ];
}

/** Pushes alone, where most engines need not do anything, and in the places where they must. */
function pushCases(): Case[] {
  const get = (i: number): Instruction => ['local.get', i];
  const many = (instruction: Instruction): Instruction[] => repeat([instruction], MANY);
  const types = new Array<ValType>(MANY).fill(I32);
  const few = { copies: 4 };
  const block: Instruction = ['block', { params: [], results: types }];
  return [
    call('push', 'local.get', loop([get(1), 'drop'], [ONE])),
    call('push', 'i32.const', loop([['i32.const', 1], 'drop'])),
    call('push', 'f64.const', loop([['f64.const', 1.5], 'drop'])),
    call('push', 'f64.const as an operand', loop([get(1), ['f64.const', 1.5], 'f64.add', 'drop'], [[F64, 2]])),
    call('push', 'i32.const stored', loop([get(1), ['i32.const', 5], 'i32.store'], [ONE], MEMORY)),
    call(
      'push',
      'local.get kept over local.set',
      loop([...many(get(1)), ['i32.const', 5], ['local.set', 1], ...many('drop')], [ONE], few),
    ),
    call('push', 'local.get kept over a block', loop([...many(get(1)), 'block', 'end', ...many('drop')], [ONE], few)),
    call(
      'push',
      'local.get carried by br',
      loop([block, ...many(get(1)), ['br', 0], 'end', ...many('drop')], [ONE], few),
    ),
    call(
      'push',
      'i32.const carried out of a block',
      loop([block, ...many(['i32.const', 3]), 'end', ...many('drop')], [ONE], few),
    ),
    call(
      'push',
      'local.get as an argument',
      loop([...many(get(1)), ['call', 1]], [ONE], { ...few, others: [{ params: types, body: [] }] }),
    ),
    call(
      'entry',
      'call (200 results)',
      loop([['call', 1], ...many('drop')], [], { ...few, others: [{ results: types, body: many(['i32.const', 3]) }] }),
    ),
    call(
      'branch',
      'br_if (200 values, taken)',
      loop([block, ...many(['i32.const', 3]), get(1), ['br_if', 0], 'end', ...many('drop')], [ONE], few),
    ),
  ];
}

/** What costs nothing, and what else a guest may try: each thing by itself, without the loop around it. */
function freeCases(): Case[] {
  const free = (name: string, each: number, module: ModuleDescription, more: Partial<Case> = {}): Case =>
    call('free', name, module, { free: each, ...more });
  return [
    free('nop', COPIES, loop(['nop'])),
    free('block end', COPIES, loop(['block', 'end'])),
    free('loop end', COPIES, loop(['loop', 'end'])),
    free(
      'memory.grow after the host has seen 500 pages',
      1,
      loop([['i32.const', 1], ['memory.grow'], 'drop', ['call', 0]], [], {
        ...HOST_FUNCTION,
        memories: [{ min: 500, export: 'memory' }],
        copies: 1,
      }),
      { timing: 'fresh', rounds: 5, host: 'looks at the memory' },
    ),
  ];
}

export function calibrationCases(): readonly Case[] {
  return [
    ...OPCODES.flatMap(rowCases),
    ...simpleCases(),
    ...branchCases(),
    ...accessCases(),
    ...bulkCases(),
    ...hostCases(),
    ...instanceCases(),
    ...pushCases(),
    ...freeCases(),
  ];
}
