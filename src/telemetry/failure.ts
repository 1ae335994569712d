/** What of an error goes to those who look at figures: its class and kind, and nothing that a guest has chosen. */

import { GasExhausted, PoolUnavailable, Trap, WasmSandboxError } from '../../wasm/errors.ts';

export interface Failure {
  /** The class: `Trap`. Of an error that is none of the library's, `Error`. */
  readonly type: string;
  /** Of which kind: of a trap `unreachable`, of exhausted gas its scope, of a refusing pool its reason. */
  readonly kind: string | undefined;
}

export function failureOf(error: unknown): Failure {
  if (!(error instanceof WasmSandboxError)) return { type: 'Error', kind: undefined };
  return { type: error.name, kind: kindOf(error) };
}

function kindOf(error: WasmSandboxError): string | undefined {
  if (error instanceof Trap) return error.kind;
  if (error instanceof GasExhausted) return error.scope;
  return error instanceof PoolUnavailable ? error.reason : undefined;
}
