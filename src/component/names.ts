/** Names that come from a component and stand in the text of a program: none may mean anything there. */

import { CompileError } from '../../wasm/errors.ts';
import type { WasmModule } from '../../wasm/module.ts';
import { quote } from '../../wasm/quote.ts';

/**
 * Printable ASCII without quotes and backslash. The transpiler puts the names of core modules' imports and exports between
 * quotes as they are, so that others could end the text and go on as code.
 */
const HARMLESS = /^[ !#-&(-[\]-_a-~]*$/;

/** @throws CompileError */
export function checkName(name: string, what: string): void {
  if (HARMLESS.test(name)) return;
  throw new CompileError(`${what} has the name ${quote(name)}: names in components may have no quotes and backslashes`);
}

/** @throws CompileError */
export function checkModuleNames({ imports, exports }: WasmModule): void {
  for (const { module, name } of imports) {
    checkName(module, 'an import of a core module');
    checkName(name, 'an import of a core module');
  }
  for (const { name } of exports) checkName(name, 'an export of a core module');
}
