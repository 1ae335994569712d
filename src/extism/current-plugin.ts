/** What functions of the embedder's are given of the plug-in that calls them. */

import { type Caller, Capability } from '../../policy/index.ts';
import type { Bytes } from '../../wasm/bytes.ts';
import { viewOf } from '../../wasm/bytes.ts';
import { UsageError } from '../../wasm/errors.ts';
import type { WasmValue } from '../../wasm/host.ts';
import { encodeUtf8 } from '../../wasm/utf8.ts';
import { refuse, text } from '../checks/check.ts';
import { give } from './context.ts';
import { addressOf, type Kernel, type PluginCall } from './kernel.ts';
import { PluginOutput } from './output.ts';
import { PRICE } from './price.ts';
import type { LogLevel } from './settings.ts';

/** A function of the embedder's. It gets the values of the import's type; a promise suspends the plug-in. */
export type PluginFunctionBody = (plugin: CurrentPlugin, ...args: never[]) => unknown;

/** The same with its price. */
export interface PluginFunction {
  /** Called with the plug-in, and the values of the import's type. */
  readonly call: PluginFunctionBody;
  /** Units of gas for each call; 200 unless given. */
  readonly gas?: number | undefined;
  /** Units for each byte that is read, stored or charged; 1/32 unless given. */
  readonly perByte?: number | undefined;
}

/** Functions by module and name. */
export type PluginFunctions = Readonly<Record<string, Readonly<Record<string, PluginFunctionBody | PluginFunction>>>>;

/**
 * The plug-in that calls, until the call from outside that it is in has ended. Bytes that are read or stored cost gas, at
 * the function's `perByte`.
 */
export class CurrentPlugin {
  /** What else there is of it: memory, gas, the signal of its call. */
  readonly caller: Caller;
  readonly #kernel: Kernel;
  readonly #call: PluginCall;

  /** @internal */
  constructor(kernel: Kernel, caller: Caller) {
    this.#kernel = kernel;
    this.#call = kernel.call;
    this.caller = caller;
  }

  /** What {@link Plugin.call} was given for the functions that are called in it. */
  hostContext<T = unknown>(): T {
    return this.#call.hostContext as T;
  }

  /** From which level on the plug-in's messages are logged. */
  get logLevel(): LogLevel {
    return this.#kernel.settings.logLevel;
  }

  /** A copy of the block at an address; null where there is none, or its call has ended. */
  read(address: bigint | number): PluginOutput | null {
    const bytes = this.#call.blocks.from(toAddress(address));
    if (bytes === undefined) return null;
    this.caller.chargeBytes(bytes.length);
    return new PluginOutput(bytes);
  }

  /**
   * A new block with a copy of the value, text as UTF-8, for the plug-in to read: its address.
   * @throws HostError where there is no room; UsageError where the call has ended
   */
  store(value: string | Bytes): bigint {
    return give({ call: this.#present, caller: this.caller }, toBytes(value));
  }

  /** The bytes of the block that begins at an address; 0 where none does. */
  length(address: bigint | number): bigint {
    return BigInt(this.#call.blocks.lengthOf(toAddress(address)));
  }

  /** Frees the block that begins at an address, if one does. */
  free(address: bigint | number): void {
    this.#call.blocks.free(toAddress(address));
  }

  /** What the plug-in's call then fails with, as if it had said so itself. */
  setError(error: string | Error): void {
    const call = this.#present;
    call.fail(Number(give({ call, caller: this.caller }, toBytes(error instanceof Error ? error.message : error))));
  }

  /** A copy of a variable of the plug-in's; null where there is none of that name. */
  getVariable(name: string): PluginOutput | null {
    const bytes = this.#kernel.variables.get(text('the name of a variable', name));
    if (bytes === undefined) return null;
    this.caller.chargeBytes(bytes.length);
    return new PluginOutput(bytes);
  }

  /** Sets a variable of the plug-in's. @throws UsageError where that would be beyond its limits, or the call has ended */
  setVariable(name: string, value: string | Bytes): void {
    this.#refuseEnded();
    const bytes = toBytes(value);
    this.caller.chargeBytes(bytes.length);
    const refusal = this.#kernel.variables.set(text('the name of a variable', name), bytes);
    if (refusal !== undefined) throw new UsageError(refusal);
  }

  /** Removes a variable of the plug-in's, if there is one of that name. @throws UsageError where the call has ended */
  deleteVariable(name: string): void {
    this.#refuseEnded();
    this.#kernel.variables.delete(text('the name of a variable', name));
  }

  get #present(): PluginCall {
    this.#refuseEnded();
    return this.#call;
  }

  #refuseEnded(): void {
    if (this.#call.isOver) throw new UsageError('the call of the plug-in that this function served has ended');
  }
}

function toAddress(value: unknown): number {
  if (typeof value === 'bigint') return addressOf(value);
  return typeof value === 'number' ? value : refuse('an address', 'a bigint or a number', value);
}

function toBytes(value: unknown): Uint8Array {
  if (typeof value === 'string') return encodeUtf8(value);
  return viewOf(value, 'the value') ?? refuse('the value', 'a string or bytes', value);
}

/** The functions as grants, each with its price. @param kernelOf what is kept for the plug-in that calls */
export function ownFunctions(functions: PluginFunctions, kernelOf: (caller: Caller) => Kernel): Capability[] {
  return Object.entries(functions).flatMap(([module, byName]) =>
    Object.entries(byName).map(([name, given]) => {
      const { call, gas = PRICE.gas, perByte = PRICE.perByte } = typeof given === 'function' ? { call: given } : given;
      const body = (caller: Caller, args: readonly WasmValue[]) =>
        call(new CurrentPlugin(kernelOf(caller), caller), ...(args as never[]));
      return Capability.hostFunctions(module, { [name]: { call: body } }, { gas, perByte });
    }),
  );
}
