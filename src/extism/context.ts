/** What the bodies of the interface's functions are given, and what all of them do. */

import type { Caller } from '../../policy/index.ts';
import { HostError } from '../../wasm/errors.ts';
import type { Kernel, PluginCall } from './kernel.ts';

export interface Context {
  readonly kernel: Kernel;
  readonly call: PluginCall;
  readonly caller: Caller;
}

/** A copy for the plug-in, which it pays for: its address. @throws HostError where there is no room */
export function give({ call, caller }: Pick<Context, 'call' | 'caller'>, bytes: Uint8Array): bigint {
  caller.chargeBytes(bytes.length);
  const address = call.store(bytes);
  if (address === 0) throw new HostError(`there is no room for ${bytes.length} bytes that the plug-in is to be given`);
  return BigInt(address);
}
