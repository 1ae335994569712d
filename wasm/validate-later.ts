/** How instructions on references, objects and exceptions, and calls in the place of returns, are validated: loaded where there are some. */

import { CATCH } from './instructions.ts';
import { MODULE_LIMITS } from './limits.ts';
import { matchesAll, matchesStorage, topOf } from './matching.ts';
import type { Later, Special } from './opcodes.ts';
import {
  ANYREF,
  ARRAYREF,
  type ArrayType,
  definedRef,
  EQREF,
  EXNREF,
  EXTERNREF,
  type FieldType,
  type FuncType,
  I31REF,
  I32,
  isDefaultable,
  isNullable,
  isPacked,
  isReference,
  nonNull,
  type RefType,
  type StructType,
  unpacked,
  type ValType,
} from './types.ts';
import { BLOCK, CATCH_ALL, CATCH_TAG, type Handler, holdsException, TRY, UNKNOWN, type Validator } from './validate.ts';

/** What is left of a reference type when a cast to another has failed (specification 3.2.4). */
function difference(from: RefType, to: RefType): RefType {
  return isNullable(to) ? nonNull(from) : from;
}

function structType(v: Validator): StructType {
  const type = v.definedType(v.reader.a);
  return type.kind === 'struct' ? type : v.fail(`type ${v.reader.a} is no struct type`);
}

function arrayType(v: Validator, index: number = v.reader.a): ArrayType {
  const type = v.definedType(index);
  return type.kind === 'array' ? type : v.fail(`type ${index} is no array type`);
}

/** An array type whose elements bytes of a data segment can be. */
function arrayOfNumbers(v: Validator): ArrayType {
  const type = arrayType(v);
  return isReference(type.element.type) ? v.fail('array type is not numeric or vector') : type;
}

/** An array type that holds what the element segment holds. */
function arrayOfSegment(v: Validator): ArrayType {
  const type = arrayType(v);
  if (!v.matches(v.element(v.reader.b), type.element.type)) v.fail('type mismatch: segment and array differ');
  return type;
}

function fieldOf(v: Validator): FieldType {
  return structType(v).fields[v.reader.b] ?? v.fail(`unknown field ${v.reader.b}`);
}

/** Type of what may be put into a field. */
function assignable(v: Validator, field: FieldType): ValType {
  if (!field.mutable) v.fail('field or array is immutable');
  return unpacked(field.type);
}

function getField(v: Validator, field: FieldType, extends_: boolean): void {
  if (isPacked(field.type) !== extends_) v.fail(extends_ ? 'field is not packed' : 'field is packed');
  v.pop(definedRef(v.reader.a, true));
  v.push(unpacked(field.type));
}

function getElement(v: Validator, extends_: boolean): void {
  const { element } = arrayType(v);
  v.pop(I32);
  getField(v, element, extends_);
}

function tagType(v: Validator, index: number): FuncType {
  const typeIndex = v.context.tags[index];
  if (typeIndex === undefined) v.fail(`unknown tag ${index}`);
  return v.funcTypeAt(typeIndex);
}

function tailCall(v: Validator, type: FuncType): void {
  v.carryType(type);
  if (!matchesAll(v.context.types, type.results, v.results)) {
    v.fail('type mismatch: results of a tail call and of the function');
  }
  v.popAll(type.params);
  v.unreachable();
}

function test(v: Validator, target: RefType): void {
  v.pop(topOf(target, v.context.types));
  v.push(I32);
}

function cast(v: Validator, target: RefType): void {
  v.pop(topOf(target, v.context.types));
  v.push(target);
}

function convert(v: Validator, from: RefType, to: RefType): void {
  const type = v.popAny();
  if (type !== UNKNOWN && !v.matches(type, from)) v.mismatch(from, type);
  v.push(type === UNKNOWN || isNullable(type) ? to : nonNull(to));
}

