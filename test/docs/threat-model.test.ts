/** docs/threat-model.md says for every phase what holds there, and names a test for each line. */

import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';

const PHASES = [
  'Decode',
  'Validate',
  'Lower',
  'Instrument',
  'Instantiate',
  'Run',
  'Host call',
  'Reset, lend and share',
  'Snapshot',
  'Restore',
  'Replay',
  'Cache',
  'Configure',
];

const text = readFileSync(new URL('../../docs/threat-model.md', import.meta.url), 'utf8');
const sectionOf = (level: string, heading: string) =>
  text.split(new RegExp(`^${level} `, 'm')).find((section) => section.startsWith(`${heading}\n`)) ?? '';

/** The rows of a section's table without its head, each a list of cells. */
const rowsOf = (section: string) =>
  section
    .split('\n')
    .filter((line) => line.startsWith('| '))
    .slice(2)
    .map((line) =>
      line
        .slice(1, -1)
        .split(' | ')
        .map((cell) => cell.trim()),
    );

test('all phases are there, and no others', () => {
  const headings = [...sectionOf('##', 'Phase by phase').matchAll(/^### (.*)$/gm)].map(([, heading]) => heading);
  expect(headings).toEqual(PHASES);
});

describe.each(PHASES)('%s', (phase) => {
  const rows = rowsOf(
    sectionOf('##', 'Phase by phase')
      .split(/^### /m)
      .find((part) => part.startsWith(`${phase}\n`)) ?? '',
  );

  test('says who attacks, what holds and which test shows it', () => {
    expect(rows).not.toEqual([]);
    for (const row of rows) {
      expect(row).toHaveLength(3);
      expect(row).not.toContain('');
      expect(row[2]).toMatch(/^`test\/[\w/.-]+\.test\.ts`(, `test\/[\w/.-]+\.test\.ts`)*$/);
    }
  });
});

test('what is not promised has a reason, and something to do about it', () => {
  const rows = rowsOf(sectionOf('##', 'What is not promised'));
  expect(rows.length).toBeGreaterThan(5);
  for (const row of rows) {
    expect(row).toHaveLength(3);
    expect(row).not.toContain('');
  }
});
