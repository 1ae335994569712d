/** Loops that do nothing but one thing, for every price on the schedule, and for what has none. */

import type { Instruction, ModuleDescription } from '../../test/generate/encode.ts';
import { CLASS_COST } from '../../wasm/gas.ts';
import { type GasClass, OPCODES, type Opcode } from '../../wasm/opcodes.ts';
import {
  ANYREF,
  definedRef,
  EQREF,
  EXNREF,
  EXTERNREF,
  F32,
  F64,
  FUNCREF,
  I8,
  I32,
  I64,
  STRUCTREF,
  V128,
  type ValType,
} from '../../wasm/types.ts';

const OPERAND_PRICES = {
  entry: 'by locals, results',
  bytes: 'by bytes',
  elements: 'by elements',
  objects: 'by bytes of objects',
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
  /** Whether nobody looks at the result, so that an engine that optimises leaves the work out. */
  readonly isIdle?: boolean;
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
  readonly after?: readonly Instruction[];
}

/** A module whose `run(n)` goes n times through copies of `body`. Local 0 counts; the operands are locals 1, 2, … */
function loop(body: readonly Instruction[], operands: readonly Operand[] = [], options: LoopOptions = {}) {
  const { copies = COPIES, others = [], before = [], after = [], ...rest } = options;
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
          ...after,
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
  if (row.special || row.gas === 'free' || row.gas === 'bulk' || row.gas === 'table') return [];
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
    const one: Case = {
      price: row.gas,
      name,
      timing: 'call',
      module: loop(body, operands, isAccess ? MEMORY : {}),
      isIdle: row.results !== '',
    };
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
    call(
      'branch',
      'br_table (60,000 labels, any of them)',
      loop(
        [
          ...[get(1), ['i32.const', 1_664_525], 'i32.mul', ['i32.const', 1_013_904_223], 'i32.add', ['local.tee', 1]],
          ...[['i32.const', 16], 'i32.shr_u'],
          ['local.set', 2],
          ...new Array<Instruction>(4).fill('block'),
          get(2),
          ['br_table', Array.from({ length: 60_000 }, (_, i) => (i * 7) % 4), 0],
          ...new Array<Instruction>(4).fill('end'),
        ] as Instruction[],
        [ONE, ONE],
        { copies: 2 },
      ),
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
      'indirect',
      'call_indirect (one of 64 functions)',
      loop(
        [
          ...[get(1), ['i32.const', 1_664_525], 'i32.mul', ['i32.const', 1_013_904_223], 'i32.add', ['local.tee', 1]],
          ...[['i32.const', 26], 'i32.shr_u'],
          ['call_indirect', { params: [], results: [] }],
        ] as Instruction[],
        [ONE],
        {
          others: new Array(64).fill(empty),
          tables: [{ min: 64 }],
          elements: [{ offset: [['i32.const', 0]], items: Array.from({ length: 64 }, (_, i) => i + 1) }],
        },
      ),
    ),
    call('indirect', 'call_indirect (table that the host may see)', {
      ...loop([get(1), ['call_indirect', { params: [], results: [] }]], [ZERO], {
        others: [empty],
        tables: [{ min: 1, export: 'table' }],
        elements: [{ offset: [['i32.const', 0]], items: [1] }],
      }),
    }),
    ...frameCases(),
    call(
      'entry',
      'call (1,000 references)',
      loop([['call', 1]], [], { copies: 8, others: [{ locals: new Array<ValType>(1_000).fill(EXTERNREF), body: [] }] }),
    ),
  ];
}

