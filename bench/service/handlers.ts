/** Who does the work of a request, all the same work: a loop of integers. */

import { loadExtism, loadQuickJs } from '../peers/packages.ts';
import type { Product } from '../product.ts';

/** Does the work of one request. */
type Answer = () => unknown;
type Handler = (product: Product, rounds: number) => Promise<Answer>;

/** The work, of a function that is given how often to go round. */
const LOOP = `(local $hash i32)
    (loop $next
      (local.set $hash (i32.add (i32.mul (local.get $hash) (i32.const 31)) (local.get $n)))
      (br_if $next (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))`;

export const GUEST = `(module
  (memory (export "memory") 1)
  (func (export "work") (param $n i32) (result i32) ${LOOP} (local.get $hash)))`;

/** The same as a plug-in: eight bytes in, and eight out. */
const PLUGIN = `(module
  (import "extism:host/env" "alloc" (func $alloc (param i64) (result i64)))
  (import "extism:host/env" "input_load_u64" (func $input (param i64) (result i64)))
  (import "extism:host/env" "store_u64" (func $store (param i64 i64)))
  (import "extism:host/env" "output_set" (func $output (param i64 i64)))
  (memory (export "memory") 1)
  (func $work (param $n i32) (result i32) ${LOOP} (local.get $hash))
  (func (export "work") (result i32) (local $to i64)
    (local.set $to (call $alloc (i64.const 8)))
    (call $store (local.get $to) (i64.extend_i32_s (call $work (i32.wrap_i64 (call $input (i64.const 0))))))
    (call $output (local.get $to) (i64.const 8))
    (i32.const 0)))`;

const script = (rounds: number) => `let hash = 0;
for (let n = ${rounds}; n > 0; n--) hash = (Math.imul(hash, 31) + n) | 0;
hash`;

async function pooled({ service }: Product, source: string, engine: 'interpreter' | 'native') {
  const made = await service.SandboxService.create({ modules: { guest: source }, engine, pool: { min: 4 } });
  return made.module('guest');
}

const inPool =
  (engine: 'interpreter' | 'native'): Handler =>
  async (product, rounds) => {
    const module = await pooled(product, GUEST, engine);
    return () => module.call('work', [rounds]);
  };

function bytesOf(value: number): Uint8Array {
  const bytes = new Uint8Array(8);
  new DataView(bytes.buffer).setInt32(0, value, true);
  return bytes;
}

const numberIn = (bytes: Uint8Array) => new DataView(bytes.buffer, bytes.byteOffset).getInt32(0, true);

/** By name, in the order in which they are shown; the peers come from npm once. */
export const HANDLERS = {
  'plain handler': async (_, rounds) => () => {
    let hash = 0;
    for (let n = rounds; n > 0; n--) hash = (Math.imul(hash, 31) + n) | 0;
    return hash;
  },
  'pool on the interpreter': inPool('interpreter'),
  'pool on native': inPool('native'),
  'pool of plug-ins on native': async (product, rounds) => {
    const module = await pooled(product, PLUGIN, 'native');
    return async () => numberIn(await module.plugin<Uint8Array>('work', bytesOf(rounds), { as: 'bytes' }));
  },
  'quickjs-emscripten, a new context': async (_, rounds) => {
    const quickjs = await loadQuickJs();
    const code = script(rounds);
    return () => {
      const context = quickjs.newContext();
      const { value: handle } = context.evalCode(code);
      const value = context.getNumber(handle);
      handle.dispose();
      context.dispose();
      return value;
    };
  },
  '@extism/extism, a new plug-in': async ({ text }, rounds) => {
    const createPlugin = await loadExtism();
    // Compiled once, as the pools have it.
    const module = await WebAssembly.compile(text.parse(PLUGIN) as Uint8Array<ArrayBuffer>);
    return async () => {
      const plugin = await createPlugin({ wasm: [{ module }] }, { useWasi: false });
      const output = await plugin.call('work', bytesOf(rounds));
      const value = output && numberIn(output.bytes());
      await plugin.close();
      return value;
    };
  },
} as const satisfies Record<string, Handler>;

export type HandlerName = keyof typeof HANDLERS;
/** Those that need packages of others. */
export const PEERS: readonly HandlerName[] = ['quickjs-emscripten, a new context', '@extism/extism, a new plug-in'];
