/** A report as a page that needs nothing else: no script, no font, no network. */

import { cliffsText } from './cliffs.ts';
import { type Calibration, GAS_BAR } from './gas/calibrate.ts';
import { instrumentText } from './instrument/print.ts';
import { pluginsText } from './plugins.ts';
import {
  barsText,
  challengers,
  contendersText,
  coremarkText,
  gasText,
  instancesText,
  lifeText,
  programsText,
  startupText,
} from './print.ts';
import { type ProgramReport, slowdownOf } from './program-report.ts';
import { COREMARK } from './programs.ts';
import type { Report } from './report.ts';
import { serviceText } from './service/measure.ts';
import { PHASES, type StartupRow, total } from './startup.ts';
import { milliseconds, number } from './table.ts';

const COLOURS = ['#2a78d6', '#d97a1f', '#2f9e6b', '#8a5bc7', '#c7445f', '#6b7280', '#a3862a'];
const WIDTH = 900;
const LABEL = 230;
const RIGHT = 60;
const ROW = 22;
const TOP = 26;

function html(text: string): string {
  return text.replace(/[&<>"']/g, (letter) => `&#${letter.charCodeAt(0)};`);
}

function text(x: number, y: number, content: string, attributes = ''): string {
  return `<text x="${x.toFixed(1)}" y="${y.toFixed(1)}" ${attributes}>${html(content)}</text>`;
}

function line(x1: number, y1: number, x2: number, y2: number, attributes: string): string {
  const [a, b, c, d] = [x1, y1, x2, y2].map((place) => place.toFixed(1));
  return `<line x1="${a}" y1="${b}" x2="${c}" y2="${d}" ${attributes}/>`;
}

function box(x: number, y: number, width: number, height: number, attributes: string, title = ''): string {
  const [a, b, c, d] = [x, y, Math.max(0.5, width), height].map((place) => place.toFixed(1));
  return `<rect x="${a}" y="${b}" width="${c}" height="${d}" ${attributes}><title>${html(title)}</title></rect>`;
}

/** A logarithmic axis to the right of the labels. */
interface Axis {
  readonly at: (value: number) => number;
  readonly ticks: readonly number[];
}

function axis(values: readonly number[]): Axis {
  const low = Math.floor(Math.log10(Math.min(...values)));
  const high = Math.max(low + 1, Math.ceil(Math.log10(Math.max(...values))));
  const scale = (WIDTH - LABEL - RIGHT) / (high - low);
  const clamp = (value: number) => Math.min(high, Math.max(low, Math.log10(value)));
  return {
    at: (value) => LABEL + (clamp(value) - low) * scale,
    ticks: Array.from({ length: high - low + 1 }, (_, i) => 10 ** (low + i)),
  };
}

function grid({ at, ticks }: Axis, rows: number, label: (tick: number) => string): string {
  const bottom = TOP + rows * ROW;
  return ticks
    .map(
      (tick) =>
        line(at(tick), TOP - 4, at(tick), bottom, 'class="grid"') +
        text(at(tick), TOP - 10, label(tick), 'text-anchor="middle" class="small"'),
    )
    .join('');
}

function svg(rows: number, content: string, title: string): string {
  const height = TOP + rows * ROW + 8;
  return `<svg viewBox="0 0 ${WIDTH} ${height}" role="img" aria-label="${html(title)}">${content}</svg>`;
}

function legend(entries: readonly (readonly [label: string, colour: string])[]): string {
  const items = entries.map(([label, colour]) => `<span><i style="background:${colour}"></i>${html(label)}</span>`);
  return `<p class="legend">${items.join(' ')}</p>`;
}

/** One row for a program, a mark for every contender, the middle half of the rounds as a line. */
function programsChart({ programs, contenders }: Report): string {
  const others = challengers(contenders);
  const values = programs.flatMap((program) => others.map(({ key }) => slowdownOf(program, key)?.median ?? Number.NaN));
  const known = values.filter((value) => !Number.isNaN(value));
  if (known.length === 0) return '';
  const scale = axis([1, ...known]);
  const rows = programs.map((program, row) => {
    const y = TOP + (row + 0.5) * ROW;
    const marks = others.map(({ key, label }, i) => {
      const slowdown = slowdownOf(program, key);
      if (slowdown === undefined) return '';
      const colour = COLOURS[i % COLOURS.length] as string;
      const title = `${program.name}, ${label}: ${number(slowdown.median)} times slower`;
      return (
        line(scale.at(slowdown.lower), y, scale.at(slowdown.upper), y, `stroke="${colour}" stroke-width="2"`) +
        `<circle cx="${scale.at(slowdown.median).toFixed(1)}" cy="${y}" r="${i === 0 ? 5 : 4}" fill="${colour}"><title>${html(title)}</title></circle>`
      );
    });
    return text(LABEL - 10, y + 4, program.name, 'text-anchor="end"') + marks.reverse().join('');
  });
  const chart = svg(programs.length, grid(scale, programs.length, (tick) => `${tick} ×`) + rows.join(''), 'programs');
  return legend(others.map(({ label }, i) => [label, COLOURS[i % COLOURS.length] as string])) + chart;
}

/** The phases one after the other. */
function startupChart(rows: readonly StartupRow[], label: (key: string) => string): string {
  const longest = Math.max(...rows.map((row) => total(row.cold ?? row.median)));
  const scale = (WIDTH - LABEL - RIGHT - 40) / longest;
  const bars = rows.map((row, i) => {
    const phases = row.cold ?? row.median;
    const y = TOP + i * ROW;
    let x = LABEL;
    const parts = PHASES.map((phase, at) => {
      const width = phases[phase] * scale;
      const title = `${row.module}, ${label(row.engine)}: ${phase} ${milliseconds(phases[phase])}`;
      const part = box(x, y + 3, width, ROW - 6, `fill="${COLOURS[at] as string}"`, title);
      x += width;
      return part;
    });
    return (
      text(LABEL - 10, y + ROW / 2 + 4, `${row.module}, ${label(row.engine)}`, 'text-anchor="end"') +
      parts.join('') +
      text(x + 6, y + ROW / 2 + 4, milliseconds(total(phases)), 'class="small"')
    );
  });
  const names = { compile: 'decode and validate', instantiate: 'instantiate', call: 'first call' } as const;
  return (
    legend(PHASES.map((phase, i) => [names[phase], COLOURS[i] as string])) + svg(rows.length, bars.join(''), 'start-up')
  );
}

/** Every loop of a price as a mark, their median as a bar, and the bar that none should pass. */
function gasChart({ prices }: Calibration): string {
  const shown = prices.filter(({ cases }) => cases.length > 0);
  const scale = axis(shown.flatMap(({ cases }) => cases.map(({ ratio }) => ratio)));
  const rows = shown.map(({ price, ratio, cases }, row) => {
    const y = TOP + row * ROW;
    const start = scale.at(scale.ticks[0] as number);
    const marks = cases.map(
      (item) =>
        `<circle cx="${scale.at(item.ratio).toFixed(1)}" cy="${y + ROW / 2}" r="3" class="${item.ratio > GAS_BAR ? 'above' : 'mark'}"><title>${html(`${item.name}: ${number(item.ratio)} times the median`)}</title></circle>`,
    );
    return (
      text(LABEL - 10, y + ROW / 2 + 4, price, 'text-anchor="end"') +
      box(start, y + 6, scale.at(ratio) - start, ROW - 12, `fill="${COLOURS[0] as string}" opacity="0.35"`, price) +
      marks.join('')
    );
  });
  const limit = line(scale.at(GAS_BAR), TOP - 4, scale.at(GAS_BAR), TOP + shown.length * ROW, 'class="limit"');
  return svg(shown.length, grid(scale, shown.length, (tick) => `${tick} ×`) + limit + rows.join(''), 'gas prices');
}

const STYLE = `
:root { color-scheme: light dark; --ink: #1c2330; --paper: #fff; --faint: #d6dbe3; --weak: #667085; }
@media (prefers-color-scheme: dark) { :root { --ink: #e6e9ef; --paper: #14171d; --faint: #343a46; --weak: #98a1b0; } }
body { margin: 2rem auto; max-width: 62rem; padding: 0 1rem; font: 15px/1.5 system-ui, sans-serif; color: var(--ink); background: var(--paper); }
h1 { font-size: 1.5rem; } h2 { font-size: 1.15rem; margin-top: 2.5rem; }
pre { overflow-x: auto; font: 12px/1.5 ui-monospace, monospace; }
.headline { font: 600 1rem/1.6 ui-monospace, monospace; border-left: 4px solid #2a78d6; padding-left: 1rem; white-space: pre-wrap; }
svg { width: 100%; height: auto; } svg text { font: 12px system-ui, sans-serif; fill: var(--ink); }
svg .small { font-size: 11px; fill: var(--weak); } svg .grid { stroke: var(--faint); } svg .limit { stroke: #c7445f; stroke-dasharray: 4 3; }
svg .mark { fill: #2a78d6; opacity: 0.6; } svg .above { fill: #c7445f; }
.legend span { margin-right: 1.2rem; } .legend i { display: inline-block; width: 0.8em; height: 0.8em; margin-right: 0.4em; border-radius: 2px; }
`;

function section(title: string, chart: string, plain: string): string {
  return `<h2>${html(title)}</h2>\n${chart}\n<details><summary>as a table</summary><pre>${html(plain)}</pre></details>`;
}

export function toHtml(report: Report): string {
  const { contenders, programs, instrument, startup, instances, life, plugins, service, cliffs, gas, machine, notes } =
    report;
  const label = (key: string) => contenders.find((item) => item.key === key)?.label ?? key;
  const coremark = programs.find(({ name }: ProgramReport) => name === COREMARK);
  const parts = [
    `<p class="headline">${html(coremarkText(coremark, label('v8')))}</p>`,
    `<p>${html(`${machine.runtime}, ${machine.cores} × ${machine.cpu}, load ${machine.load.toFixed(1)}`)}</p>`,
    `<pre>${html(barsText(report.bars))}</pre>`,
  ];
  if (programs.length > 0) {
    parts.push(
      section(`Programs: times slower than ${label('v8')}`, programsChart(report), programsText(report)),
      `<details><summary>who takes part</summary><pre>${html(contendersText(contenders))}</pre></details>`,
    );
  }
  if (instrument !== undefined) {
    parts.push(`<h2>Metering on the native engine</h2><pre>${html(instrumentText(instrument))}</pre>`);
  }
  if (startup.length > 0) {
    parts.push(section('From bytes to the first result', startupChart(startup, label), startupText(startup, label)));
  }
  if (instances !== undefined) parts.push(`<h2>Instances</h2><pre>${html(instancesText(instances, label))}</pre>`);
  if (cliffs.length > 0) parts.push(`<h2>First, behind another, among many</h2><pre>${html(cliffsText(cliffs))}</pre>`);
  if (plugins.length > 0) parts.push(`<h2>Plug-ins and scripts</h2><pre>${html(pluginsText(plugins))}</pre>`);
  if (service !== undefined) parts.push(`<h2>Services</h2><pre>${html(serviceText(service))}</pre>`);
  if (life !== undefined) parts.push(`<h2>Leaving guests, and going on</h2><pre>${html(lifeText(life))}</pre>`);
  for (const calibration of gas) {
    const title = `Time for a unit of gas on the ${calibration.label}, in times the median of the prices`;
    parts.push(section(title, gasChart(calibration), gasText(calibration)));
  }
  if (notes.length > 0) parts.push(`<h2>Notes</h2><pre>${html(notes.join('\n'))}</pre>`);
  return `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>wasm-sandbox: benchmark</title>
<style>${STYLE}</style>
<h1>wasm-sandbox: benchmark</h1>
${parts.join('\n')}
</html>
`;
}