/** Functions whose frames are large, or would be if some of their code ever ran. */
function frameCases(): Case[] {
  const get = (i: number): Instruction => ['local.get', i];
  const height = 10_000;
  const high: Instruction[] = [
    ['i32.const', 0],
    'if',
    ...repeat([['i32.const', 1]], height),
    ...repeat(['drop'], height),
    'end',
  ];
  const vectors = new Array<ValType>(1_000).fill(V128);
  return [
    call(
      'entry',
      'call (1,000 vectors)',
      loop([['call', 1]], [], { copies: 8, others: [{ locals: vectors, body: [] }] }),
    ),
    call(
      'entry',
      'call (an operand stack of 10,000 never used)',
      loop([['call', 1]], [], { others: [{ body: high }] }),
    ),
    call(
      'entry',
      'call (the same, where objects are traced)',
      loop([['call', 1]], [], { tags: [{ params: [] }], others: [{ body: high }] }),
    ),
    call(
      'entry',
      'call (a reference above 1,000 vectors, where objects are traced)',
      loop([['call', 1]], [], {
        copies: 8,
        tags: [{ params: [] }],
        others: [
          {
            locals: [...vectors, FUNCREF],
            body: [
              ['ref.func', 1],
              ['local.set', 1_000],
            ],
          },
        ],
        elements: [{ declarative: true, items: [1] }],
      }),
    ),
    call(
      'call',
      'call (itself, 500 deep)',
      loop(
        [
          ['i32.const', 500],
          ['call', 1],
        ],
        [],
        {
          copies: 1,
          others: [
            {
              params: [I32],
              body: [get(0), 'if', get(0), ['i32.const', -1], 'i32.add', ['call', 1], 'end'],
            },
          ],
        },
      ),
    ),
  ];
}

function accessCases(): Case[] {
  const get = (i: number): Instruction => ['local.get', i];
  return [
    call('memory', 'table.get', loop([get(1), ['table.get', 0], 'drop'], [ONE], TABLE)),
    call('table', 'table.set', loop([get(1), get(2), ['table.set', 0]], [ONE, NO_FUNCTION], TABLE)),
    ...scatteredCases(),
  ];
}

/** Pages that no cache holds. */
const FAR = 2_048;

