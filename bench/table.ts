/** What is shown: paragraphs, tables, and figures in them. */

import type { Interval } from './statistics.ts';

export interface Column {
  readonly title: string;
  readonly right?: boolean;
}

export interface Table {
  readonly columns: readonly Column[];
  /** Empty ones set apart what follows; those of one cell are titles of what follows. */
  readonly rows: readonly (readonly string[])[];
}

/** Paragraphs and tables. */
export type Block = string | Table;

/** What is said of a part, on a terminal and on a page. */
export interface Section {
  readonly title: string;
  readonly blocks: readonly Block[];
}

/** Columns as wide as they must be, numbers to the right. */
function tableText({ columns, rows }: Table): string {
  const widths = columns.map(({ title }, i) => Math.max(title.length, ...rows.map((row) => row[i]?.length ?? 0)));
  const line = (cells: readonly string[]) =>
    columns
      .map(({ right }, i) => {
        const cell = cells[i] ?? '';
        const width = widths[i] as number;
        return right ? cell.padStart(width) : cell.padEnd(width);
      })
      .join('  ')
      .trimEnd();
  const rule = widths.map((width) => '-'.repeat(width));
  return [line(columns.map(({ title }) => title)), line(rule), ...rows.map(line)].map((text) => `  ${text}`).join('\n');
}

export function blockText(block: Block): string {
  return typeof block === 'string' ? block : tableText(block);
}

export function sectionText({ title, blocks }: Section): string {
  return [title, ...blocks.map(blockText)].join('\n\n');
}

/** Three digits, as far as they say anything. */
export function number(value: number): string {
  if (!Number.isFinite(value)) return '-';
  const size = Math.abs(value);
  if (size >= 100) return Math.round(value).toLocaleString('en-US');
  if (size >= 10) return value.toFixed(1);
  if (size >= 0.1 || size === 0) return value.toFixed(2);
  return value.toPrecision(2);
}

export function milliseconds(value: number): string {
  if (value >= 10_000) return `${number(value / 1_000)} s`;
  return value >= 0.1 ? `${number(value)} ms` : `${number(value * 1_000)} µs`;
}

/** What was added to an amount, unless nothing can be told from what the samples stray. */
export function differenceText(
  difference: Interval & { readonly median: number },
  text: (value: number) => string,
): string {
  const { low, high, median } = difference;
  if (low > 0 || high < 0) return text(median);
  return `not distinguishable from nothing (± ${text(Math.max(-low, high))})`;
}
