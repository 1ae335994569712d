/** Functions that call themselves without end, with frames of every kind. */

import { F64, I32, I64, V128, type ValType } from '../../wasm/types.ts';
import type { Instruction, ModuleDescription } from '../generate/encode.ts';

export const repeat = <T>(count: number, item: (i: number) => T): T[] =>
  Array.from({ length: count }, (_, i) => item(i));

/** A function that calls itself, with so many locals that are in use before the call and after it. */
function recursive(type: ValType, locals: number, params: number): ModuleDescription {
  const name = type === I32 ? 'i32' : type === I64 ? 'i64' : 'f64';
  const add = `${name}.add` as 'i64.add';
  const values: Instruction[] = repeat(params, (i) => ['local.get', i]);
  return {
    memories: [{ min: 1 }],
    functions: [
      {
        params: repeat(params, () => type),
        results: [type],
        locals: repeat(locals, () => type),
        body: [
          ...repeat(locals, (i): Instruction[] => [
            ['i32.const', 8 * i],
            [`${name}.load` as 'i64.load', {}],
            ['local.set', params + i],
          ]).flat(),
          ...values,
          ['call', 0],
          ...repeat(locals, (i): Instruction[] => [['local.get', params + i], add]).flat(),
        ],
      },
      {
        results: [type],
        body: [...repeat(params, (): Instruction => [`${name}.const` as 'i64.const', 1]), ['call', 0]],
        export: 'run',
      },
    ],
  };
}

/** A function that gives so many results, which it has from itself; with as many parameters, if it has any. */
function giving(type: ValType, results: number, params = 0): ModuleDescription {
  const name = type === F64 ? 'f64' : 'i64';
  return {
    functions: [
      {
        params: repeat(params, () => type),
        results: repeat(results, () => type),
        body: [...repeat(params, (i): Instruction => ['local.get', i]), ['call', 0]],
      },
      {
        body: [
          ...repeat(params, (): Instruction => [`${name}.const` as 'i64.const', 1]),
          ['call', 0],
          ...repeat(results, (): Instruction => 'drop'),
        ],
        export: 'run',
      },
    ],
  };
}

/** The sum of products of the parameter with as many constants. */
function products(count: number): Instruction[] {
  return [
    ['i64.const', 0],
    ...repeat(count, (i): Instruction[] => [['local.get', 0], ['i64.const', 3 + 2 * i], 'i64.mul', 'i64.xor']).flat(),
  ];
}

export const FRAMES: Readonly<Record<string, ModuleDescription>> = {
  'nothing at all': { functions: [{ body: [['call', 0]], export: 'run' }] },
  'two locals': recursive(I32, 2, 1),
  'ten integers': recursive(I64, 10, 0),
  'a hundred floats': recursive(F64, 100, 3),
  'three thousand integers': recursive(I64, 3_000, 1),
  'three thousand floats': recursive(F64, 3_000, 0),
  'twenty parameters': recursive(I64, 0, 20),
  'five hundred parameters': recursive(I64, 5, 500),
  'two results': giving(I64, 2),
  'eight results': giving(F64, 8),
  'fifty parameters and results': giving(F64, 50, 50),
  'five hundred results': giving(I64, 500),
  'a thousand vectors': {
    memories: [{ min: 1 }],
    functions: [
      {
        locals: repeat(1_000, () => V128),
        body: [
          ...repeat(1_000, (i): Instruction[] => [
            ['i32.const', 16 * i],
            ['v128.load', {}],
            ['local.set', i],
          ]).flat(),
          ['call', 0],
          ...repeat(1_000, (i): Instruction[] => [
            ['i32.const', 16 * i],
            ['local.get', i],
            ['v128.store', {}],
          ]).flat(),
        ],
        export: 'run',
      },
    ],
  },
  'values that an optimiser keeps over the call': {
    functions: [
      {
        params: [I64],
        results: [I64],
        body: [...products(400), ['call', 0], ...products(400), 'i64.add'],
      },
      {
        results: [I64],
        body: [
          ['i64.const', 7],
          ['call', 0],
        ],
        export: 'run',
      },
    ],
  },
};
