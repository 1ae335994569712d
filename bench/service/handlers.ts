/** Who does the work of a request: a loop of integers, the same one for all; and what a plug-in does. */

import { readFileSync } from 'node:fs';
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

/** The same work as a plug-in, which answers in letters. */
const loopPlugin = (rounds: number) => `(module
  (import "extism:host/env" "alloc" (func $alloc (param i64) (result i64)))
  (import "extism:host/env" "store_u64" (func $store_u64 (param i64 i64)))
  (import "extism:host/env" "output_set" (func $output_set (param i64 i64)))
  (memory (export "memory") 1)
  (func $work (param $n i32) (result i32) ${LOOP} (local.get $hash))
  (func (export "work") (result i32) (local $hash i32) (local $letters i64) (local $n i32) (local $output i64)
    (local.set $hash (call $work (i32.const ${rounds})))
    (local.set $n (i32.const 8))
    (loop $next
      (local.set $letters (i64.or (i64.shl (local.get $letters) (i64.const 8))
        (i64.extend_i32_u (i32.add (i32.const 97) (i32.and (local.get $hash) (i32.const 15))))))
      (local.set $hash (i32.shr_u (local.get $hash) (i32.const 4)))
      (br_if $next (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))
    (local.set $output (call $alloc (i64.const 8)))
    (call $store_u64 (local.get $output) (local.get $letters))
    (call $output_set (local.get $output) (i64.const 8))
    (i32.const 0)))`;

const script = (rounds: number) => `let hash = 0;
for (let n = ${rounds}; n > 0; n--) hash = (Math.imul(hash, 31) + n) | 0;
hash`;

async function pooled({ service }: Product, source: string | Uint8Array, engine: 'interpreter' | 'native') {
  const made = await service.SandboxService.create({ modules: { guest: source }, engine, pool: { min: 4 } });
  return made.module('guest');
}

const inPool =
  (engine: 'interpreter' | 'native'): Handler =>
  async (product, rounds) => {
    const module = await pooled(product, GUEST, engine);
    return () => module.call('work', [rounds]);
  };

/** What a plug-in is, what is called of it, and with what. */
interface Plugin {
  readonly bytes: (product: Product, rounds: number) => Uint8Array<ArrayBuffer>;
  readonly name: string;
  readonly input: string;
}

const WORK: Plugin = { bytes: ({ text }, rounds) => text.parse(loopPlugin(rounds)), name: 'work', input: '' };
/** In C, 11 kB and 3 MiB of memory, written for anybody's implementation. */
const GREET: Plugin = {
  bytes: () => new Uint8Array(readFileSync(new URL('../../fixtures/build/guest-portable.wasm', import.meta.url))),
  name: 'greet',
  input: 'World',
};

const pluginInPool =
  ({ bytes, name, input }: Plugin): Handler =>
  async (product, rounds) => {
    const module = await pooled(product, bytes(product, rounds), 'native');
    return () => module.plugin(name, input, { as: 'text' });
  };

const newPlugin =
  ({ bytes, name, input }: Plugin, manifest: (bytes: Uint8Array<ArrayBuffer>) => object): Handler =>
  async (product, rounds) => {
    const create = await loadExtism();
    const wasm = [manifest(bytes(product, rounds))];
    return async () => {
      const plugin = await create({ wasm }, { useWasi: false });
      const output = await plugin.call(name, input);
      const text = output?.text();
      await plugin.close();
      return text;
    };
  };
const asBytes = (data: Uint8Array<ArrayBuffer>) => ({ data });
const compiled = (data: Uint8Array<ArrayBuffer>) => ({ module: new WebAssembly.Module(data) });

/** By name, in the order in which they are shown. */
export const HANDLERS = {
  'plain handler': async (_, rounds) => () => {
    let hash = 0;
    for (let n = rounds; n > 0; n--) hash = (Math.imul(hash, 31) + n) | 0;
    return hash;
  },
  'pool on the interpreter': inPool('interpreter'),
  'pool on native': inPool('native'),
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
  'plug-in: pool on native': pluginInPool(WORK),
  'plug-in: @extism/extism, a new one': newPlugin(WORK, asBytes),
  'plug-in: the same, compiled once': newPlugin(WORK, compiled),
  'plug-in of 3 MiB: pool on native': pluginInPool(GREET),
  'plug-in of 3 MiB: @extism/extism, a new one': newPlugin(GREET, asBytes),
  'plug-in of 3 MiB: the same, compiled once': newPlugin(GREET, compiled),
} as const satisfies Record<string, Handler>;

export type HandlerName = keyof typeof HANDLERS;

/** Those that need packages of others, which come from npm once. */
export const needsPeers = (name: HandlerName): boolean => /quickjs|extism|the same/.test(name);

/** Whose answer is to be that of this one as well. */
export function basisOf(name: HandlerName): HandlerName {
  if (name.startsWith('plug-in of')) return 'plug-in of 3 MiB: pool on native';
  return name.startsWith('plug-in') ? 'plug-in: pool on native' : 'pool on the interpreter';
}
