/** What plug-ins, arrays, tables and scripts take, beside what people use for them, or do by hand. */

import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tableFromArrays, tableFromIPC, tableToIPC } from 'apache-arrow';
import { fromNpm } from '../scripts/from-npm.mjs';
import { loadExtism, loadQuickJs } from './peers/packages.ts';
import type { Product } from './product.ts';
import { type Spread, spread } from './statistics.ts';
import { milliseconds, type Section } from './table.ts';

export interface PluginRow {
  readonly what: string;
  readonly who: string;
  /** Milliseconds for one. */
  readonly time: Spread;
  /** Times the first row's of the same work. */
  readonly ratio: number;
  /** Units for one; undefined for those that do not count. */
  readonly gas: bigint | undefined;
  /** Why there are no figures; undefined where there are. */
  readonly absent?: string | undefined;
}

export interface PluginPace {
  readonly rounds: number;
  /** Milliseconds that a sample should last. */
  readonly sample: number;
}

/** How somebody does the work once. */
interface Way {
  readonly who: string;
  readonly act: () => unknown;
  readonly gas?: (() => bigint) | undefined;
  readonly absent?: undefined;
}

/** Somebody who cannot do it here, and why. */
interface Absent {
  readonly who: string;
  readonly absent: string;
}

interface Work {
  readonly what: string;
  readonly ways: readonly (Way | Absent)[];
}

const ARQUERO = '8.0.3';
/** Beyond it, arquero finds columns that it cannot read. */
const FLECHETTE = '@uwdata/flechette@>=2.0.0 <2.7.0';
const ISOLATED_VM = '7.0.1';
const MIB = 2 ** 20;

const MEGABYTE = '1 MiB of float64 there and back';
const IN_ONE_CALL = 'native, in one call';
const BY_WORDS = 'native, by 8 bytes';

const fixture = (name: string) =>
  new Uint8Array(readFileSync(new URL(`../fixtures/build/${name}.wasm`, import.meta.url)));

/** Gives its input back, eight bytes a call: of Extism's functions those that its own library has too. */
const ECHO = `(module
  (import "extism:host/env" "alloc" (func $alloc (param i64) (result i64)))
  (import "extism:host/env" "input_length" (func $length (result i64)))
  (import "extism:host/env" "input_load_u8" (func $byte (param i64) (result i32)))
  (import "extism:host/env" "input_load_u64" (func $word (param i64) (result i64)))
  (import "extism:host/env" "store_u8" (func $store_byte (param i64 i32)))
  (import "extism:host/env" "store_u64" (func $store_word (param i64 i64)))
  (import "extism:host/env" "output_set" (func $output (param i64 i64)))
  (memory (export "memory") 1)
  (func (export "echo") (result i32) (local $n i64) (local $to i64) (local $i i64)
    (local.set $n (call $length))
    (local.set $to (call $alloc (local.get $n)))
    (block $words
      (loop $next
        (br_if $words (i64.gt_u (i64.add (local.get $i) (i64.const 8)) (local.get $n)))
        (call $store_word (i64.add (local.get $to) (local.get $i)) (call $word (local.get $i)))
        (local.set $i (i64.add (local.get $i) (i64.const 8)))
        (br $next)))
    (block $bytes
      (loop $next
        (br_if $bytes (i64.ge_u (local.get $i) (local.get $n)))
        (call $store_byte (i64.add (local.get $to) (local.get $i)) (call $byte (local.get $i)))
        (local.set $i (i64.add (local.get $i) (i64.const 1)))
        (br $next)))
    (call $output (local.get $to) (local.get $n))
    (i32.const 0)))`;

/** Of the plug-in of the fixtures, which has all functions. */
const OWN = { functions: { 'extism:host/user': { shout: () => 0n } } };

const ENGINES = ['native', 'interpreter'] as const;

