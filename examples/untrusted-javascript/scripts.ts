/**
 * JavaScript that nobody trusts, run by QuickJS, which is the guest: `quickjs.wasm` of the package `quickjs-wasi`. A script
 * has the language and the functions it is given, and nothing else; it is limited and billed like any other guest.
 */

import {
  type Caller,
  type CallOptions,
  Capability,
  type Execution,
  type SandboxOptions,
  WasmSandbox,
} from 'wasm-sandbox';

/** Functions that scripts call by name. Values go as JSON; what a promise is for, the script sees as returned. */
export type Functions = Readonly<Record<string, (...args: never[]) => unknown>>;

/** Limits of the sandbox, and its engine; functions that return promises need the interpreter. */
export interface ScriptOptions extends Omit<SandboxOptions, 'source' | 'capabilities'> {
  /**
   * Bytes of QuickJS's own stack, of which a call in a script takes some 250: 64 KiB unless given. On the native engine the
   * host's stack has no room for much more, on the interpreter there is room for 512 KiB.
   */
  readonly scriptStack?: number;
}

/** What a script threw. */
export class ScriptError extends Error {
  override readonly name = 'ScriptError';
  /** Where in the script. */
  readonly trace: string;

  constructor(message: string, trace = '') {
    super(message);
    this.trace = trace;
  }
}

/** The functions of `quickjs.wasm` that are used. A value is a number that stands for it. */
interface QuickJs {
  qjs_init(): number;
  qjs_set_max_stack_size(bytes: number): void;
  qjs_eval(source: number, length: number, filename: number, flags: number): number;
  qjs_call(func: number, self: number, count: number, values: number): number;
  qjs_new_host_function(name: number, length: number, count: number): number;
  qjs_get_global(): number;
  qjs_get_exception(): number;
  qjs_get_prop_string(object: number, name: number): number;
  qjs_set_prop_string(object: number, name: number, value: number): number;
  qjs_get_prop_uint32(object: number, index: number): number;
  qjs_get_array_buffer(value: number, length: number): number;
  qjs_get_string(value: number): number;
  qjs_free_cstring(text: number): void;
  qjs_free_value(value: number): void;
  qjs_is_exception(value: number): number;
  qjs_is_promise(value: number): number;
  qjs_promise_state(value: number): number;
  qjs_promise_result(value: number): number;
  qjs_execute_pending_job(): number;
  wasm_malloc(bytes: number): number;
  wasm_free(pointer: number): void;
}

/** Characters of JSON that go in or out at once. */
const EXCHANGE = 65_536;
const PENDING = 0;
const REJECTED = 2;

/** Where QuickJS has what the host uses of it. Part of the state of a sandbox, and good wherever that goes on. */
interface Places {
  /** Of the text that goes in and out: its length, and UTF-16 code units. */
  readonly exchange: number;
  /** The function that writes a value there. */
  readonly show: number;
}

/** Runs first in the script's world: makes its functions, and shows the host where values go in and out. */
const prelude = (names: readonly string[]) => `(() => {
  const { parse, stringify } = JSON;
  const buffer = new ArrayBuffer(4 + 2 * ${EXCHANGE});
  const [length, units] = [new Uint32Array(buffer, 0, 1), new Uint16Array(buffer, 4)];
  const put = (text) => {
    if (text.length > ${EXCHANGE}) throw new RangeError('a value has more than ${EXCHANGE} characters as JSON');
    for (let i = 0; i < text.length; i++) units[i] = text.charCodeAt(i);
    length[0] = text.length;
  };
  const take = () => {
    let text = '';
    for (let i = 0; i < length[0]; i++) text += String.fromCharCode(units[i]);
    return parse(text);
  };
  const { host } = globalThis;
  delete globalThis.host;
  for (const name of ${JSON.stringify(names)}) {
    globalThis[name] = (...args) => {
      put(stringify([name, args]));
      // It returns no value, which QuickJS takes for an exception.
      try { host(); } catch {}
      const { error, value } = take();
      if (error !== undefined) throw new Error(error);
      return value;
    };
  }
  return [buffer, (value) => put(stringify(value) ?? 'null')];
})()`;

export class Scripts {
  readonly #sandbox: WasmSandbox;
  readonly #quickJs;
  #places: Places;

