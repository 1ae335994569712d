/** Classes of failure of other engines in metering: what was free, what recursed, what no figure survived. */

import { Capability } from '../../src/index.ts';
import { I32, I64, type ValType } from '../../wasm/types.ts';
import { encodeModule, type Instruction } from '../generate/encode.ts';
import type { Hostile } from './outcome.ts';

const NOTHING = { params: [], results: [] };
const HOST = { module: 'env', name: 'host', function: NOTHING };
const granted = (host: (...args: never[]) => unknown) => [Capability.hostFunctions('env', { host } as never)];

/** Recursion by every way there is; the stack's own limit ends it, never the host's. */
const recursion: Hostile[] = (
  [
    ['itself', [['call', 0]], {}],
    [
      'itself, with a thousand values waiting',
      [...Array(1_000).fill(['i32.const', 0]), ['call', 0], ...Array(1_000).fill('drop')],
      {},
    ],
    [
      'itself, through a table',
      [
        ['i32.const', 0],
        ['call_indirect', NOTHING, 0],
      ],
      { tables: [{ min: 1 }], elements: [{ offset: [['i32.const', 0]], items: [0] }] },
    ],
    ['itself, with 40,000 locals', [['call', 0]], { locals: Array(40_000).fill(I64) }],
  ] as const
).map(([name, body, { locals = [], ...module }]: readonly [string, readonly unknown[], Record<string, unknown>]) => ({
  name: `a function that calls ${name}`,
  options: {
    source: encodeModule({
      ...module,
      functions: [{ body: body as Instruction[], locals: locals as ValType[], export: 'run' }],
    }),
  },
  calls: [['run']],
  ending: { code: 'STACK_LIMIT' },
}));

/** So long that a module of nothing else is not refused natively for its many functions. */
const BODY = Array<Instruction>(16).fill('nop');

/** Signatures that are named once, and meant a thousand times (CWA-2023-004). */
const signatures: Hostile[] = [10, 100, 900].flatMap((params) =>
  [10, 1_000, 20_000].map((count) => ({
    name: `${count} functions of ${params} parameters`,
    options: {
      source: encodeModule({
        functions: [
          { results: [I32], body: [['i32.const', 7]], export: 'run' },
          ...Array.from({ length: count }, () => ({ params: Array<ValType>(params).fill(I64), body: BODY })),
        ],
      }),
    },
    calls: [['run']] as [string][],
    ending: params * count > 250_000 + 10 * count ? { code: 'COMPILE' } : { results: 7 },
  })),
);

/** What a function declares is paid for whenever it is called (wasm-instrument #38). */
export const LOCALS = [0, 1_000, 10_000, 40_000];
export const withLocals = (count: number): Uint8Array =>
  encodeModule({ functions: [{ locals: Array<ValType>(count).fill(I64), body: [], export: 'run' }] });

/** Hosts that fail in every way: what the guest has used is known all the same (CWA-2024-008). */
const THROWN: Readonly<Record<string, () => unknown>> = {
  'an error': () => new Error('no'),
  'an error without a message': () => new Error(),
  'a string': () => 'no',
  undefined: () => undefined,
  null: () => null,
  'a symbol': () => Symbol('no'),
  'a bigint': () => 7n,
  'an object without a prototype': () => Object.create(null),
  'a frozen error': () => Object.freeze(new Error('no')),
  'an error whose message cannot be read': () =>
    Object.defineProperty(new Error(), 'message', {
      get() {
        throw new TypeError('no message');
      },
    }),
  'a proxy that answers nothing': () =>
    new Proxy(
      {},
      {
        get() {
          throw new TypeError('nothing');
        },
        getPrototypeOf() {
          throw new TypeError('nothing');
        },
        has() {
          throw new TypeError('nothing');
        },
      },
    ),
  'a function': () => () => undefined,
};
const failures: Hostile[] = Object.entries(THROWN).map(([name, thrown]) => ({
  name: `a host function that throws ${name}`,
  options: {
    source: encodeModule({ imports: [HOST], functions: [{ body: [['call', 0]], export: 'run' }] }),
    capabilities: granted(() => {
      throw thrown();
    }),
  },
  calls: [['run']],
  ending: { code: 'HOST' },
}));

/** Loops that other meters missed (CWA-2024-007): every one ends, at the same unit. */
const LOOPS: Readonly<Record<string, Instruction[]>> = {
  'br to a loop': ['loop', ['br', 0], 'end'],
  'br_if over a block': ['loop', 'block', ['i32.const', 0], ['br_if', 0], ['br', 1], 'end', 'end'],
  'br_table to two loops': ['loop', 'loop', ['i32.const', 1], ['br_table', [0], 1], 'end', 'end'],
  'an if that goes back': ['loop', ['i32.const', 1], 'if', ['br', 1], 'end', 'end'],
  'an else that goes back': ['loop', ['i32.const', 0], 'if', 'else', ['br', 1], 'end', 'end'],
  'a return that is never reached': ['loop', ['br', 0], 'return', 'end'],
  'growth by nothing': ['loop', ['i32.const', 0], ['memory.grow', 0], 'drop', ['br', 0], 'end'],
  'growth that fails': ['loop', ['i32.const', -1], ['memory.grow', 0], 'drop', ['br', 0], 'end'],
  'copies of nothing': [
    'loop',
    ['i32.const', 0],
    ['i32.const', 0],
    ['i32.const', 0],
    ['memory.copy', 0, 0],
    ['br', 0],
    'end',
  ],
  'drops of a segment': ['loop', ['data.drop', 0], ['br', 0], 'end'],
};
const loops: Hostile[] = Object.entries(LOOPS).map(([name, body]) => ({
  name: `without end: ${name}`,
  options: {
    source: encodeModule({
      memories: [{ min: 1 }],
      data: [{ bytes: [1] }],
      functions: [{ body, export: 'run' }],
    }),
    gasLimit: 200_000n,
  },
  calls: [['run']],
  ending: { code: 'GAS_EXHAUSTED' },
}));

export const LIMITS: readonly Hostile[] = [...recursion, ...signatures, ...failures, ...loops];
