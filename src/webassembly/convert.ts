/** Between what guests hold and what the JavaScript API shows of it (its section 5: one object for one address). */

import { call } from '../../interpreter/execute.ts';
import { ForeignFunction, type GuestFunction, isFunction, type Reference } from '../../interpreter/function.ts';
import type { Cell } from '../../interpreter/values.ts';
import { fromWords, toCell } from '../../interpreter/values.ts';
import { HOST_CALL } from '../../wasm/gas.ts';
import type { WasmValue } from '../../wasm/host.ts';
import {
  EXTERNREF,
  F32,
  F64,
  FUNCREF,
  type FuncType,
  I32,
  I64,
  isReference,
  type RefType,
  V128,
  type ValType,
} from '../../wasm/types.ts';

/** An Exported Function of the JavaScript API. */
export type ExportedFunction = (...args: unknown[]) => unknown;

/** Surrounds the calls that come from outside; used for time limits. */
export type Entry = <T>(run: () => T) => T;

const wrappers = new WeakMap<GuestFunction, ExportedFunction>();
const wrapped = new WeakMap<object, GuestFunction>();

/** The names of types in descriptors (JavaScript API, `ValueType` and `TableKind`). */
const TYPES = new Map<unknown, ValType>([
  ['i32', I32],
  ['i64', I64],
  ['f32', F32],
  ['f64', F64],
  ['v128', V128],
  ['externref', EXTERNREF],
  ['anyfunc', FUNCREF],
  ['funcref', FUNCREF],
]);

export function valueType(name: unknown): ValType {
  const type = TYPES.get(String(name));
  if (type === undefined) throw new TypeError(`${String(name)} is not a value type`);
  return type;
}

/** The function as JavaScript sees it, always the same one. */
export function exportFunction(func: GuestFunction, name: string, enter: Entry): ExportedFunction {
  let wrapper = wrappers.get(func);
  if (wrapper === undefined) {
    const { params, results } = func.type;
    const hasVectors = params.includes(V128) || results.includes(V128);
    // An arrow function, as that is no constructor.
    wrapper = (...args: unknown[]) => {
      if (hasVectors) throw new TypeError('vectors do not pass between guest and host');
      const guestArgs = params.map((type, i) => toGuest(type, args[i]));
      const values = enter(() => call(func, guestArgs)).map((value) => toHost(value, enter));
      return results.length <= 1 ? values[0] : values;
    };
    Object.defineProperty(wrapper, 'name', { value: name });
    Object.defineProperty(wrapper, 'length', { value: params.length });
    wrappers.set(func, wrapper);
    wrapped.set(wrapper, func);
  }
  return wrapper;
}

/** The guest's function behind an exported one. */
export function functionBehind(value: unknown): GuestFunction | undefined {
  return typeof value === 'function' ? wrapped.get(value) : undefined;
}

/** A value for a guest; functions of guests are unwrapped. */
function toGuest(type: ValType, value: unknown): WasmValue {
  return type === FUNCREF && value !== null ? functionBehind(value) : value;
}

/** A value from a guest; its functions are wrapped. */
function toHost(value: WasmValue, enter: Entry): unknown {
  return isFunction(value) ? exportFunction(value, nameOf(value), enter) : value;
}

export function nameOf(func: GuestFunction): string {
  return func instanceof ForeignFunction ? 'host' : String(func.index);
}

/** @throws TypeError where the value cannot be one of the type */
export function cellOf(type: ValType, value: unknown): Cell {
  return toCell(type, toGuest(type, value));
}

/** The value as JavaScript sees it. */
export function hostValue(type: ValType, { low, high, reference }: Cell, enter: Entry): unknown {
  return isReference(type) ? toHost(reference, enter) : fromWords(type, low, high);
}

/** A reference for a table. @throws TypeError */
export function referenceOf(type: RefType, value: unknown): Reference {
  return cellOf(type, value).reference;
}

/** A function of the embedder's, as a guest calls it. */
export function importFunction(func: (...args: unknown[]) => unknown, type: FuncType, enter: Entry): ForeignFunction {
  return new ForeignFunction(
    type,
    HOST_CALL,
    (_caller, args) => {
      if ([...type.params, ...type.results].includes(V128))
        throw new TypeError('vectors do not pass between guest and host');
      const value = func(...args.map((arg) => toHost(arg, enter)));
      if (type.results.length === 0) return undefined;
      if (type.results.length === 1) return toGuest(type.results[0] as ValType, value);
      const values = [...(value as Iterable<unknown>)];
      return type.results.length === values.length
        ? values.map((each, i) => toGuest(type.results[i] as ValType, each))
        : values;
    },
    false,
  );
}
