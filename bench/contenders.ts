/** Who takes part, as a table. */

import { type Engine, engineOf } from './engine.ts';
import { isInstalled, load } from './peers/load.ts';
import { createWasm2js } from './peers/wasm2js.ts';
import { createWebassemblyjs } from './peers/webassemblyjs.ts';
import type { Product } from './product.ts';

/** Why a contender does not take part. */
export interface Absent {
  readonly absent: string;
}

export interface Contender {
  /** For files. */
  readonly key: string;
  /** For people. */
  readonly label: string;
  /** The baseline is what all others are compared with; peers are the work of others. */
  readonly role: 'baseline' | 'product' | 'peer';
  readonly what: string;
  readonly create: (product: Product) => Promise<Engine | Absent>;
}

/** Nothing reaches it, and so everything is counted and checked. */
const UNREACHED_GAS = 1n << 62n;

async function productEngine(
  { webassembly }: Product,
  options: Parameters<Product['webassembly']['createWebAssembly']>[0],
): Promise<Engine> {
  const namespace = await webassembly.createWebAssembly({ ...options, perInstance: true });
  if (options?.metering === false) return engineOf(namespace);
  return engineOf(namespace, (instance) => namespace.stats(instance as never).gasUsed);
}

export const CONTENDERS: readonly Contender[] = [
  {
    key: 'v8',
    label: typeof process.versions['bun'] === 'string' ? 'JavaScriptCore' : 'V8',
    role: 'baseline',
    what: "the runtime's own WebAssembly, unmetered",
    create: async () =>
      typeof WebAssembly === 'object' ? engineOf(WebAssembly as never) : { absent: 'this runtime has no WebAssembly' },
  },
  {
    key: 'metered',
    label: 'interpreter',
    role: 'product',
    what: 'the interpreter with a gas limit',
    create: (product) => productEngine(product, { gasLimit: UNREACHED_GAS }),
  },
  {
    key: 'unlimited',
    label: 'no limit',
    role: 'product',
    what: 'the interpreter without a gas limit; it counts all the same',
    create: (product) => productEngine(product, {}),
  },
  {
    key: 'unmetered',
    label: 'unmetered',
    role: 'product',
    what: 'the interpreter without counting; the vector loop counts all the same',
    create: (product) => productEngine(product, { metering: false }),
  },
  {
    key: 'native',
    label: 'native metered',
    role: 'product',
    what: "the runtime's own WebAssembly, the module instrumented to meter itself",
    create: async (product) => {
      try {
        return await productEngine(product, { engine: 'native', gasLimit: UNREACHED_GAS });
      } catch (error) {
        return { absent: error instanceof Error ? error.message : String(error) };
      }
    },
  },
  {
    key: 'polywasm',
    label: 'polywasm',
    role: 'peer',
    what: 'translates to JavaScript at run time; no traps, no metering',
    create: async () =>
      isInstalled('polywasm')
        ? engineOf((await load<{ WebAssembly: never }>('polywasm')).WebAssembly)
        : { absent: 'not installed (npm install --no-save polywasm)' },
  },
  {
    key: 'wasm2js',
    label: 'wasm2js',
    role: 'peer',
    what: "binaryen's translation to JavaScript ahead of time; no traps, no metering",
    create: async () =>
      isInstalled('binaryen') ? createWasm2js() : { absent: 'not installed (npm install --no-save binaryen)' },
  },
  {
    key: 'webassemblyjs',
    label: 'webassemblyjs',
    role: 'peer',
    what: 'an interpreter of syntax trees',
    create: async () =>
      isInstalled('webassemblyjs')
        ? createWebassemblyjs()
        : { absent: 'not installed (npm install --no-save webassemblyjs)' },
  },
];

export function contender(key: string): Contender {
  const found = CONTENDERS.find((item) => item.key === key);
  if (found === undefined) throw new Error(`no contender ${key}`);
  return found;
}
