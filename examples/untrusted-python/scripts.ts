/**
 * Python that nobody trusts, run by MicroPython, which is the guest: `micropython.wasm` of the package
 * `@micropython/micropython-webassembly-pyscript`, linked anew. A script has the language, the functions it is given, and
 * nothing else; it is limited and billed like any other guest.
 */

import {
  type Caller,
  type CallOptions,
  Capability,
  type Execution,
  type SandboxOptions,
  WasmSandbox,
} from 'wasm-sandbox';
import { ANSWER, HOST, KIND } from './link.ts';

export { link } from './link.ts';

/** Functions that scripts call by name. Values go as JSON; what a promise is for, the script sees as returned. */
export type Functions = Readonly<Record<string, (...args: never[]) => unknown>>;

/** Limits of the sandbox, and its engine; functions that return promises need the interpreter. */
export type ScriptOptions = Omit<SandboxOptions, 'source' | 'capabilities' | 'onStdout'>;

/** What a script raised. */
export class ScriptError extends Error {
  override readonly name = 'ScriptError';
  /** The class of the exception, as `ValueError`. */
  readonly type: string;
  /** Where in the script, and the message, as Python shows them. */
  readonly traceback: string;

  constructor(type: string, traceback: string) {
    super(traceback.slice(traceback.lastIndexOf(`\n${type}`) + 1).trimEnd());
    this.type = type;
    this.traceback = traceback;
  }
}

/** The functions of `micropython.wasm` that are used. */
interface MicroPython {
  __wasm_call_ctors(): void;
  mp_js_init(stack: number, heap: number): void;
  mp_js_register_js_module(name: number, value: number): void;
  mp_js_do_exec(source: number, length: number, out: number): void;
  proxy_c_init(): void;
  malloc(bytes: number): number;
  free(pointer: number): void;
}

/** Words of MicroPython's stack, of which a call in a script takes some twenty. The stack of C beside it has room for as many calls. */
const STACK = 2_048;
/** Bytes that scripts have for their values at first; there are more as they are needed. */
const HEAP = 1_048_576;
/** A value on its way is three words: kind, and what there is to say of it. */
const VALUE = 12;

/** What the host has to know of a world, wherever that goes on. */
interface Places {
  /** Where values go out. */
  readonly out: number;
  /** The text of the script that was begun last. */
  source: number;
  /** Characters that were printed before that. */
  printed: number;
}

/** Runs first in the script's world: makes its functions. */
const prelude = (names: readonly string[]) => `
def _begin():
    import host, json, sys
    dumps, loads = json.dumps, json.loads
    def function(name):
        def call(*args):
            answer = loads(host(dumps([name, args])))
            if 'error' in answer:
                raise Exception(answer['error'])
            return answer.get('value')
        return call
    del sys.modules['host']
    for name in ${JSON.stringify(names)}:
        globals()[name] = function(name)
    globals()['_result'] = function(None)
_begin()
del _begin
`;

export class Scripts {
  readonly #sandbox: WasmSandbox;
  readonly #python;
  readonly #result: Result;
  #places: Places = { out: 0, source: 0, printed: 0 };

  private constructor(sandbox: WasmSandbox, result: Result) {
    this.#sandbox = sandbox;
    this.#python = sandbox.functions<MicroPython>();
    this.#result = result;
  }

  /** @param module what `link` makes of `micropython.wasm` */
  static async create(module: Uint8Array, functions: Functions = {}, options: ScriptOptions = {}): Promise<Scripts> {
    const result: Result = { value: null };
    const settings = { ...limits(options), source: module, capabilities: grants(functions, result) };
    const scripts = new Scripts(await WasmSandbox.create(settings), result);
    await scripts.#begin(Object.keys(functions));
    return scripts;
  }

  /** Goes on with a snapshot, in the middle of a script too: {@link execution} is what was left. */
  static async restore(
    { guest, places }: Awaited<ReturnType<Scripts['snapshot']>>,
    module: Uint8Array,
    functions: Functions = {},
    options: ScriptOptions = {},
  ): Promise<Scripts> {
    const result: Result = { value: null };
    const settings = { ...limits(options), source: module, capabilities: grants(functions, result) };
    const scripts = new Scripts(await WasmSandbox.restore(guest, settings), result);
    scripts.#places = { ...places };
    return scripts;
  }

