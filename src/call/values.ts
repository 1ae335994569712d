/** Values between JavaScript and a guest's exported functions, checked more strictly than the JavaScript API does. */

import type { EngineInstance } from '../../wasm/engine.ts';
import { UsageError } from '../../wasm/errors.ts';
import type { WasmValue } from '../../wasm/host.ts';
import { describe, quote } from '../../wasm/quote.ts';
import {
  EXTERNREF,
  F32,
  F64,
  FUNCREF,
  type FuncType,
  I32,
  I64,
  isNullable,
  nullable,
  typeName,
  V128,
  type ValType,
} from '../../wasm/types.ts';

/** What a conversion gives for a value that does not fit; `undefined` is itself a value of externref. */
const MISFIT = Symbol('misfit');

/** How one value type is passed: what is accepted, in words, and the conversion. */
interface Conversion {
  readonly expected: string;
  readonly convert: (value: unknown) => WasmValue | typeof MISFIT;
}

const TWO_31 = 2 ** 31;
const TWO_32 = 2 ** 32;

const NUMBERS: Readonly<Partial<Record<ValType, Conversion>>> = {
  [I32]: {
    expected: 'an integer of -2^31 to 2^32 - 1',
    convert: (value) =>
      typeof value === 'number' && Number.isInteger(value) && value >= -TWO_31 && value < TWO_32 ? value | 0 : MISFIT,
  },
  [I64]: { expected: 'a bigint of -2^63 to 2^64 - 1, or a safe integer', convert: toI64 },
  [F32]: { expected: 'a number', convert: toFloat },
  [F64]: { expected: 'a number', convert: toFloat },
};

/** What can be passed as a reference of a type, in words. What a guest gave out may be given back. */
function expectedReference(type: ValType): string {
  if (nullable(type) === EXTERNREF) return 'a value';
  const isFunction = nullable(type) === FUNCREF;
  const what = isFunction ? "a guest's exported function" : 'a reference of the type that the guest gave out';
  return isNullable(type) ? `null or ${what}` : what;
}

function toI64(value: unknown): bigint | typeof MISFIT {
  const big = typeof value === 'number' && Number.isSafeInteger(value) ? BigInt(value) : value;
  return typeof big === 'bigint' && big >= -(1n << 63n) && big < 1n << 64n ? BigInt.asIntN(64, big) : MISFIT;
}

function toFloat(value: unknown): number | typeof MISFIT {
  return typeof value === 'number' ? value : MISFIT;
}

/**
 * Arguments for a function of the given type.
 * @throws UsageError naming the function, the position (from 1) and the expected type; also where its results could not
 *   be passed
 */
export function toArguments(
  name: string,
  type: FuncType,
  args: readonly unknown[],
  instance: Pick<EngineInstance, 'holds'>,
): WasmValue[] {
  const { params, results } = type;
  if (params.includes(V128) || results.includes(V128)) {
    throw new UsageError(
      `function ${quote(name)} is of type ${showFuncType(type)}: vectors do not pass to or from JavaScript; call it from WebAssembly`,
    );
  }
  if (args.length !== params.length) {
    const wanted = params.length === 0 ? 'no arguments' : `${params.length} (${params.map(typeName).join(', ')})`;
    throw new UsageError(`function ${quote(name)} takes ${wanted}, but ${args.length} were passed`);
  }
  return params.map((param, index) => {
    const given = args[index];
    const number = NUMBERS[param];
    const value = number === undefined ? (instance.holds(param, given) ? given : MISFIT) : number.convert(given);
    if (value !== MISFIT) return value;
    const expected = number?.expected ?? expectedReference(param);
    throw new UsageError(
      `argument ${index + 1} of function ${quote(name)} is of type ${typeName(param)}: it must be ${expected}, not ${describe(given)}`,
    );
  });
}

/** What `call` resolves to: nothing, the one result, or an array of them. */
export function fromResults(results: readonly WasmValue[]): unknown {
  return results.length > 1 ? results : results[0];
}

/** `(i32, i64) -> f32`, for people. */
export function showFuncType({ params, results }: FuncType): string {
  return `(${params.map(typeName).join(', ')}) -> (${results.map(typeName).join(', ')})`;
}
