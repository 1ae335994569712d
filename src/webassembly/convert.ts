/** Between what guests hold and what the JavaScript API shows of it (its section 5: one object for one address). */

import { isHeapObject } from '../../interpreter/gc/objects.ts';
import { call } from '../../interpreter/machine/execute.ts';
import { toCell } from '../../interpreter/store/cast.ts';
import { type ForeignCall, ForeignFunction } from '../../interpreter/store/foreign.ts';
import { type GuestFunction, isFunction } from '../../interpreter/store/instance.ts';
import type { Cell } from '../../interpreter/values/cell.ts';
import { fromWords } from '../../interpreter/values/cell.ts';
import type { Reference } from '../../interpreter/values/reference.ts';
import { StringObject } from '../../interpreter/values/string.ts';
import { type HostCalls, type HostGas, PLAIN_CALLS, type WasmValue } from '../../wasm/host.ts';
import { PendingResult } from '../../wasm/host-call.ts';
import { topOf } from '../../wasm/matching.ts';
import { quote } from '../../wasm/quote.ts';
import { isThenable, whenSettled } from '../../wasm/thenable.ts';
import {
  ANYREF,
  ARRAYREF,
  type DefinedType,
  EQREF,
  EXNREF,
  EXTERNREF,
  F32,
  F64,
  FUNCREF,
  type FuncType,
  I31REF,
  I32,
  I64,
  isReference,
  NULLEXNREF,
  NULLEXTERNREF,
  NULLFUNCREF,
  NULLREF,
  nullable,
  type RefType,
  STRUCTREF,
  V128,
  type ValType,
} from '../../wasm/types.ts';
import { behind, bind } from './behind.ts';
import { cannotSuspend } from './promises.ts';

/** An Exported Function of the JavaScript API. */
export type ExportedFunction = (...args: unknown[]) => unknown;

/** Surrounds the calls that come from outside; used for time limits. */
export type Entry = <T>(run: () => T) => T;

/** The names of types in descriptors (JavaScript API, `ValueType` and `TableKind`). */
const TYPES = new Map<string, ValType>([
  ['i32', I32],
  ['i64', I64],
  ['f32', F32],
  ['f64', F64],
  ['v128', V128],
  ['externref', EXTERNREF],
  ['anyfunc', FUNCREF],
  ['funcref', FUNCREF],
  ['anyref', ANYREF],
  ['eqref', EQREF],
  ['i31ref', I31REF],
  ['structref', STRUCTREF],
  ['arrayref', ARRAYREF],
  ['exnref', EXNREF],
  ['nullref', NULLREF],
  ['nullfuncref', NULLFUNCREF],
  ['nullexternref', NULLEXTERNREF],
  ['nullexnref', NULLEXNREF],
]);

/** @throws TypeError for what names none */
export function valueType(name: unknown): ValType {
  const text = `${name}`;
  const type = TYPES.get(text);
  if (type === undefined) throw new TypeError(`${quote(text)} is not a value type`);
  return type;
}

/** Structs and arrays as JavaScript sees them: objects that tell nothing. */
const opaques = new WeakMap<object, object>();
const behindOpaque = new WeakMap<object, object>();

function opaque(object: object): object {
  let shown = opaques.get(object);
  if (shown === undefined) {
    shown = Object.freeze(Object.create(null)) as object;
    opaques.set(object, shown);
    behindOpaque.set(shown, object);
  }
  return shown;
}

/** Whether values of the types can be passed between guest and host at all (JavaScript API, 5.6). */
function isPassable({ params, results }: FuncType, types: readonly DefinedType[]): boolean {
  const isOne = (type: ValType) => type === V128 || (isReference(type) && topOf(type, types) === EXNREF);
  return !params.some(isOne) && !results.some(isOne);
}

/** Whether values of the type never pass: vectors, and references to exceptions, null among them. */
export function isPrivate(type: ValType): boolean {
  return type === V128 || [EXNREF, NULLEXNREF].includes(nullable(type));
}

export function refuseToPass(): never {
  throw new TypeError('vectors and references to exceptions do not pass between guest and host');
}

/** The function as JavaScript sees it, always the same one. */
export function exportFunction(func: GuestFunction, name: string, enter: Entry): ExportedFunction {
  let wrapper = func.shown as ExportedFunction | undefined;
  if (wrapper === undefined) {
    const { params, results } = func.type;
    const { types } = func;
    const isFit = isPassable(func.type, types);
    // An arrow function, as that is no constructor.
    wrapper = (...args: unknown[]) => {
      if (!isFit) refuseToPass();
      const guestArgs = params.map((type, i) => toGuest(type, types, args[i]));
      const values = enter(() => call(func, guestArgs)).map((value) => toHost(value, enter));
      return results.length <= 1 ? values[0] : values;
    };
    describeAs(wrapper, name, params.length);
    bind(wrapper, func);
  }
  return wrapper;
}

function describeAs(wrapper: (...args: never) => unknown, name: string, length: number): void {
  Object.defineProperty(wrapper, 'name', { value: name });
  Object.defineProperty(wrapper, 'length', { value: length });
}