/** A cast with a branch: `taken` goes along when it is taken, `left` stays when not. */
function branchOnCast(v: Validator, taken: RefType, left: RefType): void {
  const { b: from, c: to, a: label } = v.reader;
  if (!v.matches(to, from)) v.fail('type mismatch: a cast leads to a subtype');
  v.pop(from);
  v.push(taken);
  v.pass(referenceLabelTypes(v, label));
  v.popReference();
  v.push(left);
}

/** The same of a label that takes a reference along, as its last operand. */
function referenceLabelTypes(v: Validator, label: number): readonly ValType[] {
  const types = v.labelTypes(label);
  const last = types.at(-1);
  if (last === undefined || !isReference(last)) v.fail(`type mismatch: label ${label} takes no reference`);
  return types;
}

/** Begins an arm that an exception leads to: it lies below the operands of the arm, where only `rethrow` finds it. */
function enterCatch(v: Validator, kind: number): void {
  const type = v.leave();
  if (v.leftKind !== TRY && v.leftKind !== CATCH_TAG) v.fail('catch or catch_all without try');
  v.carry(type.results.length);
  v.push(nonNull(EXNREF));
  v.open(kind, type);
}

/** Whether a label is that of a `try` within one of its `catch` or `catch_all`. */
function isCatch(v: Validator, label: number): boolean {
  return holdsException(v.kindOf(label));
}

