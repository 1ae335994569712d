/** How fast texts are parsed and modules are printed, beside the npm package wabt on what both can do. */

import { loadWabt, type Wabt } from '../scripts/wabt.mjs';
import { cpuTime } from './clock.ts';
import type { Product } from './product.ts';
import { type Spread, spread } from './statistics.ts';
import { number, type Section } from './table.ts';

/** What a sample does again and again, by who does it. */
type Deed = (bytes: Uint8Array, text: string) => unknown;

export interface TextRow {
  readonly module: string;
  readonly bytes: number;
  /** Characters of its text. */
  readonly characters: number;
  /** Megabytes of text in a second of the processor, by deed; undefined where it cannot be done. */
  readonly speeds: Readonly<Record<string, Spread | undefined>>;
}

export interface TextPace {
  readonly rounds: number;
  /** Milliseconds that a sample should last. */
  readonly sample: number;
}

/** Megabytes of text in a second that are wanted. */
export const TEXT_BARS = { parse: 10, print: 20 } as const;

/** Of smaller ones it is not the size that takes the time. */
const LEAST_BYTES = 20_000;

const TITLES = { parse: 'parse', print: 'print', flat: 'print flat', wabtParse: 'wabt parse', wabtPrint: 'wabt print' };

function deedsOf({ text }: Product, wabt: Wabt | undefined): Readonly<Record<string, Deed>> {
  return {
    parse: (_, source) => text.parse(source),
    print: (bytes) => text.print(bytes),
    flat: (bytes) => text.print(bytes, { folded: false }),
    ...(wabt && { wabtParse: (_, source) => wabt.parse(source), wabtPrint: (bytes) => wabt.print(bytes) }),
  };
}

export async function measureText(
  product: Product,
  modules: readonly { readonly name: string; readonly bytes: Uint8Array }[],
  pace: TextPace,
  hasPeers: boolean,
): Promise<readonly TextRow[]> {
  const deeds = deedsOf(product, hasPeers ? await loadWabt() : undefined);
  const large = modules.filter(({ bytes }) => bytes.length >= LEAST_BYTES);
  return (large.length > 0 ? large : modules).map(({ name, bytes }) => {
    const text = product.text.print(bytes);
    if (product.text.print(product.text.parse(text)) !== text) throw new Error(`${name}: its text is another module`);
    const speeds = Object.entries(deeds).map(([key, deed]) => [key, speed(() => deed(bytes, text), text.length, pace)]);
    return { module: name, bytes: bytes.length, characters: text.length, speeds: Object.fromEntries(speeds) };
  });
}

function speed(act: () => unknown, characters: number, { rounds, sample }: TextPace): Spread | undefined {
  const timed = (repeats: number) => {
    const start = cpuTime();
    for (let i = 0; i < repeats; i++) act();
    return (cpuTime() - start) / repeats;
  };
  try {
    // The first ones find the runtime's compiler unprepared.
    const start = cpuTime();
    while (cpuTime() - start < 4 * sample) act();
    const once = timed(2);
    const repeats = Math.max(1, Math.round(sample / Math.max(once, 0.01)));
    return spread(Array.from({ length: rounds }, () => characters / 1_000 / timed(repeats)));
  } catch {
    return undefined;
  }
}

/** The least of all modules; undefined where nothing was measured. */
export function leastSpeed(rows: readonly TextRow[], deed: 'parse' | 'print'): number | undefined {
  return rows.length === 0 ? undefined : Math.min(...rows.map(({ speeds }) => speeds[deed]?.median ?? 0));
}

export function textSection(rows: readonly TextRow[]): Section {
  const keys = Object.keys(TITLES) as (keyof typeof TITLES)[];
  const columns = [
    { title: 'module' },
    { title: 'bytes', right: true },
    { title: 'characters', right: true },
    ...keys.map((key) => ({ title: TITLES[key], right: true })),
  ];
  const cells = rows.map(({ module, bytes, characters, speeds }) => [
    module,
    bytes.toLocaleString('en-US'),
    characters.toLocaleString('en-US'),
    ...keys.map((key) => number(speeds[key]?.median ?? Number.NaN)),
  ]);
  return {
    title: 'The text format: megabytes of text in a second of the processor',
    blocks: [{ columns, rows: cells }],
  };
}
