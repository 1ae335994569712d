/** What stands behind the words of instructions, as the rows of the opcode table say. */

import { CATCH, type InstructionReader } from '../../instructions.ts';
import { type Immediates, OPCODES } from '../../opcodes.ts';
import { Reader } from '../../reader.ts';
import type { RefType } from '../../types.ts';
import { NATURAL_ALIGNMENT, NULL_ROW, WORDS } from '../words.ts';
import type { Identifiers } from './identifiers.ts';
import { integer64, lane32, number32, number64 } from './literals.ts';
import type { Scope } from './scope.ts';

const KIND: readonly Immediates[] = OPCODES.map((row) => row.immediates);
/** Rows of a word that are for references which may be null. */
const IS_NULL: readonly boolean[] = OPCODES.map((_, index) => NULL_ROW.includes(index));
/** Rows whose word has a row for those: their reference is never null. */
const IS_NON_NULL: readonly boolean[] = OPCODES.map((_, index) => (NULL_ROW[index] as number) >= 0);

const CLAUSES = {
  [CATCH.tag]: 'catch',
  [CATCH.tagRef]: 'catch_ref',
  [CATCH.all]: 'catch_all',
  [CATCH.allRef]: 'catch_all_ref',
} as const;

/** Block types below zero (specification 5.4.1): none, and the negative of a type less 2. */
const EMPTY = -1;
const SINGLE = -2;

/** The names of the function at hand. */
export interface FunctionScope {
  readonly locals: Identifiers;
  /** What a label is called, by how many constructs it is further out. */
  label(depth: number): string;
}

/** The type of a construct, with a space before. */
export function blockTypeText(scope: Scope, code: number): string {
  if (code === EMPTY) return '';
  if (code < 0) return ` (result ${scope.type(SINGLE - code)})`;
  return scope.typeUse(code);
}

/** The instruction that was read last, without what is in it; of a construct what is behind its label. */
export function instructionText(row: number, reader: InstructionReader, scope: Scope, names: FunctionScope): string {
  const kind = KIND[row] as Immediates;
  const word = WORDS[row] as string;
  const { spaces } = scope;
  const { a, b } = reader;
  switch (kind) {
    case 'none':
    case 'zero':
      return word;
    case 'block':
      return blockTypeText(scope, a);
    case 'block catches':
      return blockTypeText(scope, a) + reader.catches.map((clause) => catchText(clause, scope, names)).join('');
    case 'label':
      return `${word} ${names.label(a)}`;
    case 'labels': {
      let text = word;
      for (let i = 0; i <= a; i++) text += ` ${names.label(reader.labels[i] as number)}`;
      return text;
    }
    case 'local':
      return `${word} ${names.locals.use(a)}`;
    case 'function':
      return `${word} ${spaces.func.use(a)}`;
    case 'global':
      return `${word} ${spaces.global.use(a)}`;
    case 'tag':
      return `${word} ${spaces.tag.use(a)}`;
    case 'type':
      return `${word} ${spaces.type.use(a)}`;
    case 'data':
      return `${word} ${spaces.data.use(a)}`;
    case 'element':
      return `${word} ${spaces.elem.use(a)}`;
    case 'table':
      return word + unlessFirst(spaces.table, a);
    case 'memory':
      return word + unlessFirst(spaces.memory, a);
    case 'type table':
      return word + unlessFirst(spaces.table, b) + scope.typeUse(a);
    case 'table table':
      return word + unlessFirsts(spaces.table, a, b);
    case 'memory memory':
      return word + unlessFirsts(spaces.memory, a, b);
    case 'data memory':
      return `${word}${unlessFirst(spaces.memory, b)} ${spaces.data.use(a)}`;
    case 'element table':
      return `${word}${unlessFirst(spaces.table, b)} ${spaces.elem.use(a)}`;
    case 'type field':
      return `${word} ${spaces.type.use(a)} ${scope.fieldsOf(a).use(b)}`;
    case 'type type':
      return `${word} ${spaces.type.use(a)} ${spaces.type.use(b)}`;
    case 'type count':
      return `${word} ${spaces.type.use(a)} ${b}`;
    case 'type data':
      return `${word} ${spaces.type.use(a)} ${spaces.data.use(b)}`;
    case 'type element':
      return `${word} ${spaces.type.use(a)} ${spaces.elem.use(b)}`;
    case 'i32':
      return `${word} ${reader.low}`;
    case 'i64':
      return `${word} ${integer64(reader.low, reader.high)}`;
    case 'f32':
      return `${word} ${number32(reader.low)}`;
    case 'f64':
      return `${word} ${number64(reader.low, reader.high)}`;
    case 'v128':
      return `${word} i32x4 ${[0, 4, 8, 12].map((at) => lane32(reader.bytes, a + at)).join(' ')}`;
    case 'shuffle':
      return `${word} ${reader.bytes.subarray(a, a + 16).join(' ')}`;
    case 'lane':
      return `${word} ${reader.lane}`;
    case 'memarg':
      return word + memarg(row, reader, scope, reader.pos);
    case 'memarg lane':
      return `${word}${memarg(row, reader, scope, reader.pos - 1)} ${reader.lane}`;
    case 'types':
      return word + (reader.c === 0 ? ' (result)' : scope.list('result', [a]));
    case 'heap type':
      return `${word} ${heapText(row, a, scope)}`;
    case 'label casts':
      return `${word} ${names.label(a)} ${scope.type(b)} ${scope.type(reader.c)}`;
    default:
      return kind satisfies never;
  }
}

/** The first one is what is meant where none is named. */
function unlessFirst(names: Identifiers, index: number): string {
  return index === 0 ? '' : ` ${names.use(index)}`;
}

function unlessFirsts(names: Identifiers, first: number, second: number): string {
  return first === 0 && second === 0 ? '' : ` ${names.use(first)} ${names.use(second)}`;
}

function catchText(
  { kind, tag, label }: InstructionReader['catches'][number],
  scope: Scope,
  names: FunctionScope,
): string {
  const word = CLAUSES[kind as keyof typeof CLAUSES];
  return ` (${word}${tag < 0 ? '' : ` ${scope.spaces.tag.use(tag)}`} ${names.label(label)})`;
}

function heapText(row: number, type: RefType, scope: Scope): string {
  const heap = scope.heapType(type);
  if (IS_NULL[row]) return `(ref null ${heap})`;
  return IS_NON_NULL[row] ? `(ref ${heap})` : heap;
}

/** @param end behind the offset, which is the last of it */
function memarg(row: number, reader: InstructionReader, scope: Scope, end: number): string {
  const offset = reader.a <= Number.MAX_SAFE_INTEGER ? reader.a : exactBefore(reader.bytes, end);
  const memory = unlessFirst(scope.spaces.memory, reader.b);
  const align = reader.c === NATURAL_ALIGNMENT[row] ? '' : ` align=${2n ** BigInt(reader.c)}`;
  return `${memory}${offset === 0 ? '' : ` offset=${offset}`}${align}`;
}

/** The unsigned integer that ends before a place. */
function exactBefore(bytes: Uint8Array, end: number): bigint {
  let start = end - 1;
  while ((bytes[start - 1] as number) >= 0x80) start--;
  return exact(new Reader(bytes, start, end));
}

/** An unsigned integer of 64 bits. */
export function exact(reader: Reader): bigint {
  let value = 0n;
  for (let shift = 0n; ; shift += 7n) {
    const byte = reader.u8();
    value |= BigInt(byte & 0x7f) << shift;
    if (byte < 0x80) return value;
  }
}
