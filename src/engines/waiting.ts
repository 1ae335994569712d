/** Whether a module's host functions may make it wait for a promise, which only the interpreter can do. */

import type { SecurityPolicy } from '../../policy/index.ts';
import { wasiMayWait } from '../../policy/wasi/functions.ts';
import type { WasmModule } from '../../wasm/module.ts';

/** Assumed of every function that is not known to return at once. */
export function mayWait(module: WasmModule, policy: SecurityPolicy): boolean {
  return module.imports.some(
    ({ kind, module: from, name }) => kind === 'function' && (wasiMayWait(policy, from, name) ?? true),
  );
}
