/**
 * What is accepted can be used: modules with much of one thing are refused when they are prepared, in the documented error, or
 * can be instantiated, called, reset and restored (nearcore, limits of instances in 2026).
 */

import { describe, expect, test } from 'vitest';
import { WasmSandbox } from '../../src/index.ts';
import { CompileError } from '../../wasm/errors.ts';
import { FUNCREF, I32, I64, type ValType } from '../../wasm/types.ts';
import { encodeModule, type Instruction, type ModuleDescription } from '../generate/encode.ts';
import { ENGINES } from './outcome.ts';

const many = <T>(count: number, item: (i: number) => T): T[] => Array.from({ length: count }, (_, i) => item(i));
const zero: Instruction[] = [['i32.const', 0]];
const RUN = { results: [I32], body: [['i32.const', 7]] as Instruction[], export: 'run' };

const MUCH: Readonly<Record<string, (count: number) => ModuleDescription>> = {
  globals: (count) => ({ functions: [RUN], globals: many(count, () => ({ type: I32, mutable: true, init: zero })) }),
  'functions that are referred to': (count) => ({
    functions: [RUN, ...many(count, () => ({ body: [] }))],
    elements: [{ items: many(count, (i) => i + 1) }],
  }),
  exports: (count) => ({
    functions: [RUN],
    exports: many(count, (i) => ({ name: `f${i}`, kind: 'function', index: 0 })),
  }),
  tables: (count) => ({ functions: [RUN], tables: many(count, () => ({ min: 1 })) }),
  'passive segments of data': (count) => ({
    functions: [RUN],
    memories: [{ min: 1 }],
    data: many(count, () => ({ bytes: [1] })),
  }),
  'segments of elements': (count) => ({ functions: [RUN], elements: many(count, () => ({ items: [0] })) }),
  'operands at a time': (count) => ({
    functions: [
      {
        ...RUN,
        body: [...many(count, (): Instruction => ['i32.const', 7]), ...many(count - 1, (): Instruction => 'drop')],
      },
    ],
  }),
  'blocks within one another': (count) => ({
    functions: [
      {
        ...RUN,
        body: [
          ...many(count, (): Instruction => ['block', I32]),
          ['i32.const', 7],
          ...many(count, (): Instruction => 'end'),
        ],
      },
    ],
  }),
  'labels of a br_table': (count) => ({
    functions: [
      {
        ...RUN,
        body: [
          ['block', I32],
          ['i32.const', 7],
          ['i32.const', 1],
          ['br_table', many(Math.min(count, 65_000), () => 0), 0],
          'end',
        ],
      },
    ],
  }),
  locals: (count) => ({ functions: [{ ...RUN, locals: Array<ValType>(Math.min(count, 50_000)).fill(I64) }] }),
  types: (count) => ({
    functions: [RUN, ...many(count, (i) => ({ params: many(i % 12, (k) => ((i >> k) & 1 ? I32 : I64)), body: [] }))],
  }),
  'a table of many elements': (count) => ({
    functions: [RUN],
    tables: [{ min: count * 10, element: FUNCREF }],
    elements: [{ offset: zero, items: many(count, () => 0) }],
  }),
};

describe.each(ENGINES)('on the %s engine', (engine) => {
  test.each(
    Object.entries(MUCH).flatMap(([what, module]) => [1_000, 20_000].map((count) => [count, what, module] as const)),
  )('%i %s', async (count, _, module) => {
    const source = encodeModule(module(count));
    let sandbox: WasmSandbox;
    try {
      sandbox = await WasmSandbox.create({ source, engine });
    } catch (error) {
      expect(error).toBeInstanceOf(CompileError);
      // The host's compiler has bounds of its own.
      expect(engine === 'native' || count > 1_000).toBe(true);
      return;
    }
    expect(await sandbox.call('run')).toBe(7);
    const { gasUsed, memoryBytes } = sandbox.getResourceStats();
    await sandbox.reset();
    expect(await sandbox.call('run')).toBe(7);
    expect(sandbox.getResourceStats()).toMatchObject({ gasUsed, memoryBytes });
    if (engine === 'native') return;
    const restored = await WasmSandbox.restore(await sandbox.snapshot(), { source });
    expect(await restored.call('run')).toBe(7);
  });
});
