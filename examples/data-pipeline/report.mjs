/** The report: one HTML file with charts in SVG, without scripts, light and dark. */

import { fromArrow } from 'arquero';

const WIDTH = 760;
const HEIGHT = 190;
const EDGE = { left: 44, right: 12, top: 12, bottom: 26 };
/** Marks on the axis of levels, about. */
const TICKS = 4;
const DAY = 86_400_000;

const ENTITIES = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' };
const text = (value) => String(value).replace(/[&<>"]/g, (each) => ENTITIES[each]);
const day = (date) => new Date(date).toISOString().slice(0, 10);
const level = (value) => value.toFixed(2);
const score = (value) => (Number.isFinite(value) ? Math.abs(value).toFixed(1) : '∞');
const thousands = (value) => value.toLocaleString('en-US');

/**
 * @param {Uint8Array} arrow an IPC stream of `analyse`
 * @param {readonly { station: string, gasUsed: bigint }[]} runs
 * @returns {string}
 */
export function report(arrow, runs) {
  const rows = fromArrow(arrow).objects();
  const outliers = rows.filter((row) => row.outlier);
  const charts = runs.map(({ station, gasUsed }) => {
    const series = rows.filter((row) => row.station === station);
    const found = series.filter((row) => row.outlier).length;
    return `<section>
<h2>${text(station)}</h2>
<p class="note">${thousands(series.length)} values, ${found === 1 ? '1 outlier' : `${found} outliers`} · ${thousands(gasUsed)} units of gas</p>
${chart(station, series)}
</section>`;
  });
  return `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>Water levels</title>
<style>${STYLE}</style>
<main>
<h1>Water levels</h1>
<p>${thousands(rows.length)} values of ${thousands(runs.length)} stations, ${period(rows)}. <strong>${thousands(outliers.length)}</strong> are far off their neighbours.</p>
<p class="legend"><span class="level">level, in metres</span><span class="median">median of the days around</span><span class="outlier">outlier</span></p>
${charts.join('\n')}
<section>
<h2>Outliers</h2>
${listOf(outliers)}
</section>
</main>
</html>
`;
}

function period(rows) {
  const times = rows.map(({ date }) => Number(date));
  const [from, to] = times.reduce(([a, b], time) => [Math.min(a, time), Math.max(b, time)], [Infinity, -Infinity]);
  return `${day(from)} to ${day(to)}`;
}

function listOf(outliers) {
  if (outliers.length === 0) return '<p class="note">None.</p>';
  const cells = ({ station, date, level: value, median, score: off }) =>
    `<tr><td>${text(station)}</td><td>${day(date)}</td><td>${level(value)}</td><td>${level(median)}</td><td>${score(off)}</td></tr>`;
  return `<div class="wide"><table>
<thead><tr><th>Station</th><th>Date</th><th>Level (m)</th><th>Median (m)</th><th>Deviations off</th></tr></thead>
<tbody>
${outliers.map(cells).join('\n')}
</tbody>
</table></div>`;
}

function chart(station, series) {
  const times = series.map(({ date }) => Number(date));
  const [from = 0] = times;
  const to = Math.max(times.at(-1) ?? 0, from + DAY);
  const marks = ticks(series.map((row) => row.level));
  const [low, high] = [marks[0], marks.at(-1)];
  const x = (time) => (EDGE.left + ((time - from) / (to - from)) * (WIDTH - EDGE.left - EDGE.right)).toFixed(1);
  const y = (value) =>
    (HEIGHT - EDGE.bottom - ((value - low) / (high - low)) * (HEIGHT - EDGE.top - EDGE.bottom)).toFixed(1);
  const line = (name) =>
    `<polyline class="${name}" points="${series.map((row, i) => `${x(times[i])},${y(row[name])}`).join(' ')}"/>`;
  const grid = marks.map(
    (mark) =>
      `<line x1="${EDGE.left}" x2="${WIDTH - EDGE.right}" y1="${y(mark)}" y2="${y(mark)}"/><text x="${EDGE.left - 8}" y="${y(mark)}" dy="0.32em" text-anchor="end">${+mark.toPrecision(6)}</text>`,
  );
  const dates = [0, 1, 2, 3].map((third) => {
    const anchor = third === 0 ? 'start' : third === 3 ? 'end' : 'middle';
    const time = from + ((to - from) * third) / 3;
    return `<text x="${x(time)}" y="${HEIGHT - 8}" text-anchor="${anchor}">${day(time)}</text>`;
  });
  const points = series.flatMap((row, i) =>
    row.outlier
      ? [
          `<circle class="outlier" cx="${x(times[i])}" cy="${y(row.level)}" r="5"><title>${day(times[i])}: ${level(row.level)} m, ${score(row.score)} deviations off ${level(row.median)} m</title></circle>`,
        ]
      : [],
  );
  return `<svg viewBox="0 0 ${WIDTH} ${HEIGHT}" role="img" aria-label="Levels of ${text(station)}">
<g class="grid">${grid.join('')}${dates.join('')}</g>
${line('level')}
${line('median')}
${points.join('\n')}
</svg>`;
}

/** Round numbers, the first below all values and the last above. */
function ticks(values) {
  const low = values.reduce((a, b) => Math.min(a, b));
  const high = values.reduce((a, b) => Math.max(a, b));
  const rough = (high - low || Math.abs(high) || 1) / TICKS;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = power * ([1, 2, 5].find((each) => each * power >= rough) ?? 10);
  const first = Math.floor(low / step);
  const last = Math.max(Math.ceil(high / step), first + 1);
  return Array.from({ length: last - first + 1 }, (_, index) => (first + index) * step);
}

const STYLE = `
:root { --page: #f7f7f4; --card: #fff; --ink: #1d2430; --soft: #667085; --rule: #e4e5e0; --level: #2f6fb5; --median: #b0803a; --outlier: #c8372d; }
@media (prefers-color-scheme: dark) {
  :root { --page: #12161c; --card: #1a2028; --ink: #e7eaee; --soft: #98a2b3; --rule: #2b333e; --level: #6aa9ea; --median: #d9ac66; --outlier: #ff7a6e; }
}
* { box-sizing: border-box; }
body { margin: 0; background: var(--page); color: var(--ink); font: 16px/1.5 system-ui, sans-serif; }
main { max-width: 52rem; margin: 0 auto; padding: 2.5rem 1rem 4rem; }
h1 { margin: 0; font-size: 1.9rem; letter-spacing: -0.01em; }
h2 { margin: 0; font-size: 1.1rem; }
section { margin-top: 1.25rem; padding: 1.1rem 1.25rem; background: var(--card); border: 1px solid var(--rule); border-radius: 10px; }
.note { margin: 0 0 0.6rem; color: var(--soft); font-size: 0.9rem; }
svg { display: block; width: 100%; height: auto; }
.grid line { stroke: var(--rule); }
.grid text { fill: var(--soft); font-size: 11px; font-variant-numeric: tabular-nums; }
polyline { fill: none; stroke-linejoin: round; }
polyline.level { stroke: var(--level); stroke-width: 1.5; }
polyline.median { stroke: var(--median); stroke-width: 2; }
circle.outlier { fill: var(--outlier); stroke: var(--card); stroke-width: 1.5; }
.legend { display: flex; flex-wrap: wrap; gap: 0.3rem 1.4rem; color: var(--soft); font-size: 0.9rem; }
.legend span::before { content: ''; display: inline-block; width: 1.1rem; height: 3px; margin-right: 0.5rem; vertical-align: middle; border-radius: 2px; background: var(--level); }
.legend .median::before { background: var(--median); }
.legend .outlier::before { width: 10px; height: 10px; border-radius: 50%; background: var(--outlier); }
.wide { overflow-x: auto; }
table { width: 100%; margin-top: 0.5rem; border-collapse: collapse; font-variant-numeric: tabular-nums; }
th, td { padding: 0.4rem 0.75rem 0.4rem 0; border-bottom: 1px solid var(--rule); text-align: left; white-space: nowrap; }
th { color: var(--soft); font-size: 0.85rem; font-weight: 600; }
tbody tr:last-child td { border-bottom: 0; }
th:last-child, td:last-child { padding-right: 0; }
th:nth-child(n + 3), td:nth-child(n + 3) { text-align: right; }
`;
