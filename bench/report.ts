/** Everything measured, as it is written to a file, and what is read out of it. */

import { cpus, loadavg } from 'node:os';
import type { CliffRow } from './cliffs.ts';
import { type Calibration, GAS_BAR } from './gas/calibrate.ts';
import type { InstanceFigures } from './instances.ts';
import { METERED } from './instrument/contenders.ts';
import type { InstrumentFigures } from './instrument/measure.ts';
import type { LifeFigures } from './life.ts';
import { bulkFigures, type PluginRow } from './plugins.ts';
import { type ContenderReport, type ProgramReport, type Summary, slowdownOf } from './program-report.ts';
import { COREMARK, FIB } from './programs.ts';
import { LATENCY_BAR } from './service/latency.ts';
import { longestWait, type ServiceFigures, timesAsMany } from './service/measure.ts';
import { MULTIPLIED, type Phases, type StartupRow, total } from './startup.ts';
import { geometricMeanOf, type Interval, inverse, quotients, type Spread, spread } from './statistics.ts';
import { differenceText, milliseconds, number } from './table.ts';
import { leastSpeed, TEXT_BARS, type TextRow } from './text.ts';

/** `not certain`: what was measured may be on either side. */
export type Verdict = 'met' | 'not met' | 'not certain';

export interface Bar {
  readonly what: string;
  /** As texts, with their unit; the interval is empty where the figure is a single one. */
  readonly figure: string;
  readonly interval: string;
  readonly bar: string;
  /** Undefined where it was not measured. */
  readonly verdict: Verdict | undefined;
}

export interface Report {
  readonly machine: { readonly runtime: string; readonly cpu: string; readonly cores: number; readonly load: number };
  readonly seconds: number;
  /** Seconds on the wall for each part. */
  readonly parts: Readonly<Record<string, number>>;
  readonly contenders: readonly ContenderReport[];
  readonly notes: readonly string[];
  readonly programs: readonly ProgramReport[];
  readonly summaries: readonly Summary[];
  readonly instrument: InstrumentFigures | undefined;
  readonly startup: readonly StartupRow[];
  readonly instances: InstanceFigures | undefined;
  readonly life: LifeFigures | undefined;
  readonly text: readonly TextRow[];
  readonly plugins: readonly PluginRow[];
  readonly cliffs: readonly CliffRow[];
  readonly service: ServiceFigures | undefined;
  /** By engine; the bars are the first one's. */
  readonly gas: readonly Calibration[];
  readonly bars: readonly Bar[];
}

export function machine(): Report['machine'] {
  const { versions, version } = process;
  const runtime =
    versions['bun'] !== undefined
      ? `Bun ${versions['bun']}`
      : versions['deno'] !== undefined
        ? `Deno ${versions['deno']}`
        : `Node ${version.slice(1)}`;
  return { runtime, cpu: cpus()[0]?.model ?? 'unknown', cores: cpus().length, load: loadavg()[0] ?? 0 };
}

/** What was measured, by itself or with where it may be. */
type Figure = Spread | number | undefined;

/** What a figure is to be at most, or at least. */
type Wanted = { readonly most: number } | { readonly least: number };

function verdictOf({ low, high }: Interval, wanted: Wanted): Verdict {
  const [isIn, isOut] =
    'most' in wanted ? [high <= wanted.most, low > wanted.most] : [low >= wanted.least, high < wanted.least];
  if (isIn) return 'met';
  return isOut ? 'not met' : 'not certain';
}

/** Whether a figure is what is wanted, as far as all of its interval is. */
function bar(what: string, figure: Figure, text: (value: number) => string, wanted: Wanted): Bar {
  const value = typeof figure === 'object' ? figure.median : figure;
  const within = typeof figure === 'object' ? figure : { low: value ?? Number.NaN, high: value ?? Number.NaN };
  const limit = 'most' in wanted ? `${text(wanted.most)} at most` : `${text(wanted.least)} at least`;
  if (value === undefined || Number.isNaN(value)) {
    return { what, figure: '-', interval: '', bar: limit, verdict: undefined };
  }
  const interval = typeof figure === 'object' ? `${text(within.low)} to ${text(within.high)}` : '';
  return { what, figure: text(value), interval, bar: limit, verdict: verdictOf(within, wanted) };
}