async function works(
  { extism, ndarray, arrow, text, webassembly }: Product,
  hasPeers: boolean,
): Promise<readonly Work[]> {
  const source = text.parse(ECHO);
  const bulk = await extism.Plugin.create(fixture('plugin'), { ...OWN, engine: 'native' });
  const arrays = fixture('ndarray');
  const shared = await Promise.all(ENGINES.map((engine) => extism.Plugin.create(source, { engine })));
  const matrices = await Promise.all(ENGINES.map((engine) => extism.Plugin.create(arrays, { engine })));
  const each = (act: (engine: (typeof ENGINES)[number], i: number) => Way) => ENGINES.map(act);
  const gasOf = (i: number) => () => shared[i]?.sandbox.getResourceStats().gasUsed ?? 0n;
  const gasOfMatrices = (i: number) => () => matrices[i]?.sandbox.getResourceStats().gasUsed ?? 0n;

  const createPlugin = hasPeers ? await loadExtism() : undefined;
  const make = () => createPlugin?.({ wasm: [{ data: source }] }, { useWasi: false });
  const theirs = await make();
  let calls = 0;
  const callTheirs = async (input: string | Uint8Array) => {
    // It numbers its blocks on from call to call, and has no more numbers at 32,768.
    if (++calls % 10_000 === 0) await theirs?.reset();
    return theirs?.call('echo', input);
  };

  const megabyte = new Float64Array(MIB / 8).map((_, i) => i / 3);
  const bytes = new Uint8Array(megabyte.buffer);
  const memory = new WebAssembly.Memory({ initial: 33 });

  const square = (size: number): Work => {
    const make = (shift: number) => ({
      data: new Float64Array(size * size).map((_, i) => (i % 97) - shift),
      shape: [size, size],
    });
    const [a, b] = [make(0), make(1)];
    // The interpreter takes half a minute for the large ones.
    const engines = size > 200 ? (['native'] as const) : ENGINES;
    return {
      what: `a product of matrices of ${size} × ${size}`,
      ways: [
        { who: 'JavaScript', act: () => multiply(a.data, b.data, size) },
        ...engines.map((who, i) => ({
          who,
          act: () => ndarray.callNdarray(matrices[i]!, 'multiply', [a, b]),
          gas: gasOfMatrices(i),
        })),
      ],
    };
  };

  const rows = 100_000;
  const people = tableFromArrays({
    id: Int32Array.from({ length: rows }, (_, i) => i),
    score: Float64Array.from({ length: rows }, (_, i) => i / 7),
    name: Array.from({ length: rows }, (_, i) => `name ${i % 1_000}`),
  });

  return [
    {
      what: 'a call of a plug-in that is there',
      ways: [
        ...each((engine, i) => ({ who: engine, act: () => shared[i]?.call('echo', 'Hello, World'), gas: gasOf(i) })),
        ...(theirs ? [{ who: '@extism/extism', act: () => callTheirs('Hello, World') }] : []),
      ],
    },
    {
      what: 'a call of a new plug-in',
      ways: [
        ...each((engine) => ({
          who: engine,
          act: async () => {
            const plugin = await extism.Plugin.create(source, { engine });
            await plugin.call('echo', 'Hello, World');
            plugin.close();
          },
        })),
        ...(theirs
          ? [
              {
                who: '@extism/extism',
                act: async () => {
                  const plugin = await make();
                  await plugin?.call('echo', 'Hello, World');
                  await plugin?.close();
                },
              },
            ]
          : []),
      ],
    },
    {
      what: MEGABYTE,
      ways: [
        {
          who: 'copied by hand',
          act: () => {
            const view = new Uint8Array(memory.buffer);
            view.set(bytes, 1_024);
            view.copyWithin(MIB + 1_024, 1_024, MIB + 1_024);
            return view.slice(MIB + 1_024, 2 * MIB + 1_024);
          },
        },
        {
          who: IN_ONE_CALL,
          act: () => bulk.call('echo_bulk', megabyte),
          gas: () => bulk.sandbox.getResourceStats().gasUsed,
        },
        { who: BY_WORDS, act: () => shared[0]?.call('echo', megabyte), gas: gasOf(0) },
        ...(theirs ? [{ who: '@extism/extism', act: () => callTheirs(bytes) }] : []),
      ],
    },
    square(512),
    square(128),
    {
      what: `a table of ${rows.toLocaleString('en-US')} rows there and back`,
      ways: [
        { who: 'apache-arrow alone', act: () => tableFromIPC(tableToIPC(people, 'stream')) },
        ...(await arqueroAlone(tableToIPC(people, 'stream'), hasPeers)),
        ...each((engine, i) => ({
          who: engine,
          act: () => arrow.callTable(matrices[i]!, 'echo', people),
          gas: gasOfMatrices(i),
        })),
      ],
    },
    { what: 'a script that sorts, joins and parses', ways: await scripts(webassembly, hasPeers) },
  ];
}

