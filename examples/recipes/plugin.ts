/** Plug-ins with a database behind them: strings in and out, queries that are awaited, and end when their call does. */

import { type Caller, Capability, WasmSandbox } from 'wasm-sandbox';

export interface Database {
  query(key: string, options: { readonly signal: AbortSignal }): Promise<string | undefined>;
}

/** What a plug-in exports. */
interface Exports {
  /** Where the host may put so many bytes. */
  alloc(length: number): number;
  /** Takes text at a pointer, of a length; returns where its answer begins, up to a zero byte. */
  handle(pointer: number, length: number): number;
}

export class Plugin {
  readonly #sandbox: WasmSandbox;
  #queue: Promise<unknown> = Promise.resolve();

  private constructor(sandbox: WasmSandbox) {
    this.#sandbox = sandbox;
  }

  static async load(source: Uint8Array, database: Database): Promise<Plugin> {
    /** `db.get(key, length, into)`: the length of what was found and written there, or -1. */
    const get = async (caller: Caller, [key, length, into]: readonly unknown[]): Promise<number> => {
      const found = await database.query(caller.readText(key as number, length as number), caller);
      if (found === undefined) return -1;
      caller.chargeBytes(found.length);
      return caller.writeText(into as number, found);
    };
    const capabilities = [Capability.hostFunctions('db', { get: { call: get } }, { gas: 500, perByte: 1 })];
    return new Plugin(await WasmSandbox.fromBytes(source, { capabilities, gasLimit: 1e9, yieldEvery: 5 }));
  }

  /** One request at a time: a plug-in keeps the text of only one. */
  handle(text: string, options: { readonly signal?: AbortSignal; readonly timeout?: number } = {}): Promise<string> {
    const result = this.#queue.then(() => this.#handle(text, { gasLimit: 10_000_000, ...options }));
    this.#queue = result.catch(() => undefined);
    return result;
  }

  async #handle(text: string, options: object): Promise<string> {
    const { memory } = this.#sandbox;
    const { alloc } = this.#sandbox.functions<Exports>();
    const pointer = await alloc(3 * text.length);
    const length = memory.writeString(pointer, text);
    return memory.readString(await this.#sandbox.call<number>('handle', [pointer, length], options));
  }

  close(): void {
    this.#sandbox.dispose();
  }
}
