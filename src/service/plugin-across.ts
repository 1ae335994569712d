/** A call of a plug-in that is on another thread: its input and output cross as bytes. */

import { UsageError } from '../../wasm/errors.ts';
import type { CallOptions } from '../call/options.ts';
import { checkPluginCall, outputAs } from '../extism/call.ts';
import { inputBytes, PluginOutput } from '../extism/output.ts';

/**
 * As `Plugin.call` gives it.
 * @param send calls the function, and gives what `finish` makes of the bytes put out, or of null
 * @throws UsageError, PluginError; what sending throws
 */
export async function pluginAcross(
  send: (input: Uint8Array | undefined, options: CallOptions, finish: (output: unknown) => unknown) => Promise<unknown>,
  name: string,
  input: unknown,
  options: unknown,
): Promise<unknown> {
  const { own, call, hostContext } = checkPluginCall(options);
  if (hostContext !== undefined)
    throw new UsageError('with workers, a call cannot have a hostContext: there are no functions of the embedder’s');
  return send(await inputBytes(input), call, (bytes) => {
    const output = bytes === null ? undefined : new PluginOutput(bytes as Uint8Array, true);
    if (own.as === undefined && own.schema === undefined) return output ?? null;
    return outputAs(name, output ?? new PluginOutput(new Uint8Array(0)), own);
  });
}
