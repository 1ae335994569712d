/** A report as a page that needs nothing else: no script, no font, no network. */

import type { CliffRow } from '../cliffs.ts';
import { cliffsSection } from '../cliffs.ts';
import { type Calibration, GAS_BAR } from '../gas/calibrate.ts';
import type { InstrumentFigures } from '../instrument/measure.ts';
import { instrumentSection } from '../instrument/print.ts';
import type { LifeFigures } from '../life.ts';
import { type PluginRow, pluginsSection } from '../plugins.ts';
import {
  barsSection,
  challengers,
  contendersTable,
  coremarkText,
  gasSection,
  instancesSection,
  lifeSection,
  programsSection,
  startupSection,
} from '../print.ts';
import { type ContenderReport, type ProgramReport, slowdownOf } from '../program-report.ts';
import { COREMARK } from '../programs.ts';
import type { Bar, Report } from '../report.ts';
import { type ServiceFigures, serviceSection } from '../service/measure.ts';
import { PHASES, type StartupRow } from '../startup.ts';
import { inverse, type Spread } from '../statistics.ts';
import { milliseconds, number, type Section } from '../table.ts';
import { type TextRow, textSection } from '../text.ts';
import { barsChart, type ChartRow, type Mark, marksChart } from './chart.ts';
import { blockMarkup, encoded } from './markup.ts';
import { STYLE } from './style.ts';

const times = (value: number) => `${number(value)} ×`;

const plain = (tick: number) => tick.toLocaleString('en-US');
const timesTick = (tick: number) => `${plain(tick)} ×`;
const durationTick = (tick: number) => {
  if (tick >= 1_000) return `${plain(tick / 1_000)} s`;
  return tick >= 0.1 ? `${plain(tick)} ms` : `${plain(Number((tick * 1_000).toPrecision(1)))} µs`;
};

const markOf = (figure: Spread, title: string, colour: number): Mark => ({
  value: figure.median,
  lower: figure.lower,
  upper: figure.upper,
  title,
  colour,
});

/** A row for a program, a mark for every contender. */
function programRows(
  programs: readonly ProgramReport[],
  others: readonly ContenderReport[],
  figure: (slowdown: Spread) => Spread,
  text: (value: number) => string,
): ChartRow[] {
  return programs.map((program) => ({
    label: program.name,
    marks: others.flatMap(({ key, label }, i) => {
      const slowdown = slowdownOf(program, key);
      if (slowdown === undefined) return [];
      const shown = figure(slowdown);
      return [markOf(shown, `${program.name}, ${label}: ${text(shown.median)}`, i)];
    }),
  }));
}

function programsChart({ programs, contenders }: Report): string {
  const others = challengers(contenders);
  const rows = programRows(programs, others, (slowdown) => slowdown, times);
  return marksChart({ rows, legend: others.map(({ label }) => label), text: timesTick });
}

function instrumentChart({ programs, contenders }: InstrumentFigures): string {
  const others = challengers(contenders);
  const rows = programRows(programs, others, inverse, (value) => value.toFixed(2));
  return marksChart({ rows, legend: others.map(({ label }) => label), text: plain });
}

const PHASE_NAMES = { compile: 'decode and validate', instantiate: 'instantiate', call: 'first call' } as const;

function startupChart(rows: readonly StartupRow[], label: (key: string) => string): string {
  const shown = rows.map((row) => {
    const phases = row.cold ?? row.median;
    const marks = PHASES.map((phase, colour) => ({
      value: phases[phase],
      title: `${PHASE_NAMES[phase]} ${milliseconds(phases[phase])}`,
      colour,
    }));
    return { label: `${row.module}, ${label(row.engine)}${row.cold === undefined ? '' : ', cold'}`, marks };
  });
  return barsChart({ rows: shown, legend: PHASES.map((phase) => PHASE_NAMES[phase]), text: milliseconds });
}

function cliffsChart(rows: readonly CliffRow[]): string {
  const legend = ['at its best, of V8', 'settled behind another, of its best', 'among all, of its best'];
  const shown = rows.map(({ program, best, v8, behind, among }) => ({
    label: program,
    marks: [best / v8, behind?.ratio ?? Number.NaN, among].map((value, colour) => ({
      value,
      title: `${program}, ${legend[colour]}: ${times(value)}`,
      colour,
    })),
  }));
  return marksChart({ rows: shown, legend, text: timesTick });
}

function pluginsChart(rows: readonly PluginRow[]): string {
  const shown = rows
    .filter(({ absent }) => absent === undefined)
    .map(({ what, who, time }) => ({
      label: `${what}, ${who}`,
      marks: [markOf(time, `${who}: ${milliseconds(time.median)}`, 0)],
    }));
  return marksChart({ rows: shown, legend: [], text: durationTick });
}

function serviceChart({ requests }: ServiceFigures): string {
  const rows = requests.map(({ who, perSecond }) => ({
    label: who,
    marks: [markOf(perSecond, `${number(perSecond.median)} a second`, 0)],
  }));
  return marksChart({ rows, legend: [], text: plain });
}

