/**
 * What metering costs: the native engine with gas, memory and stack limits against the same engine without anything.
 * `tsx bench/instrument/main.ts [name…] [--rounds n] [--slices]`. Times are of the processor, as the machine may be
 * shared; contenders take turns, and results are compared before anything is timed.
 */

import { parseArgs } from 'node:util';
import { throughBinaryen } from '../../instrument/optimise.ts';
import { weave } from '../../instrument/weave.ts';
import { decode } from '../../wasm/decode.ts';
import { type Benchmark, benchmarks } from './programs.ts';

const { values: options, positionals } = parseArgs({
  allowPositionals: true,
  options: { rounds: { type: 'string', default: '7' }, slices: { type: 'boolean', default: false } },
});
const rounds = Number(options.rounds);
const slices = options.slices ? { gas: 500_000, onSlice: () => undefined } : undefined;

/** Milliseconds of the processor. */
function timed(run: () => unknown): number {
  const before = process.cpuUsage();
  run();
  const { user, system } = process.cpuUsage(before);
  return (user + system) / 1_000;
}

function median(numbers: readonly number[]): number {
  return numbers.toSorted((a, b) => a - b)[numbers.length >> 1] as number;
}

interface Row {
  readonly name: string;
  /** Speed of the metered program where 1 is that of the plain one: best of all runs; and median of the pairs. */
  readonly best: number;
  readonly pairs: number;
}

function measure({ name, plain, metered }: Benchmark): Row {
  const a = plain();
  const b = metered(slices);
  const expected = a.run();
  const found = b.run();
  if (expected !== found) throw new Error(`${name}: ${found} instead of ${expected}`);
  // Engines compile what is hot in the background.
  for (let i = 0; i < 2; i++) {
    a.run();
    b.run();
  }
  const plainTimes: number[] = [];
  const meteredTimes: number[] = [];
  for (let i = 0; i < rounds; i++) {
    plainTimes.push(timed(() => a.run()));
    meteredTimes.push(timed(() => b.run()));
  }
  const pairs = plainTimes.map((time, i) => time / (meteredTimes[i] as number));
  const best = Math.min(...plainTimes) / Math.min(...meteredTimes);
  const spread = `${Math.min(...pairs).toFixed(2)} to ${Math.max(...pairs).toFixed(2)}`;
  const milliseconds = Math.min(...plainTimes)
    .toFixed(0)
    .padStart(6);
  console.log(
    `${name.padEnd(14)} ${best.toFixed(3)}  pairs ${median(pairs).toFixed(3)} (${spread})  ${milliseconds} ms`,
  );
  return { name, best, pairs: median(pairs) };
}

function mean(numbers: readonly number[]): number {
  return Math.exp(numbers.reduce((sum, number) => sum + Math.log(number), 0) / numbers.length);
}

console.log(`Metered speed, ${slices ? 'in time slices' : 'without time slices'}; 1 is the plain engine's.`);
const chosen = benchmarks().filter(({ name }) => positionals.length === 0 || positionals.includes(name));
const rows = chosen.map(measure);
console.log(
  `${'geometric mean'.padEnd(14)} ${mean(rows.map(({ best }) => best)).toFixed(3)}  pairs ${mean(rows.map(({ pairs }) => pairs)).toFixed(3)}`,
);

console.log(
  '\nInstrumenting, beside what binaryen takes to read a module and to write it again: megabytes a second, and',
);
console.log('bytes for each of the original');
for (const { name, bytes } of chosen) {
  const module = decode(bytes);
  const make = () => weave(module, { canonicalNaN: true, refills: slices !== undefined });
  const woven = make().bytes;
  const time = Math.min(...Array.from({ length: 5 }, () => timed(make)));
  const emitted = await throughBinaryen(bytes, []);
  const before = process.cpuUsage();
  for (let i = 0; i < 3; i++) await throughBinaryen(bytes, []);
  const { user, system } = process.cpuUsage(before);
  const speed = (milliseconds: number) => `${(bytes.length / 1_000 / milliseconds).toFixed(1).padStart(6)} MB/s`;
  const size = (length: number) => (length / bytes.length).toFixed(2);
  console.log(
    `${name.padEnd(14)} ${speed(time)}  ${size(woven.length)}   binaryen ${speed((user + system) / 3_000)}  ${size(emitted.length)}`,
  );
}
