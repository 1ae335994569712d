/** Charts of boxes that any browser lays out: they fit a telephone, where a picture would shrink its letters. */

import { encoded } from './markup.ts';

/** A figure on a row, with what it strays by. */
export interface Mark {
  readonly value: number;
  readonly lower?: number;
  readonly upper?: number;
  /** What is said of it where the pointer is. */
  readonly title: string;
  /** Number of its colour. */
  readonly colour: number;
}

export interface ChartRow {
  readonly label: string;
  readonly marks: readonly Mark[];
}

export interface Chart {
  readonly rows: readonly ChartRow[];
  /** By number of colour; empty where that is not used. */
  readonly legend: readonly string[];
  /** Of a tick, or of what parts come to. */
  readonly text: (value: number) => string;
  /** What none should pass. */
  readonly limit?: number;
}

const COLOURS = 7;

const colour = (number: number) => `var(--c${number % COLOURS})`;

function legendMarkup(legend: readonly string[]): string {
  if (legend.length === 0) return '';
  const items = legend.map((label, i) =>
    label === '' ? '' : `<span><i style="background:${colour(i)}"></i>${encoded(label)}</span>`,
  );
  return `<p class="legend">${items.join(' ')}</p>`;
}

/** Per cent of the width. */
type Scale = (value: number) => number;

function axis(scale: Scale, ticks: readonly number[], text: (value: number) => string): string {
  const labels = ticks.map((tick) => `<span style="left:${scale(tick).toFixed(2)}%">${encoded(text(tick))}</span>`);
  return `<div class="row axis"><span></span><div class="track">${labels.join('')}</div></div>`;
}

function row(label: string, content: string, lines: string): string {
  return `<div class="row"><span class="label">${encoded(label)}</span><div class="track">${lines}${content}</div></div>`;
}

const line = (at: number, kind: string) => `<b class="${kind}" style="left:${at.toFixed(2)}%"></b>`;

/** Leading digits of ticks. */
const STEPS = [1, 2, 5] as const;
/** Ticks beyond which only the powers of ten are shown. */
const MOST_TICKS = 8;

/** The round numbers around all values, and those between them. */
function bounds(least: number, most: number): { low: number; high: number; ticks: readonly number[] } {
  const first = Math.floor(Math.log10(least));
  const last = Math.ceil(Math.log10(most));
  const round = Array.from({ length: last - first + 1 }, (_, i) => STEPS.map((step) => Number(`${step}e${first + i}`)));
  const all = round.flat();
  const low = all.findLast((tick) => tick <= least) ?? least;
  const high = all.find((tick) => tick >= most && tick > low) ?? most;
  const within = all.filter((tick) => tick >= low && tick <= high);
  const tens = round.map(([ten]) => ten as number).filter((tick) => tick >= low && tick <= high);
  return { low, high, ticks: within.length <= MOST_TICKS ? within : tens };
}

/** Marks on a logarithmic axis, with their middle halves. Empty where there is nothing to show. */
export function marksChart({ rows, legend, text, limit }: Chart): string {
  const values = rows.flatMap(({ marks }) =>
    marks.flatMap(({ value, lower = value, upper = value }) => [lower, upper]),
  );
  const known = [...values, ...(limit === undefined ? [] : [limit])].filter(
    (value) => value > 0 && value < Number.POSITIVE_INFINITY,
  );
  if (known.length === 0) return '';
  const { low, high, ticks } = bounds(Math.min(...known), Math.max(...known));
  const scale: Scale = (value) => (100 * Math.log(Math.min(high, Math.max(low, value)) / low)) / Math.log(high / low);
  const lines = [
    ...ticks.map((tick) => line(scale(tick), 'tick')),
    ...(limit === undefined ? [] : [line(scale(limit), 'limit')]),
  ].join('');
  const drawn = rows.map(({ label, marks }) => {
    const content = marks.map(({ value, lower = value, upper = value, title, colour: number }) => {
      if (!(value > 0 && value < Number.POSITIVE_INFINITY)) return '';
      const [from, to] = [scale(lower), scale(upper)];
      return (
        `<i class="half" style="left:${from.toFixed(2)}%;width:${(to - from).toFixed(2)}%;background:${colour(number)}"></i>` +
        `<i class="mark" style="left:${scale(value).toFixed(2)}%;background:${colour(number)}" title="${encoded(title)}"></i>`
      );
    });
    return row(label, content.join(''), lines);
  });
  return `${legendMarkup(legend)}<div class="chart">${axis(scale, ticks, text)}${drawn.join('')}</div>`;
}

/** Parts one after the other from zero, and what they come to. */
export function barsChart({ rows, legend, text }: Chart): string {
  const sum = ({ marks }: ChartRow) => marks.reduce((total, { value }) => total + value, 0);
  const longest = Math.max(...rows.map(sum));
  if (!(longest > 0)) return '';
  // Room for what is written behind the longest.
  const scale: Scale = (value) => (84 * value) / longest;
  const drawn = rows.map((each) => {
    const parts = each.marks.map(
      ({ value, title, colour: number }) =>
        `<i class="part" style="width:${scale(value).toFixed(2)}%;background:${colour(number)}" title="${encoded(title)}"></i>`,
    );
    return row(each.label, `<div class="bar">${parts.join('')}<span>${encoded(text(sum(each)))}</span></div>`, '');
  });
  return `${legendMarkup(legend)}<div class="chart">${drawn.join('')}</div>`;
}
