/** Whether a module's host functions may make it wait for a promise, which only the interpreter can do. */

import type { SecurityPolicy } from '../../policy/index.ts';
import { partOf, wasi } from '../../policy/parts.ts';
import type { WasmModule } from '../../wasm/module.ts';

/** Assumed of every function that is not known to return at once. What the module imports has been loaded. */
export function mayWait(module: WasmModule, policy: SecurityPolicy): boolean {
  return module.imports.some(
    ({ kind, module: from, name }) =>
      kind === 'function' && (partOf(from) !== wasi || wasi.now.wasiMayWait(policy, name)),
  );
}
