/** Host functions around others. */

import type { CallingGuest, HostCall, WasmValue } from './host.ts';
import { isThenable, whenSettled } from './thenable.ts';

/**
 * Carries a call out: what it returns goes through `returned`, what it fails with through `failed`, whether that is known
 * at once or is promised.
 */
export function carryOut<R>(
  call: HostCall,
  caller: CallingGuest,
  args: readonly WasmValue[],
  returned: (value: WasmValue) => R,
  failed: (error: unknown) => R,
): R | Promise<R> {
  let value: WasmValue | PromiseLike<WasmValue>;
  try {
    value = call(caller, args);
  } catch (error) {
    return failed(error);
  }
  return isThenable(value) ? whenSettled(value, returned, failed) : returned(value);
}
