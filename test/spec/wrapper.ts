/**
 * Small modules that carry values across the JavaScript API bit by bit. A JavaScript number may lose a NaN's payload,
 * and vectors and exception references cannot cross at all; so a wrapper imports the function or global in question
 * and shows floats as integers of the same bits, a vector as two i64 (low half first), and an exception reference as
 * an i32 that says whether it is null.
 *
 * A wrapper repeats the type section of the module it wraps, so that every type keeps its index and its identity.
 */

import { EXTERNAL, SECTION } from './byte-reader.ts';
import type { Bytes } from './byte-writer.ts';
import { ascii, funcType, list, module, section, sized, unsigned } from './byte-writer.ts';
import type { ExportedFunction, ExportedGlobal, ModuleInfo, ValueType } from './module-info.ts';

/** What a wrapper imports, and from where; and the name of its one export. */
export const WRAPPER = { module: 'wrapped', field: 'it', export: 'wrapper' } as const;

const I32: Bytes = [0x7f];
const I64: Bytes = [0x7e];
const END = 0x0b;

const localGet = (index: number): Bytes => [0x20, ...unsigned(index)];
const localSet = (index: number): Bytes => [0x21, ...unsigned(index)];
const CALL_FIRST: Bytes = [0x10, 0];
const GLOBAL_GET_FIRST: Bytes = [0x23, 0];

const I32_REINTERPRET_F32: Bytes = [0xbc];
const I64_REINTERPRET_F64: Bytes = [0xbd];
const F32_REINTERPRET_I32: Bytes = [0xbe];
const F64_REINTERPRET_I64: Bytes = [0xbf];
const REF_IS_NULL: Bytes = [0xd1];
const I64X2_SPLAT: Bytes = [0xfd, 0x12];
const I64X2_EXTRACT_LOW: Bytes = [0xfd, 0x1d, 0];
const I64X2_EXTRACT_HIGH: Bytes = [0xfd, 0x1d, 1];
const I64X2_REPLACE_HIGH: Bytes = [0xfd, 0x1e, 1];

/** Whether values of a type cross the JavaScript API unharmed. */
export function crosses(type: ValueType): boolean {
  return type.kind !== 'f32' && type.kind !== 'f64' && type.kind !== 'v128' && type.kind !== 'exn';
}

/** The types that stand for a type outside. */
function carriers(type: ValueType): readonly Bytes[] {
  switch (type.kind) {
    case 'f32':
    case 'exn':
      return [I32];
    case 'f64':
      return [I64];
    case 'v128':
      return [I64, I64];
    default:
      return [[...type.encoding]];
  }
}

/** From carriers, in locals from `local` on, to the value. */
function unpack(type: ValueType, local: number): Bytes {
  switch (type.kind) {
    case 'f32':
      return [...localGet(local), ...F32_REINTERPRET_I32];
    case 'f64':
      return [...localGet(local), ...F64_REINTERPRET_I64];
    case 'v128':
      return [...localGet(local), ...I64X2_SPLAT, ...localGet(local + 1), ...I64X2_REPLACE_HIGH];
    case 'exn':
      throw new Error('an exception reference cannot be an argument');
    default:
      return localGet(local);
  }
}

/** From the value, in a local, to its carriers. */
function pack(type: ValueType, local: number): Bytes {
  const value = localGet(local);
  switch (type.kind) {
    case 'f32':
      return [...value, ...I32_REINTERPRET_F32];
    case 'f64':
      return [...value, ...I64_REINTERPRET_F64];
    case 'v128':
      return [...value, ...I64X2_EXTRACT_LOW, ...value, ...I64X2_EXTRACT_HIGH];
    case 'exn':
      return [...value, ...REF_IS_NULL];
    default:
      return value;
  }
}

/** A module with one import and one exported function, which unpacks its parameters, does `core` and packs the results. */
function wrap(
  info: ModuleInfo,
  imported: Bytes,
  params: readonly ValueType[],
  core: Bytes,
  results: readonly ValueType[],
): Uint8Array {
  const { types } = info;
  const carriedParams = params.flatMap(carriers);
  const type = funcType(carriedParams, results.flatMap(carriers));

  const body: number[] = [];
  let local = 0;
  for (const param of params) {
    body.push(...unpack(param, local));
    local += carriers(param).length;
  }
  body.push(...core);
  const slots = results.map((result, index) => ({ result, local: carriedParams.length + index }));
  for (const slot of slots.toReversed()) body.push(...localSet(slot.local));
  for (const slot of slots) body.push(...pack(slot.result, slot.local));
  const locals = list(results.map(({ encoding }) => [1, ...encoding]));

  // An imported function comes first in the index space of functions.
  const index = imported[0] === EXTERNAL.function ? 1 : 0;
  return module(
    section(SECTION.type, [...unsigned(types.entries + 1), ...types.encoding, ...type]),
    section(SECTION.import, list([[...ascii(WRAPPER.module), ...ascii(WRAPPER.field), ...imported]])),
    section(SECTION.function, list([unsigned(types.count)])),
    section(SECTION.export, list([[...ascii(WRAPPER.export), EXTERNAL.function, index]])),
    section(SECTION.code, list([sized([...locals, ...body, END])])),
  );
}

/** A module whose export calls the imported function. */
export function wrapFunction(info: ModuleInfo, { typeIndex, params, results }: ExportedFunction): Uint8Array {
  return wrap(info, [EXTERNAL.function, ...unsigned(typeIndex)], params, CALL_FIRST, results);
}

/** A module whose export reads the imported global. */
export function wrapGlobal(info: ModuleInfo, { value, mutable }: ExportedGlobal): Uint8Array {
  return wrap(info, [EXTERNAL.global, ...value.encoding, mutable ? 1 : 0], [], GLOBAL_GET_FIRST, [value]);
}

const ANYREF: Bytes = [0x6e];
const REF_TEST: Bytes = [0xfb, 0x14];
const I32_CONST = 0x41;
const I32_ADD = 0x6a;
const I32_MUL = 0x6c;

/** What the function of {@link classifierModule} answers. */
export const CLASSES = ['host', 'i31', 'struct', 'array'] as const;

/** A module whose export says which kind of reference in the `any` hierarchy it is given. */
export function classifierModule(): Uint8Array {
  const tests = [0x6c, 0x6b, 0x6a].map(
    (heap, index): Bytes => [...localGet(0), ...REF_TEST, heap, I32_CONST, index + 1, I32_MUL],
  );
  return module(
    section(SECTION.type, list([funcType([ANYREF], [I32])])),
    section(SECTION.function, list([unsigned(0)])),
    section(SECTION.export, list([[...ascii(WRAPPER.export), EXTERNAL.function, 0]])),
    section(SECTION.code, list([sized([0, ...tests.flat(), I32_ADD, I32_ADD, END])])),
  );
}
