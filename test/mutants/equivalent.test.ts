/** What is listed as changing nothing has to be there: a line that has changed may not be spared by its old reason. */

import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { TARGETS } from '../../scripts/mutants-targets.mjs';

interface Equivalent {
  readonly file: string;
  readonly line: string;
  readonly reason: string;
}

const root = new URL('../../', import.meta.url);
const read = (path: string) => readFileSync(new URL(path, root), 'utf8');
const equivalents = JSON.parse(read('test/mutants/equivalent.json')) as readonly Equivalent[];

test('every listed line is in its file, which is one that is changed', () => {
  const files = Object.values(TARGETS).flatMap((target) => target.files);
  const lost = equivalents.filter(({ file, line }) => !files.includes(file) || !read(file).includes(line));
  expect(lost).toEqual([]);
});

test('every target has its files and its tests', () => {
  for (const { files, tests } of Object.values(TARGETS))
    for (const path of [...files, ...tests]) expect(read(path)).not.toBe('');
});
