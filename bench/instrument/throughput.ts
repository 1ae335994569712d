/** How fast modules are rewritten, beside other tools, and what they weigh then. */

import { cpuTime } from '../clock.ts';
import { isInstalled } from '../peers/load.ts';
import { loadWasmMetering } from '../peers/wasm-metering.ts';
import type { Product } from '../product.ts';
import { type Spread, spread } from '../statistics.ts';

type Bytes = Uint8Array<ArrayBuffer>;

interface Tool {
  readonly key: string;
  readonly label: string;
  readonly what: string;
  /** Undefined where it is not there. */
  readonly rewrite: ((bytes: Bytes) => Promise<Uint8Array> | Uint8Array) | undefined;
}

export type Rewriting =
  | {
      /** Megabytes of the original in a second of the processor. */
      readonly speed: Spread;
      /** Speed in times the first tool's in the same round. */
      readonly relative: Spread;
      /** Bytes of the result. */
      readonly bytes: number;
    }
  | { readonly fails: string };

export interface ThroughputRow {
  readonly module: string;
  readonly bytes: number;
  /** By tool. */
  readonly rewritings: Readonly<Record<string, Rewriting>>;
  /** Bytes of the artifact after binaryen's passes. */
  readonly optimisedBytes: number | undefined;
}

export interface Throughput {
  readonly tools: readonly Pick<Tool, 'key' | 'label' | 'what'>[];
  readonly rows: readonly ThroughputRow[];
}

export interface ThroughputPace {
  /** Milliseconds for a module; rounds end when they are used up. */
  readonly slice: number;
  readonly minRounds: number;
  readonly maxRounds: number;
  /** Milliseconds that a sample should last, by repeating what is shorter. */
  readonly sample: number;
}

/** Of smaller ones it is not the size that takes the time. */
const LEAST_BYTES = 5_000;

async function tools({ instrument, optimise }: Product): Promise<readonly Tool[]> {
  const hasBinaryen = isInstalled('binaryen');
  return [
    {
      key: 'instrument',
      label: 'instrument()',
      what: 'from bytes to the artifact: decoding, planning, weaving, validation of the result, digests',
      rewrite: (bytes) => instrument.instrument(bytes),
    },
    {
      key: 'binaryen',
      label: 'binaryen',
      what: 'reads the module and writes it again, and does nothing else',
      rewrite: hasBinaryen ? (bytes) => optimise.throughBinaryen(bytes, []) : undefined,
    },
    {
      key: 'wasm-metering',
      label: 'wasm-metering',
      what: 'the npm package of that name: calls of an imported function at every branch',
      rewrite: isInstalled('wasm-metering') ? await loadWasmMetering() : undefined,
    },
  ];
}

interface Ready {
  readonly key: string;
  readonly run: () => Promise<number>;
  readonly bytes: number;
  readonly samples: number[];
}

/** Milliseconds of one rewriting, from so many. */
async function timed(rewrite: NonNullable<Tool['rewrite']>, bytes: Bytes, repeats: number): Promise<number> {
  const start = cpuTime();
  for (let i = 0; i < repeats; i++) await rewrite(bytes);
  return (cpuTime() - start) / repeats;
}

async function measureModule(
  bytes: Bytes,
  of: readonly Tool[],
  pace: ThroughputPace,
): Promise<ThroughputRow['rewritings']> {
  const end = performance.now() + pace.slice;
  const found: Record<string, Rewriting> = {};
  const ready: Ready[] = [];
  for (const { key, rewrite } of of) {
    if (rewrite === undefined) {
      found[key] = { fails: 'not installed' };
      continue;
    }
    try {
      const { length } = await rewrite(bytes);
      const once = Math.max(0.01, await timed(rewrite, bytes, 1));
      const repeats = Math.max(1, Math.round(pace.sample / once));
      ready.push({ key, run: () => timed(rewrite, bytes, repeats), bytes: length, samples: [] });
    } catch (error) {
      found[key] = { fails: error instanceof Error ? error.message : String(error) };
    }
  }
  for (let round = 0; round < pace.minRounds || (round < pace.maxRounds && performance.now() < end); round++) {
    for (let i = 0; i < ready.length; i++) {
      const { run, samples } = ready[(i + round) % ready.length] as Ready;
      samples.push(await run());
    }
  }
  const [first] = ready;
  for (const { key, samples, bytes: length } of ready) {
    found[key] = {
      speed: spread(samples.map((sample) => bytes.length / 1_000 / sample)),
      relative: spread(samples.map((sample, round) => (first?.samples[round] ?? Number.NaN) / sample)),
      bytes: length,
    };
  }
  return found;
}

export async function measureThroughput(
  product: Product,
  modules: readonly { readonly name: string; readonly bytes: Bytes }[],
  pace: ThroughputPace,
  onProgress: (text: string) => void,
): Promise<Throughput> {
  const all = await tools(product);
  const large = modules.filter(({ bytes }) => bytes.length >= LEAST_BYTES);
  const rows: ThroughputRow[] = [];
  for (const { name, bytes } of large.length > 0 ? large : modules) {
    onProgress(`instrumenting ${name}`);
    const rewritings = await measureModule(bytes, all, pace);
    const optimised = isInstalled('binaryen')
      ? await product.instrument.instrument(bytes, { optimise: true })
      : undefined;
    rows.push({ module: name, bytes: bytes.length, rewritings, optimisedBytes: optimised?.length });
  }
  return { tools: all.map(({ key, label, what }) => ({ key, label, what })), rows };
}
