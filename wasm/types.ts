/** Types and module structure (specification, section 2.3 and 2.5), as the decoder leaves them. */

/**
 * A value type is its byte in the binary format (specification 5.3.1). Numbers rather than names, so that the
 * validator compares integers.
 */
export const I32 = 0x7f;
export const I64 = 0x7e;
export const F32 = 0x7d;
export const F64 = 0x7c;
export const V128 = 0x7b;
export const FUNCREF = 0x70;
export const EXTERNREF = 0x6f;

export type ValType =
  | typeof I32
  | typeof I64
  | typeof F32
  | typeof F64
  | typeof V128
  | typeof FUNCREF
  | typeof EXTERNREF;
export type RefType = typeof FUNCREF | typeof EXTERNREF;

const NAMES = {
  [I32]: 'i32',
  [I64]: 'i64',
  [F32]: 'f32',
  [F64]: 'f64',
  [V128]: 'v128',
  [FUNCREF]: 'funcref',
  [EXTERNREF]: 'externref',
} as const satisfies Record<ValType, string>;

export type ValTypeName = (typeof NAMES)[ValType];

export function isValType(byte: number): byte is ValType {
  return Object.hasOwn(NAMES, byte);
}

export function isRefType(byte: number): byte is RefType {
  return byte === FUNCREF || byte === EXTERNREF;
}

/** Whether values of the type are references rather than numbers. */
export function isReference(type: ValType): type is RefType {
  return isRefType(type);
}

/** Slots of 8 bytes that values of the types take together: in registers, and in the weight of a frame. */
export function slotsOf(types: readonly ValType[]): number {
  let slots = types.length;
  for (const type of types) if (type === V128) slots++;
  return slots;
}

export function typeName(type: ValType): ValTypeName {
  return NAMES[type];
}

export interface FuncType {
  readonly params: readonly ValType[];
  readonly results: readonly ValType[];
  /** Equal for equal types, also across modules: `i32,i32->i64`. */
  readonly key: string;
}

export function funcType(params: readonly ValType[], results: readonly ValType[]): FuncType {
  return { params, results, key: `${params.map(typeName)}->${results.map(typeName)}` };
}

export interface Limits {
  readonly min: number;
  readonly max: number | undefined;
}

export interface TableType {
  readonly element: RefType;
  readonly limits: Limits;
}

export interface MemoryType {
  /** In pages. */
  readonly limits: Limits;
}

export interface GlobalType {
  readonly type: ValType;
  readonly mutable: boolean;
}

export type ExternKind = 'function' | 'table' | 'memory' | 'global';

export type ImportDescription =
  | { readonly kind: 'function'; readonly typeIndex: number }
  | { readonly kind: 'table'; readonly type: TableType }
  | { readonly kind: 'memory'; readonly type: MemoryType }
  | { readonly kind: 'global'; readonly type: GlobalType };

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

/** A constant expression, `end` included, validated for `type`. */
export interface ConstExpr extends Span {
  readonly type: ValType;
}

export interface Global {
  readonly type: GlobalType;
  readonly init: ConstExpr;
}

export type SegmentMode =
  | { readonly mode: 'passive' }
  | { readonly mode: 'declarative' }
  | { readonly mode: 'active'; readonly index: number; readonly offset: ConstExpr };

export type ElementSegment = SegmentMode & {
  readonly type: RefType;
  /** Function indices, or constant expressions where the segment holds expressions. */
  readonly items: readonly number[] | readonly ConstExpr[];
};

export type DataSegment = SegmentMode & { readonly bytes: Span };

/** Consecutive locals of one type. */
export interface LocalRun {
  readonly count: number;
  readonly type: ValType;
}

export interface FunctionBody extends Span {
  readonly locals: readonly LocalRun[];
  /** Locals declared in the body; parameters not included. */
  readonly localCount: number;
  /** Offset of the first instruction. `end` is past the final `end` instruction. */
  readonly codeStart: number;
  /** Slots of 8 bytes that the operands take where they are most; a vector takes two. Set by validation. */
  maxHeight: number;
}

export interface CustomSection {
  readonly name: string;
  readonly bytes: Span;
}

/** A decoded and validated module. Immutable; shared by all its instances. */
export interface WasmModule {
  readonly bytes: Uint8Array;
  readonly types: readonly FuncType[];
  readonly imports: readonly Import[];
  /** Type index of every function, imports first. */
  readonly functions: readonly number[];
  readonly tables: readonly TableType[];
  readonly memories: readonly MemoryType[];
  readonly globals: readonly GlobalType[];
  readonly importedFunctions: number;
  readonly importedTables: number;
  readonly importedMemories: number;
  readonly importedGlobals: number;
  /** The module's own globals, after the imported ones. */
  readonly globalInits: readonly ConstExpr[];
  readonly exports: readonly Export[];
  readonly start: number | undefined;
  readonly elements: readonly ElementSegment[];
  readonly data: readonly DataSegment[];
  readonly bodies: readonly FunctionBody[];
  readonly customSections: readonly CustomSection[];
}

/** The type of a function, by its index in the module (imports included). */
export function typeOfFunction(module: WasmModule, index: number): FuncType {
  return module.types[module.functions[index] as number] as FuncType;
}
