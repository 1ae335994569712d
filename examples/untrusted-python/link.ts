/**
 * Makes of `micropython.wasm` a module that needs nothing but WASI and one function. As it is published it is made for a page:
 * it imports what JavaScript objects are to scripts, and the exceptions that C's `longjmp` is made of. All of that is replaced
 * by functions of WebAssembly, which give scripts no JavaScript, and unwind by returning.
 */

import { parse, print } from 'wasm-sandbox/text';

/** What stands for the host's function, which scripts get as a module of its own. */
export const HOST = 2;
/** Bytes of an answer at most. */
export const ANSWER = 65_536;

/** Kinds of values on their way into MicroPython, and out of it. */
export const KIND = { undefined: 0, string: 5, object: 7, exception: -1 } as const;

const undefinedAt = (...parameters: number[]) =>
  parameters.map((at) => `(i32.store (local.get ${at}) (i32.const ${KIND.undefined}))`).join(' ');
const FALSE = '(i32.const 0)';
const NOTHING = '';

/** What a script has of JavaScript: no attributes, no elements, and all that it calls gives `undefined`. */
const JAVASCRIPT: Readonly<Record<string, string>> = {
  lookup_attr: FALSE,
  has_attr: FALSE,
  store_attr: NOTHING,
  call0: undefinedAt(1),
  call2: `${undefinedAt(4)} ${FALSE}`,
  calln: `${undefinedAt(4)} ${FALSE}`,
  call0_kwarg: undefinedAt(5),
  calln_kwarg: undefinedAt(7),
  create_promise: undefinedAt(0, 1),
  js_check_existing: '(i32.const -1)',
  js_get_error_info: undefinedAt(1, 2),
  js_get_iter: undefinedAt(1),
  js_get_proxy_js_ref_info: undefinedAt(0),
  js_iter_next: FALSE,
  js_reflect_construct: undefinedAt(3),
  js_subscr_load: undefinedAt(2),
  js_subscr_store: NOTHING,
  js_then_continue: undefinedAt(4),
  js_then_reject: NOTHING,
  js_then_resolve: NOTHING,
  proxy_convert_mp_to_js_then_js_to_mp_obj_jsside: undefinedAt(0),
  proxy_convert_mp_to_js_then_js_to_js_then_js_to_mp_obj_jsside: undefinedAt(0),
  proxy_js_free_obj: NOTHING,
};

/** The rest of the imports. Names are those of the module's imports and exports, which {@link link} finds. */
const RUNTIME = `
  (import "host" "call" (func $host_call (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "clock_time_get" (func $clock_time_get (param i32 i64 i32) (result i32)))
  (import "wasi_snapshot_preview1" "random_get" (func $random_get (param i32 i32) (result i32)))

  ;; Whether a longjmp is on its way to the function that waits for it.
  (global $unwinding (mut i32) (i32.const 0))

  (func $_emscripten_throw_longjmp (global.set $unwinding (i32.const 1)))
  (func $_abort_js unreachable)

  (func $emscripten_resize_heap (param $bytes i32) (result i32)
    (i32.ne (i32.const -1) (memory.grow
      (i32.sub (i32.shr_u (i32.add (local.get $bytes) (i32.const 65535)) (i32.const 16)) (memory.size)))))

  ;; Eight bytes below those in use of the stack, for what WASI writes.
  (func $below (result i32) (i32.and (i32.sub (call $emscripten_stack_get_current) (i32.const 16)) (i32.const -8)))
  (func $milliseconds (param $clock i32) (result i64)
    (drop (call $clock_time_get (local.get $clock) (i64.const 1000000) (call $below)))
    (i64.div_u (i64.load (call $below)) (i64.const 1000000)))
  (func $mp_js_time_ms (result f64) (f64.convert_i64_u (call $milliseconds (i32.const 0))))
  (func $mp_js_ticks_ms (result i32) (i32.wrap_i64 (call $milliseconds (i32.const 1))))
  (func $mp_js_random_u32 (result i32)
    (drop (call $random_get (call $below) (i32.const 4)))
    (i32.load (call $below)))

  ;; A call with one argument: where a text is given to the host's function, its answer is a text too.
  (func $call1 (param $function i32) (param $bound i32) (param $value i32) (param $out i32) (result i32)
    (local $answer i32)
    ${undefinedAt(3)}
    (if (i32.and (i32.eq (local.get $function) (i32.const ${HOST}))
                 (i32.eq (i32.load (local.get $value)) (i32.const ${KIND.string})))
      (then
        (if (local.tee $answer (call $malloc (i32.const ${ANSWER})))
          (then
            (i32.store offset=4 (local.get $out) (call $host_call
              (i32.load offset=8 (local.get $value)) (i32.load offset=4 (local.get $value))
              (local.get $answer) (i32.const ${ANSWER})))
            (i32.store offset=8 (local.get $out) (local.get $answer))
            (i32.store (local.get $out) (i32.const ${KIND.string}))))))
    (i32.const 0))`;

/** A call of a function in the table in which a longjmp may arrive: what emscripten does with an exception. */
const invoke = (parameters: readonly string[], results: readonly string[]) => `
    (local $stack i32)
    (local.set $stack (call $emscripten_stack_get_current))
    ${parameters
      .slice(1)
      .map((_, index) => `(local.get ${index + 1})`)
      .join(' ')}
    (call_indirect (param ${parameters.slice(1).join(' ')}) (result ${results.join(' ')}) (local.get 0))
    (if (global.get $unwinding) (then
      (global.set $unwinding (i32.const 0))
      (call $_emscripten_stack_restore (local.get $stack))
      (call $setThrew (i32.const 1) (i32.const 0))))`;

