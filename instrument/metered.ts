/** A module that meters itself, as whoever runs it sees it: the guest's own imports and exports, and the meter's. */

import { CompileError } from '../wasm/errors.ts';
import {
  type Export,
  type FuncType,
  type Import,
  type MemoryType,
  type TableType,
  typeOfFunction,
  type WasmModule,
} from '../wasm/types.ts';
import { METER_EXPORTS, METER_FUNCTION_NAMES } from './layout.ts';

/** What cannot be read off the module itself. */
export interface MeteredNames {
  /** Module name of the meter's imports. */
  readonly importName: string;
  /** What the names of the meter's exports begin with. */
  readonly exportPrefix: string;
  /** Units of gas that instantiation costs. */
  readonly cost: bigint;
}

export interface MeteredExport extends Export {
  /** Of a function. */
  readonly type: FuncType | undefined;
}

export interface MeteredModule extends MeteredNames {
  readonly module: WasmModule;
  /** The guest's own. */
  readonly imports: readonly Import[];
  readonly exports: readonly MeteredExport[];
  /** Exported to the meter: index of the start function. */
  readonly start: number | undefined;
  /** Number of the first table that is the guest's own, and its tables; the same of memories. */
  readonly tables: readonly TableType[];
  readonly memories: readonly MemoryType[];
}

/** @throws CompileError where the module is not made as the names say */
export function describeMetered(module: WasmModule, names: MeteredNames): MeteredModule {
  const { importName, exportPrefix } = names;
  // By name, which the guest does not use: tools that write modules anew put imports into an order of their own.
  const imports = module.imports.filter((item) => item.module !== importName);
  if (module.imports.length - imports.length !== METER_FUNCTION_NAMES.length + 1) {
    throw new CompileError('the module does not meter itself in the way that is expected');
  }
  const exports = module.exports.map((item) => ({
    ...item,
    type: item.kind === 'function' ? typeOfFunction(module, item.index) : undefined,
  }));
  return {
    ...names,
    module,
    imports,
    exports: exports.filter(({ name }) => !name.startsWith(exportPrefix)),
    start: exports.find(({ name }) => name === exportPrefix + METER_EXPORTS.start)?.index,
    tables: module.tables.slice(module.importedTables),
    memories: module.memories.slice(module.importedMemories),
  };
}
