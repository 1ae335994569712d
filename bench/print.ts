/** A report as text. */

import { type Calibration, type CaseFigure, GAS_BAR } from './gas/calibrate.ts';
import { BARE, type InstanceFigures } from './instances.ts';
import type { LifeFigures } from './life.ts';
import type { Outcome } from './measure.ts';
import { type ContenderReport, type ProgramReport, type Summary, slowdownOf } from './program-report.ts';
import { type Bar, COREMARK_BAR, codeSpeed, type Report, startSpeed } from './report.ts';
import { PHASES, type Phases, type StartupRow, total } from './startup.ts';
import { median, type Spread } from './statistics.ts';
import { type Block, differenceText, milliseconds, number, type Section, type Table } from './table.ts';

const one = (slowdown: number) => `1/${number(slowdown)}`;
const range = ({ lower, upper }: Spread) => `${number(lower)} to ${number(upper)}`;

/** Contenders that take part, the baseline not among them. */
export function challengers(contenders: readonly ContenderReport[]): readonly ContenderReport[] {
  return contenders.filter(({ role, absent }) => role !== 'baseline' && absent === undefined);
}

/** The lines everything else comes after. */
export function coremarkText(program: ProgramReport | undefined, baseline: string): string {
  const slowdown = program && slowdownOf(program, 'metered');
  if (program === undefined || slowdown === undefined) {
    return `CoreMark, metered: not measured (bar: 1/${COREMARK_BAR.required} of ${baseline})`;
  }
  const score = (key: string) => {
    const outcome = program.outcomes[key];
    if (outcome?.state !== 'timed') return '-';
    return number(((program.iterations ?? 0) * 1_000) / median(outcome.samples));
  };
  const verdict = slowdown.high <= COREMARK_BAR.required ? 'met' : 'NOT MET';
  return [
    `CoreMark, metered: ${one(slowdown.median)} of ${baseline} in the same run; bar 1/${COREMARK_BAR.required}: ${verdict}`,
    `  half of ${slowdown.count} rounds between 1/${number(slowdown.lower)} and 1/${number(slowdown.upper)};` +
      ` iterations per second: ${baseline} ${score('v8')}, interpreter ${score('metered')}`,
  ].join('\n');
}

function outcomeText(outcome: Outcome | undefined, isOwn: boolean): string {
  if (outcome === undefined) return '';
  if (outcome.state === 'unsupported') return 'not supported yet';
  if (outcome.state !== 'timed') return outcome.state;
  if (outcome.slowdown === undefined) return milliseconds(median(outcome.samples));
  const { slowdown } = outcome;
  return isOwn ? `${one(slowdown.median)}  (${range(slowdown)})` : one(slowdown.median);
}

export function programsSection({ programs, contenders, summaries }: Report): Section {
  const others = challengers(contenders);
  const baseline = contenders.find(({ role, absent }) => role === 'baseline' && absent === undefined);
  const rows = programs.map((program) => {
    const base = baseline && program.outcomes[baseline.key];
    const metered = program.outcomes['metered'];
    return [
      program.name,
      base?.state === 'timed' ? milliseconds(median(base.samples)) : '-',
      metered?.state === 'timed' && metered.gas !== undefined ? metered.gas.toLocaleString('en-US') : '',
      metered?.state === 'timed' ? milliseconds(metered.first) : '',
      ...others.map(({ key, role }) => outcomeText(program.outcomes[key], role === 'product')),
    ];
  });
  const summary = (title: string, text: (of: Summary) => string) => [
    title,
    '',
    '',
    '',
    ...others.map(({ key }) => {
      const found = summaries.find(({ contender }) => contender === key);
      return found === undefined ? '' : text(found);
    }),
  ];
  rows.push([]);
  rows.push(summary('geometric mean', (of) => `${one(of.geometricMean.median)}  (${of.programs} programs)`));
  rows.push(summary('worst', (of) => `${one(of.worst.slowdown.median)}  (${of.worst.program})`));
  const label = baseline?.label ?? 'baseline';
  const columns = [
    { title: 'program' },
    { title: label, right: true },
    { title: 'gas', right: true },
    { title: 'first run', right: true },
    ...others.map(({ label: title }) => ({ title })),
  ];
  return {
    title: `Programs: the speed of ${label} divided by`,
    blocks: [
      'With the middle half of the rounds; milliseconds are processor time. The first run is the very first of a small size on\n' +
        'the metered interpreter, in this process and in this order.',
      { columns, rows },
      ...reasons(programs, others),
    ],
  };
}