function textChart(rows: readonly TextRow[]): string {
  const keys = [...new Set(rows.flatMap(({ speeds }) => Object.keys(speeds)))];
  const shown = rows.map(({ module, speeds }) => ({
    label: module,
    marks: keys.flatMap((key, colour) => {
      const speed = speeds[key];
      return speed === undefined ? [] : [markOf(speed, `${key}: ${number(speed.median)} MB/s`, colour)];
    }),
  }));
  return marksChart({ rows: shown, legend: keys, text: (tick) => `${plain(tick)} MB/s` });
}

function lifeChart({ perMegabyte }: LifeFigures): string {
  const rows = Object.entries(perMegabyte).map(([what, figure]) => ({
    label: what.replace(/[A-Z]/g, (letter) => `, ${letter.toLowerCase()}`),
    marks: [markOf(figure, `${milliseconds(figure.median)} a megabyte`, 0)],
  }));
  return marksChart({ rows, legend: [], text: durationTick });
}

/** Every loop of a price, and the bar that none should pass. */
function gasChart({ prices }: Calibration): string {
  const rows = prices
    .filter(({ cases }) => cases.length > 0)
    .map(({ price, cases, ratio }) => ({
      label: price,
      marks: [
        ...cases.map((item) => ({
          value: item.ratio,
          title: `${item.name}: ${times(item.ratio)}`,
          colour: item.ratio > GAS_BAR ? 4 : 5,
        })),
        { value: ratio, title: `${price}: ${times(ratio)}`, colour: 0 },
      ],
    }));
  return marksChart({
    rows,
    legend: ['the price', '', '', '', 'a loop above the bar', 'a loop'],
    text: timesTick,
    limit: GAS_BAR,
  });
}

const idOf = (title: string) => title.toLowerCase().replaceAll(/[^a-z0-9]+/g, '-');

function sectionMarkup({ title, blocks }: Section, chart = ''): string {
  const content = blocks.map(blockMarkup).join('\n');
  const shown = chart === '' ? content : `${chart}<details><summary>in figures</summary>${content}</details>`;
  return `<h2 id="${idOf(title)}">${encoded(title)}</h2>\n${shown}`;
}

/** The verdicts in their colours. */
function barsMarkup(bars: readonly Bar[]): string {
  return sectionMarkup(barsSection(bars)).replaceAll(
    /<td>(met|not met|not certain)<\/td>/g,
    (_, verdict: string) => `<td class="${verdict.replace(' ', '-')}">${verdict}</td>`,
  );
}

export function toHtml(report: Report): string {
  const { contenders, programs, instrument, startup, instances, life, text, plugins, service, cliffs, gas } = report;
  const { machine, notes, seconds } = report;
  const label = (key: string) => contenders.find((item) => item.key === key)?.label ?? key;
  const parts: [section: Section, chart?: string][] = [];
  if (programs.length > 0) parts.push([programsSection(report), programsChart(report)]);
  if (instrument !== undefined) parts.push([instrumentSection(instrument), instrumentChart(instrument)]);
  if (startup.length > 0) parts.push([startupSection(startup, label), startupChart(startup, label)]);
  if (instances !== undefined) parts.push([instancesSection(instances, label)]);
  if (cliffs.length > 0) parts.push([cliffsSection(cliffs), cliffsChart(cliffs)]);
  if (plugins.length > 0) parts.push([pluginsSection(plugins), pluginsChart(plugins)]);
  if (service !== undefined) parts.push([serviceSection(service), serviceChart(service)]);
  if (text.length > 0) parts.push([textSection(text), textChart(text)]);
  if (life !== undefined) parts.push([lifeSection(life), lifeChart(life)]);
  for (const calibration of gas) parts.push([gasSection(calibration), gasChart(calibration)]);
  if (notes.length > 0) parts.push([{ title: 'Notes', blocks: notes }]);
  parts.push([{ title: 'Who takes part', blocks: [contendersTable(contenders)] }]);

  const coremark = programs.find(({ name }) => name === COREMARK);
  const links = parts.map(([{ title }]) => `<a href="#${idOf(title)}">${encoded(title.replace(/[:;,].*/, ''))}</a>`);
  const conditions = `${machine.runtime}, ${machine.cores} × ${machine.cpu}, load ${machine.load.toFixed(1)}, ${seconds.toFixed(0)} s of measuring`;
  return `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>wasm-sandbox: benchmark</title>
<style>${STYLE}</style>
<h1>wasm-sandbox: benchmark</h1>
<p class="run">${encoded(conditions)}</p>
${coremark === undefined ? '' : `<p class="headline">${encoded(coremarkText(coremark, label('v8')))}</p>`}
<nav>${links.join(' ')}</nav>
${barsMarkup(report.bars)}
${parts.map(([section, chart]) => sectionMarkup(section, chart)).join('\n')}
</html>
`;
}
