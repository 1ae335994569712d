/** Subtyping of value types and of composite types (specification 3.3), within one module or across two. */

import {
  ANYREF,
  ARRAYREF,
  BOTTOM_REF,
  type DefinedType,
  definedIndex,
  EQREF,
  EXNREF,
  EXTERNREF,
  type FieldType,
  FUNCREF,
  I31REF,
  isNullable,
  isPacked,
  isReference,
  isSubtype,
  NULLEXNREF,
  NULLEXTERNREF,
  NULLFUNCREF,
  NULLREF,
  nullable,
  type RefType,
  STRUCTREF,
  type StorageType,
  type ValType,
} from './types.ts';

type Types = readonly DefinedType[];

/** By abstract heap type: those right above it. */
const ABOVE: Readonly<Record<RefType, readonly RefType[]>> = {
  [NULLREF]: [I31REF, STRUCTREF, ARRAYREF],
  [I31REF]: [EQREF],
  [STRUCTREF]: [EQREF],
  [ARRAYREF]: [EQREF],
  [EQREF]: [ANYREF],
  [NULLFUNCREF]: [FUNCREF],
  [NULLEXTERNREF]: [EXTERNREF],
  [NULLEXNREF]: [EXNREF],
};

const BELOW_ITSELF = new Map<RefType, ReadonlySet<RefType>>();

/** An abstract heap type and all above it. */
function upwards(heap: RefType): ReadonlySet<RefType> {
  let all = BELOW_ITSELF.get(heap);
  if (all === undefined) {
    all = new Set([heap, ...(ABOVE[heap] ?? []).flatMap((above) => [...upwards(above)])]);
    BELOW_ITSELF.set(heap, all);
  }
  return all;
}

const KIND_HEAP = { function: FUNCREF, struct: STRUCTREF, array: ARRAYREF } as const;
const BOTTOM_OF_KIND = { function: NULLFUNCREF, struct: NULLREF, array: NULLREF } as const;

/** The abstract heap type right above, or at, the heap type of a reference. */
function abstractHeap(type: RefType, types: Types): RefType {
  const index = definedIndex(type);
  return index < 0 ? nullable(type) : KIND_HEAP[(types[index] as DefinedType).kind];
}

/** The top of the hierarchy that the heap type of a reference is in: any, func, extern or exn; nullable. */
export function topOf(type: RefType, types: Types): RefType {
  const heap = abstractHeap(type, types);
  return [ANYREF, FUNCREF, EXTERNREF, EXNREF].find((top) => upwards(heap).has(top)) as RefType;
}

/** Whether a value of one type may stand where one of another is expected. */
export function matches(type: ValType, types: Types, expected: ValType, expectedTypes: Types): boolean {
  if (type === expected && (types === expectedTypes || definedIndex(type) < 0)) return true;
  if (!isReference(type) || !isReference(expected)) return false;
  if (type === BOTTOM_REF) return true;
  if (isNullable(type) && !isNullable(expected)) return false;
  const wanted = definedIndex(expected);
  const found = definedIndex(type);
  if (wanted >= 0) {
    const target = expectedTypes[wanted] as DefinedType;
    if (found >= 0) return isSubtype(types[found] as DefinedType, target);
    return nullable(type) === BOTTOM_OF_KIND[target.kind];
  }
  return upwards(abstractHeap(type, types)).has(nullable(expected));
}

/** Whether two types are equal. */
export function equals(type: ValType, types: Types, other: ValType, otherTypes: Types): boolean {
  return matches(type, types, other, otherTypes) && matches(other, otherTypes, type, types);
}

/** Whether what fields of a type hold may stand in fields of another: packed types only match themselves. */
export function matchesStorage(types: Types, type: StorageType, expected: StorageType): boolean {
  if (isPacked(type) || isPacked(expected)) return type === expected;
  return matches(type, types, expected, types);
}

/** Whether a field may stand for another (specification 3.3.12): mutable ones only for their equals. */
export function matchesField(types: Types, field: FieldType, expected: FieldType): boolean {
  if (field.mutable !== expected.mutable || !matchesStorage(types, field.type, expected.type)) return false;
  return !field.mutable || matchesStorage(types, expected.type, field.type);
}

/** Whether values of the types may stand for those expected, one by one. */
export function matchesAll(types: Types, found: readonly ValType[], expected: readonly ValType[]): boolean {
  return (
    found.length === expected.length && found.every((type, i) => matches(type, types, expected[i] as ValType, types))
  );
}

/** Whether the structure of a type fits that of its supertype (specification 3.3.9 to 3.3.11). */
export function matchesComposite(types: Types, type: DefinedType, expected: DefinedType): boolean {
  if (type.kind === 'function' && expected.kind === 'function') {
    return matchesAll(types, expected.params, type.params) && matchesAll(types, type.results, expected.results);
  }
  if (type.kind === 'struct' && expected.kind === 'struct') {
    return (
      type.fields.length >= expected.fields.length &&
      expected.fields.every((field, i) => matchesField(types, type.fields[i] as FieldType, field))
    );
  }
  return type.kind === 'array' && expected.kind === 'array' && matchesField(types, type.element, expected.element);
}
