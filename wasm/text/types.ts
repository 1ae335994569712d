/** Types in the text format (specification 6.4), and the types of a module: those it declares, and those it only uses. */

import { REF, REF_NULL } from '../encoding.ts';
import {
  ANYREF,
  ARRAYREF,
  definedIndex,
  definedRef,
  EQREF,
  EXNREF,
  EXTERNREF,
  F32,
  F64,
  FUNCREF,
  I8,
  I16,
  I31REF,
  I32,
  I64,
  isNullable,
  isReference,
  NULLEXNREF,
  NULLEXTERNREF,
  NULLFUNCREF,
  NULLREF,
  nonNull,
  nullable,
  type RefType,
  STRUCTREF,
  type StorageType,
  typeName,
  V128,
  type ValType,
} from '../types.ts';
import type { Writer } from '../writer.ts';
import type { Input } from './input.ts';
import { TOKEN } from './lexer.ts';
import type { Space } from './names.ts';

const HEAPS = [
  ...[FUNCREF, EXTERNREF, ANYREF, EQREF, I31REF, STRUCTREF, ARRAYREF, EXNREF],
  ...[NULLREF, NULLFUNCREF, NULLEXTERNREF, NULLEXNREF],
];
const WORDS = new Map<string, ValType>([I32, I64, F32, F64, V128, ...HEAPS].map((type) => [typeName(type), type]));
/** As they stand in `(ref …)`. */
const HEAP_WORDS = new Map<string, RefType>(
  HEAPS.map((type) => [typeName(nonNull(type)).slice('(ref '.length, -1), type]),
);
const PACKED = new Map<string, StorageType>([I8, I16].map((type) => [typeName(type), type]));

/** Types above this would not fit into a {@link ValType}; no module has as many. */
const MAX_INDEX = 0x1f_ffff;

/** The word of an abstract heap type. */
export function heapWord(type: RefType): string {
  return typeName(nonNull(type)).slice('(ref '.length, -1);
}

export function valType(input: Input, types: Space): ValType {
  if (input.kind === TOKEN.word) {
    const type = WORDS.get(input.text);
    if (type === undefined) return input.expected('a value type');
    input.advance();
    return type;
  }
  if (!input.tryOpen('ref')) return input.expected('a value type');
  const isNull = input.tryWord('null');
  const type = heapType(input, types);
  input.close();
  return isNull ? type : nonNull(type);
}

export function refType(input: Input, types: Space): RefType {
  const { start, end } = input;
  const type = valType(input, types);
  if (!isReference(type)) input.fail('unexpected token: a reference type expected', start, end);
  return type;
}

/** Whether a reference type may begin here. */
export function isRefType(input: Input): boolean {
  return input.opens('ref') || (input.kind === TOKEN.word && isReference(WORDS.get(input.text) ?? I32));
}

/** A heap type, as the type of references to it that may be null. */
export function heapType(input: Input, types: Space): RefType {
  if (input.isIndex) {
    const { start, end } = input;
    const index = types.index(input);
    if (index > MAX_INDEX) input.fail(`unknown type ${index}`, start, end);
    return definedRef(index, true);
  }
  const type = input.kind === TOKEN.word ? HEAP_WORDS.get(input.text) : undefined;
  if (type === undefined) return input.expected('a heap type');
  input.advance();
  return type;
}

export function writeHeapType(writer: Writer, type: RefType): void {
  const index = definedIndex(type);
  if (index < 0) writer.u8(nullable(type));
  else writer.signed(index);
}

export function writeValType(writer: Writer, type: ValType | StorageType): void {
  if (type < 0x100) {
    writer.u8(type);
    return;
  }
  writer.u8(isNullable(type) ? REF_NULL : REF);
  writeHeapType(writer, type);
}

export interface Field {
  readonly type: StorageType;
  readonly mutable: boolean;
}

/** A field's type (specification 6.4.9). */
export function fieldType(input: Input, types: Space): Field {
  const mutable = input.tryOpen('mut');
  const packed = input.kind === TOKEN.word ? PACKED.get(input.text) : undefined;
  if (packed !== undefined) input.advance();
  const type = packed ?? valType(input, types);
  if (mutable) input.close();
  return { type, mutable };
}

export function writeField(writer: Writer, { type, mutable }: Field): void {
  writeValType(writer, type);
  writer.u8(mutable ? 1 : 0);
}
