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

/** A plug-in in C of 11 kB, written for anybody's implementation. */
const PLUGIN = new Uint8Array(readFileSync(new URL('../../fixtures/build/guest-portable.wasm', import.meta.url)));
const NAME = 'World';

const newPlugin =
  (manifest: (bytes: Uint8Array<ArrayBuffer>) => object): Handler =>
  async () => {
    const create = await loadExtism();
    const wasm = [manifest(PLUGIN)];
    return async () => {
      const plugin = await create({ wasm }, { useWasi: false });
      const output = await plugin.call('greet', NAME);
      const text = output?.text();
      await plugin.close();
      return text;
    };
  };

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
  'plug-in: pool on native': async (product) => {
    const module = await pooled(product, PLUGIN, 'native');
    return () => module.plugin('greet', NAME, { as: 'text' });
  },
  'plug-in: @extism/extism, a new one': newPlugin((data) => ({ data })),
  'plug-in: the same, compiled once': newPlugin((data) => ({ module: new WebAssembly.Module(data) })),
} as const satisfies Record<string, Handler>;

export type HandlerName = keyof typeof HANDLERS;
/** Those that need packages of others, which come from npm once. */
export const PEERS: readonly HandlerName[] = [
  'quickjs-emscripten, a new context',
  'plug-in: @extism/extism, a new one',
  'plug-in: the same, compiled once',
];

/** Whether it does what a plug-in does, and not the loop. */
export const isOfPlugin = (name: HandlerName): boolean => name.startsWith('plug-in');