  private constructor(sandbox: WasmSandbox, places: Places = { exchange: 0, show: 0 }) {
    this.#sandbox = sandbox;
    this.#quickJs = sandbox.functions<QuickJs>();
    this.#places = places;
  }

  /** @param wasm the bytes of `quickjs.wasm` */
  static async create(wasm: Uint8Array, functions: Functions = {}, options: ScriptOptions = {}): Promise<Scripts> {
    const { scriptStack = 64 * 1024, ...rest } = options;
    let places: Places | undefined;
    const granted = grants(functions, () => places?.exchange ?? 0);
    const scripts = new Scripts(await WasmSandbox.create({ ...limits(rest), source: wasm, capabilities: granted }));
    places = scripts.#places = await scripts.#begin(Object.keys(functions), scriptStack);
    return scripts;
  }

  /** Goes on with a snapshot, in the middle of a script too: {@link execution} is what was left. */
  static async restore(
    { guest, places }: Awaited<ReturnType<Scripts['snapshot']>>,
    wasm: Uint8Array,
    functions: Functions = {},
    { scriptStack: _, ...options }: ScriptOptions = {},
  ): Promise<Scripts> {
    const granted = grants(functions, () => places.exchange);
    const settings = { ...limits(options), source: wasm, capabilities: granted };
    return new Scripts(await WasmSandbox.restore(guest, settings), places);
  }

  async snapshot(): Promise<{ readonly guest: Uint8Array; readonly places: Places }> {
    return { guest: await this.#sandbox.snapshot(), places: this.#places };
  }

  /** The script that was begun and has not ended. */
  get execution(): Execution<number> | undefined {
    return this.#sandbox.execution as Execution<number> | undefined;
  }

  get gasUsed(): bigint {
    return this.#sandbox.getResourceStats().gasUsed;
  }

  /**
   * Runs a script.
   * @returns the value of its last expression, or what the promise is for that it gives, as JSON has it
   * @throws ScriptError for what it throws; what ends the guest
   */
  async run(source: string, options: CallOptions = {}): Promise<unknown> {
    const args = await this.#source(source);
    const result = await this.#sandbox.call<number>('qjs_eval', args, options);
    for (const pointer of [args[0], args[2]]) await this.#quickJs.wasm_free(pointer);
    return this.#finish(result);
  }

  /** Begins a script that can be stepped, paused and moved; {@link finish} is the rest of it. Interpreter only. */
  async start(source: string, options: CallOptions = {}): Promise<Execution<number>> {
    return this.#sandbox.start<number>('qjs_eval', await this.#source(source), options);
  }

  /** Runs what was begun to its end. @returns as {@link run} */
  async finish(execution: Execution<number>): Promise<unknown> {
    return this.#finish(await execution.run());
  }

  close(): void {
    this.#sandbox.dispose();
  }

  async #begin(names: readonly string[], stack: number): Promise<Places> {
    const js = this.#quickJs;
    if ((await js.qjs_init()) !== 0) throw new Error('QuickJS did not begin');
    await js.qjs_set_max_stack_size(stack);
    const name = await this.#text('host');
    await js.qjs_set_prop_string(await js.qjs_get_global(), name, await js.qjs_new_host_function(name, 4, 0));
    const made = await this.#value(await js.qjs_eval(...(await this.#source(prelude(names)))));
    const buffer = await js.qjs_get_prop_uint32(made, 0);
    const exchange = await js.qjs_get_array_buffer(buffer, await js.wasm_malloc(4));
    return { exchange, show: await js.qjs_get_prop_uint32(made, 1) };
  }

  /** The arguments of `qjs_eval`, whose texts are to be freed. */
  async #source(source: string): Promise<[source: number, length: number, filename: number, flags: number]> {
    const pointer = await this.#text(source);
    return [pointer, new TextEncoder().encode(source).length, await this.#text('script'), 0];
  }