interface Arquero {
  fromArrow(stream: Uint8Array): object;
  toArrowIPC(table: object, options: { readonly format: 'stream' }): Uint8Array;
}

/** The same table, as arquero writes and reads it. */
async function arqueroAlone(stream: Uint8Array, hasPeers: boolean): Promise<readonly Way[]> {
  if (!hasPeers) return [];
  const load = fromNpm('arquero', ARQUERO, { beside: [FLECHETTE] }) as () => Promise<Arquero>;
  const { fromArrow, toArrowIPC } = await load();
  const people = fromArrow(stream);
  return [{ who: 'arquero alone', act: () => fromArrow(toArrowIPC(people, { format: 'stream' })) }];
}

function multiply(a: Float64Array, b: Float64Array, size: number): Float64Array {
  const product = new Float64Array(size * size);
  for (let i = 0; i < size; i++) {
    for (let k = 0; k < size; k++) {
      const x = a[i * size + k] as number;
      for (let j = 0; j < size; j++)
        product[i * size + j] = (product[i * size + j] as number) + x * (b[k * size + j] as number);
    }
  }
  return product;
}

const SCRIPT = `JSON.parse(JSON.stringify(
  Array.from({ length: 2000 }, (_, i) => ({ i, name: 'x'.repeat(i % 20) + i })).sort((a, b) => b.i - a.i))).length`;

interface QuickJs {
  create(options: { readonly wasm: Uint8Array }): Promise<{ evalCode(code: string): { dispose(): void } }>;
}

/** QuickJS by its own glue, on the host's `WebAssembly` and on ours. */
async function scripts({ createWebAssembly }: Product['webassembly'], hasPeers: boolean): Promise<(Way | Absent)[]> {
  const { QuickJS } = (await import('quickjs-wasi')) as unknown as { QuickJS: QuickJs };
  const wasm = new Uint8Array(readFileSync(createRequire(import.meta.url).resolve('quickjs-wasi/quickjs.wasm')));
  const host = globalThis.WebAssembly;
  const make = async (namespace: typeof WebAssembly) => {
    globalThis.WebAssembly = namespace;
    try {
      return await QuickJS.create({ wasm });
    } finally {
      globalThis.WebAssembly = host;
    }
  };
  const ways: (Way | Absent)[] = [];
  const add = async (who: string, namespace: typeof WebAssembly) => {
    const vm = await make(namespace);
    ways.push({ who, act: () => vm.evalCode(SCRIPT).dispose() });
  };
  await add('quickjs-wasi, unlimited', host);
  for (const engine of ENGINES) {
    const namespace = await createWebAssembly({ engine, gasLimit: 10n ** 15n, stackLimit: 16 * MIB });
    await add(`the same, ${engine}`, namespace as unknown as typeof WebAssembly);
  }
  if (hasPeers) {
    const context = (await loadQuickJs()).newContext();
    ways.push({ who: 'quickjs-emscripten', act: () => context.evalCode(SCRIPT).value.dispose() });
  }
  if (hasPeers) ways.push(await isolatedVm());
  return ways;
}

interface IsolatedVm {
  readonly default: {
    readonly Isolate: new (options: object) => { createContextSync(): { evalSync(code: string): unknown } };
  };
}

