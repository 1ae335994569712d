/** Classes of failure of other engines in metering where control flow parts: what is paid for on one way only, or late. */

import { F64, FUNCREF, I32 } from '../../wasm/types.ts';
import { encodeModule, type FunctionDescription, type Instruction } from '../generate/encode.ts';
import { type Hostile, onlyOn } from './outcome.ts';

const NOTHING = { params: [], results: [] };
const PARAM = 0;
const work = (units: number): Instruction[] =>
  Array.from({ length: units }, (): Instruction[] => [['local.get', PARAM], 'i32.eqz', 'drop']).flat();

/** Where paths part; the parameter says which one is taken. */
const FORKS: Readonly<Record<string, readonly Instruction[]>> = {
  'an if with both arms': [['local.get', PARAM], 'if', 'nop', 'else', 'nop', 'end'],
  'an if without an else': [['local.get', PARAM], 'if', 'nop', 'end'],
  'an if whose arms are blocks': [
    ['local.get', PARAM],
    ['if', I32],
    ['block', I32],
    ['local.get', PARAM],
    'end',
    'else',
    ['block', I32],
    ['local.get', PARAM],
    'end',
    'end',
    'drop',
  ],
  'a br_if': ['block', ['local.get', PARAM], ['br_if', 0], 'end'],
  'a br_if to the function': [
    ['local.get', PARAM],
    ['br_if', 0],
  ],
  'a br_table': ['block', 'block', ['local.get', PARAM], ['br_table', [0, 1], 0], 'end', 'end'],
  'a br_table of three ways': [
    'block',
    'block',
    'block',
    ['local.get', PARAM],
    ['br_table', [0, 1], 2],
    'end',
    'end',
    'end',
  ],
  'a return in one arm': [['local.get', PARAM], 'if', 'return', 'end'],
  'a trap in one arm': [['local.get', PARAM], 'if', 'unreachable', 'end'],
  'a loop that is left at once': [
    'block',
    'loop',
    ['local.get', PARAM],
    'i32.eqz',
    ['br_if', 1],
    ['i32.const', 0],
    ['local.set', PARAM],
    ['br', 0],
    'end',
    'end',
  ],
  'a br_on_null': ['block', ['ref.null', FUNCREF], ['br_on_null', 0], 'drop', 'end'],
};

const FORKED = [0, 1, 2, 7];

/** The same fork with more and more work before it: each way has to pay for all of it. */
export interface Forked {
  readonly name: string;
  readonly source: (units: number) => Uint8Array;
  readonly argument: number;
}

export const FORKED_WAYS: readonly Forked[] = Object.entries(FORKS).flatMap(([name, fork]) =>
  FORKED.map((argument) => ({
    name: `${name}, with ${argument}`,
    argument,
    source: (units: number) =>
      encodeModule({ functions: [{ params: [I32], body: [...work(units), ...fork], export: 'run' }] }),
  })),
);

/** Code without a branch or a call is as dear as any, wherever it stands (wasmer #999). */
const LONG = 100_000;
const straight: Instruction[] = Array.from({ length: LONG }, (): Instruction[] => [
  ['local.get', PARAM],
  'f64.abs',
  ['local.set', PARAM],
]).flat();
const long = (exported?: string): FunctionDescription => ({
  locals: [F64],
  body: straight,
  ...(exported && { export: exported }),
});

const LINES: Readonly<Record<string, readonly FunctionDescription[]>> = {
  'that is all of the function': [long('run')],
  'in a function that is called': [{ body: [['call', 1]], export: 'run' }, long()],
  'in an arm': [{ locals: [F64], body: [['i32.const', 1], 'if', ...straight, 'end'], export: 'run' }],
  'in an else': [{ locals: [F64], body: [['i32.const', 0], 'if', 'else', ...straight, 'end'], export: 'run' }],
  'before a return': [{ locals: [F64], body: [...straight, 'return'], export: 'run' }],
  'before a trap': [{ locals: [F64], body: [...straight, 'unreachable'], export: 'run' }],
  'behind a block that is left': [{ locals: [F64], body: ['block', ['br', 0], 'end', ...straight], export: 'run' }],
};
const GAS = 1_000n;

const lines: Hostile[] = Object.entries(LINES).map(([name, functions]) => ({
  name: `a long line ${name}`,
  options: { source: encodeModule({ functions }), gasLimit: 4_000n + GAS },
  calls: [['run']],
  ending: { code: 'GAS_EXHAUSTED' },
}));
const startLine: Hostile = {
  name: 'a long line in the start function',
  options: { source: encodeModule({ functions: [long()], start: 0 }), gasLimit: 4_000n + GAS },
  calls: [],
  ending: { code: 'GAS_EXHAUSTED' },
};

/**
 * A guest of every construct, that calls its host wherever it has come to. With any limit at all it does what it does
 * with a higher one, up to where it ends, and no call of the host comes after the end.
 */
