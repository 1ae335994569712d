/** Types, and what a module is made of (specification 2.3 and 2.5), as the decoder leaves them. */

import type { List } from './list.ts';

/**
 * A value type is a number, so that the validator compares integers (specification 5.3.1 to 5.3.5). Numbers, vectors
 * and the abbreviated reference types are their byte in the binary format: these references may be null. One bit more
 * says that they may not; another that the heap type is one the module defines, whose index is above it.
 */
export type ValType = number;
export type RefType = ValType;

export const I32 = 0x7f;
export const I64 = 0x7e;
export const F32 = 0x7d;
export const F64 = 0x7c;
export const V128 = 0x7b;
export const NULLEXNREF = 0x74;
export const NULLFUNCREF = 0x73;
export const NULLEXTERNREF = 0x72;
export const NULLREF = 0x71;
export const FUNCREF = 0x70;
export const EXTERNREF = 0x6f;
export const ANYREF = 0x6e;
export const EQREF = 0x6d;
export const I31REF = 0x6c;
export const STRUCTREF = 0x6b;
export const ARRAYREF = 0x6a;
export const EXNREF = 0x69;

/** Types of struct and array fields that are narrower than any value. */
export const I8 = 0x78;
export const I16 = 0x77;

const NON_NULL = 0x100;
const DEFINED = 0x200;
const INDEX_SHIFT = 10;

/** A reference to no particular heap type, never null: what is known of a reference in unreachable code. */
export const BOTTOM_REF: RefType = NON_NULL | 1;

/** Text names of value types, of storage types, and of the heap types of references. */
const NAMES: Readonly<Record<number, string>> = {
  [I32]: 'i32',
  [I64]: 'i64',
  [F32]: 'f32',
  [F64]: 'f64',
  [V128]: 'v128',
  [I8]: 'i8',
  [I16]: 'i16',
};
const REFERENCE_NAMES: Readonly<Record<number, readonly [nullable: string, heap: string]>> = {
  [NULLEXNREF]: ['nullexnref', 'noexn'],
  [NULLFUNCREF]: ['nullfuncref', 'nofunc'],
  [NULLEXTERNREF]: ['nullexternref', 'noextern'],
  [NULLREF]: ['nullref', 'none'],
  [FUNCREF]: ['funcref', 'func'],
  [EXTERNREF]: ['externref', 'extern'],
  [ANYREF]: ['anyref', 'any'],
  [EQREF]: ['eqref', 'eq'],
  [I31REF]: ['i31ref', 'i31'],
  [STRUCTREF]: ['structref', 'struct'],
  [ARRAYREF]: ['arrayref', 'array'],
  [EXNREF]: ['exnref', 'exn'],
};

/** Whether a byte of the binary format is a number, a vector, or an abbreviated reference type. */
export function isValType(byte: number): boolean {
  return isRefType(byte) || (byte >= V128 && byte <= I32);
}

/** Whether a byte of the binary format is an abbreviated reference type, or an abstract heap type. */
export function isRefType(byte: number): boolean {
  return byte >= EXNREF && byte <= NULLEXNREF;
}

/** Whether values of the type are references rather than numbers. */
export function isReference(type: ValType): boolean {
  return type > 0xff || (type >= EXNREF && type <= NULLEXNREF);
}

/** The reference type with the heap type that a module defines at `index`. */
export function definedRef(index: number, isNullable: boolean): RefType {
  return (index << INDEX_SHIFT) | DEFINED | (isNullable ? 0 : NON_NULL);
}

export function isNullable(type: RefType): boolean {
  return (type & NON_NULL) === 0;
}

export function nonNull(type: RefType): RefType {
  return type | NON_NULL;
}

export function nullable(type: RefType): RefType {
  return type & ~NON_NULL;
}

/** Index of the heap type in the module; -1 where it is an abstract one. */
export function definedIndex(type: RefType): number {
  return (type & DEFINED) === 0 ? -1 : type >> INDEX_SHIFT;
}

/** Whether locals of the type have a value to begin with (specification 3.2.21). */
export function isDefaultable(type: ValType): boolean {
  return !isReference(type) || isNullable(type);
}

/** Slots of 8 bytes that values of the types take together: in registers, and in the weight of a frame. */
export function slotsOf(types: readonly ValType[]): number {
  let slots = types.length;
  for (const type of types) if (type === V128) slots++;
  return slots;
}

/** The types of a function's parameters, and of the locals that its body declares. */
export function localTypes(params: readonly ValType[], { locals }: FunctionBody): ValType[] {
  const types = [...params];
  for (const { count, type } of locals) for (let i = 0; i < count; i++) types.push(type);
  return types;
}

