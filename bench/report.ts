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
import { geometricMean, median } from './statistics.ts';
import { milliseconds, number } from './table.ts';
import { leastSpeed, TEXT_BARS, type TextRow } from './text.ts';

export interface Bar {
  readonly what: string;
  /** As a text, with its unit. */
  readonly figure: string;
  readonly bar: string;
  /** Undefined where it was not measured. */
  readonly isMet: boolean | undefined;
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

const one = (slowdown: number | undefined) => (slowdown === undefined ? '-' : `1/${number(slowdown)}`);

function atMost(value: number | undefined, bar: number): boolean | undefined {
  return value === undefined || Number.isNaN(value) ? undefined : value <= bar;
}

function atLeast(value: number | undefined, bar: number): boolean | undefined {
  return value === undefined || Number.isNaN(value) ? undefined : value >= bar;
}

/** Times V8's on CoreMark that the metered interpreter has to reach, and wants to. */
export const COREMARK_BAR = { required: 60, aim: 27, aimOnBun: 18 } as const;

/** What moving much at once may take, in times of other ways. */
export const BULK_BARS = { times: 3, gas: 1 / 20 } as const;

/** What is wanted of the project, beside what was measured. */
export function bars(report: Omit<Report, 'bars'>): Bar[] {
  const { programs, summaries, instrument, startup, instances, plugins, gas, machine } = report;
  const bulk = bulkFigures(plugins);
  const coremark = programs.find(({ name }) => name === COREMARK);
  const onCoremark = coremark && slowdownOf(coremark, 'metered')?.median;
  const metered = summaries.find(({ contender }) => contender === 'metered');
  const aim = machine.runtime.startsWith('Bun') ? COREMARK_BAR.aimOnBun : COREMARK_BAR.aim;
  const big = startup.find(({ module, engine }) => module === 'pulldown-cmark' && engine === 'metered');
  const toInstance = big && (big.cold ?? big.median).compile + (big.cold ?? big.median).instantiate;
  const code = startup.find(({ module, engine }) => module === MULTIPLIED && engine === 'metered');
  const speed = code && codeSpeed(code, code.best);
  const perSecond = instances?.perSecond['metered']?.median;
  const classes = gas[0]?.prices.filter(({ ratio }) => !Number.isNaN(ratio)) ?? [];
  const worstPrice = classes.length === 0 ? undefined : Math.max(...classes.map(({ ratio }) => ratio));
  const worstCase = classes.length === 0 ? undefined : Math.max(...classes.map(({ worst }) => worst?.ratio ?? 0));
  const costs = meteringCost(programs);
  const figure = (value: number | undefined, unit: string) =>
    value === undefined || Number.isNaN(value) ? '-' : `${number(value)}${unit}`;

  return [
    {
      what: 'CoreMark, metered, of the native speed',
      figure: one(onCoremark),
      bar: `1/${COREMARK_BAR.required} at least`,
      isMet: atMost(onCoremark, COREMARK_BAR.required),
    },
    {
      what: 'the same, as aimed at',
      figure: one(onCoremark),
      bar: `1/${aim} at least`,
      isMet: atMost(onCoremark, aim),
    },
    {
      what: 'geometric mean of the programs',
      figure: one(metered?.geometricMean),
      bar: '1/35 at least',
      isMet: atMost(metered?.geometricMean, 35),
    },
    {
      what: `slowest program${metered === undefined ? '' : ` (${metered.worst.program})`}`,
      figure: one(metered?.worst.slowdown),
      bar: '1/120 at least',
      isMet: atMost(metered?.worst.slowdown, 120),
    },
    {
      what: 'metering costs',
      figure: figure(costs === undefined ? undefined : costs * 100, '%'),
      bar: '8% at most',
      isMet: atMost(costs, 0.08),
    },
    {
      what: 'pulldown-cmark.wasm from bytes to instance, cold',
      figure: figure(toInstance, ' ms'),
      bar: '40 ms at most',
      isMet: atMost(toInstance, 40),
    },
    {
      what: 'decoding and validating megabytes of code',
      figure: figure(speed, ' MB/s'),
      bar: '25 MB/s at least',
      isMet: atLeast(speed, 25),
    },
    {
      what: 'instances per second of a small module',
      figure: figure(perSecond, ''),
      bar: '20,000 at least',
      isMet: atLeast(perSecond, 20_000),
    },
    {
      what: 'memory of an idle instance of one page',
      figure: figure(instances?.idleBytes === undefined ? undefined : instances.idleBytes / 1_024, ' KiB'),
      bar: '100 KiB at most',
      isMet: atMost(instances?.idleBytes, 100 * 1_024),
    },
    {
      what: 'reset of a sandbox of one page',
      figure: figure(instances?.resetMicroseconds.median, ' µs'),
      bar: '20 µs at most',
      isMet: atMost(instances?.resetMicroseconds.median, 20),
    },
    {
      what: 'dearest price for a unit of gas, in times the median',
      figure: figure(worstPrice, ''),
      bar: `${GAS_BAR} at most`,
      isMet: atMost(worstPrice, GAS_BAR),
    },
    {
      what: 'the same, of all instructions one by one',
      figure: figure(worstCase, ''),
      bar: `${GAS_BAR} at most`,
      isMet: atMost(worstCase, GAS_BAR),
    },
    {
      what: '1 MiB of float64 through a plug-in in one call, in times copying by hand',
      figure: figure(bulk.times, ''),
      bar: `${BULK_BARS.times} at most`,
      isMet: atMost(bulk.times, BULK_BARS.times),
    },
    {
      what: 'its gas, in parts of that of the standard functions',
      figure: figure(bulk.gas, ''),
      bar: `${BULK_BARS.gas} at most`,
      isMet: atMost(bulk.gas, BULK_BARS.gas),
    },
    ...instrumentBars(instrument),
    textBar('parsing texts, slowest module', leastSpeed(report.text, 'parse'), TEXT_BARS.parse),
    textBar('printing modules, slowest one', leastSpeed(report.text, 'print'), TEXT_BARS.print),
    ...serviceBars(report.service),
  ];
}

function serviceBars(figures: ServiceFigures | undefined): Bar[] {
  const times = (what: string, value: number | undefined, least: number): Bar => ({
    what: `requests a second of a pool on native, in times ${what}`,
    figure: value === undefined ? '-' : number(value),
    bar: `${least} at least`,
    isMet: atLeast(value, least),
  });
  const wait = longestWait(figures);
  return [
    times('those of one on the interpreter', timesAsMany(figures, 'pool on native', 'pool on the interpreter'), 1),
    times(
      "those of Extism's new plug-ins that do the same",
      timesAsMany(figures, 'pool on native', 'plug-in: @extism/extism, a new one'),
      10,
    ),
    {
      what: 'a second route while guests spin, 99% of its requests',
      figure: wait === undefined ? '-' : milliseconds(wait),
      bar: `${LATENCY_BAR} ms at most`,
      isMet: atMost(wait, LATENCY_BAR),
    },
  ];
}

function textBar(what: string, speed: number | undefined, least: number): Bar {
  const figure = speed === undefined ? '-' : `${number(speed)} MB/s`;
  return { what, figure, bar: `${least} MB/s at least`, isMet: atLeast(speed, least) };
}

/** Shares of the unmetered speed that modules which meter themselves have to keep. */
export const NATIVE_BARS = { coremark: 0.86, fib: 0.5, mean: 0.8 } as const;

function instrumentBars(figures: InstrumentFigures | undefined): Bar[] {
  const shareOn = (name: string) => {
    const program = figures?.programs.find((item) => item.name === name);
    const slowdown = program && slowdownOf(program, METERED);
    return slowdown && 1 / slowdown.median;
  };
  const mean = figures?.summaries.find(({ contender }) => contender === METERED)?.geometricMean;
  const bar = (what: string, share: number | undefined, least: number): Bar => ({
    what,
    figure: share === undefined ? '-' : share.toFixed(2),
    bar: `${least.toFixed(2)} at least`,
    isMet: atLeast(share, least),
  });
  return [
    bar('CoreMark, native and metered, of the native speed', shareOn(COREMARK), NATIVE_BARS.coremark),
    bar('recursive Fibonacci, native and metered', shareOn(FIB), NATIVE_BARS.fib),
    bar('geometric mean, native and metered', mean && 1 / mean, NATIVE_BARS.mean),
  ];
}

/** The share by which counting slows the interpreter down; undefined where it cannot do without. */
function meteringCost(programs: readonly ProgramReport[]): number | undefined {
  const ratios = programs.flatMap(({ outcomes }) => {
    const { metered, unmetered } = outcomes;
    if (metered?.state !== 'timed' || unmetered?.state !== 'timed') return [];
    return [median(metered.samples.map((sample, round) => sample / (unmetered.samples[round] ?? Number.NaN)))];
  });
  return ratios.length === 0 ? undefined : geometricMean(ratios) - 1;
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