/** V8 itself, in an isolate of its own. It is taken where the package has it built: nothing is compiled for it. */
async function isolatedVm(): Promise<Way | Absent> {
  const who = 'isolated-vm';
  try {
    const load = fromNpm(who, ISOLATED_VM, { scripts: false }) as () => Promise<IsolatedVm>;
    const { default: ivm } = await load();
    const context = new ivm.Isolate({ memoryLimit: 128 }).createContextSync();
    return { who, act: () => context.evalSync(SCRIPT) };
  } catch {
    return { who, absent: `not built for Node ${process.versions.node}: try "npm run newer-node -- bench/main.ts"` };
  }
}

/** Interleaved: in every round each way does the work for as long as a sample should last. */
async function measure({ what, ways: all }: Work, { rounds, sample }: PluginPace): Promise<PluginRow[]> {
  const ways = all.filter((way): way is Way => way.absent === undefined);
  const timed = async ({ act }: Way, repeats: number): Promise<number> => {
    const start = performance.now();
    for (let i = 0; i < repeats; i++) await act();
    return (performance.now() - start) / repeats;
  };
  const repeats: number[] = [];
  const gas: (bigint | undefined)[] = [];
  for (const way of ways) {
    // The first ones find the runtime's compiler unprepared.
    const begun = performance.now();
    while (performance.now() - begun < 2 * sample) await way.act();
    const before = way.gas?.();
    const once = await timed(way, 1);
    gas.push(before === undefined ? undefined : (way.gas?.() ?? 0n) - before);
    repeats.push(Math.max(1, Math.round(sample / Math.max(once, 0.001))));
  }
  const samples: number[][] = ways.map(() => []);
  for (let round = 0; round < rounds; round++) {
    for (const [i, way] of ways.entries()) samples[i]?.push(await timed(way, repeats[i] as number));
  }
  const ratios = (i: number) => (samples[i] ?? []).map((time, round) => time / (samples[0]?.[round] ?? Number.NaN));
  return all.map((way) => {
    const i = ways.indexOf(way as Way);
    const time = spread(i < 0 ? [Number.NaN] : (samples[i] ?? []));
    const ratio = i < 0 ? Number.NaN : spread(ratios(i)).median;
    return { what, who: way.who, time, ratio, gas: gas[i], absent: way.absent };
  });
}

/** Of a mebibyte that is moved in one call: times the copies by hand, and what part of the gas of moving it by 8 bytes. */
export function bulkFigures(rows: readonly PluginRow[]): { readonly times?: number; readonly gas?: number } {
  const of = (who: string) => rows.find((row) => row.what === MEGABYTE && row.who === who);
  const [bulk, words] = [of(IN_ONE_CALL), of(BY_WORDS)];
  if (bulk?.gas === undefined || words?.gas === undefined) return {};
  return { times: bulk.ratio, gas: Number(bulk.gas) / Number(words.gas) };
}

export async function measurePlugins(
  product: Product,
  pace: PluginPace,
  hasPeers: boolean,
): Promise<readonly PluginRow[]> {
  const rows: PluginRow[] = [];
  for (const work of await works(product, hasPeers)) rows.push(...(await measure(work, pace)));
  return rows;
}

export function pluginsSection(rows: readonly PluginRow[]): Section {
  const columns = [
    { title: 'what' },
    { title: 'by' },
    { title: 'time', right: true },
    { title: 'half within', right: true },
    { title: 'times', right: true },
    { title: 'gas', right: true },
  ];
  const cells = rows.map(({ what, who, time, ratio, gas, absent }, i) => [
    rows[i - 1]?.what === what ? '' : what,
    who,
    ...(absent === undefined
      ? [milliseconds(time.median), `${milliseconds(time.lower)} to ${milliseconds(time.upper)}`, ratio.toFixed(2)]
      : ['absent', '', '']),
    gas?.toLocaleString('en-US') ?? '',
  ]);
  const absent = rows.flatMap(({ who, absent }) => (absent === undefined ? [] : [`${who}: ${absent}`]));
  return {
    title: 'Plug-ins, arrays, tables, scripts; times those of the first of each',
    blocks: [{ columns, rows: cells }, ...absent],
  };
}
