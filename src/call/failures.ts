/** What calls from outside fail with before, or because of how, the guest ends. */

import type { EngineInstance } from '../../wasm/engine.ts';
import { HostError, type ResourceFigures, UsageError, WasmSandboxError } from '../../wasm/errors.ts';
import { exitStatus } from '../../wasm/host.ts';
import type { WasmModule } from '../../wasm/module.ts';
import { quote } from '../../wasm/quote.ts';
import { suggest } from '../checks/similar.ts';

/** @throws UsageError always: there is no exported function of that name */
export function refuseUnknown(instance: EngineInstance, module: WasmModule, name: string): never {
  const kind = instance.exportKind(name);
  if (kind !== undefined) throw new UsageError(`the export ${quote(name)} is a ${kind}, not a function`);
  const names = module.exports.filter((item) => item.kind === 'function').map((item) => item.name);
  throw new UsageError(`the module exports no function ${quote(name)}; ${suggest(name, names, 'it exports')}`);
}

/**
 * What a call is to throw for what ended its guest: with the figures of what it cost. An exit becomes the cause of an error,
 * from which {@link exitStatusBehind} has it.
 * @param what was called, for the message
 */
export function failureOf(what: string, cause: unknown, figures: () => ResourceFigures): unknown {
  const status = exitStatus(cause);
  const error = status === undefined ? cause : exited(what, status, cause);
  if (error instanceof WasmSandboxError) error.resources ??= figures();
  return error;
}

/** A program that ends itself has no result for its caller; only running it as a command expects that. */
function exited(what: string, status: number, cause: unknown): HostError {
  const message = `the guest ended its program with status ${status} in ${what}; use run() for a WASI command`;
  return new HostError(message, { cause });
}

/** The status with which the guest has ended its program; undefined where the call failed otherwise. */
export function exitStatusBehind(failure: unknown): number | undefined {
  return failure instanceof HostError ? exitStatus(failure.cause) : undefined;
}

/** @throws UsageError always: `what` needs an engine whose guests can be left */
export function refuseLeaving(what: string): never {
  throw new UsageError(
    `${what} needs the interpreter, or leavable: true: the native engine cannot leave a guest before its call has ended otherwise`,
  );
}
