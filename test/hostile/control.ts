/** Classes of failure of other engines in control flow: values that branches carry, and locals that change beneath them. */

import { ANYREF, EXTERNREF, F32, F64, FUNCREF, I31REF, I32, I64, V128, type ValType } from '../../wasm/types.ts';
import { encodeModule, type Instruction } from '../generate/encode.ts';
import { type Hostile, onlyOn } from './outcome.ts';

const NOTHING = { params: [], results: [] };
const CATCH = 0;

/** What is carried: values of every type, and one that says where it came from. */
const LISTS: Readonly<Record<string, readonly ValType[]>> = {
  'one value': [I64],
  'two values': [I64, F64],
  'values of every width': [I32, F64, F32, I64],
  'as many values as make a memory move': Array.from({ length: 40 }, (_, i) => [I64, F32, I32, F64][i % 4] as ValType),
};
const LETTERS = new Map<ValType, string>([
  [I32, 'i32'],
  [I64, 'i64'],
  [F32, 'f32'],
  [F64, 'f64'],
]);

/** Constants, each of them another one. */
const constants = (types: readonly ValType[], from: number) =>
  types.map((type, i) => [`${LETTERS.get(type)}.const`, from + i] as unknown as Instruction);
const valuesOf = (types: readonly ValType[], from: number) =>
  types.map((type, i) => (type === I64 ? BigInt(from + i) : from + i));
const drops = (types: readonly ValType[]): Instruction[] => types.map(() => 'drop');

/** What lies beneath the values at a branch, and has to go. */
const BENEATH: Instruction[] = [
  ['i32.const', -1],
  ['v128.const', new Uint8Array(16).fill(0xee)],
  ['i64.const', -2],
];
/** Code that is never reached, of every shape. */
const DEAD: Instruction[] = [
  ['i64.const', -3],
  'drop',
  'select',
  'drop',
  ['block', { params: [I32], results: [I64] }],
  'drop',
  ['loop', I64],
  ['br', 0],
  'end',
  'end',
  'drop',
];
const RIGHT = 10;
const WRONG = 500;

/** Ways to leave a block with values, which a call has made. `list` of them are its results. */
function ways(list: readonly ValType[]): Readonly<Record<string, Instruction[]>> {
  const right: Instruction[] = [['call', 1]];
  const wrong = constants(list, WRONG);
  const table = (index: number, labels: number[], fallback: number): Instruction[] => [
    ...right,
    ['i32.const', index],
    ['br_table', labels, fallback],
  ];
  const inBlock = (body: Instruction[]): Instruction[] => [['block', { params: [], results: list }], ...body, 'end'];
  return {
    br: [...right, ['br', 0], ...DEAD],
    'br_if that is taken': [...right, ['i32.const', 1], ['br_if', 0], 'unreachable'],
    'br_if behind one that is not taken': [
      ...wrong,
      ['i32.const', 0],
      ['br_if', 0],
      ...drops(list),
      ...right,
      ['i32.const', 1],
      ['br_if', 0],
      'unreachable',
    ],
    'br_table of one label': [...table(0, [0], 0), ...DEAD],
    'br_table with the fallback': [...table(-1, [0, 0], 0), 'unreachable'],
    'br_table with an index beyond, to an outer block': [
      ...inBlock([...BENEATH, ...table(7, [0, 0], 1), ...DEAD]),
      'unreachable',
    ],
    'br out of three blocks': [
      ...inBlock([...BENEATH, ...inBlock([...BENEATH, ...right, ['br', 2], ...DEAD]), 'unreachable']),
      'unreachable',
    ],
    'an if and nothing else': [
      ...wrong,
      ['i32.const', 1],
      ['if', { params: list, results: list }],
      ...drops(list),
      ...right,
      ['br', 1],
      'end',
      'unreachable',
    ],
    'an else': [
      ['i32.const', 0],
      ['if', { params: [], results: list }],
      ...wrong,
      'else',
      ...BENEATH,
      ...right,
      ['br', 1],
      'end',
      'unreachable',
    ],
    'the third round of a loop that takes them': [
      ...wrong,
      ['loop', { params: list, results: list }],
      ...drops(list),
      ['local.get', 0],
      ['i32.const', 1],
      'i32.add',
      ['local.tee', 0],
      ['i32.const', 3],
      'i32.eq',
      ['if', { params: [], results: list }],
      ...right,
      'else',
      ...BENEATH,
      ...wrong,
      ['br', 1],
      'end',
      'end',
      ['br', 0],
      ...DEAD,
    ],
    br_on_null: [...right, ['ref.null', FUNCREF], ['br_on_null', 0], 'unreachable'],
    'br_on_null that is not taken': [
      ...wrong,
      ['ref.func', 0],
      ['br_on_null', 0],
      'drop',
      ...drops(list),
      ...right,
      ['br', 0],
      ...DEAD,
    ],
    'an exception that is caught': [
      ['try_table', NOTHING, [[CATCH, 0, 0]]],
      ...BENEATH,
      ...right,
      ['throw', 0],
      'end',
      'unreachable',
    ],
    'an exception that a function threw': [
      ['try_table', NOTHING, [[CATCH, 0, 0]]],
      ...BENEATH,
      ['call', 2],
      'unreachable',
      'end',
      'unreachable',
    ],
  };
}