export const RULES: Readonly<Record<Extract<Special, Later>, Handler>> = {
  br_on_null: (v) => {
    const type = v.popReference();
    v.pass(v.labelTypes(v.reader.a));
    v.push(nonNull(type));
  },
  br_on_non_null: (v) => {
    v.push(nonNull(v.popReference()));
    v.pass(referenceLabelTypes(v, v.reader.a));
    v.popReference();
  },
  br_on_cast: (v) => branchOnCast(v, v.reader.c, difference(v.reader.b, v.reader.c)),
  br_on_cast_fail: (v) => branchOnCast(v, difference(v.reader.b, v.reader.c), v.reader.c),
  call_ref: (v) => {
    const type = v.funcTypeAt(v.reader.a);
    v.pop(definedRef(v.reader.a, true));
    v.apply(type);
  },
  return_call: (v) => tailCall(v, v.functionType(v.reader.a)),
  return_call_indirect: (v) => tailCall(v, v.indirect()),
  return_call_ref: (v) => {
    const type = v.funcTypeAt(v.reader.a);
    v.pop(definedRef(v.reader.a, true));
    tailCall(v, type);
  },
  throw: (v) => {
    v.popAll(tagType(v, v.reader.a).params);
    v.unreachable();
  },
  throw_ref: (v) => {
    v.pop(EXNREF);
    v.unreachable();
  },
  try_table: (v) => {
    for (const { kind, tag, label } of v.reader.catches) {
      const caught = tag < 0 ? [] : tagType(v, tag).params;
      const passed = kind === CATCH.tagRef || kind === CATCH.allRef ? [...caught, nonNull(EXNREF)] : caught;
      v.carry(passed.length);
      if (!matchesAll(v.context.types, passed, v.labelTypes(label)))
        v.fail('type mismatch: catch clause and the label it leads to');
    }
    v.enterBlock(BLOCK);
  },
  try: (v) => v.enterBlock(TRY),
  catch: (v) => {
    const { params } = tagType(v, v.reader.a);
    enterCatch(v, CATCH_TAG);
    v.carry(params.length);
    v.pushAll(params);
  },
  catch_all: (v) => enterCatch(v, CATCH_ALL),
  rethrow: (v) => {
    const { a: label } = v.reader;
    v.labelTypes(label);
    if (!isCatch(v, label)) v.fail(`invalid rethrow label ${label}: no catch or catch_all`);
    v.unreachable();
  },
  delegate: (v) => {
    const { results } = v.leave();
    if (v.leftKind !== TRY) v.fail('delegate without try');
    v.labelTypes(v.reader.a);
    v.pushAll(results);
  },
  'ref.as_non_null': (v) => v.push(nonNull(v.popReference())),
  'ref.eq': (v) => {
    v.pop(EQREF);
    v.pop(EQREF);
    v.push(I32);
  },
  'struct.new': (v) => {
    const { fields } = structType(v);
    for (let i = fields.length - 1; i >= 0 && !v.isBottomless(); i--) v.pop(unpacked((fields[i] as FieldType).type));
    v.push(definedRef(v.reader.a, false));
  },
  'struct.new_default': (v) => {
    if (!structType(v).isDefaultable) v.fail('type mismatch: a field has no default');
    v.push(definedRef(v.reader.a, false));
  },
  'struct.get': (v) => getField(v, fieldOf(v), false),
  'struct.get_s': (v) => getField(v, fieldOf(v), true),
  'struct.get_u': (v) => getField(v, fieldOf(v), true),
  'struct.set': (v) => {
    v.pop(assignable(v, fieldOf(v)));
    v.pop(definedRef(v.reader.a, true));
  },
  'array.new': (v) => {
    v.pop(I32);
    v.pop(unpacked(arrayType(v).element.type));
    v.push(definedRef(v.reader.a, false));
  },
  'array.new_default': (v) => {
    if (!isDefaultable(arrayType(v).element.type)) v.fail('type mismatch: the elements have no default');
    v.pop(I32);
    v.push(definedRef(v.reader.a, false));
  },
  'array.new_fixed': (v) => {
    const type = unpacked(arrayType(v).element.type);
    if (v.reader.b > MODULE_LIMITS.arrayElements) v.fail(`more than ${MODULE_LIMITS.arrayElements} elements`);
    for (let i = 0; i < v.reader.b && !v.isBottomless(); i++) v.pop(type);
    v.push(definedRef(v.reader.a, false));
  },
  'array.new_data': (v) => {
    arrayOfNumbers(v);
    v.data(v.reader.b);
    v.popAll([I32, I32]);
    v.push(definedRef(v.reader.a, false));
  },
  'array.new_elem': (v) => {
    arrayOfSegment(v);
    v.popAll([I32, I32]);
    v.push(definedRef(v.reader.a, false));
  },
  'array.get': (v) => getElement(v, false),
  'array.get_s': (v) => getElement(v, true),
  'array.get_u': (v) => getElement(v, true),
  'array.set': (v) => v.popAll([definedRef(v.reader.a, true), I32, assignable(v, arrayType(v).element)]),
  'array.len': (v) => {
    v.pop(ARRAYREF);
    v.push(I32);
  },
  'array.fill': (v) => v.popAll([definedRef(v.reader.a, true), I32, assignable(v, arrayType(v).element), I32]),
  'array.copy': (v) => {
    const { element: to } = arrayType(v);
    const { element: from } = arrayType(v, v.reader.b);
    assignable(v, to);
    if (!matchesStorage(v.context.types, from.type, to.type)) v.fail('type mismatch: arrays of different types');
    v.popAll([definedRef(v.reader.a, true), I32, definedRef(v.reader.b, true), I32, I32]);
  },
  'array.init_data': (v) => {
    assignable(v, arrayOfNumbers(v).element);
    v.data(v.reader.b);
    v.popAll([definedRef(v.reader.a, true), I32, I32, I32]);
  },
  'array.init_elem': (v) => {
    assignable(v, arrayOfSegment(v).element);
    v.popAll([definedRef(v.reader.a, true), I32, I32, I32]);
  },
  'ref.test': (v) => test(v, v.reader.a),
  'ref.test null': (v) => test(v, v.reader.a),
  'ref.cast': (v) => cast(v, nonNull(v.reader.a)),
  'ref.cast null': (v) => cast(v, v.reader.a),
  'any.convert_extern': (v) => convert(v, EXTERNREF, ANYREF),
  'extern.convert_any': (v) => convert(v, ANYREF, EXTERNREF),
  'ref.i31': (v) => {
    v.pop(I32);
    v.push(nonNull(I31REF));
  },
  'i31.get_s': (v) => {
    v.pop(I31REF);
    v.push(I32);
  },
  'i31.get_u': (v) => {
    v.pop(I31REF);
    v.push(I32);
  },
};
