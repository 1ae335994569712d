/** Whose fault a failure is: what follows from it. */

import type { ErrorCode } from '../../wasm/error-data.ts';
import { GasExhausted, WasmSandboxError } from '../../wasm/errors.ts';

/**
 * `guest`: the guest would fail in the same way again, wherever it runs. `job`: what was asked for cannot be done.
 * `host`: the place, the time or what host functions reach; another try may succeed.
 */
export type Fault = 'guest' | 'job' | 'host';

const FAULTS: Readonly<Record<ErrorCode, Fault>> = {
  TRAP: 'guest',
  EXCEPTION: 'guest',
  GAS_EXHAUSTED: 'guest',
  MEMORY_LIMIT: 'guest',
  STACK_LIMIT: 'guest',
  SECURITY: 'guest',
  PLUGIN: 'guest',
  COMPONENT: 'guest',
  COMPILE: 'job',
  LINK: 'job',
  USAGE: 'job',
  ABORTED: 'host',
  CPU_TIMEOUT: 'host',
  DISPOSED: 'host',
  HOST: 'host',
  POOL: 'host',
  // Another worker may be of the version that made it.
  SNAPSHOT: 'host',
};

/** Whose fault it is that a job failed; the host's, for errors of others. */
export function faultOf(error: unknown): Fault {
  if (!(error instanceof WasmSandboxError)) return 'host';
  // A budget may be granted more.
  return error instanceof GasExhausted && error.scope === 'budget' ? 'host' : FAULTS[error.code];
}
