/** Host functions as engines call them: what they throw, promise or return is made fit for the guest, or ends it. */

import { HostError, RuntimeError, UsageError } from './errors.ts';
import { type CallingGuest, exitStatus, type HostCall, type HostFunction, type WasmValue } from './host.ts';
import { isOf } from './is-of.ts';
import { describe, messageOf, quote } from './quote.ts';
import { ignore, isThenable, whenSettled } from './thenable.ts';
import { F32, F64, I32, I64, typeName, type ValType } from './types.ts';

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
 * @param label the import, as `module.name`
 * @param refusal why a promise cannot be waited for; undefined where it can
 */
export function guarded(host: HostFunction, label: string, toReference: ToReference, refusal?: string): HostCall {
  const { call } = host;
  const { results } = host.type;
  return (caller, args) => {
    let value: WasmValue;
    try {
      value = call(caller, args);
    } catch (error) {
      return fail(label, error);
    }
    if (!isThenable(value)) return toResult(results, value, label, toReference);
    if (refusal !== undefined) {
      // Nobody will look at it any more.
      ignore(value);
      throw new HostError(`${named(label)} returned a promise, and ${refusal}`);
    }
    const returned = (value: WasmValue) => toResult(results, value, label, toReference);
    return new PendingResult(whenSettled(value, returned, (error) => fail(label, error)));
  };
}

const named = (label: string) => `host function ${quote(label)}`;

/** @throws what a host function's error is to a guest: itself, or a HostError */
function fail(label: string, error: unknown): never {
  if (isForGuest(error)) throw error;
  throw new HostError(`${named(label)} failed: ${messageOf(error)}`, { cause: error });
}

/** Converts what was returned, which may run code of the embedder's. */
function toResult(types: readonly ValType[], value: WasmValue, label: string, toReference: ToReference): WasmValue {
  try {
    const [type] = types;
    if (type === undefined) return undefined;
    if (types.length === 1) return toWasm(type, value, toReference);
    return resultsOf(types, value).map((each, i) => toWasm(types[i] as ValType, each, toReference));
  } catch (cause) {
    if (isForGuest(cause)) throw cause;
    throw new UsageError(`${named(label)} returned what the guest cannot be given: ${messageOf(cause)}`, { cause });
  }
}

function isForGuest(error: unknown): boolean {
  return isOf(error, RuntimeError) || exitStatus(error) !== undefined;
}

/** What a value is as a reference: itself, where it can be one of the type. */
export function referring(holds: Holds): ToReference {
  return (type, value) => {
    if (holds(type, value)) return value;
    throw new TypeError(`${describe(value)} is no ${typeName(type)}`);
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