/** In the text format. Types that the module defines are named by their index. */
export function typeName(type: ValType | StorageType): string {
  const name = NAMES[type];
  if (name !== undefined) return name;
  if (type === BOTTOM_REF) return 'reference';
  const names = REFERENCE_NAMES[nullable(type)];
  if (names !== undefined && isNullable(type)) return names[0];
  return `(ref ${isNullable(type) ? 'null ' : ''}${names?.[1] ?? definedIndex(type)})`;
}

/** Where a type stands among its supertypes (specification 2.3.12). */
export interface Ancestry {
  readonly isFinal: boolean;
  readonly supertype: DefinedType | undefined;
  /** How many supertypes are above it. */
  readonly depth: number;
  /** A type further up, so that any is found in few steps. */
  readonly jump: DefinedType | undefined;
}

/** Below no other. */
const ALONE: Ancestry = { isFinal: true, supertype: undefined, depth: 0, jump: undefined };
const ALONE_AND_OPEN: Ancestry = { ...ALONE, isFinal: false };

/** @param depth how many supertypes `supertype` makes it have */
export function placeBelow(supertype: DefinedType | undefined, isFinal: boolean): Ancestry {
  if (supertype === undefined) return isFinal ? ALONE : ALONE_AND_OPEN;
  return { isFinal, supertype, depth: supertype.depth + 1, jump: jumpOver(supertype) };
}

/**
 * Where a type below `supertype` jumps: two jumps of the same length become one of twice that and one more, so that their
 * number grows as the logarithm of the depth.
 */
function jumpOver(supertype: DefinedType): DefinedType {
  const first = supertype.jump;
  const second = first?.jump;
  if (first === undefined || second === undefined) return supertype;
  return supertype.depth - first.depth === first.depth - second.depth ? second : supertype;
}

/** Finds keys of the types of a module that name others, are in a hierarchy or in a group. */
export interface TypeKeys {
  keyOf(type: DefinedType): string;
}

/** What all types that a module defines have (specification 2.3.8 to 2.3.13). There may be a million: few fields. */
abstract class Definition {
  /** The same for all types of a module, none of which need be compared by key. */
  readonly owner: TypeKeys | undefined;
  private readonly place: Ancestry;

  constructor(owner: TypeKeys | undefined, place: Ancestry) {
    this.owner = owner;
    this.place = place;
  }

  /**
   * Equal for equal types (specification 3.1.3), also across modules. Of a function type that names no defined type
   * and is in no hierarchy, `i32,i32->i64`. Made when it is asked for.
   */
  abstract get key(): string;

  get isFinal(): boolean {
    return this.place.isFinal;
  }

  get supertype(): DefinedType | undefined {
    return this.place.supertype;
  }

  get depth(): number {
    return this.place.depth;
  }

  get jump(): DefinedType | undefined {
    return this.place.jump;
  }
}

export class FuncType extends Definition {
  readonly params: readonly ValType[];
  readonly results: readonly ValType[];
  private text: string | undefined;

  /** @param isPlain whether it names no defined type, and is in no hierarchy and no group */
  constructor(
    params: readonly ValType[],
    results: readonly ValType[],
    isPlain = true,
    owner?: TypeKeys,
    place: Ancestry = ALONE,
  ) {
    super(owner, place);
    this.params = params;
    this.results = results;
    this.text = isPlain ? undefined : '';
  }

  get kind(): 'function' {
    return 'function';
  }

  /** Parameters and results together. */
  get values(): number {
    return this.params.length + this.results.length;
  }

  get key(): string {
    if (this.text === undefined) this.text = `${this.params.map(typeName)}->${this.results.map(typeName)}`;
    else if (this.text === '') this.text = (this.owner as TypeKeys).keyOf(this);
    return this.text;
  }
}

/** A value type, {@link I8} or {@link I16}. */
export type StorageType = number;

/** Whether values in fields of the type are narrower than on the stack. */
export function isPacked(type: StorageType): boolean {
  return type === I8 || type === I16;
}

/** The type on the stack of what a field holds (specification 4.2.14). */
export function unpacked(type: StorageType): ValType {
  return isPacked(type) ? I32 : type;
}

export interface FieldType {
  readonly type: StorageType;
  readonly mutable: boolean;
}

export class StructType extends Definition {
  readonly fields: readonly FieldType[];
  /** Whether all fields have a value to begin with. */
  readonly isDefaultable: boolean;

  constructor(fields: readonly FieldType[], owner: TypeKeys, place: Ancestry) {
    super(owner, place);
    this.fields = fields;
    this.isDefaultable = fields.every(({ type }) => isDefaultable(type));
  }

