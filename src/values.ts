/** Values between JavaScript and a guest's exported functions, checked more strictly than the JavaScript API does. */

import { UsageError } from '../wasm/errors.ts';
import type { WasmValue } from '../wasm/host.ts';
import { describe, quote } from '../wasm/quote.ts';
import { EXTERNREF, F32, F64, FUNCREF, type FuncType, I32, I64, typeName, V128, type ValType } from '../wasm/types.ts';

/** What a conversion gives for a value that does not fit; `undefined` is itself a value of externref. */
const MISFIT = Symbol('misfit');

/** How one value type is passed: what is accepted, in words, and the conversion. */
interface Conversion {
  readonly expected: string;
  readonly convert: (value: unknown) => WasmValue | typeof MISFIT;
}

const TWO_31 = 2 ** 31;
const TWO_32 = 2 ** 32;

const CONVERSIONS: Readonly<Record<ValType, Conversion>> = {
  [I32]: {
    expected: 'an integer of -2^31 to 2^32 - 1',
    convert: (value) =>
      typeof value === 'number' && Number.isInteger(value) && value >= -TWO_31 && value < TWO_32 ? value | 0 : MISFIT,
  },
  [I64]: { expected: 'a bigint of -2^63 to 2^64 - 1, or a safe integer', convert: toI64 },
  [F32]: { expected: 'a number', convert: toFloat },
  [F64]: { expected: 'a number', convert: toFloat },
  [V128]: { expected: 'called from WebAssembly: vectors do not cross to JavaScript', convert: () => MISFIT },
  [FUNCREF]: {
    expected: "null or a guest's exported function",
    convert: (value) => (value === null || typeof value === 'function' ? value : MISFIT),
  },
  [EXTERNREF]: { expected: 'any value', convert: (value) => value },
};
/** Every other reference. What a guest gave out may be given back. */
const REFERENCE: Conversion = { expected: 'null or a reference that the guest gave out', convert: (value) => value };

function toI64(value: unknown): bigint | typeof MISFIT {
  const big = typeof value === 'number' && Number.isSafeInteger(value) ? BigInt(value) : value;
  return typeof big === 'bigint' && big >= -(1n << 63n) && big < 1n << 64n ? BigInt.asIntN(64, big) : MISFIT;
}

function toFloat(value: unknown): number | typeof MISFIT {
  return typeof value === 'number' ? value : MISFIT;
}

/**
 * Arguments for a function of the given type.
 * @throws UsageError naming the function, the position (from 1) and the expected type
 */
export function toArguments(name: string, type: FuncType, args: readonly unknown[]): WasmValue[] {
  const { params } = type;
  if (args.length !== params.length) {
    const wanted = params.length === 0 ? 'no arguments' : `${params.length} (${params.map(typeName).join(', ')})`;
    throw new UsageError(`function ${quote(name)} takes ${wanted}, but ${args.length} were passed`);
  }
  return params.map((param, index) => {
    const { expected, convert } = CONVERSIONS[param] ?? REFERENCE;
    const value = convert(args[index]);
    if (value !== MISFIT) return value;
    throw new UsageError(
      `argument ${index + 1} of function ${quote(name)} is of type ${typeName(param)}: it must be ${expected}, not ${describe(args[index])}`,
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
