/** Every suite that is no part of the repository is there whole, or is skipped by its name, or must be there. */

import { existsSync, readFileSync } from 'node:fs';
import { join, posix } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { LONGEST } from './longest.ts';
import { absenceOf, CORE_ASSERTIONS, filesOf, folderOf, isFound, requiresSuites, SUITES } from './suites.ts';

const root = fileURLToPath(new URL('..', import.meta.url));

for (const suite of Object.values(SUITES)) {
  if (isFound(suite) || requiresSuites()) {
    test(`all of ${suite.name} is there`, () => {
      if (!isFound(suite)) throw new Error(absenceOf(suite));
      expect(filesOf(suite)).toHaveLength(suite.files);
    });
  } else test.skip(absenceOf(suite), () => undefined);
}

describe('where a suite is looked for', () => {
  test('in the folder that the variable names, or beside the repository', () => {
    expect(folderOf(SUITES.core, { WASM_SPEC_DIR: '/some/where' })).toBe(join('/some/where', 'core'));
    for (const nothing of [{}, { WASM_SPEC_DIR: '' }]) {
      expect(folderOf(SUITES.core, nothing)).toBe(join(root, '../shared/spec/core'));
    }
  });

  test.each([
    ['true', true],
    ['1', true],
    ['false', false],
    ['0', false],
    ['', false],
    [undefined, false],
  ])('CI=%s requires suites: %s', (value, required) => {
    expect(requiresSuites({ CI: value })).toBe(required);
  });
});

test('the files that begin first are there', () => {
  expect(LONGEST.filter((file) => !existsSync(join(root, file)))).toEqual([]);
});

describe('the documents', () => {
  const read = (path: string) => readFileSync(`${root}/${path}`, 'utf8');
  const count = (value: number) => value.toLocaleString('en-US');

  test.each(Object.values(SUITES))(
    'conformance.md tells where $name is looked for, and how much of it there is',
    (suite) => {
      const row = read('docs/conformance.md')
        .split('\n')
        .find((line) => line.startsWith('| [') && line.includes(`$${suite.variable}`) && line.includes(suite.folder));
      expect(row).toContain(posix.join(suite.fallback, suite.folder));
      expect(row).toContain(`${suite.files} `);
      expect(row).toContain(`*${suite.extension}`);
    },
  );

  test.each(['README.md', 'docs/conformance.md'])('%s has the number of assertions', (path) => {
    expect(read(path)).toContain(`${count(CORE_ASSERTIONS)} assertions`);
  });
});
