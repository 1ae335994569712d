/** Host functions as engines call them: what they throw, promise or return is made fit for the guest, or ends it. */

import { HostError, RuntimeError, UsageError } from './errors.ts';
import { type CallingGuest, exitStatus, type HostCall, type HostFunction, type WasmValue } from './host.ts';
import { isOf } from './is-of.ts';
import { describe, messageOf } from './quote.ts';
import { ignore, isThenable, whenSettled } from './thenable.ts';
import { F32, F64, I32, I64, typeName, type ValType } from './types.ts';

/**
 * Carries a call out: what it returns goes through `returned`, what it fails with through `failed`, whether that is known
 * at once or is promised.
 * @param later what becomes of a promise, in place of another one
 */
export function carryOut<R, L = Promise<R>>(
  call: HostCall,
  caller: CallingGuest,
  args: readonly WasmValue[],
  returned: (value: WasmValue) => R,
  failed: (error: unknown) => R,
  later?: (promise: PromiseLike<WasmValue>) => L,
): R | Promise<R> | L {
  let value: WasmValue | PromiseLike<WasmValue>;
  try {
    value = call(caller, args);
  } catch (error) {
    return failed(error);
  }
  if (!isThenable(value)) return returned(value);
  return later === undefined ? whenSettled(value, returned, failed) : later(value);
}

/** A result for which the guest has to wait. */
export class PendingResult {
  readonly #isPending = true;
  /** Once it has settled. */
  outcome: { readonly value: WasmValue } | { readonly error: unknown } | undefined;
  /** Called when it settles. */
  onSettled: (() => void) | undefined;
  /** Called where the guest that waits for it ends before. */
  onDropped: (() => void) | undefined;
  /** Made when it is asked for: a guest may wait millions of times where nobody else does. */
  #settled: Promise<void> | undefined;
  #settle: (() => void) | undefined;

  /** @param promise of the value; without one, whoever has the value calls {@link settle} */
  constructor(promise?: PromiseLike<WasmValue>) {
    if (promise === undefined) return;
    this.#settled = whenSettled(
      promise,
      (value) => this.settle({ value }),
      (error: unknown) => this.settle({ error }),
    );
  }

  /** One that is there already. */
  static of(value: WasmValue): PendingResult {
    const result = new PendingResult();
    result.outcome = { value };
    return result;
  }

  /** Is never rejected. */
  get settled(): Promise<void> {
    if (this.#settled === undefined) {
      this.#settled =
        this.outcome === undefined
          ? new Promise<void>((resolve) => {
              this.#settle = resolve;
            })
          : Promise.resolve();
    }
    return this.#settled;
  }

  settle(outcome: NonNullable<PendingResult['outcome']>): void {
    this.outcome = outcome;
    this.onSettled?.();
    this.#settle?.();
  }

  /** Runs no code of the embedder's, as `instanceof` would where the value is a proxy. */
  static is(value: unknown): value is PendingResult {
    return typeof value === 'object' && value !== null && #isPending in value;
  }
}

/** For a function of the host's that the host calls: no guest is involved, and nobody pays. */
export const NO_GUEST: CallingGuest = Object.freeze({
  memory: undefined,
  gasUsed: () => 0n,
  chargeBytes: () => undefined,
});

/** The same where the host waits for what is promised. */
export const NO_GUEST_WAITING: CallingGuest = Object.freeze({ ...NO_GUEST, mayWait: true });

/** Whether a value of the host's can be a reference of a type, null among them. */
export type Holds = (type: ValType, value: WasmValue) => boolean;

/**
 * The function's body. Errors that end guests pass as they are, any other becomes the cause of a HostError; a result that
 * does not fit is a UsageError. A promise becomes a {@link PendingResult}.
 * @param label the import, quoted
 * @param refusal why a promise cannot be waited for; undefined where it can
 */
export function guarded(host: HostFunction, label: string, holds: Holds, refusal?: string): HostCall {
  const toResult = fitting(host.type.results, label, holds);
  const failed = (error: unknown): never => {
    if (isForGuest(error)) throw error;
    throw new HostError(`host function ${label} failed: ${messageOf(error)}`, { cause: error });
  };
  const later = (promise: PromiseLike<WasmValue>): PendingResult => {
    if (refusal === undefined) return new PendingResult(whenSettled(promise, toResult, failed));
    // Nobody will look at it any more.
    ignore(promise);
    throw new HostError(`host function ${label} returned a promise, and ${refusal}`);
  };
  const { call } = host;
  return (caller, args) => carryOut(call, caller, args, toResult, failed, later);
}

function isForGuest(error: unknown): boolean {
  return isOf(error, RuntimeError) || exitStatus(error) !== undefined;
}

/** Converts what was returned, which may run code of the embedder's. */
function fitting(types: readonly ValType[], label: string, holds: Holds): (value: WasmValue) => WasmValue {
  const [type] = types;
  if (type === undefined) return () => undefined;
  const reference: ToReference = (type, value) => {
    if (holds(type, value)) return value;
    throw new TypeError(`${describe(value)} is no ${typeName(type)}`);
  };
  const convert = (value: WasmValue): WasmValue => {
    if (types.length === 1) return toWasm(type, value, reference);
    return resultsOf(types, value).map((each, i) => toWasm(types[i] as ValType, each, reference));
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

/** What a host function has returned, as a list: nothing, a value, or an iterable of several (JavaScript API, 5.6). */
export function listOf(types: readonly ValType[], value: WasmValue): WasmValue[] {
  if (types.length === 0) return [];
  return types.length === 1 ? [value] : [...(value as Iterable<WasmValue>)];
}

/** The same, of as many as there have to be. @throws TypeError */
export function resultsOf(types: readonly ValType[], value: WasmValue): WasmValue[] {
  const values = listOf(types, value);
  if (values.length === types.length) return values;
  throw new TypeError(`${types.length} results expected, ${values.length} returned`);
}

/** What a value is as a reference of a type. @throws TypeError where it is none */
export type ToReference = (type: ValType, value: WasmValue) => unknown;

/** Converts a value of the host's as the JavaScript API does (its section 5.6), with the canonical NaN. @throws TypeError */
export function toWasm(type: ValType, value: WasmValue, toReference: ToReference): unknown {
  switch (type) {
    case I32:
      return +(value as number) | 0;
    case I64:
      return BigInt.asIntN(64, value as bigint);
    case F32:
    case F64: {
      const number = +(value as number);
      // Whatever bits JavaScript gave it.
      return Number.isNaN(number) ? Number.NaN : number;
    }
    default:
      return toReference(type, value);
  }
}