  async snapshot(): Promise<{ readonly guest: Uint8Array; readonly places: Places }> {
    return { guest: await this.#sandbox.snapshot(), places: { ...this.#places } };
  }

  /** The script that was begun and has not ended. */
  get execution(): Execution<void> | undefined {
    return this.#sandbox.execution as Execution<void> | undefined;
  }

  get gasUsed(): bigint {
    return this.#sandbox.getResourceStats().gasUsed;
  }

  /**
   * Runs a script.
   * @returns what it prints
   * @throws ScriptError for what it raises; what ends the guest
   */
  async run(source: string, options: CallOptions = {}): Promise<string> {
    await this.#sandbox.call('mp_js_do_exec', await this.#source(source), options);
    return this.#finish();
  }

  /**
   * Computes an expression, which sees what scripts before have defined.
   * @returns its value, as JSON has it
   * @throws as {@link run}
   */
  async evaluate(expression: string, options: CallOptions = {}): Promise<unknown> {
    await this.run(`_result(eval(${JSON.stringify(expression)}))`, options);
    return this.#result.value;
  }

  /** Begins a script that can be stepped, paused and moved; {@link finish} is the rest of it. Interpreter only. */
  async start(source: string, options: CallOptions = {}): Promise<Execution<void>> {
    return this.#sandbox.start<void>('mp_js_do_exec', await this.#source(source), options);
  }

  /** Runs what was begun to its end. @returns as {@link run} */
  async finish(execution: Execution<void>): Promise<string> {
    await execution.run();
    return this.#finish();
  }

  close(): void {
    this.#sandbox.dispose();
  }

  async #begin(names: readonly string[]): Promise<void> {
    const python = this.#python;
    await python.__wasm_call_ctors();
    await python.mp_js_init(STACK, HEAP);
    await python.proxy_c_init();
    const out = await this.#room(VALUE);
    this.#places = { ...this.#places, out };
    this.#sandbox.memory.write(out, new Uint8Array(Uint32Array.of(KIND.object, HOST, 0).buffer));
    const name = await this.#text('host');
    await python.mp_js_register_js_module(name.pointer, out);
    await python.free(name.pointer);
    await this.run(prelude(names));
  }

  /** The arguments of `mp_js_do_exec`. */
  async #source(source: string): Promise<[source: number, length: number, out: number]> {
    await this.#python.free(this.#places.source);
    const { pointer, length } = await this.#text(source);
    this.#places.source = pointer;
    this.#places.printed = this.#sandbox.output().stdout.length;
    return [pointer, length, this.#places.out];
  }

  /** Text in the guest's memory, with a zero byte behind it. */
  async #text(text: string): Promise<{ readonly pointer: number; readonly length: number }> {
    const bytes = new TextEncoder().encode(`${text}\0`);
    const pointer = await this.#room(bytes.length);
    this.#sandbox.memory.write(pointer, bytes);
    return { pointer, length: bytes.length - 1 };
  }

  async #room(bytes: number): Promise<number> {
    const pointer = await this.#python.malloc(bytes);
    if (pointer === 0) throw new Error('MicroPython has no memory left');
    return pointer;
  }

  /** What came of a script. */
  async #finish(): Promise<string> {
    const { memory } = this.#sandbox;
    const [kind, length = 0, pointer = 0] = new Int32Array(memory.read(this.#places.out, VALUE).buffer);
    if (kind === KIND.exception) {
      const [type = '', traceback = ''] = memory.readString(pointer, length).split('\x04');
      await this.#python.free(pointer);
      throw new ScriptError(type, traceback);
    }
    return this.#sandbox.output().stdout.slice(this.#places.printed);
  }
}

/** MicroPython looks after the depth of scripts by itself; the stack has to have room for that. */
const limits = (options: ScriptOptions) => ({ stackLimit: 16 * 1024 * 1024, ...options });

/** What is asked for, and the arguments; without a name, the value of an expression. */
type Request = readonly [name: string | null, values: readonly never[]];
type Outcome = { readonly value: unknown } | { readonly error: string };

/** The value of the last expression. */
interface Result {
  value: unknown;
}

function requestIn(bytes: Uint8Array): Request {
  try {
    return JSON.parse(new TextDecoder().decode(bytes)) as Request;
  } catch {
    throw new Error('what is given cannot be JSON');
  }
}

/** All that the linked module imports beside WASI. */
function grants(functions: Functions, result: Result): Capability[] {
  const serve = ([name, values]: Request): unknown => {
    if (name === null) {
      [result.value] = values;
      return null;
    }
    const asked = Object.hasOwn(functions, name) ? functions[name] : undefined;
    if (asked === undefined) throw new Error('there is no such function');
    return asked(...values);
  };
  const call = (caller: Caller, args: readonly unknown[]): number | Promise<number> => {
    const [pointer, length, answer, room] = args as [number, number, number, number];
    const give = (outcome: Outcome): number => {
      const bytes = new TextEncoder().encode(JSON.stringify(outcome));
      if (bytes.length > room) return give({ error: `the result is more than ${room} bytes as JSON` });
      caller.write(answer, bytes);
      return bytes.length;
    };
    const fail = (error: unknown) => give({ error: error instanceof Error ? error.message : String(error) });
    try {
      if (length > ANSWER) throw new Error(`what is given is more than ${ANSWER} bytes as JSON`);
      const value = serve(requestIn(caller.read(pointer, length)));
      return value instanceof Promise ? value.then((settled) => give({ value: settled })).catch(fail) : give({ value });
    } catch (error) {
      return fail(error);
    }
  };
  return [Capability.hostFunctions('host', { call: { call } }, { gas: 1_000, perByte: 1 })];
}