/** Accesses all over a large memory, each at a place that the last has, or has not, to do with. */
function scatteredCases(): Case[] {
  const get = (i: number): Instruction => ['local.get', i];
  // A step of a generator that passes through all numbers; its upper bits choose the place.
  const next: Instruction[] = [get(1), ['i32.const', 1_664_525], 'i32.mul', ['i32.const', 1_013_904_223], 'i32.add'];
  const place: Instruction[] = [['i32.const', 1], 'i32.shr_u', ['i32.const', FAR * 65_536 - 4], 'i32.and'];
  const far = { memories: [{ min: FAR }] };
  const dependent: Instruction[] = [...place, ['i32.load'], get(1), 'i32.add', ['local.set', 1]];
  return [
    call(
      'memory',
      'i32.load (anywhere)',
      loop([...next, ['local.tee', 1], ...place, ['i32.load'], ['local.set', 2]], [ONE, ONE], far),
    ),
    call(
      'memory',
      'i32.load (anywhere, found by the last)',
      loop([...next, ['local.tee', 1], ...dependent], [ONE], far),
    ),
    call(
      'memory',
      'i32.store (anywhere)',
      loop([...next, ['local.tee', 1], ...place, get(1), ['i32.store']], [ONE], far),
    ),
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
    const price = count === 10_000 ? 'elements' : 'table';
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
    call('bulk', 'memory.grow (refused by its maximum)', loop(grow(1), [], { memories: [{ min: 1, max: 1 }] })),
    call('bulk', 'memory.grow (refused by the budget)', loop(grow(20_000), [], MEMORY)),
    call('bulk', 'table.grow (0 elements)', loop(growTable(0), [], TABLE)),
    call('bulk', 'table.grow (refused)', loop(growTable(-1), [], TABLE)),
    call('bulk', 'table.grow (refused by its maximum)', loop(growTable(1), [], { tables: [{ min: 1, max: 1 }] })),
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

/** Types of the modules with objects. */
const OF_NUMBER = 0;
const OF_REFERENCE = 1;
const OF_TEN = 2;
const TEN_REFERENCES = 3;
const BYTES = 4;
const LONGS = 5;
const REFERENCES = 6;
const VECTORS = 7;
const EMPTY = 8;
/** The first of a hierarchy, in which each is below the one before. */
const TOP = 9;
const LEVELS = 60;

const field = (type: ValType) => ({ type, mutable: true });
const OBJECTS: Pick<ModuleDescription, 'types' | 'data' | 'elements' | 'dataCount'> = {
  types: [
    { struct: [field(I32)] },
    { struct: [field(ANYREF)] },
    { struct: new Array(10).fill(field(I64)) },
    { struct: new Array(10).fill(field(ANYREF)) },
    { array: field(I8) },
    { array: field(I64) },
    { array: field(ANYREF) },
    { array: field(V128) },
    { struct: [] },
    ...Array.from({ length: LEVELS }, (_, i) => ({
      struct: [],
      isOpen: true,
      ...(i > 0 && { supertype: TOP + i - 1 }),
    })),
    [{ array: field(FUNCREF) }],
  ],
  data: [{ bytes: new Uint8Array(65_536) }],
  dataCount: 1,
  elements: [{ items: new Array<number>(10_000).fill(0) }],
};
const FUNCTIONS = TOP + LEVELS;

/** A loop whose local 1 is what `make` leaves, of a type; the operands are locals 2, 3, … */
function objectLoop(
  type: ValType,
  make: readonly Instruction[],
  body: readonly Instruction[],
  operands: readonly Operand[] = [],
  options: LoopOptions = {},
): ModuleDescription {
  return loop(body, [[type, 0], ...operands], {
    ...OBJECTS,
    ...options,
    before: [...make, ['local.set', 1]],
  });
}

function objectCases(): Case[] {
  const get = (i: number): Instruction => ['local.get', i];
  const fresh = (type: number): Instruction[] => [['struct.new_default', type]];
  const array = (type: number, length: number): Instruction[] => [
    ['i32.const', length],
    ['array.new_default', type],
  ];
  const ref = (type: number) => definedRef(type, true);
  const of = (
    name: string,
    type: number,
    make: readonly Instruction[],
    body: readonly Instruction[],
    operands?: Operand[],
  ) => call('reference', name, objectLoop(ref(type), make, body, operands));
  const cast = (name: string, type: number, made: number, body: readonly Instruction[]) =>
    call('cast', name, objectLoop(type, fresh(made), body));
  const deepest = TOP + LEVELS - 1;
  const make = (price: Price, name: string, body: readonly Instruction[], operands: Operand[] = [], options = {}) =>
    call(price, name, loop([...body, 'drop'], operands, { ...OBJECTS, ...options }));
  const long = { copies: 1 };
  return [
    of('struct.get', OF_NUMBER, fresh(OF_NUMBER), [get(1), ['struct.get', OF_NUMBER, 0], 'drop']),
    of('struct.get (i64)', OF_TEN, fresh(OF_TEN), [get(1), ['struct.get', OF_TEN, 9], 'drop']),
    of('struct.get (reference)', OF_REFERENCE, fresh(OF_REFERENCE), [get(1), ['struct.get', OF_REFERENCE, 0], 'drop']),
    of('struct.set', OF_NUMBER, fresh(OF_NUMBER), [get(1), get(2), ['struct.set', OF_NUMBER, 0]], [ONE]),
    of('struct.set (i64)', OF_TEN, fresh(OF_TEN), [get(1), get(2), ['struct.set', OF_TEN, 9]], [FIVE_I64]),
    of('struct.set (reference)', OF_REFERENCE, fresh(OF_REFERENCE), [get(1), get(1), ['struct.set', OF_REFERENCE, 0]]),
    of('array.get_u', BYTES, array(BYTES, 8), [get(1), get(2), ['array.get_u', BYTES], 'drop'], [ONE]),
    of('array.get (i64)', LONGS, array(LONGS, 8), [get(1), get(2), ['array.get', LONGS], 'drop'], [ONE]),
    of(
      'array.get (reference)',
      REFERENCES,
      array(REFERENCES, 8),
      [get(1), get(2), ['array.get', REFERENCES], 'drop'],
      [ONE],
    ),
    of('array.get (v128)', VECTORS, array(VECTORS, 8), [get(1), get(2), ['array.get', VECTORS], 'drop'], [ONE]),
    of('array.set', BYTES, array(BYTES, 8), [get(1), get(2), get(2), ['array.set', BYTES]], [ONE]),
    of(
      'array.set (reference)',
      REFERENCES,
      array(REFERENCES, 8),
      [get(1), get(2), get(1), ['array.set', REFERENCES]],
      [ONE],
    ),
    of('array.len', BYTES, array(BYTES, 8), [get(1), 'array.len', 'drop']),
    of('ref.eq', EMPTY, fresh(EMPTY), [get(1), get(1), 'ref.eq', 'drop']),
    of('ref.as_non_null', EMPTY, fresh(EMPTY), [get(1), 'ref.as_non_null', 'drop']),
    call('reference', 'ref.i31', loop([get(1), 'ref.i31', 'drop'], [ONE], OBJECTS)),
    of('i31.get_s', EMPTY, fresh(EMPTY), [get(2), 'ref.i31', 'i31.get_s', 'drop'], [ONE]),
    of('br_on_null (not taken)', EMPTY, fresh(EMPTY), ['block', get(1), ['br_on_null', 0], 'drop', 'end']),
    of('br_on_null (taken)', EMPTY, [['ref.null', ref(EMPTY)]], ['block', get(1), ['br_on_null', 0], 'drop', 'end']),
    of('br_on_non_null', EMPTY, fresh(EMPTY), [
      ['block', { params: [], results: [ref(EMPTY)] }],
      get(1),
      ['br_on_non_null', 0],
      ['ref.null', ref(EMPTY)],
      'end',
      'drop',
    ]),
    cast('ref.test (any struct)', ANYREF, EMPTY, [get(1), ['ref.test', STRUCTREF], 'drop']),
    cast('ref.test (its type)', ANYREF, EMPTY, [get(1), ['ref.test', ref(EMPTY)], 'drop']),
    cast('ref.test (60 types above)', ANYREF, deepest, [get(1), ['ref.test', ref(TOP)], 'drop']),
    cast('ref.test (60 types below)', ANYREF, TOP, [get(1), ['ref.test', ref(deepest)], 'drop']),
    cast('ref.cast', ANYREF, deepest, [get(1), ['ref.cast', ref(TOP + 30)], 'drop']),
    cast('ref.cast (eq)', ANYREF, EMPTY, [get(1), ['ref.cast', EQREF], 'drop']),
    cast('br_on_cast', ANYREF, EMPTY, [
      ['block', { params: [], results: [ANYREF] }],
      get(1),
      ['br_on_cast', 3, 0, ANYREF, STRUCTREF],
      'end',
      'drop',
    ]),
    cast('br_on_cast_fail', ANYREF, EMPTY, [
      ['block', { params: [], results: [ANYREF] }],
      get(1),
      ['br_on_cast_fail', 3, 0, ANYREF, EQREF],
      'end',
      'drop',
    ]),
    make('allocation', 'struct.new (no field)', [['struct.new', EMPTY]]),
    make('allocation', 'struct.new (i32)', [get(1), ['struct.new', OF_NUMBER]], [ONE]),
    make('allocation', 'struct.new (10 i64)', [...repeat([get(1)], 10), ['struct.new', OF_TEN]], [FIVE_I64]),
    make('allocation', 'struct.new_default (reference)', [['struct.new_default', OF_REFERENCE]]),
    make('allocation', 'struct.new_default (10 i64)', [['struct.new_default', OF_TEN]]),
    make('allocation', 'struct.new_default (10 references)', [['struct.new_default', TEN_REFERENCES]]),
    make('allocation', 'array.new_default (0 bytes)', array(BYTES, 0)),
    make('allocation', 'array.new_default (1 byte)', array(BYTES, 1)),
    make('allocation', 'array.new_default (64 bytes)', array(BYTES, 64)),
    make('allocation', 'array.new_default (65 bytes)', array(BYTES, 65)),
    make('allocation', 'array.new_default (1 i64)', array(LONGS, 1)),
    make('allocation', 'array.new_default (1 reference)', array(REFERENCES, 1)),
    make('allocation', 'array.new (10 i64)', [get(1), ['i32.const', 10], ['array.new', LONGS]], [FIVE_I64]),
    make(
      'allocation',
      'array.new_fixed (10 i64)',
      [...repeat([get(1)], 10), ['array.new_fixed', LONGS, 10]],
      [FIVE_I64],
    ),
    make('allocation', 'array.new_data (8 bytes)', [
      ['i32.const', 0],
      ['i32.const', 8],
      ['array.new_data', BYTES, 0],
    ]),
    make('allocation', 'array.new_elem (1 element)', [
      ['i32.const', 0],
      ['i32.const', 1],
      ['array.new_elem', FUNCTIONS, 0],
    ]),
    make('objects', 'array.new_default (1,000 bytes)', array(BYTES, 1_000)),
    make('objects', 'array.new_default (100,000 bytes)', array(BYTES, 100_000), [], long),
    make('objects', 'array.new_default (1,000 references)', array(REFERENCES, 1_000)),
    make('objects', 'array.new_default (100,000 references)', array(REFERENCES, 100_000), [], long),
    make(
      'objects',
      'array.new (100,000 i64)',
      [get(1), ['i32.const', 100_000], ['array.new', LONGS]],
      [FIVE_I64],
      long,
    ),
    make('objects', 'array.new (100,000 bytes)', [get(1), ['i32.const', 100_000], ['array.new', BYTES]], [ONE], long),
    make(
      'objects',
      'array.new_fixed (1,000 i64)',
      [...repeat([get(1)], 1_000), ['array.new_fixed', LONGS, 1_000]],
      [FIVE_I64],
      long,
    ),
    make(
      'objects',
      'array.new_data (64 KiB)',
      [
        ['i32.const', 0],
        ['i32.const', 65_536],
        ['array.new_data', BYTES, 0],
      ],
      [],
      long,
    ),
    make(
      'objects',
      'array.new_elem (10,000 elements)',
      [
        ['i32.const', 0],
        ['i32.const', 10_000],
        ['array.new_elem', FUNCTIONS, 0],
      ],
      [],
      long,
    ),
    ...arrayCases(),
  ];
}

/** Bulk operations on arrays: the array, where to, what or where from, how much. */
function arrayCases(): Case[] {
  const get = (i: number): Instruction => ['local.get', i];
  const cases: Case[] = [];
  for (const count of [0, 1, 10_000]) {
    const price = count === 10_000 ? 'elements' : 'bulk';
    const name = `${count.toLocaleString('en-US')} elements`;
    const copies = count === 10_000 ? 4 : COPIES;
    const add = (what: string, type: number, body: readonly Instruction[], operands: readonly Operand[]) =>
      cases.push(
        call(
          price,
          `${what} (${name})`,
          objectLoop(
            definedRef(type, true),
            [
              ['i32.const', 20_000],
              ['array.new_default', type],
            ],
            body,
            operands,
            { copies },
          ),
        ),
      );
    const [start, from, length]: Operand[] = [ZERO, [I32, 10_000], [I32, count]] as const;
    const copy = (type: number): Instruction[] => [get(1), get(2), get(1), get(3), get(4), ['array.copy', type, type]];
    const places = [start, from, length] as Operand[];
    add('array.fill of bytes', BYTES, [get(1), get(2), get(3), get(4), ['array.fill', BYTES]], [
      ZERO,
      ONE,
      length,
    ] as Operand[]);
    add('array.fill of i64', LONGS, [get(1), get(2), get(3), get(4), ['array.fill', LONGS]], [
      ZERO,
      FIVE_I64,
      length,
    ] as Operand[]);
    add('array.fill of references', REFERENCES, [get(1), get(2), get(1), get(4), ['array.fill', REFERENCES]], places);
    add('array.copy of bytes', BYTES, copy(BYTES), places);
    add('array.copy of v128', VECTORS, copy(VECTORS), places);
    add('array.copy of references', REFERENCES, copy(REFERENCES), places);
    add('array.init_data', BYTES, [get(1), get(2), get(3), get(4), ['array.init_data', BYTES, 0]], places);
    add('array.init_elem', FUNCTIONS, [get(1), get(2), get(2), get(4), ['array.init_elem', FUNCTIONS, 0]], places);
  }
  return cases;
}

const REF_EXN = EXNREF | 0x100;

function throwCases(): Case[] {
  const get = (i: number): Instruction => ['local.get', i];
  const guarded = (body: readonly Instruction[], clause: readonly number[] = [2, 0]): Instruction[] => [
    'block',
    ['try_table', { params: [], results: [] }, [clause]],
    ...body,
    'end',
    'end',
  ];
  const tags = [{ params: [] }];
  const values = (count: number): Case => {
    const params = new Array<ValType>(count).fill(I64);
    return call(
      'throw',
      `throw (${count} values)`,
      loop(
        [
          ['block', { params: [], results: params }],
          ['try_table', { params: [], results: [] }, [[0, 0, 0]]],
          ...repeat([get(1)], count),
          ['throw', 0],
          'end',
          'unreachable',
          'end',
          ...repeat(['drop'], count),
        ],
        [FIVE_I64],
        { tags: [{ params }], copies: 4 },
      ),
    );
  };
  const thrower = { body: [['throw', 0]] as const };
  return [
    call('throw', 'throw', loop(guarded([['throw', 0]]), [], { tags })),
    call('throw', 'throw (caught by tag)', loop(guarded([['throw', 0]], [0, 0, 0]), [], { tags })),
    call('throw', 'throw in a function called', loop(guarded([['call', 1]]), [], { tags, others: [thrower] })),
    call(
      'throw',
      'throw through 20 frames',
      loop(guarded([['call', 1]]), [], {
        tags,
        copies: 8,
        others: [...Array.from({ length: 20 }, (_, i) => ({ body: [['call', i + 2]] as const })), thrower],
      }),
    ),
    call(
      'throw',
      'throw through 100 bodies of try_table',
      loop(
        guarded([
          ...repeat([['try_table', { params: [], results: [] }, [[0, 1, 0]]]], 100),
          ['throw', 0],
          ...repeat(['end'], 100),
        ]),
        [],
        { tags: [{ params: [] }, { params: [] }], copies: 4 },
      ),
    ),
    call(
      'throw',
      'throw past 1,000 clauses',
      loop(
        [
          'block',
          ['try_table', { params: [], results: [] }, [...new Array<number[]>(1_000).fill([0, 1, 0]), [2, 0]]],
          ['throw', 0],
          'end',
          'end',
        ],
        [],
        { tags: [{ params: [] }, { params: [] }], copies: 4 },
      ),
    ),
    call(
      'throw',
      'throw_ref',
      loop(
        [
          ['block', { params: [], results: [REF_EXN] }],
          ['try_table', { params: [], results: [] }, [[3, 0]]],
          get(1),
          'throw_ref',
          'end',
          'unreachable',
          'end',
          ['local.set', 1],
        ],
        [[EXNREF, 0]],
        {
          tags,
          before: [
            ['block', { params: [], results: [REF_EXN] }],
            ['try_table', { params: [], results: [] }, [[3, 0]]],
            ['throw', 0],
            'end',
            'unreachable',
            'end',
            ['local.set', 1],
          ],
        },
      ),
    ),
    values(1),
    values(10),
    values(MANY),
  ];
}

/** Calls through references, and calls in tail position, two of which take turns. */
function laterCallCases(): Case[] {
  const get = (i: number): Instruction => ['local.get', i];
  const nothing = { params: [], results: [] };
  const empty = { body: [] };
  const table = { tables: [{ min: 3 }], elements: [{ offset: [['i32.const', 0]] as const, items: [0, 1, 2] }] };
  const declared = { elements: [{ declarative: true, items: [2] }] };
  return [
    call('call', 'call, return_call', loop([['call', 1]], [], { others: [{ body: [['return_call', 2]] }, empty] })),
    call(
      'call',
      'return_call (10 arguments)',
      loop([...repeat([get(1)], 10), ['call', 1]], [FIVE_I64], {
        others: [
          {
            params: new Array<ValType>(10).fill(I64),
            body: [...Array.from({ length: 10 }, (_, i) => get(9 - i)), ['return_call', 2]],
          },
          { params: new Array<ValType>(10).fill(I64), body: [] },
        ],
      }),
    ),
    call(
      'indirect',
      'call_ref',
      loop([get(1), ['call_ref', 0]], [[definedRef(0, true), 0]], {
        types: [nothing],
        before: [
          ['ref.func', 1],
          ['local.set', 1],
        ],
        others: [empty],
        elements: [{ declarative: true, items: [1] }],
      }),
    ),
    call(
      'indirect',
      'return_call_indirect',
      loop([['call', 1]], [], {
        ...table,
        others: [
          {
            body: [
              ['i32.const', 2],
              ['return_call_indirect', nothing],
            ],
          },
          empty,
        ],
      }),
    ),
    call(
      'indirect',
      'return_call_ref',
      loop([['call', 1]], [], {
        ...declared,
        types: [nothing],
        others: [
          {
            body: [
              ['ref.func', 2],
              ['return_call_ref', 0],
            ],
          },
          empty,
        ],
      }),
    ),
  ];
}

/** The same accesses on a second memory, and on one with 64-bit addresses. */
function memoryCases(): Case[] {
  const get = (i: number): Instruction => ['local.get', i];
  const second = { memories: [{ min: 1 }, { min: 1 }] };
  const wide = { memories: [{ min: 1, is64: true }] };
  const address: Operand = [I64, 64n];
  return [
    call(
      'memory',
      'i32.load (second memory)',
      loop([get(1), ['i32.load', { memory: 1 }], 'drop'], [[I32, 64]], second),
    ),
    call(
      'memory',
      'i64.store (second memory)',
      loop([get(1), get(2), ['i64.store', { memory: 1 }]], [[I32, 64], FIVE_I64], second),
    ),
    call('memory', 'i32.load (64-bit memory)', loop([get(1), ['i32.load'], 'drop'], [address], wide)),
    call('memory', 'i64.store (64-bit memory)', loop([get(1), get(2), ['i64.store']], [address, FIVE_I64], wide)),
    call(
      'bulk',
      'memory.copy (between memories, 1 byte)',
      loop([get(1), get(1), get(1), ['memory.copy', 1, 0]], [ONE], second),
    ),
    call(
      'memory',
      'table.get (64-bit table)',
      loop([get(1), ['table.get', 0], 'drop'], [FIVE_I64], { tables: [{ min: 10, is64: true }] }),
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
    instantiate('10,000 elements by expressions', {
      tables: [{ min: 10_000 }],
      elements: [{ offset: [['i32.const', 0]], items: new Array<Instruction[]>(10_000).fill([['ref.null', FUNCREF]]) }],
    }),
    instantiate('1,000 structs in a segment', {
      types: [{ struct: [] }],
      elements: [{ type: ANYREF, items: new Array<Instruction[]>(1_000).fill([['struct.new', 0]]) }],
    }),
    ...[0, 1].flatMap((length) => {
      const bytes = new Uint8Array(length);
      const segments = (offset: Instruction[] | undefined) =>
        new Array(10_000).fill({ bytes, ...(offset && { offset }) }) as NonNullable<ModuleDescription['data']>;
      const memories = [{ min: 1 }];
      return [
        instantiate(`10,000 data segments of ${length} bytes`, { memories, data: segments([['i32.const', 0]]) }),
        instantiate(`10,000 passive data segments of ${length} bytes`, { memories, data: segments(undefined) }),
      ];
    }),
    ...[0, 1].flatMap((length) => {
      const segment = { items: new Array<number>(length).fill(0) };
      const functions = [{ body: [] }];
      const tables = [{ min: 1 }];
      const zero: Instruction[] = [['i32.const', 0]];
      const segments = (more: object) => new Array(10_000).fill({ ...segment, ...more });
      return [
        instantiate(`10,000 element segments of ${length}`, {
          functions,
          tables,
          elements: segments({ offset: zero }),
        }),
        instantiate(`10,000 passive element segments of ${length}`, { functions, tables, elements: segments({}) }),
        instantiate(`10,000 declarative element segments of ${length}`, {
          functions,
          tables,
          elements: segments({ declarative: true }),
        }),
      ];
    }),
    instantiate('100 tables', { tables: new Array(100).fill({ min: 0 }) }),
    instantiate('a global by 10,000 instructions', {
      globals: [{ type: I32, init: [['i32.const', 1], ...repeat([['i32.const', 1], 'i32.add'], 5_000)] }],
    }),
    instantiate('an offset by 10,000 instructions', {
      memories: [{ min: 1 }],
      data: [{ bytes: [1], offset: [['i32.const', 1], ...repeat([['i32.const', 0], 'i32.mul'], 5_000)] }],
    }),
    instantiate('1,000 globals from others', {
      globals: [
        { type: I64, init: [['i64.const', 1]] },
        ...new Array(1_000).fill({ type: I64, init: [['global.get', 0]] }),
      ],
    }),
    instantiate('1,000 functions', { functions: new Array(1_000).fill({ body: [] }) }),
    instantiate('an array of 100,000 bytes by an expression', {
      types: [{ array: { type: I8, mutable: true } }],
      globals: [
        {
          type: definedRef(0, true),
          init: [
            ['i32.const', 1],
            ['i32.const', 100_000],
            ['array.new', 0],
          ],
        },
      ],
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
    free('try_table end', COPIES, loop([['try_table', { params: [], results: [] }, [[2, 0]]], 'end'])),
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

/** A loop at whose end somebody looks at local 1: an engine that optimises leaves out what nobody needs. */
function needed(body: readonly Instruction[], operands: readonly Operand[], options: LoopOptions = {}) {
  const [[type]] = operands as [Operand];
  return loop(body, operands, {
    ...options,
    globals: [{ type, mutable: true, init: [[CONST[type as Numeric], type === I64 ? 0n : 0]], export: 'result' }],
    after: [
      ['local.get', 1],
      ['global.set', 0],
    ],
  });
}

/** What programs mostly do, each result used by what follows: the measure of engines that optimise. */
export function ordinaryCases(): readonly Case[] {
  const get = (i: number): Instruction => ['local.get', i];
  const set = (i: number): Instruction => ['local.set', i];
  const more = { copies: 8 };
  const add: Instruction[] = [get(1), get(2), 'i32.add', set(1)];
  const xor: Instruction[] = [get(1), get(2), 'i32.xor', ['i32.const', 7], 'i32.rotl', set(2)];
  const three: Instruction[] = [get(1), ['i32.const', 3], 'i32.mul', set(1)];
  const odd: Instruction[] = [get(1), ['i32.const', 1], 'i32.and', 'if', ...three, 'end'];
  const reload: Instruction[] = [['i32.const', 0], get(1), ['i32.store'], ['i32.const', 0], ['i32.load'], set(1)];
  const calls: Instruction[] = [get(1), ['call', 1], set(1)];
  return [
    call('simple', 'arithmetic', needed([...add, ...xor], [ONE, ONE], more)),
    call('memory', 'loads and stores', needed(reload, [ONE], { ...MEMORY, ...more })),
    call('float', 'floats', needed([get(1), get(1), 'f64.mul', get(1), 'f64.add', set(1)], [[F64, 1.5]], more)),
    call('branch', 'branches that alternate', needed([...add, ...xor, ...odd], [ONE, ONE], more)),
    call(
      'call',
      'calls',
      needed(calls, [ONE], { ...more, others: [{ params: [I32], results: [I32], body: [get(0), 'i32.eqz'] }] }),
    ),
  ];
}

/** Computations by themselves, each waiting for the last, with what processors find hard. */
function chainedCases(): Case[] {
  const chain = (row: Opcode['mnemonic'], ...operands: Operand[]): Case => {
    const { gas } = OPCODES.find(({ mnemonic }) => mnemonic === row) as Opcode;
    const isSubnormal = operands.some(([, value]) => value !== 0 && Math.abs(Number(value)) < 1e-30);
    const body: Instruction[] = [...operands.map((_, i): Instruction => ['local.get', i + 1]), row, ['local.set', 1]];
    return call(gas as Price, `${row} (chained${isSubnormal ? ', subnormal' : ''})`, needed(body, operands));
  };
  const f32 = (value: number): Operand => [F32, value];
  const f64 = (value: number): Operand => [F64, value];
  const i32 = (value: number): Operand => [I32, value];
  const i64 = (value: bigint): Operand => [I64, value];
  const large = 0x7edc_ba98_7654_3210n;
  return [
    chain('i32.mul', i32(3), i32(5)),
    chain('i32.div_s', i32(2_000_000_000), i32(1)),
    chain('i32.rem_u', i32(2_000_000_000), i32(2_000_000_001)),
    chain('i32.popcnt', i32(77)),
    chain('i32.rotl', i32(77), i32(5)),
    chain('i64.mul', i64(3n), i64(5n)),
    chain('i64.div_s', i64(large), i64(1n)),
    chain('i64.rem_u', i64(large), i64(large + 1n)),
    chain('i64.clz', i64(77n)),
    chain('i64.rotl', i64(77n), i64(5n)),
    chain('f32.add', f32(1e-42), f32(0)),
    chain('f32.mul', f32(1e-42), f32(1)),
    chain('f32.div', f32(1e-42), f32(1)),
    chain('f32.sqrt', f32(1)),
    chain('f32.max', f32(1.5), f32(0.5)),
    chain('f64.add', f64(1e-310), f64(0)),
    chain('f64.mul', f64(1e-310), f64(1)),
    chain('f64.div', f64(1234.5), f64(1)),
    chain('f64.div', f64(1e-310), f64(1)),
    chain('f64.sqrt', f64(1)),
    chain('f64.nearest', f64(1.5)),
    chain('f64.min', f64(1.5), f64(2.5)),
  ];
}

export function calibrationCases(): readonly Case[] {
  return [
    ...OPCODES.flatMap(rowCases),
    ...chainedCases(),
    ...simpleCases(),
    ...branchCases(),
    ...accessCases(),
    ...bulkCases(),
    ...hostCases(),
    ...objectCases(),
    ...throwCases(),
    ...laterCallCases(),
    ...memoryCases(),
    ...instanceCases(),
    ...pushCases(),
    ...freeCases(),
  ];
}
