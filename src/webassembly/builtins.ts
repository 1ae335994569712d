/** What modules import that no import object has: builtins, and constants that are strings (JavaScript API, 5.1 and 5.13). */

import { CompileError } from '../../wasm/errors.ts';
import { HostFunction } from '../../wasm/host.ts';
import type { Supplied } from '../../wasm/imports.ts';
import { matches } from '../../wasm/matching.ts';
import { functionTypeAt, type WasmModule } from '../../wasm/module.ts';
import { quote } from '../../wasm/quote.ts';
import { EXTERNREF, type Import, isSubtype, nonNull } from '../../wasm/types.ts';
import { STRING_BUILTINS } from './strings.ts';

/** How bytes are compiled. What is of another type than said here is ignored, as V8 does. */
export interface CompileOptions {
  /** Sets of functions that the module need not be given: `js-string`. Others are ignored. */
  readonly builtins?: readonly string[] | undefined;
  /** The name of a module whose imports are constants: strings, each of which is its own name. */
  readonly importedStringConstants?: string | null | undefined;
}

/** By the module that they are imported from. */
const SETS: ReadonlyMap<string, ReadonlyMap<string, HostFunction>> = new Map([['js-string', STRING_BUILTINS]]);
const PREFIX = 'wasm:';

const NOTHING: ReadonlyMap<Import, Supplied> = new Map();

/**
 * What a module's imports are that the options say it need not be given.
 * @throws CompileError for one of another type
 */
export function supply(module: WasmModule, options: unknown): ReadonlyMap<Import, Supplied> {
  if (!isObject(options)) return NOTHING;
  const { builtins, importedStringConstants } = options as { readonly [K in keyof CompileOptions]: unknown };
  const names: readonly unknown[] = Array.isArray(builtins) ? builtins : [];
  if (names.length === 0 && typeof importedStringConstants !== 'string') return NOTHING;
  const supplied = new Map<Import, Supplied>();
  for (const imported of module.imports) {
    if (imported.module === importedStringConstants) {
      requireConstant(imported, module);
      supplied.set(imported, imported.name);
    } else if (imported.module.startsWith(PREFIX)) {
      const set = imported.module.slice(PREFIX.length);
      const builtin = names.includes(set) ? SETS.get(set)?.get(imported.name) : undefined;
      if (builtin !== undefined) supplied.set(imported, ofType(builtin, imported, module));
    }
  }
  return supplied;
}

function isObject(value: unknown): boolean {
  return typeof value === 'function' || (typeof value === 'object' && value !== null);
}

function requireConstant(imported: Import, { types }: WasmModule): void {
  if (imported.kind !== 'global') refuse(imported, 'a string, which is a global');
  const { type, mutable } = imported.type;
  if (mutable || !matches(nonNull(EXTERNREF), types, type, types))
    refuse(imported, 'a string, which is a constant externref');
}

/** The builtin with the type as the module has it, which it cannot be told from. */
function ofType(builtin: HostFunction, imported: Import, module: WasmModule): HostFunction {
  if (imported.kind !== 'function') refuse(imported, 'a builtin, which is a function');
  const type = functionTypeAt(module, imported.typeIndex);
  if (!isSubtype(builtin.type, type)) refuse(imported, `a builtin of the type ${builtin.type.key}`);
  return new HostFunction(type, builtin.gas, builtin.call, builtin);
}

function refuse({ module, name, kind }: Import, what: string): never {
  throw new CompileError(
    `import ${quote(module)} ${quote(name)}, a ${kind}: the options of the compilation make it ${what}`,
  );
}
