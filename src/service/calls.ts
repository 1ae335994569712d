/** What a service does with its modules by their names, and the same for a request whose client may go away. */

import type { CallOptions } from '../call/options.ts';
import type { RunResult } from '../call/output.ts';
import type { PluginCallOptions } from '../extism/call.ts';
import type { RunOptions } from '../sandbox/program.ts';
import type { WasmSandbox } from '../sandbox.ts';
import type { AuditedOptions, UseOptions } from './module.ts';
import type { JsonValue } from './values.ts';

/** Calls of modules by their names. All throw RequestError too where there is no such module. */
export interface GuestCalls {
  /** Lends a sandbox of a module to a function: {@link ServiceModule.use}. */
  use<T>(module: string, work: (sandbox: WasmSandbox) => T | Promise<T>, options?: UseOptions): Promise<T>;

  /** Calls an exported function: {@link ServiceModule.call}. */
  call<T = unknown>(
    module: string,
    name: string,
    args?: readonly unknown[],
    options?: CallOptions & AuditedOptions,
  ): Promise<T>;

  /** Calls one with arguments out of JSON, and gives its result for JSON: {@link ServiceModule.callJson}. */
  callJson(module: string, name: string, args?: unknown, options?: CallOptions & AuditedOptions): Promise<JsonValue>;

  /** Runs a WASI command: {@link ServiceModule.run}. */
  run(module: string, options?: RunOptions & AuditedOptions): Promise<RunResult>;

  /** Calls a function of an Extism plug-in: {@link ServiceModule.plugin}. */
  plugin<T = unknown>(
    module: string,
    name: string,
    input?: unknown,
    options?: PluginCallOptions<T> & AuditedOptions,
  ): Promise<T>;
}

/** The calls of a service, each ended by one signal unless it is given another. */
export class RequestCalls implements GuestCalls {
  /** Aborted when nobody waits for the answer any more. */
  readonly signal: AbortSignal;
  readonly #calls: GuestCalls;

  /** @internal */
  constructor(calls: GuestCalls, signal: AbortSignal) {
    this.#calls = calls;
    this.signal = signal;
  }

  /** {@link GuestCalls.use}. */
  use<T>(module: string, work: (sandbox: WasmSandbox) => T | Promise<T>, options?: UseOptions): Promise<T> {
    return this.#calls.use(module, work, this.#with(options));
  }

  /** {@link GuestCalls.call}. */
  call<T = unknown>(
    module: string,
    name: string,
    args?: readonly unknown[],
    options?: CallOptions & AuditedOptions,
  ): Promise<T> {
    return this.#calls.call(module, name, args, this.#with(options));
  }

  /** {@link GuestCalls.callJson}. */
  callJson(module: string, name: string, args?: unknown, options?: CallOptions & AuditedOptions): Promise<JsonValue> {
    return this.#calls.callJson(module, name, args, this.#with(options));
  }

  /** {@link GuestCalls.run}. */
  run(module: string, options?: RunOptions & AuditedOptions): Promise<RunResult> {
    return this.#calls.run(module, this.#with(options));
  }

  /** {@link GuestCalls.plugin}. */
  plugin<T = unknown>(
    module: string,
    name: string,
    input?: unknown,
    options?: PluginCallOptions<T> & AuditedOptions,
  ): Promise<T> {
    return this.#calls.plugin(module, name, input, this.#with(options));
  }

  #with<O extends object>(options: O | undefined): O & { readonly signal: AbortSignal } {
    return { signal: this.signal, ...(options as O) };
  }
}
