/** A decoded module (specification 2.5). */

import type { ConstExprs, CustomSections, DataSegments, ElementSegments, FunctionBodies } from './lists.ts';
import type {
  ConstExpr,
  DefinedType,
  Export,
  Feature,
  FuncType,
  GlobalType,
  Import,
  MemoryType,
  TableType,
} from './types.ts';

/** A decoded and validated module. Immutable; shared by all its instances. */
export interface WasmModule {
  readonly bytes: Uint8Array;
  readonly types: readonly DefinedType[];
  readonly imports: readonly Import[];
  /** Type index of every function, imports first. */
  readonly functions: readonly number[];
  readonly tables: readonly TableType[];
  readonly memories: readonly MemoryType[];
  readonly globals: readonly GlobalType[];
  /** Type index of every exception tag. */
  readonly tags: readonly number[];
  readonly importedFunctions: number;
  readonly importedTables: number;
  readonly importedMemories: number;
  readonly importedGlobals: number;
  readonly importedTags: number;
  /** What the module's own tables hold in the beginning; undefined for null. */
  readonly tableInits: readonly (ConstExpr | undefined)[];
  /** The module's own globals, after the imported ones. */
  readonly globalInits: ConstExprs;
  readonly exports: readonly Export[];
  readonly exportsByName: ReadonlyMap<string, Export>;
  readonly start: number | undefined;
  readonly elements: ElementSegments;
  readonly data: DataSegments;
  readonly bodies: FunctionBodies;
  /** Where the contents of the code section begin, from which debug information counts; 0 without one. */
  readonly codeStart: number;
  readonly customSections: CustomSections;
  /** What it uses beyond release 2.0 of the specification. */
  readonly features: readonly Feature[];
  /** Whether its code computes with vectors. */
  readonly usesVectors: boolean;
  /** Whether its code has an instruction that changes a table. */
  readonly changesTables: boolean;
  /** Bytes that its types, imports and exports take, by the estimate of account.ts. */
  readonly objectBytes: number;
}

/** A type that validation has found to be of functions. */
export function functionTypeAt(module: Pick<WasmModule, 'types'>, index: number): FuncType {
  return module.types[index] as FuncType;
}

/** The type of a function, by its index in the module (imports included). */
export function typeOfFunction(module: WasmModule, index: number): FuncType {
  return functionTypeAt(module, module.functions[index] as number);
}
