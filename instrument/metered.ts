/** A module that meters itself, as whoever runs it sees it: the guest's own imports and exports, and the code. */

import { CompileError } from '../wasm/errors.ts';
import type { WasmModule } from '../wasm/module.ts';
import type { Export, Import } from '../wasm/types.ts';
import { isOptional, METER_EXPORTS, METER_FUNCTION_NAMES, METER_GLOBAL_NAMES, type MeterGlobal } from './layout.ts';
import type { PlaceFinder } from './places.ts';

/** What cannot be read off the module itself. */
export interface MeteredNames {
  /** Module name of the meter's imports. */
  readonly importName: string;
  /** What the names of the meter's exports begin with. */
  readonly exportPrefix: string;
  /** Units of gas that instantiation costs. */
  readonly cost: bigint;
}

/** The bytes that an engine compiles. */
export interface Code {
  readonly length: number;
  /** Makes them anew where they were given up. */
  bytes(): Uint8Array<ArrayBuffer>;
  /** An engine has compiled them: nobody needs them any more. */
  giveUp(): void;
}

/** How functions of a module that can be left are called. */
export interface Calling {
  /** As the layout of its code has them. */
  readonly closed: boolean;
  readonly lends: boolean;
  /** Those that are called by their numbers, in the order of the table that it exports. */
  readonly called: readonly number[];
  /** Instructions on segments, as {@link segmentKey} has them. */
  readonly operations: readonly string[];
}

export interface MeteredModule extends MeteredNames {
  /** Has all that is the guest's own, with the types: the original module, or one that was instrumented before. */
  readonly module: WasmModule;
  /** Those that it imports. */
  readonly meterGlobals: readonly MeterGlobal[];
  /** Imported functions that are called in tail position, where they may be of another instance. */
  readonly tailCalled: readonly number[];
  /** Imported functions that are referred to, and exported to the meter where the host may get to see that. */
  readonly seenImports: readonly number[];
  /** The guest's own, with indices as in the module. */
  readonly imports: readonly Import[];
  readonly exports: readonly Export[];
  /** Index of the start function, which is exported to the meter. */
  readonly start: number | undefined;
  readonly code: Code;
  /** Whether its code can be left. */
  readonly isLeavable: boolean;
  /** Of code that can be: the functions that can be referred to, in the order of the table that it exports. */
  readonly referable?: readonly number[];
  readonly calling?: Calling | undefined;
  /** Finds places of the original in the code; none of what was instrumented before. */
  readonly finder?: PlaceFinder | undefined;
}

/**
 * A module that was instrumented before.
 * @param length of its code, which is what it begins with
 * @throws CompileError where the module is not made as the names say
 */
export function describeMetered(
  module: WasmModule,
  names: MeteredNames,
  length: number = module.bytes.length,
): MeteredModule {
  const { importName, exportPrefix, cost } = names;
  // By name, which the guest does not use: tools that write modules anew put imports into an order of their own.
  const imports = module.imports.filter((item) => item.module !== importName);
  const meterGlobals = METER_GLOBAL_NAMES.filter((name) =>
    module.imports.some((item) => item.kind === 'global' && item.module === importName && item.name === name),
  );
  const functions = METER_FUNCTION_NAMES.filter(
    (name) =>
      !isOptional(name) ||
      module.imports.some((item) => item.kind === 'function' && item.module === importName && item.name === name),
  );
  const expected = functions.length + meterGlobals.length;
  if (module.imports.length - imports.length !== expected) {
    throw new CompileError('the module does not meter itself in the way that is expected');
  }
  const bytes = module.bytes.subarray(0, length) as Uint8Array<ArrayBuffer>;
  return {
    importName,
    exportPrefix,
    cost,
    module,
    meterGlobals,
    // Only hosts supply what it imports.
    tailCalled: [],
    seenImports: [],
    imports,
    exports: module.exports.filter(({ name }) => !name.startsWith(exportPrefix)),
    start: module.exports.find(({ name }) => name === exportPrefix + METER_EXPORTS.start)?.index,
    code: { length, bytes: () => bytes, giveUp: () => undefined },
    isLeavable: false,
  };
}