export const STEPS: Uint8Array = encodeModule({
  imports: [{ module: 'env', name: 'step', function: { params: [I32], results: [] } }],
  memories: [{ min: 1, max: 3 }],
  tables: [{ min: 2, max: 9 }],
  elements: [{ offset: [['i32.const', 0]], items: [2] }],
  functions: [
    {
      locals: [I32],
      body: [
        ...step(1),
        'loop',
        ...step(2),
        ['local.get', 0],
        ['i32.const', 1],
        'i32.add',
        ['local.tee', 0],
        ['i32.const', 3],
        'i32.lt_u',
        ['br_if', 0],
        'end',
        ['local.get', 0],
        'if',
        ...step(3),
        'else',
        ...step(4),
        'end',
        ['call', 2],
        ...step(5),
        ['i32.const', 0],
        ['call_indirect', NOTHING, 0],
        ...step(6),
        ['i32.const', 0],
        ['i32.const', 7],
        ['i32.const', 640],
        ['memory.fill', 0],
        ...step(7),
        ['i32.const', 1],
        ['memory.grow', 0],
        'drop',
        ...step(8),
        ['ref.null', FUNCREF],
        ['i32.const', 3],
        ['table.grow', 0],
        'drop',
        ...step(9),
        ...work(40),
        ...step(10),
      ],
      export: 'run',
    },
    { locals: Array(50).fill(F64), body: [...step(11), 'block', ...step(12), ['i32.const', 1], ['br_if', 0], 'end'] },
  ],
});
function step(number: number): Instruction[] {
  return [
    ['i32.const', number],
    ['call', 0],
  ];
}

/** Traps of every kind. */
const TRAPS: Readonly<Record<string, { readonly kind: string; readonly body: readonly Instruction[] }>> = {
  unreachable: { kind: 'unreachable', body: ['unreachable'] },
  'a division by zero': { kind: 'divide-by-zero', body: [['i32.const', 1], ['i32.const', 0], 'i32.div_s', 'drop'] },
  'a quotient that does not fit': {
    kind: 'integer-overflow',
    body: [['i32.const', -(2 ** 31)], ['i32.const', -1], 'i32.div_s', 'drop'],
  },
  'a number that is none': { kind: 'invalid-conversion', body: [['f64.const', Number.NaN], 'i32.trunc_f64_s', 'drop'] },
  'a load beyond the memory': { kind: 'memory-out-of-bounds', body: [['i32.const', -1], ['i32.load', {}], 'drop'] },
  'a store beyond the memory': {
    kind: 'memory-out-of-bounds',
    body: [
      ['i32.const', -1],
      ['i32.const', 0],
      ['i32.store', {}],
    ],
  },
  'a fill beyond the memory': {
    kind: 'memory-out-of-bounds',
    body: [
      ['i32.const', -1],
      ['i32.const', 0],
      ['i32.const', 9],
      ['memory.fill', 0],
    ],
  },
  'a read beyond the table': { kind: 'table-out-of-bounds', body: [['i32.const', 9], ['table.get', 0], 'drop'] },
  'a call beyond the table': {
    kind: 'undefined-element',
    body: [
      ['i32.const', 9],
      ['call_indirect', NOTHING, 0],
    ],
  },
  'a call of nothing': {
    kind: 'uninitialized-element',
    body: [
      ['i32.const', 1],
      ['call_indirect', NOTHING, 0],
    ],
  },
  'a call of another type': {
    kind: 'indirect-call-type-mismatch',
    body: [
      ['i32.const', 0],
      ['call_indirect', NOTHING, 0],
    ],
  },
};

/** What every trap needs, and function 1 for `run` to call. */
const trapping = (run: readonly Instruction[], other: readonly Instruction[]): Uint8Array =>
  encodeModule({
    memories: [{ min: 1 }],
    tables: [{ min: 2 }],
    elements: [{ offset: [['i32.const', 0]], items: [0] }],
    functions: [{ params: [I32], body: run, export: 'run' }, { body: other }],
  });

/** Rounds of a loop, then a trap, in this function or another one (wasmtime #13802). */
export interface Trapping {
  readonly name: string;
  readonly kind: string;
  readonly source: Uint8Array;
}

export const TRAPPING: readonly Trapping[] = Object.entries(TRAPS).flatMap(([name, { kind, body }]) =>
  [true, false].map((isHere) => {
    const burn: Instruction[] = [
      'loop',
      ['local.get', 0],
      ['i32.const', 1],
      'i32.sub',
      ['local.tee', 0],
      ['br_if', 0],
      'end',
    ];
    return {
      name: `${name}${isHere ? '' : ' in another function'}`,
      kind,
      source: trapping(isHere ? [...burn, ...body] : [...burn, ['call', 1]], body),
    };
  }),
);

/** What a guest has done since its last checkpoint is not counted when it traps: as little on both engines. */
const branches: Instruction[] = Array.from({ length: 1_000 }, (): Instruction[] => [
  'block',
  ['i32.const', 0],
  ['br_if', 0],
  'end',
]).flat();
const tails: Hostile[] = Object.entries(TRAPS).map(([name, { kind, body }]) => ({
  name: `${name} behind a thousand branches and a call`,
  options: {
    source: trapping([...branches, ['call', 1], ...branches, ...body], []),
  },
  calls: [['run', 0]],
  ending: { trap: kind },
}));

export const METERING: readonly Hostile[] = [...lines, startLine, ...tails].map((hostile) => ({
  ...hostile,
  ...onlyOn(hostile.options.source as Uint8Array),
}));