const plain = (value: number) => String(Number(number(value).replaceAll(',', '')));
const unit = (of: string) => (value: number) => `${number(value)}${of}`;
/** A slowdown as the share of a speed: whoever is at least so fast is at most so many times slower. */
const one = (slowdown: number) => `1/${plain(slowdown)}`;

const atLeastOne = (what: string, slowdown: Figure, most: number): Bar => {
  const found = bar(what, slowdown, one, { most });
  return { ...found, bar: found.bar.replace('at most', 'at least') };
};

/** Times V8's on CoreMark that the metered interpreter has to reach, and wants to. */
export const COREMARK_BAR = { required: 60, aim: 27, aimOnBun: 18 } as const;

/** What moving much at once may take, in times of other ways. */
export const BULK_BARS = { times: 3, gas: 1 / 20 } as const;

/** What is wanted of the project, beside what was measured. */
export function bars(report: Omit<Report, 'bars'>): Bar[] {
  const { programs, summaries, instrument, startup, instances, plugins, gas, machine } = report;
  const bulk = bulkFigures(plugins);
  const coremark = programs.find(({ name }) => name === COREMARK);
  const onCoremark = coremark && slowdownOf(coremark, 'metered');
  const metered = summaries.find(({ contender }) => contender === 'metered');
  const aim = machine.runtime.startsWith('Bun') ? COREMARK_BAR.aimOnBun : COREMARK_BAR.aim;
  const big = startup.find(({ module, engine }) => module === 'pulldown-cmark' && engine === 'metered');
  const toInstance = big && (big.cold ?? big.median).compile + (big.cold ?? big.median).instantiate;
  const code = startup.find(({ module, engine }) => module === MULTIPLIED && engine === 'metered');
  const classes = gas[0]?.prices.filter(({ ratio }) => !Number.isNaN(ratio)) ?? [];
  const worstPrice = classes.length === 0 ? undefined : Math.max(...classes.map(({ ratio }) => ratio));
  const worstCase = classes.length === 0 ? undefined : Math.max(...classes.map(({ worst }) => worst?.ratio ?? 0));
  const cost = meteringCost(programs);
  const slowest = metered === undefined ? '' : ` (${metered.worst.program})`;

  return [
    atLeastOne('CoreMark, metered, of the native speed', onCoremark, COREMARK_BAR.required),
    atLeastOne('the same, as aimed at', onCoremark, aim),
    atLeastOne('geometric mean of the programs', metered?.geometricMean, 35),
    atLeastOne(`slowest program${slowest}`, metered?.worst.slowdown, 120),
    addedBar('metering costs', cost && beyondOne(cost), percent, 0.08),
    bar('pulldown-cmark.wasm from bytes to instance, cold', toInstance, unit(' ms'), { most: 40 }),
    bar('decoding and validating megabytes of code', code && codeSpeed(code, code.best), unit(' MB/s'), { least: 25 }),
    bar('instances per second of a small module', instances?.perSecond['metered'], number, { least: 20_000 }),
    bar('memory of an idle instance of one page', kibibytes(instances?.idleBytes), unit(' KiB'), { most: 100 }),
    addedBar('reset of a sandbox of one page', instances?.resetMicroseconds, unit(' µs'), 20),
    bar('dearest price for a unit of gas, in times the median', worstPrice, plain, { most: GAS_BAR }),
    bar('the same, of all instructions one by one', worstCase, plain, { most: GAS_BAR }),
    bar('1 MiB of float64 through a plug-in in one call, in times copying by hand', bulk.times, plain, {
      most: BULK_BARS.times,
    }),
    bar('its gas, in parts of that of the standard functions', bulk.gas, plain, { most: BULK_BARS.gas }),
    ...instrumentBars(instrument),
    bar('parsing texts, slowest module', leastSpeed(report.text, 'parse'), unit(' MB/s'), { least: TEXT_BARS.parse }),
    bar('printing modules, slowest one', leastSpeed(report.text, 'print'), unit(' MB/s'), { least: TEXT_BARS.print }),
    ...serviceBars(report.service),
  ];
}

