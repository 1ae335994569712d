/** The page about packages has what the scripts try. */

import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';

interface Row {
  readonly name: string;
  readonly needs?: readonly string[];
}

const page = readFileSync(new URL('../../docs/packages.md', import.meta.url), 'utf8');
const versions = JSON.parse(readFileSync(new URL('../../scripts/packages/versions.json', import.meta.url), 'utf8'));
const { ROWS } = (await import('../../scripts/packages/table.mjs' as string)) as { ROWS: readonly Row[] };
const { COMMANDS } = (await import('../../scripts/packages/commands.mjs' as string)) as { COMMANDS: readonly Row[] };

it('has a row for each, with its version', () => {
  const missing = [...ROWS, ...COMMANDS].filter(
    ({ name, needs = [name] }) => !page.includes(`\n| ${name} | ${versions[needs.at(-1) as string]} |`),
  );
  expect(missing.map(({ name }) => name)).toEqual([]);
});

it('has a version of all that they need, exactly, and of nothing else', () => {
  const needed = [...ROWS, ...COMMANDS].flatMap(({ name, needs = [name] }) => needs);
  expect(Object.keys(versions)).toEqual([...new Set(needed)].sort());
  for (const version of Object.values(versions)) expect(version).toMatch(/^\d+\.\d+\.\d+/);
});

it('names none twice', () => {
  const names = [...ROWS, ...COMMANDS].map(({ name }) => name);
  expect(names).toEqual([...new Set(names)]);
});