/** Why contenders are missing in the table, each reason once. */
export function reasons(programs: readonly ProgramReport[], others: readonly ContenderReport[]): Block[] {
  const lines = others.flatMap(({ key, label }) => {
    const byReason = new Map<string, string[]>();
    for (const { name, outcomes } of programs) {
      const outcome = outcomes[key];
      if (outcome === undefined || outcome.state === 'timed') continue;
      const reason = `${outcome.state}: ${outcome.reason}`;
      byReason.set(reason, [...(byReason.get(reason) ?? []), name]);
    }
    return [...byReason].map(([reason, names]) => [label, names.join(', '), reason]);
  });
  const columns = [{ title: 'left out' }, { title: 'on' }, { title: 'because it' }];
  return lines.length === 0 ? [] : [{ columns, rows: lines }];
}

export function contendersTable(contenders: readonly ContenderReport[]): Table {
  const rows = contenders.map(({ label, what, absent }) => [
    label,
    absent === undefined ? what : `left out: ${absent}`,
  ]);
  return { columns: [{ title: 'contender' }, { title: 'what it is' }], rows };
}

export function startupSection(rows: readonly StartupRow[], label: (key: string) => string): Section {
  const cells = (phases: Phases) => [
    ...PHASES.map((phase) => milliseconds(phases[phase])),
    milliseconds(total(phases)),
  ];
  const lines = rows.flatMap((row) => {
    const kilobytes = (bytes: number) => `${number(bytes / 1_000)} kB`;
    const head = (kind: string) => [
      row.module,
      kilobytes(row.bytes),
      kilobytes(row.codeBytes),
      label(row.engine),
      kind,
    ];
    const line = (kind: string, phases: Phases) => [
      ...head(kind),
      ...cells(phases),
      number(codeSpeed(row, phases)),
      number(1_000 / startSpeed(row, phases)),
    ];
    return [...(row.cold === undefined ? [] : [line('cold', row.cold)]), line('warm', row.best)];
  });
  const right = (title: string) => ({ title, right: true });
  const columns = [
    { title: 'module' },
    right('size'),
    right('code'),
    { title: 'engine' },
    { title: 'start' },
    right('decode, validate'),
    right('instantiate'),
    right('first call'),
    right('together'),
    right('MB/s of code'),
    right('ms per MB'),
  ];
  return {
    title: 'Start-up: from bytes to the first result',
    blocks: ['Cold is the first in a process; warm is the best of some in one process.', { columns, rows: lines }],
  };
}

export function instancesSection(figures: InstanceFigures, label: (key: string) => string): Section {
  const size = (bytes: number | undefined) => (bytes === undefined ? '-' : `${number(bytes / 1_024)} KiB`);
  const rows = [
    ...Object.entries(figures.perSecond).map(([key, rate]) => [
      key === BARE ? 'bare pages allocated per second' : `instances per second, ${label(key)}`,
      number(rate.median),
      range(rate),
    ]),
    ...Object.entries(figures.times).map(([key, times]) => [
      `  the interpreter's, in times those of ${key === BARE ? 'bare pages' : label(key)}`,
      number(times.median),
      range(times),
    ]),
    ['idle instance, its page of 64 KiB included', size(figures.idleBytes), ''],
    ['idle sandbox, its page included', size(figures.idleSandboxBytes), ''],
    [
      'building a sandbox from bytes',
      `${number(figures.buildMicroseconds.median)} µs`,
      range(figures.buildMicroseconds),
    ],
    [
      'reset of a sandbox',
      differenceText(figures.resetMicroseconds, (value) => `${number(value)} µs`),
      range(figures.resetMicroseconds),
    ],
  ];
  const columns = [{ title: 'a small module, one page' }, { title: 'figure', right: true }, { title: 'middle half' }];
  return { title: 'Instances', blocks: [{ columns, rows }] };
}

