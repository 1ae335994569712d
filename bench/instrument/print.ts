/** The instrumenter's figures as text. */

import type { Outcome } from '../measure.ts';
import { challengers, contendersTable, reasons } from '../print.ts';
import { geometricMean, median, type Spread } from '../statistics.ts';
import { type Block, milliseconds, number, type Section } from '../table.ts';
import type { InstrumentFigures } from './measure.ts';
import type { Rewriting, Throughput } from './throughput.ts';

/** A share of the speed, from how many times slower it is. */
function share(slowdown: Spread): string {
  const of = (times: number) => (1 / times).toFixed(2);
  return `${of(slowdown.median)}  (${of(slowdown.upper)} to ${of(slowdown.lower)})`;
}

function speedBlocks({ contenders, programs, summaries }: InstrumentFigures): Block[] {
  const others = challengers(contenders);
  const baseline = contenders.find(({ role }) => role === 'baseline');
  const cell = (outcome: Outcome | undefined) => {
    if (outcome?.state !== 'timed') return outcome === undefined ? '' : 'cannot read it';
    return outcome.slowdown === undefined ? milliseconds(median(outcome.samples)) : share(outcome.slowdown);
  };
  const rows = programs.map(({ name, outcomes }) => {
    const base = outcomes[baseline?.key ?? ''];
    return [
      name,
      base?.state === 'timed' ? milliseconds(median(base.samples)) : '-',
      ...others.map(({ key }) => cell(outcomes[key])),
    ];
  });
  const means = others.map(({ key }) => {
    const found = summaries.find(({ contender }) => contender === key);
    return found === undefined ? '' : `${(1 / found.geometricMean.median).toFixed(2)}  (${found.programs} programs)`;
  });
  rows.push([], ['geometric mean', '', ...means]);
  const label = baseline?.label ?? 'baseline';
  return [
    `The speed of ${label} times, with the middle half of the rounds.`,
    contendersTable(contenders),
    {
      columns: [{ title: 'program' }, { title: label, right: true }, ...others.map(({ label: title }) => ({ title }))],
      rows,
    },
    ...reasons(programs, others),
  ];
}

function rewritingCells(rewriting: Rewriting | undefined, bytes: number): readonly [speed: string, size: string] {
  if (rewriting === undefined) return ['', ''];
  if ('fails' in rewriting) return ['cannot read it', ''];
  const { speed } = rewriting;
  return [
    `${number(speed.median)}  (${number(speed.lower)} to ${number(speed.upper)})`,
    (rewriting.bytes / bytes).toFixed(2),
  ];
}

function throughputBlocks({ tools, rows }: Throughput): Block[] {
  const cells = rows.map(({ module, bytes, rewritings, optimisedBytes }) => [
    module,
    `${number(bytes / 1_000)} kB`,
    ...tools.flatMap(({ key }) => rewritingCells(rewritings[key], bytes)),
    optimisedBytes === undefined ? '' : (optimisedBytes / bytes).toFixed(2),
  ]);
  const means = tools.flatMap(({ key }) => {
    const found = rows.flatMap(({ rewritings }) => {
      const rewriting = rewritings[key];
      return rewriting === undefined || 'fails' in rewriting ? [] : [rewriting.relative.median];
    });
    return [found.length === 0 ? '' : `${number(geometricMean(found))} times ours (${found.length})`, ''];
  });
  cells.push([], ['geometric mean', '', ...means]);
  const failures = rows.flatMap(({ module, rewritings }) =>
    tools.flatMap(({ key, label }) => {
      const rewriting = rewritings[key];
      return rewriting !== undefined && 'fails' in rewriting
        ? [`${label} cannot read ${module}: ${rewriting.fails}`]
        : [];
    }),
  );
  return [
    'Instrumenting: megabytes of the original in a second of the processor, and size of the result in times the original.\n' +
      'Names and other custom sections are not carried over by the first two.',
    {
      columns: [{ title: 'tool' }, { title: 'what it does' }],
      rows: tools.map(({ label, what }) => [label, what]),
    },
    {
      columns: [
        { title: 'module' },
        { title: 'size', right: true },
        ...tools.flatMap(({ label }) => [{ title: `${label}, MB/s` }, { title: 'size', right: true }]),
        { title: 'after binaryen', right: true },
      ],
      rows: cells,
    },
    ...failures,
  ];
}

export function instrumentSection(figures: InstrumentFigures): Section {
  return {
    title: "Metering on the runtime's own engine",
    blocks: [...speedBlocks(figures), ...throughputBlocks(figures.throughput)],
  };
}
