/** What instances cost: to make, to keep, to reset. */

import { encodeModule } from '../test/generate/encode.ts';
import { I32 } from '../wasm/types.ts';
import { cpuTime } from './clock.ts';
import { collect } from './collect.ts';
import { contender } from './contenders.ts';
import { type Engine, type Unit, unitOf } from './engine.ts';
import type { Product } from './product.ts';
import { differences, median, quotients, type Spread, spread } from './statistics.ts';

export interface InstanceFigures {
  /** By engine; and of pages that are allocated and nothing else, which differs between machines by more than engines do. */
  readonly perSecond: Readonly<Record<string, Spread>>;
  /** Those of the interpreter, in times the others of the same round. */
  readonly times: Readonly<Record<string, Spread>>;
  /** Bytes of an instance with one page of memory, that page included; undefined without a way to collect garbage. */
  readonly idleBytes: number | undefined;
  /** The same for a whole sandbox. */
  readonly idleSandboxBytes: number | undefined;
  /** Microseconds of `reset` of a sandbox with one page. */
  readonly resetMicroseconds: Spread;
  /** Microseconds of building that sandbox from bytes. */
  readonly buildMicroseconds: Spread;
}

/** One page of memory, a data segment, a global, two functions, three exports. */
export const SMALL_MODULE: Uint8Array<ArrayBuffer> = Uint8Array.from(
  encodeModule({
    memories: [{ min: 1, max: 4, export: 'memory' }],
    globals: [{ type: I32, mutable: true, init: [['i32.const', 1_024]] }],
    data: [{ offset: [['i32.const', 16]], bytes: new TextEncoder().encode('a small module') }],
    functions: [
      {
        params: [I32, I32],
        results: [I32],
        export: 'add',
        body: [['local.get', 0], ['local.get', 1], 'i32.add'],
      },
      {
        params: [I32],
        export: 'store',
        body: [['global.get', 0], ['local.get', 0], 'i32.store', ['local.get', 0], ['global.set', 0]],
      },
    ],
  }),
);

const ENGINES = ['metered', 'v8'] as const;
/** In place of an engine: a page of memory by itself. */
export const BARE = 'bare';
const PAGE = 65_536;
const KEPT = 500;
const KEPT_SANDBOXES = 100;
const REPEATS = 300;
/** Milliseconds of making instances, and how many resets, until the host's compiler has done its work. */
const WARMUP = 600;
const WARMUP_RESETS = 3_000;

export async function measureInstances(
  product: Product,
  pace: { readonly rounds: number; readonly window: number },
): Promise<InstanceFigures> {
  const unit = unitOf(product, 'small', SMALL_MODULE);
  const makers = new Map<string, () => unknown>();
  for (const key of ENGINES) {
    const engine = await contender(key).create(product);
    if ('absent' in engine) continue;
    const compiled = await engine.compile(unit);
    makers.set(key, () => compiled.instantiate({}));
  }
  makers.set(BARE, () => new ArrayBuffer(PAGE));
  const rates = new Map<string, number[]>();
  for (let round = 0; round <= pace.rounds; round++) {
    for (const [key, make] of makers) {
      const rate = perSecond(make, round === 0 ? WARMUP : pace.window);
      if (round > 0) rates.set(key, [...(rates.get(key) ?? []), rate]);
    }
  }
  const metered = (await contender('metered').create(product)) as Engine;
  const own = rates.get('metered') ?? [];
  const others = [...rates].filter(([key]) => key !== 'metered');
  return {
    perSecond: Object.fromEntries([...rates].map(([key, samples]) => [key, spread(samples)])),
    times: Object.fromEntries(others.map(([key, samples]) => [key, spread(quotients(own, samples))])),
    idleBytes: await idleInstance(metered, unit),
    idleSandboxBytes: await heldBytes(KEPT_SANDBOXES, () => sandbox(product)),
    resetMicroseconds: await timeReset(product, pace.rounds),
    buildMicroseconds: await timeBuild(product, pace.rounds),
  };
}

/** On the wall: the host's collector works beside the main thread, and would count twice. */
function perSecond(make: () => unknown, window: number): number {
  const start = performance.now();
  let count = 0;
  let took = 0;
  while (took < window) {
    for (let i = 0; i < 50; i++) make();
    count += 50;
    took = performance.now() - start;
  }
  return (count * 1_000) / took;
}

function sandbox({ sandbox: { WasmSandbox } }: Product) {
  return WasmSandbox.fromBytes(SMALL_MODULE, { gasLimit: 1_000_000_000n, engine: 'interpreter' });
}

/** Microseconds for one of many. */
async function timeEach(action: (i: number) => Promise<unknown>): Promise<number> {
  const start = cpuTime();
  for (let i = 0; i < REPEATS; i++) await action(i);
  return ((cpuTime() - start) * 1_000) / REPEATS;
}

/** After a call that wrote to its memory, which is taken off again. */
async function timeReset(product: Product, rounds: number): Promise<Spread> {
  const guest = await sandbox(product);
  const call = (i: number) => guest.call('store', [i]);
  const callAndReset = async (i: number) => {
    await call(i);
    await guest.reset();
  };
  for (let i = 0; i < WARMUP_RESETS; i++) await callAndReset(i);
  const both: number[] = [];
  const calls: number[] = [];
  for (let round = 0; round < rounds; round++) {
    // Neither is always the one that the other has warmed up for.
    if (round % 2 === 0) calls.push(await timeEach(call));
    both.push(await timeEach(callAndReset));
    if (round % 2 === 1) calls.push(await timeEach(call));
  }
  return spread(differences(both, calls));
}

async function timeBuild(product: Product, rounds: number): Promise<Spread> {
  const samples: number[] = [];
  for (let round = 0; round <= rounds; round++) {
    const sample = await timeEach(() => sandbox(product));
    if (round > 0) samples.push(sample);
  }
  return spread(samples);
}

async function idleInstance(engine: Engine, unit: Unit): Promise<number | undefined> {
  const compiled = await engine.compile(unit);
  return heldBytes(KEPT, async () => compiled.instantiate({}));
}

/** Bytes of heap and buffers that each of many things keeps. */
async function heldBytes(count: number, make: () => Promise<unknown>): Promise<number | undefined> {
  if (collect === undefined) return undefined;
  const measured: number[] = [];
  for (let round = 0; round < 3; round++) {
    const kept: unknown[] = new Array(count).fill(undefined);
    const before = held();
    for (let i = 0; i < count; i++) kept[i] = await make();
    const after = held();
    measured.push((after - before) / count);
    kept.length = 0;
  }
  return median(measured);
}

/** Bytes of heap and buffers in use, garbage collected where the runtime lets us. */
export function held(): number {
  for (let i = 0; i < 3; i++) collect?.();
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}
