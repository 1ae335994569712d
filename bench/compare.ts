/** What changed between two runs, beyond what either strays: `npm run bench -- --compare before.json after.json`. */

import { readFileSync } from 'node:fs';
import { UsageError } from './options.ts';
import type { Report } from './report.ts';
import type { Spread } from './statistics.ts';
import { number, type Section } from './table.ts';

type Run = Pick<Report, 'machine'> & Readonly<Record<string, unknown>>;

/** @throws UsageError where it is none of what `--json` writes */
export function readRun(file: string): Run {
  let run: unknown;
  try {
    run = JSON.parse(readFileSync(file, 'utf8'));
  } catch (error) {
    throw new UsageError(`${file} cannot be read: ${error instanceof Error ? error.message : String(error)}`);
  }
  const isRun = typeof run === 'object' && run !== null && 'machine' in run && 'bars' in run;
  if (!isRun) throw new UsageError(`${file} is no run: --json FILE writes one`);
  return run as unknown as Run;
}

const isSpread = (value: object): value is Spread => 'median' in value && 'low' in value && 'high' in value;

/** What names an element of a list, whatever its place. */
const NAMES = ['name', 'module', 'engine', 'program', 'what', 'who', 'framework', 'guests', 'label', 'price'] as const;

function nameOf(element: unknown, place: number): string {
  if (typeof element !== 'object' || element === null) return String(place);
  const names = NAMES.flatMap((name) => {
    const value = (element as Record<string, unknown>)[name];
    return typeof value === 'string' || typeof value === 'number' ? [String(value)] : [];
  });
  return names.length === 0 ? String(place) : names.join(', ');
}

/** All figures of a run that say how certain they are, by where they stand. */
export function figuresOf(value: unknown, path: readonly string[] = []): ReadonlyMap<string, Spread> {
  if (typeof value !== 'object' || value === null) return new Map();
  if (isSpread(value)) return new Map([[path.join(' › '), value]]);
  const entries = Array.isArray(value)
    ? value.map((element, i) => [nameOf(element, i), element] as const)
    : Object.entries(value);
  return new Map(entries.flatMap(([name, element]) => [...figuresOf(element, [...path, name])]));
}

export interface Change {
  readonly figure: string;
  readonly before: Spread;
  readonly after: Spread;
  /** Of the medians, and what it is between with certainty. */
  readonly ratio: number;
  readonly low: number;
  readonly high: number;
}

export interface Comparison {
  /** Whose intervals have nothing in common, the largest change first. */
  readonly changes: readonly Change[];
  /** How many figures both runs have. */
  readonly compared: number;
  /** Conditions that differ. */
  readonly conditions: readonly string[];
}

export function compare(before: Run, after: Run): Comparison {
  const [old, now] = [figuresOf(before), figuresOf(after)];
  const both = [...old].flatMap(([figure, before]) => {
    const after = now.get(figure);
    return after === undefined || !(before.median > 0) ? [] : [{ figure, before, after }];
  });
  const size = ({ ratio }: Change) => Math.abs(Math.log(ratio));
  const changes = both
    .map(({ figure, before, after }) => ({
      ...{ figure, before, after, ratio: after.median / before.median },
      ...{ low: after.low / before.high, high: after.high / before.low },
    }))
    .filter(({ before, after }) => after.low > before.high || after.high < before.low)
    .sort((a, b) => size(b) - size(a));
  const conditions = (['runtime', 'cpu', 'cores'] as const).flatMap((key) => {
    const [was, is] = [before.machine[key], after.machine[key]];
    return was === is ? [] : [`${key}: ${was} before, ${is} after`];
  });
  return { changes, compared: both.length, conditions };
}

export function comparisonSection({ changes, compared, conditions }: Comparison): Section {
  const right = (title: string) => ({ title, right: true });
  const rows = changes.map(({ figure, before, after, ratio, low, high }) => [
    figure,
    number(before.median),
    number(after.median),
    `${number(ratio)} ×`,
    `${number(low)} to ${number(high)}`,
  ]);
  const same = compared - changes.length;
  const count =
    `${changes.length} of ${compared} figures have changed beyond what the runs stray; ${same} cannot be told apart.` +
    (compared === 0 ? ' The runs have no part in common.' : '');
  return {
    title: 'What has changed',
    blocks: [
      ...conditions.map(
        (condition) => `Not under the same conditions: ${condition}. Ratios may be compared, times may not.`,
      ),
      ...(rows.length === 0
        ? []
        : [
            {
              columns: [
                { title: 'figure' },
                right('before'),
                right('after'),
                right('change'),
                { title: 'certainly within' },
              ],
              rows,
            },
          ]),
      count,
    ],
  };
}
