/** Which type a value has when the guest runs (specification 4.5.3 and 4.2.5). */

import type { WasmValue } from '../../wasm/host.ts';
import {
  ANYREF,
  ARRAYREF,
  type DefinedType,
  definedIndex,
  EQREF,
  EXNREF,
  EXTERNREF,
  FUNCREF,
  I31REF,
  isNullable,
  isReference,
  isSubtype,
  nullable,
  type RefType,
  STRUCTREF,
  typeName,
  type ValType,
} from '../../wasm/types.ts';
import { ArrayObject, isHeapObject, StructObject } from '../gc/index.ts';
import { type Cell, ExceptionInstance, type Reference, toWords } from '../values/index.ts';
import { isFunction } from './instance.ts';

const LEAST_I31 = -(2 ** 30);
const GREATEST_I31 = 2 ** 30 - 1;

/** References to i31 are numbers; others cannot be told from them, nor can the embedder's numbers in their range. */
export function isI31(value: Reference): value is number {
  return (
    Number.isInteger(value) &&
    (value as number) >= LEAST_I31 &&
    (value as number) <= GREATEST_I31 &&
    !Object.is(value, -0)
  );
}

/** Whether a reference that is not null has an abstract heap type. */
function isOfHeap(value: Reference, heap: RefType): boolean {
  switch (heap) {
    case EXTERNREF:
      return true;
    case ANYREF:
      return !isFunction(value) && !(value instanceof ExceptionInstance);
    case EQREF:
      return isHeapObject(value) || isI31(value);
    case I31REF:
      return isI31(value);
    case STRUCTREF:
      return value instanceof StructObject;
    case ARRAYREF:
      return value instanceof ArrayObject;
    case FUNCREF:
      return isFunction(value);
    case EXNREF:
      return value instanceof ExceptionInstance;
    default:
      // The bottom types have no values but null.
      return false;
  }
}

/** Whether a reference has a type of the module that defines `types`. */
export function isOfType(value: Reference, type: RefType, types: readonly DefinedType[]): boolean {
  if (value === null) return isNullable(type);
  const index = definedIndex(type);
  if (index < 0) return isOfHeap(value, nullable(type));
  return (isFunction(value) || isHeapObject(value)) && isSubtype(value.type, types[index] as DefinedType);
}

/**
 * Converts a value of the host's. References to functions are expected as the guest holds them.
 * @throws TypeError where the value is not of the type
 */
export function toCell(type: ValType, types: readonly DefinedType[], value: WasmValue): Cell {
  if (isReference(type)) {
    if (!isOfType(value, type, types)) throw new TypeError(`the value is no ${typeName(type)}`);
    return { low: 0, high: 0, reference: value };
  }
  const [low, high] = toWords(type, value);
  return { low, high, reference: null };
}