/** ENOENT of MicroPython: there are no files but the standard streams. */
const NO_FILE = '(i32.const -2)';

const IMPORT = /^ {2}\(import "env" "(\w+)" \(func (\$f\d+) \(type \$t\d+\)(.*)\)\)$/;
const EXPORT = /^ {2}\(export "(\w+)" \(func (\$f\d+)\)\)/;
const CALL = /^ +call(?: (\$f\d+)|_indirect .*)$/;

/** Types in brackets of one kind, as `(param i32 i32)`. */
function typesIn(text: string, kind: 'param' | 'result'): string[] {
  return [...text.matchAll(new RegExp(`\\(${kind}(?: \\$\\w+)? ([^)]*)\\)`, 'g'))].flatMap(([, types = '']) =>
    types.split(' '),
  );
}

/** Names of the module that stand for functions of the text: imports that become such functions, and exports. */
function idsOf(lines: readonly string[]): Map<string, string> {
  const ids = new Map<string, string>();
  for (const line of lines) {
    const [, name, id] = IMPORT.exec(line) ?? EXPORT.exec(line) ?? [];
    if (name !== undefined && id !== undefined) ids.set(name, id);
  }
  return ids;
}

/** The function that takes the place of an import; none where {@link RUNTIME} has it. */
function replacement(line: string): string {
  const [, name = '', id, types = ''] = IMPORT.exec(line) ?? [];
  if (new RegExp(`\\(func \\$${name}\\b`).test(RUNTIME)) return '';
  const [parameters, results] = [typesIn(types, 'param'), typesIn(types, 'result')];
  const [kind] = /^(invoke_|__syscall_)/.exec(name) ?? [];
  const other = kind === undefined ? JAVASCRIPT[name] : NO_FILE;
  const body = kind === 'invoke_' ? invoke(parameters, results) : other;
  if (body === undefined) throw new Error(`this micropython.wasm imports env.${name}, which is not known`);
  return `(func ${id} (param ${parameters.join(' ')}) (result ${results.join(' ')}) ${body})`;
}

/** Functions of the text, each as its lines. The last one ends with the code. */
function functionsOf(lines: readonly string[]): string[][] {
  const functions: string[][] = [];
  for (const line of lines) {
    if (line.startsWith('  (func ')) functions.push([line]);
    else functions.at(-1)?.push(line);
  }
  return functions;
}

/** Those in which a longjmp may begin, or go on its way: they call it, or what does, or what is not known. */
function unwindable(functions: readonly (readonly string[])[], longjmp: string): Set<string> {
  const found = new Set([longjmp]);
  const rest = new Map(functions.map(([head = '', ...body]) => [/\$f\d+/.exec(head)?.[0] ?? '', body]));
  for (let before = 0; before !== found.size; ) {
    before = found.size;
    for (const [id, body] of rest) {
      const calls = body.map((line) => CALL.exec(line.replace(/\)$/, ''))).filter((call) => call !== null);
      if (!calls.some(([, callee]) => callee === undefined || found.has(callee))) continue;
      found.add(id);
      rest.delete(id);
    }
  }
  return found;
}

const count = (text: string, character: string) => text.split(character).length - 1;

/** The function that returns, with any value, from a call in which a longjmp began. */
function unwinding([head = '', ...body]: readonly string[], through: ReadonlySet<string>): string[] {
  const values = typesIn(head, 'result').map((type) => `(${type}.const 0)`);
  const check = `(if (global.get $unwinding) (then (return ${values.join(' ')})))`;
  const checked = body.map((line) => {
    const [isCall, callee] = CALL.exec(line) ?? [];
    // With one bracket more it is the end of the function, which returns anyway.
    if (isCall === undefined || count(line, '(') !== count(line, ')')) return line;
    return callee === undefined || through.has(callee) ? `${line} ${check}` : line;
  });
  return [head, ...checked];
}

/**
 * @param wasm `micropython.wasm`
 * @returns a module that imports WASI's functions, and `call` of `host`: it is given where a text is and its length, where its
 *   answer is to be and the room there is for it, and returns the answer's length
 */
export function link(wasm: Uint8Array): Uint8Array {
  const lines = print(wasm, { folded: false }).split('\n');
  const ids = idsOf(lines);
  const named = (text: string) => text.replace(/\$(\w+)/g, (all, name: string) => ids.get(name) ?? all);
  const first = lines.findIndex((line) => line.startsWith('  (func '));
  const end = lines.findIndex((line) => line.startsWith('  (table '));
  const replaced = lines.filter((line) => IMPORT.test(line)).map(replacement);
  const functions = functionsOf(lines.slice(first, end));
  const through = unwindable(functions, ids.get('_emscripten_throw_longjmp') ?? '');
  const text = [
    ...lines.slice(0, first).filter((line) => !IMPORT.test(line)),
    named(RUNTIME),
    ...replaced.map(named),
    ...functions.flatMap((body) => unwinding(body, through)),
    ...lines.slice(end),
  ];
  return parse(text.join('\n'), { validate: true });
}