const branches: Hostile[] = Object.entries(LISTS).flatMap(([what, list]) =>
  Object.entries(ways(list)).flatMap(([way, leave]) => {
    const throws = way.startsWith('an exception');
    const module = (body: readonly Instruction[]): Uint8Array =>
      encodeModule({
        tags: throws ? [{ params: list }] : [],
        functions: [
          { results: list, locals: [I32], body, export: 'run' },
          { results: list, body: constants(list, RIGHT) },
          {
            body: throws
              ? [
                  ['call', 1],
                  ['throw', 0],
                ]
              : [],
          },
        ],
        elements: [{ declarative: true, items: [0] }],
      });
    const block: Instruction[] = [['block', { params: [], results: list }], ...BENEATH, ...leave, 'end'];
    const values = valuesOf(list, RIGHT);
    const ending = { results: values.length === 1 ? values[0] : values };
    const ends: Readonly<Record<string, readonly Instruction[]>> = {
      'and the function ends': block,
      'and the function returns over others': [...BENEATH, ...block, 'return', ...DEAD],
    };
    return Object.entries(ends).map(([end, body]): Hostile => {
      const source = module(body);
      return { name: `${what} by ${way}, ${end}`, options: { source }, calls: [['run']], ending, ...onlyOn(source) };
    });
  }),
);

/** What is on the stack stays what it was, whatever becomes of the local that it was read from. */
const NEW = 99;
const OLD = 7;

interface Kind {
  readonly type: ValType;
  readonly constant: (value: number) => Instruction[];
  /** To an i32 that says which value it was. */
  readonly read: Instruction[];
}

const reference = (type: ValType, heap: number): Kind => ({
  type,
  constant: (value) => [
    ['i32.const', value],
    'ref.i31',
    ...(heap === EXTERNREF ? ['extern.convert_any' as const] : []),
  ],
  read: [...(heap === EXTERNREF ? ['any.convert_extern' as const] : []), ['ref.cast', I31REF], 'i31.get_s'],
});

const KINDS: Readonly<Record<string, Kind>> = {
  i32: { type: I32, constant: (n) => [['i32.const', n]], read: [] },
  i64: { type: I64, constant: (n) => [['i64.const', n]], read: ['i32.wrap_i64'] },
  f32: { type: F32, constant: (n) => [['f32.const', n]], read: ['i32.trunc_f32_s'] },
  f64: { type: F64, constant: (n) => [['f64.const', n]], read: ['i32.trunc_f64_s'] },
  v128: { type: V128, constant: (n) => [['i32.const', n], 'i32x4.splat'], read: [['i32x4.extract_lane', 3]] },
  anyref: reference(ANYREF, ANYREF),
  externref: reference(EXTERNREF, EXTERNREF),
};

