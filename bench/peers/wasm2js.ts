/** Binaryen's wasm2js as an engine: its output is text, to be evaluated once for each instance. */

import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { runInThisContext } from 'node:vm';
import { I64, type ValType } from '../../wasm/types.ts';
import { type Engine, exportType, type HostImport, type Imports, plainGuest, type Value } from '../engine.ts';
import { load } from './load.ts';

const OPTIMIZE_LEVEL = 2;

/** An i64 is passed as two i32; the high half of a result goes by way of a variable of the embedder's. */
type Legal = (...args: number[]) => number | undefined;

function pieces(value: bigint): [low: number, high: number] {
  return [Number(BigInt.asIntN(32, value)), Number(BigInt.asIntN(32, value >> 32n))];
}

function join(low: number, high: number): bigint {
  return (BigInt(high) << 32n) | BigInt(low >>> 0);
}

/** The text as a function from the import object to the exports: modules import and export, scripts cannot. */
function scriptOf(text: string): string {
  const body = text
    .replace(/^import \* as (\w+) from '([^']+)';$/gm, "const $1 = modules['$2'];")
    .replace(/^import \{ (\w+) \} from '([^']+)';$/gm, "const $1 = modules['$2']['$1'];")
    .replace(/^export var .*$/gm, '');
  return `(function (modules) {\n${body}\nreturn retasmFunc;\n})`;
}

/** Translations are kept beside the build: binaryen takes seconds to load, and a second for a program. */
const CACHE = new URL('../dist/wasm2js/', import.meta.url);

async function translate(bytes: Uint8Array): Promise<string> {
  const require = createRequire(import.meta.url);
  const { version } = require('binaryen/package.json') as { version: string };
  const hash = createHash('sha256').update(`${version} ${OPTIMIZE_LEVEL} `).update(bytes).digest('hex');
  const file = new URL(`${hash}.js`, CACHE);
  if (existsSync(file)) return readFileSync(file, 'utf8');
  const { default: binaryen } = await load<typeof import('binaryen')>('binaryen');
  binaryen.setOptimizeLevel(OPTIMIZE_LEVEL);
  const module = binaryen.readBinary(bytes);
  module.setFeatures(binaryen.Features.All);
  const text = module.emitAsmjs();
  module.dispose();
  mkdirSync(CACHE, { recursive: true });
  writeFileSync(file, text);
  return text;
}

export function createWasm2js(): Engine {
  return {
    async compile(unit) {
      const make = runInThisContext(scriptOf(await translate(unit.bytes))) as (modules: object) => object;
      return {
        instantiate(imports) {
          const high = { value: 0 };
          const guest = plainGuest(make(legalImports(imports, high)));
          return {
            ...guest,
            invoke(name, args) {
              const [result] = exportType(unit, name).results;
              const legal = args.flatMap((arg) => (typeof arg === 'bigint' ? pieces(arg) : [arg]));
              const value = guest.invoke(name, legal);
              return result === I64 ? join(Number(value), high.value) : value;
            },
          };
        },
      };
    },
  };
}

function legalImports(imports: Imports, high: { value: number }): Record<string, Record<string, Legal>> {
  const modules: Record<string, Record<string, Legal>> = {};
  for (const [module, functions] of Object.entries(imports)) {
    modules[module] = Object.fromEntries(Object.entries(functions).map(([name, item]) => [name, legalize(item, high)]));
  }
  modules['env'] = {
    ...modules['env'],
    setTempRet0: (value: number) => void (high.value = value),
    getTempRet0: () => high.value,
  };
  return modules;
}

function legalize({ type, call }: HostImport, high: { value: number }): Legal {
  const read = (legal: number[]): Value[] => {
    let at = 0;
    const next = () => legal[at++] as number;
    return type.params.map((param: ValType) => (param === I64 ? join(next(), next()) : next()));
  };
  return (...legal) => {
    const value = call(...read(legal));
    if (typeof value !== 'bigint') return value;
    const [low, upper] = pieces(value);
    high.value = upper;
    return low;
  };
}