/** Calls a guest's function, which may wait. */
export type PromisingCall = (func: GuestFunction, args: readonly WasmValue[]) => Promise<readonly WasmValue[]>;

/** A function that promises what a guest's returns (JavaScript API, "run a Promising function"). */
export function promisingFunction(func: GuestFunction, call: PromisingCall, enter: Entry) {
  const { params, results } = func.type;
  const { types } = func;
  const isFit = isPassable(func.type, types);
  const run = async (args: readonly unknown[]): Promise<unknown> => {
    if (!isFit) refuseToPass();
    const guestArgs = params.map((type, i) => toGuest(type, types, args[i]));
    const values = (await call(func, guestArgs)).map((value) => toHost(value, enter));
    return results.length <= 1 ? values[0] : values;
  };
  const wrapper = (...args: unknown[]): Promise<unknown> => run(args);
  describeAs(wrapper, nameOf(func), params.length);
  return wrapper;
}

/** The guest's function behind an exported one. */
export function functionBehind(value: unknown): GuestFunction | undefined {
  return typeof value === 'function' ? (behind(value) as GuestFunction | undefined) : undefined;
}

/** What is behind an object that stands for a struct or an array; every other value as it is. */
export function withinGuest(value: unknown): unknown {
  return typeof value === 'object' && value !== null ? (behindOpaque.get(value) ?? value) : value;
}

/** A value for a guest; what guests have given out is unwrapped. */
function toGuest(type: ValType, types: readonly DefinedType[], value: unknown): WasmValue {
  if (!isReference(type) || value === null) return value;
  if (topOf(type, types) === FUNCREF) return functionBehind(value);
  return withinGuest(value);
}

/** A value from a guest; functions, structs and arrays are wrapped, and strings are what they are everywhere. */
export function toHost(value: WasmValue, enter: Entry): unknown {
  if (isFunction(value)) return exportFunction(value, nameOf(value), enter);
  if (value instanceof StringObject) return value.text;
  return isHeapObject(value) ? opaque(value) : value;
}

export function nameOf(func: GuestFunction): string {
  return func instanceof ForeignFunction ? 'host' : String(func.index);
}

/** @throws TypeError where the value cannot be one of the type */
export function cellOf(type: ValType, types: readonly DefinedType[], value: unknown): Cell {
  if (isPrivate(type)) refuseToPass();
  return toCell(type, types, toGuest(type, types, value));
}

/** The value as JavaScript sees it. @throws TypeError where it sees none of the type */
export function hostValue(type: ValType, { low, high, reference }: Cell, enter: Entry): unknown {
  if (isPrivate(type)) refuseToPass();
  return isReference(type) ? toHost(reference, enter) : fromWords(type, low, high);
}

/** A reference for a table. @throws TypeError */
export function referenceOf(type: RefType, types: readonly DefinedType[], value: unknown): Reference {
  return cellOf(type, types, value).reference;
}

const FREE: HostGas = { base: 0, perByte: 0 };

/** A function of the embedder's. */
export type HostCode = (...args: unknown[]) => unknown;

/** How a guest calls the embedder's functions: those that it waits for, and the others. */
export interface Leaving {
  leave(func: HostCode, args: readonly unknown[]): unknown;
  leaveToWait(func: HostCode, args: readonly unknown[]): unknown;
}

/**
 * Makes functions of the embedder's such as a module's guests call.
 * @returns for a function, its type, and whether the guest waits for what it promises, instead of getting the promise
 */
export function importerOf(
  types: readonly DefinedType[],
  enter: Entry,
  { leave, leaveToWait }: Leaving,
  { gas, serve }: HostCalls = PLAIN_CALLS,
): (func: HostCode, type: FuncType, suspends: boolean) => ForeignFunction {
  const converted = ({ results }: FuncType, value: unknown): WasmValue => {
    if (results.length === 0) return undefined;
    if (results.length === 1) return toGuest(results[0] as ValType, types, value);
    const values = [...(value as Iterable<unknown>)];
    return results.length === values.length
      ? values.map((each, i) => toGuest(results[i] as ValType, types, each))
      : values;
  };
  const codeOf = ({ code }: ForeignFunction) => code as HostCode;
  const hostArgs = (args: readonly WasmValue[]) => args.map((arg) => toHost(arg, enter));
  const call: ForeignCall = function (caller, args) {
    const value = serve(caller, () => leave(codeOf(this), hostArgs(args)));
    return converted(this.type, value);
  };
  const callToWait: ForeignCall = function (caller, args) {
    if (caller.mayWait !== true) throw cannotSuspend();
    const value = serve(caller, () => leaveToWait(codeOf(this), hostArgs(args)));
    if (!isThenable(value)) return converted(this.type, value);
    return new PendingResult(whenSettled(value, (settled) => converted(this.type, settled)));
  };
  return (func, type, suspends) =>
    // Where it cannot be called, the host's own engine refuses before anybody could charge.
    isPassable(type, types)
      ? new ForeignFunction(type, types, gas, suspends ? callToWait : call, suspends, false, func)
      : new ForeignFunction(type, types, FREE, refuseToPass, suspends);
}
