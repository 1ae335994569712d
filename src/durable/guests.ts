/** Who makes the guests of durable jobs. */

import { record, refuse } from '../checks/check.ts';
import type { ProgramOptions } from '../sandbox/program.ts';
import type { WasmSandbox } from '../sandbox.ts';

/**
 * Makes guests by the name of their module: a `SandboxService`, or two functions. Both must make them with the same module,
 * host functions and limits wherever a job may run, on the interpreter: a checkpoint holds none of these.
 */
export interface GuestFactory {
  /** A fresh sandbox of its own, which is disposed of behind the job. */
  build(module: string, options: ProgramOptions): Promise<WasmSandbox>;
  /** The same, going on with a snapshot: `WasmSandbox.restore`. */
  restore(module: string, snapshot: Uint8Array<ArrayBuffer>, options: ProgramOptions): Promise<WasmSandbox>;
  /** Lends one of a pool, as good as fresh, until the work has settled: for jobs that are not durable. */
  use?<T>(
    module: string,
    work: (sandbox: WasmSandbox) => Promise<T>,
    options: { readonly signal?: AbortSignal | undefined },
  ): Promise<T>;
}

/** @throws UsageError */
export function checkGuests(value: unknown): GuestFactory {
  const { build, restore } = record('the factory of guests', value) as Partial<GuestFactory>;
  if (typeof build === 'function' && typeof restore === 'function') return value as GuestFactory;
  return refuse('the factory of guests', 'an object with build() and restore()', value);
}
