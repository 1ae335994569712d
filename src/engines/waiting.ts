/** Whether a module's host functions may make it wait for a promise, which only the interpreter can do. */

import type { SecurityPolicy } from '../../policy/index.ts';
import type { WasmModule } from '../../wasm/module.ts';

const WASI = new Set(['wasi_snapshot_preview1', 'wasi_unstable']);

/** WASI calls that wait, whatever the policy. */
const WAITS = new Set(['poll_oneoff']);

/** Assumed of every function that is not known to return at once. */
export function mayWait(module: WasmModule, policy: SecurityPolicy): boolean {
  const hasOwnStreams = policy.capabilities.some(({ kind }) => kind === 'stdio');
  return module.imports.some(
    ({ kind, module: from, name }) => kind === 'function' && (!WASI.has(from) || WAITS.has(name) || hasOwnStreams),
  );
}
