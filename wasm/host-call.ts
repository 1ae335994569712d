/** Host functions as engines call them: what they throw, promise or return is made fit for the guest, or ends it. */

import { HostError, RuntimeError, UsageError } from './errors.ts';
import { GuestExit, type HostCall, type HostFunction, type WasmValue } from './host.ts';
import { isOf } from './is-of.ts';
import { describe, messageOf } from './quote.ts';
import { ignore, isThenable, whenSettled } from './thenable.ts';
import { F32, F64, I32, I64, typeName, type ValType } from './types.ts';

/** Whether a value of the host's can be a reference of a type, null among them. */
export type Holds = (type: ValType, value: WasmValue) => boolean;

/**
 * The function's body. Errors that end guests pass as they are, any other becomes the cause of a HostError; a result that
 * does not fit is a UsageError.
 * @param label the import, quoted
 * @param refusal why a promise cannot be waited for; undefined where it can
 */
export function guarded(host: HostFunction, label: string, holds: Holds, refusal?: string): HostCall {
  const toResult = fitting(host.type.results, label, holds);
  const failed = (error: unknown): never => {
    if (isForGuest(error)) throw error;
    throw new HostError(`host function ${label} failed: ${messageOf(error)}`, { cause: error });
  };
  return (caller, args) => {
    let value: WasmValue | PromiseLike<WasmValue>;
    try {
      value = host.call(caller, args);
    } catch (error) {
      return failed(error);
    }
    if (!isThenable(value)) return toResult(value);
    if (refusal === undefined) return whenSettled(value, toResult, failed);
    // Nobody will look at it any more.
    ignore(value);
    throw new HostError(`host function ${label} returned a promise, and ${refusal}`);
  };
}

function isForGuest(error: unknown): boolean {
  return isOf(error, RuntimeError) || isOf(error, GuestExit);
}

/** Converts what was returned, which may run code of the embedder's: nothing, a value, or an iterable of several. */
function fitting(types: readonly ValType[], label: string, holds: Holds): (value: WasmValue) => WasmValue {
  const [type] = types;
  if (type === undefined) return () => undefined;
  const convert = (value: WasmValue): WasmValue => {
    if (types.length === 1) return converted(type, value, holds);
    const values = [...(value as Iterable<WasmValue>)];
    if (values.length !== types.length) {
      throw new TypeError(`${types.length} results expected, ${values.length} returned`);
    }
    return types.map((each, i) => converted(each, values[i], holds));
  };
  return (value) => {
    try {
      return convert(value);
    } catch (cause) {
      if (isForGuest(cause)) throw cause;
      throw new UsageError(`host function ${label} returned what the guest cannot be given: ${messageOf(cause)}`, {
        cause,
      });
    }
  };
}

/** As the JavaScript API converts it (its section 5.6). @throws TypeError */
function converted(type: ValType, value: WasmValue, holds: Holds): WasmValue {
  switch (type) {
    case I32:
      return +(value as number) | 0;
    case I64:
      return BigInt.asIntN(64, value as bigint);
    case F32:
    case F64:
      return +(value as number);
    default:
      if (holds(type, value)) return value;
      throw new TypeError(`${describe(value)} is no ${typeName(type)}`);
  }
}