  get kind(): 'struct' {
    return 'struct';
  }

  get key(): string {
    return (this.owner as TypeKeys).keyOf(this);
  }
}

export class ArrayType extends Definition {
  readonly element: FieldType;

  constructor(element: FieldType, owner: TypeKeys, place: Ancestry) {
    super(owner, place);
    this.element = element;
  }

  get kind(): 'array' {
    return 'array';
  }

  get key(): string {
    return (this.owner as TypeKeys).keyOf(this);
  }
}

export type DefinedType = FuncType | StructType | ArrayType;

/** A function type of no module: it names no defined types. */
export function funcType(params: readonly ValType[], results: readonly ValType[]): FuncType {
  return new FuncType(params, results);
}

/** Whether one type is the other, or below it (specification 3.3.7). The types may be of different modules. */
export function isSubtype(type: DefinedType, of: DefinedType): boolean {
  if (type === of) return true;
  let candidate = type;
  const { depth } = of;
  while (candidate.depth > depth) {
    const { jump, supertype } = candidate;
    candidate = (jump !== undefined && jump.depth >= depth ? jump : supertype) as DefinedType;
  }
  if (candidate === of) return true;
  const isOfAnother = candidate.owner === undefined || candidate.owner !== of.owner;
  return isOfAnother && candidate.depth === depth && candidate.key === of.key;
}

export interface Limits {
  readonly min: number;
  readonly max: number | undefined;
}

/** Type of the addresses of a memory or a table. */
export type AddressType = typeof I32 | typeof I64;

export interface TableType {
  readonly element: RefType;
  readonly address: AddressType;
  /** Beyond 2^53 not exact. */
  readonly limits: Limits;
}

export interface MemoryType {
  readonly address: AddressType;
  /** In pages. */
  readonly limits: Limits;
  /** Whether several threads may access it (proposal for threads): a maximum is declared then. */
  readonly isShared: boolean;
}

export interface GlobalType {
  readonly type: ValType;
  readonly mutable: boolean;
}

/** What a module imports and exports, as the JavaScript API names it. */
export type ExternKind = 'function' | 'table' | 'memory' | 'global' | 'tag';

export type ImportDescription =
  | { readonly kind: 'function'; readonly typeIndex: number }
  | { readonly kind: 'table'; readonly type: TableType }
  | { readonly kind: 'memory'; readonly type: MemoryType }
  | { readonly kind: 'global'; readonly type: GlobalType }
  | { readonly kind: 'tag'; readonly typeIndex: number };

export type Import = { readonly module: string; readonly name: string } & ImportDescription;

export interface Export {
  readonly name: string;
  readonly kind: ExternKind;
  /** In the index space of its kind, imports included. */
  readonly index: number;
}

/** A run of bytes of the module. */
export interface Span {
  readonly start: number;
  readonly end: number;
}

/** A constant expression, its `end` instruction included. */
export type ConstExpr = Span;

export interface Global {
  readonly type: GlobalType;
  readonly init: ConstExpr;
}

export type SegmentMode =
  | { readonly mode: 'passive' }
  | { readonly mode: 'declarative' }
  | { readonly mode: 'active'; readonly index: number; readonly offset: ConstExpr };

export type ElementSegment = SegmentMode & {
  /** Of a list of functions {@link FUNCREF}, though none of them is null. */
  readonly type: RefType;
  /** Function indices, or constant expressions where the segment holds expressions. */
  readonly items: Int32Array | List<ConstExpr>;
};

export type DataSegment = SegmentMode & { readonly bytes: Span };

/** Consecutive locals of one type. */
export interface LocalRun {
  readonly count: number;
  readonly type: ValType;
}

export interface FunctionBody extends Span {
  /** Runs that follow one another are of different types, and none is empty. Read from the bytes. */
  readonly locals: readonly LocalRun[];
  /** Locals declared in the body; parameters not included. */
  readonly localCount: number;
  /** Offset of the first instruction. `end` is past the final `end` instruction. */
  readonly codeStart: number;
  /** Slots of 8 bytes that the operands take where they are most; a vector takes two. */
  readonly maxHeight: number;
}

export interface CustomSection {
  readonly name: string;
  readonly bytes: Span;
}

/** Proposals that became release 3.0, by the names they had; and those that did not, and are run. */
export type Feature =
  | 'tail-call'
  | 'multi-memory'
  | 'memory64'
  | 'exception-handling'
  /** References to exceptions, which can be kept. */
  | 'exception-references'
  | 'legacy-exception-handling'
  | 'function-references'
  | 'gc'
  | 'relaxed-simd'
  | 'threads';
