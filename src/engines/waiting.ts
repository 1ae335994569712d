/** Whether a program's host functions may make it wait for a promise, which only the interpreter can do. */

import { partOf, wasi } from '../../policy/parts.ts';
import type { Policy } from '../../policy/sandboxed.ts';
import type { ModuleGraph } from '../../wasm/module-graph.ts';

/** Assumed of every function that is not known to return at once. What the program imports has been loaded. */
export function mayWait({ hostImports }: ModuleGraph, policy: Policy): boolean {
  return hostImports.some(
    ({ kind, module: from, name }) =>
      kind === 'function' && (partOf(from) !== wasi || wasi.now.wasiMayWait(policy, name)),
  );
}