/** What was added to something, which may be nothing as far as the samples tell. */
function addedBar(what: string, added: Spread | undefined, text: (value: number) => string, most: number): Bar {
  const found = bar(what, added, text, { most });
  return added === undefined ? found : { ...found, figure: differenceText(added, text) };
}

const percent = (share: number) => `${number(share * 100)}%`;

/** Of a factor: what is beyond one. */
const beyondOne = (factor: Spread): Spread => ({
  ...factor,
  median: factor.median - 1,
  low: factor.low - 1,
  high: factor.high - 1,
});

const kibibytes = (bytes: number | undefined) => bytes && bytes / 1_024;

function serviceBars(figures: ServiceFigures | undefined): Bar[] {
  const times = (what: string, figure: Spread | undefined, least: number): Bar =>
    bar(`requests a second of a pool on native, in times ${what}`, figure, plain, { least });
  return [
    times('those of one on the interpreter', timesAsMany(figures, 'pool on native', 'pool on the interpreter'), 1),
    times(
      "those of Extism's new plug-ins that do the same",
      timesAsMany(figures, 'pool on native', 'plug-in: @extism/extism, a new one'),
      10,
    ),
    bar('a second route while guests spin, 99% of its requests', longestWait(figures), milliseconds, {
      most: LATENCY_BAR,
    }),
  ];
}

/** Shares of the unmetered speed that modules which meter themselves have to keep. */
export const NATIVE_BARS = { coremark: 0.86, fib: 0.5, mean: 0.8 } as const;

function instrumentBars(figures: InstrumentFigures | undefined): Bar[] {
  const slowdownOn = (name: string) => {
    const program = figures?.programs.find((item) => item.name === name);
    return program && slowdownOf(program, METERED);
  };
  const mean = figures?.summaries.find(({ contender }) => contender === METERED)?.geometricMean;
  const share = (what: string, slowdown: Spread | undefined, least: number): Bar =>
    bar(what, slowdown && inverse(slowdown), (value) => value.toFixed(2), { least });
  return [
    share('CoreMark, native and metered, of the native speed', slowdownOn(COREMARK), NATIVE_BARS.coremark),
    share('recursive Fibonacci, native and metered', slowdownOn(FIB), NATIVE_BARS.fib),
    share('geometric mean, native and metered', mean, NATIVE_BARS.mean),
  ];
}

/** In times its speed without counting, how long the interpreter takes; undefined where it cannot do without. */
function meteringCost(programs: readonly ProgramReport[]): Spread | undefined {
  const ratios = programs.flatMap(({ outcomes }) => {
    const { metered, unmetered } = outcomes;
    if (metered?.state !== 'timed' || unmetered?.state !== 'timed') return [];
    return [spread(quotients(metered.samples, unmetered.samples))];
  });
  return ratios.length === 0 ? undefined : geometricMeanOf(ratios);
}

/** Megabytes a second over all of a start. */
export function startSpeed({ bytes }: StartupRow, phases: Phases): number {
  return bytes / 1_000 / total(phases);
}

/** Megabytes of code decoded and validated in a second. */
export function codeSpeed({ codeBytes }: StartupRow, { compile }: Phases): number {
  return codeBytes / 1_000 / compile;
}

/** For files: bigints as texts. */
export function toJson(report: Report): string {
  const plain = (_key: string, value: unknown) => (typeof value === 'bigint' ? String(value) : value);
  return `${JSON.stringify(report, plain, 2)}\n`;
}