  /** Text in the guest's memory, with a zero byte behind it. */
  async #text(text: string): Promise<number> {
    const pointer = await this.#quickJs.wasm_malloc(3 * text.length + 1);
    if (pointer === 0) throw new Error('QuickJS has no memory left');
    const length = this.#sandbox.memory.writeString(pointer, text);
    this.#sandbox.memory.write(pointer + length, Uint8Array.of(0));
    return pointer;
  }

  /** What came of a script: jobs of promises are run before it is looked at. */
  async #finish(result: number): Promise<unknown> {
    const js = this.#quickJs;
    let value = await this.#value(result);
    while ((await js.qjs_execute_pending_job()) > 0);
    if (await js.qjs_is_promise(value)) {
      const state = await js.qjs_promise_state(value);
      if (state === PENDING) throw new ScriptError('the promise that the script gives never settles');
      const settled = await js.qjs_promise_result(value);
      if (state === REJECTED) throw await this.#error(settled);
      value = settled;
    }
    const values = await js.wasm_malloc(4);
    this.#sandbox.memory.write(values, new Uint8Array(Uint32Array.of(value).buffer));
    await this.#value(await js.qjs_call(this.#places.show, await js.qjs_get_global(), 1, values));
    await js.wasm_free(values);
    await js.qjs_free_value(value);
    return JSON.parse(readExchange(this.#sandbox.memory, this.#places.exchange));
  }

  /** @throws ScriptError where it stands for what was thrown */
  async #value(value: number): Promise<number> {
    if ((await this.#quickJs.qjs_is_exception(value)) === 0) return value;
    throw await this.#error(await this.#quickJs.qjs_get_exception());
  }

  async #error(thrown: number): Promise<ScriptError> {
    const stack = await this.#quickJs.qjs_get_prop_string(thrown, await this.#text('stack'));
    return new ScriptError(await this.#string(thrown), await this.#string(stack));
  }

  async #string(value: number): Promise<string> {
    const pointer = await this.#quickJs.qjs_get_string(value);
    if (pointer === 0) return 'what cannot be shown';
    const text = this.#sandbox.memory.readString(pointer);
    await this.#quickJs.qjs_free_cstring(pointer);
    return text;
  }
}

/** QuickJS looks after the depth of scripts by itself; the stack has to have room for that. */
const limits = (options: Omit<ScriptOptions, 'scriptStack'>) => ({ stackLimit: 16 * 1024 * 1024, ...options });

type Reader = Pick<Caller, 'read'>;

function readExchange(memory: Reader, exchange: number): string {
  const [length = 0] = new Uint32Array(memory.read(exchange, 4).buffer);
  if (length > EXCHANGE) throw new ScriptError('the script has changed what its values go through');
  return new TextDecoder('utf-16le').decode(memory.read(exchange + 4, 2 * length));
}

function writeExchange(caller: Caller, exchange: number, text: string): void {
  const fits = text.length <= EXCHANGE ? text : JSON.stringify({ error: 'the result is too long' });
  const units = Uint16Array.from(fits, (character) => character.charCodeAt(0));
  caller.write(exchange, new Uint8Array(Uint32Array.of(units.length).buffer));
  caller.write(exchange + 4, new Uint8Array(units.buffer));
}

/** All that QuickJS imports beside WASI. */
function grants(functions: Functions, exchange: () => number): Capability[] {
  const answer = (caller: Caller, outcome: { readonly value?: unknown; readonly error?: string }): number => {
    writeExchange(caller, exchange(), JSON.stringify(outcome));
    return 0;
  };
  const failed = (caller: Caller, error: unknown) =>
    answer(caller, { error: error instanceof Error ? error.message : String(error) });
  const call = (caller: Caller): number | Promise<number> => {
    const [name, args] = JSON.parse(readExchange(caller, exchange())) as [string, never[]];
    const asked = Object.hasOwn(functions, name) ? functions[name] : undefined;
    if (asked === undefined) return answer(caller, { error: 'there is no such function' });
    try {
      const value = asked(...args);
      if (!(value instanceof Promise)) return answer(caller, { value });
      return value.then((settled) => answer(caller, { value: settled })).catch((error) => failed(caller, error));
    } catch (error) {
      return failed(caller, error);
    }
  };
  const none = () => 0;
  const env = {
    host_call: { call },
    host_get_timezone_offset: none,
    host_interrupt: none,
    host_module_load: none,
    host_module_normalize: none,
    host_promise_rejection: () => undefined,
  };
  return [Capability.hostFunctions('env', env, { gas: 1_000, perByte: 1 })];
}