export function lifeSection(figures: LifeFigures): Section {
  const { megabytes, perMegabyte, size, small, call, hostCall, waiting } = figures;
  const row = (what: string, unit: string, figure: Spread) => [what, `${number(figure.median)} ${unit}`, range(figure)];
  const large = (what: string, figure: Spread) => row(what, 'ms', figure);
  const each = (what: string, figure: Spread) => row(what, 'µs', figure);
  const bytes = (figure: number | undefined) => (figure === undefined ? '-' : `${number(figure / 1_024)} KiB`);
  const share = (of: number) => `${number(of * 100)}% of the memory`;
  const rows = [
    large(`snapshot, uncompressed (${share(size.plain)})`, perMegabyte.snapshot),
    large(`snapshot, compressed (${share(size.compressed)})`, perMegabyte.snapshotCompressed),
    large('restore, uncompressed', perMegabyte.restore),
    large('restore, compressed', perMegabyte.restoreCompressed),
    large('fork', perMegabyte.fork),
    large('reset', perMegabyte.reset),
    [],
    ['one page, in the middle of a call'],
    each('  snapshot', small.snapshot),
    each('  restore', small.restore),
    each('  fork', small.fork),
    [],
    ['a short call'],
    each('  in one go', call.plain),
    each('  paused at a checkpoint, and gone on with', call.paused),
    [],
    ['a call that makes one host call'],
    each('  answered at once', hostCall.direct),
    each('  suspended on a promise that has settled, and resumed', hostCall.suspended),
    each('  suspended over a turn of the event loop, and resumed', hostCall.resumed),
    [],
    [`${waiting.guests.toLocaleString('en-US')} guests waiting at once, each`],
    ['  its waiting call', bytes(waiting.callBytes), ''],
    ['  its sandbox, of a module without memory', bytes(waiting.sandboxBytes), ''],
    ['  being answered and ending', `${number(waiting.finishMicroseconds)} µs`, ''],
  ];
  const title = `for a megabyte of memory, of ${number(megabytes)} MB`;
  const columns = [{ title }, { title: 'figure', right: true }, { title: 'middle half' }];
  return { title: 'Leaving guests, and going on', blocks: [{ columns, rows }] };
}

/** Rows of a table that may become long; files have them all. */
const MAX_ABOVE = 24;

const mark = (ratio: number) => (ratio > GAS_BAR ? '  above' : '');

export function gasSection({ label, prices, free, medianNanoseconds, left }: Calibration): Section {
  const right = (title: string) => ({ title, right: true });
  const priceRows = prices.map(({ price, units, nanosecondsPerUnit, ratio, cases, worst }) => [
    price,
    units,
    String(cases.length),
    cases.length === 0 ? 'not supported yet' : number(nanosecondsPerUnit),
    cases.length === 0 ? '' : `${number(ratio)}${mark(ratio)}`,
    worst === undefined ? '' : number(worst.ratio) + mark(worst.ratio),
    worst?.name ?? '',
  ]);
  const above = prices
    .flatMap(({ cases }) => cases)
    .filter(({ ratio }) => ratio > GAS_BAR)
    .sort((a, b) => b.ratio - a.ratio)
    .map(({ name, price, ratio }: CaseFigure) => [name, price, number(ratio)]);
  const hidden = above.splice(MAX_ABOVE).length;
  if (hidden > 0) above.push([`and ${hidden} more`]);
  const freeRows = free.map(({ name, nanosecondsEach, worth, ratio }) => [
    name,
    number(nanosecondsEach),
    number(worth),
    `${number(ratio)}${mark(ratio)}`,
  ]);
  const prose = (text: string, table: Table): Block[] => [text, table];
  return {
    title: `Gas: nanoseconds for a unit, ${label}`,
    blocks: [
      `The median of the classes of instructions (push to bulk) is ${number(medianNanoseconds)} ns; none may be above ${GAS_BAR} times that.`,
      {
        columns: [
          { title: 'price' },
          { title: 'units' },
          right('loops'),
          right('ns per unit'),
          { title: 'times the median' },
          { title: 'its slowest' },
          { title: 'which is' },
        ],
        rows: priceRows,
      },
      ...(above.length === 0
        ? []
        : prose(`Above ${GAS_BAR} times the median, one by one:`, {
            columns: [{ title: 'loop' }, { title: 'price' }, right('times the median')],
            rows: above,
          })),
      ...prose(
        'What costs nothing, or hides work: what one takes, what that would be worth, and a loop of nothing else',
        {
          columns: [{ title: 'one' }, right('ns each'), right('worth units'), { title: 'loop, times the median' }],
          rows: freeRows,
        },
      ),
      ...(left.length === 0 ? [] : [`${left.length} loops were left out: ${leftText(left)}`]),
    ],
  };
}

function leftText(left: Calibration['left']): string {
  const reasons = new Map<string, number>();
  for (const { reason } of left) reasons.set(reason, (reasons.get(reason) ?? 0) + 1);
  return [...reasons].map(([reason, count]) => `${count} × ${reason}`).join('; ');
}

export function barsSection(bars: readonly Bar[]): Section {
  const rows = bars.flatMap(({ what, figure, interval, bar, verdict }) =>
    verdict === undefined ? [] : [[what, figure, interval, bar, verdict]],
  );
  const left = bars.filter(({ verdict }) => verdict === undefined).map(({ what }) => what);
  const columns = [
    { title: 'what is wanted' },
    { title: 'measured', right: true },
    { title: 'certainly within' },
    { title: 'bar' },
    { title: '' },
  ];
  return {
    title: 'Bars: met where all of the interval is',
    blocks: [{ columns, rows }, ...(left.length === 0 ? [] : [`Not measured: ${left.join('; ')}`])],
  };
}