/** Local 0 is the value's, local 1 counts. */
const X = 0;
const COUNT = 1;

function changes({ constant }: Kind): Readonly<Record<string, Instruction[]>> {
  const set: Instruction[] = [...constant(NEW), ['local.set', X]];
  const again: Instruction[] = [
    ['local.get', COUNT],
    ['i32.const', 1],
    'i32.add',
    ['local.tee', COUNT],
    ['i32.const', 3],
    'i32.lt_s',
  ];
  const loop = (body: Instruction[]): Instruction[] => ['loop', ...body, ...again, ['br_if', 0], 'end'];
  const block = (body: Instruction[]): Instruction[] => ['block', ...body, 'end'];
  return {
    'local.set': set,
    'local.tee': [...constant(NEW), ['local.tee', X], 'drop'],
    'a local.tee of its own value first': [['local.get', X], ['local.tee', X], 'drop', ...set],
    'a block': block(set),
    'a block that is left': block([...set, ['br', 0], ...constant(1), ['local.set', X]]),
    'a loop': loop(set),
    'a loop, only in its last round': loop([['local.get', COUNT], ['i32.const', 2], 'i32.eq', 'if', ...set, 'end']),
    'a loop, before it is left': block(['loop', ...set, ['br', 1], 'end']),
    'a loop in a block in a loop': loop(block(['loop', ...set, 'end'])),
    'an if': [['i32.const', 1], 'if', ...set, 'end'],
    'an else': [['i32.const', 0], 'if', 'else', ...set, 'end'],
    'an if that is not entered': [['i32.const', 0], 'if', ...constant(1), ['local.set', X], 'end', ...set],
    'a catch': block([['try_table', NOTHING, [[2, 0]]], ...set, ['throw', 0], 'end']),
    'a try that throws nothing': block([['try_table', NOTHING, [[2, 0]]], ...set, 'end']),
    'a br_table': block([...set, ['local.get', COUNT], ['br_table', [0], 0]]),
  };
}

const kept: Hostile[] = Object.entries(KINDS).flatMap(([type, kind]) => {
  const get: Instruction = ['local.get', X];
  const start: Instruction[] = [...kind.constant(OLD), ['local.set', X]];
  const copies = 3;
  /** The sum of what was read before, in hundreds, and of what is read after it. */
  const sum: Instruction[] = [
    ...kind.read,
    ['local.set', COUNT],
    ...Array.from({ length: copies }, (): Instruction[] => [
      ...kind.read,
      ['i32.const', 1000],
      'i32.mul',
      ['local.get', COUNT],
      'i32.add',
      ['local.set', COUNT],
    ]).flat(),
    ['local.get', COUNT],
  ];
  const ending = { results: copies * OLD * 1000 + NEW };
  return Object.entries(changes(kind)).flatMap(([how, change]) => {
    const one = (where: string, body: Instruction[]): Hostile => {
      const source = encodeModule({
        tags: how === 'a catch' ? [{ params: [] }] : [],
        functions: [{ results: [I32], locals: [kind.type, I32], body, export: 'run' }],
      });
      const name = `${type} read ${where} ${how} that changes it`;
      return { name, options: { source }, calls: [['run']], ending, ...onlyOn(source) };
    };
    return [
      one('before', [...start, get, get, get, ...change, get, ...sum]),
      one('and teed before', [...start, get, ['local.tee', X], get, get, ...change, get, ...sum]),
      one('as an operand of the block around', [
        ...start,
        get,
        get,
        get,
        ['block', { params: [kind.type, kind.type, kind.type], results: [kind.type, kind.type, kind.type, kind.type] }],
        ...change,
        get,
        'end',
        ...sum,
      ]),
    ];
  });
});

export const CONTROL: readonly Hostile[] = [...branches, ...kept];
