/** What the documents lead to is there: other documents, their headings, and files of the repository. */

import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';

const root = fileURLToPath(new URL('../..', import.meta.url));

const markdownIn = (folder: string) => readdirSync(join(root, folder)).filter((name) => name.endsWith('.md'));
const documents = [
  ...markdownIn('.'),
  ...markdownIn('docs').map((name) => `docs/${name}`),
  'bench/README.md',
  'test/README.md',
];

const read = (path: string) => readFileSync(join(root, path), 'utf8');
/** Examples are no prose: nothing in them is a link. */
const proseOf = (text: string) => text.replaceAll(/^```[\s\S]*?^```/gm, '');

/** What headings are called in links: lower case, without punctuation, hyphens for spaces. */
function anchorsOf(text: string): string[] {
  return [...proseOf(text).matchAll(/^#+ (.+)$/gm)].map(([, heading = '']) =>
    heading
      .toLowerCase()
      .replaceAll(/[^\p{L}\p{N} _-]/gu, '')
      .replaceAll(' ', '-'),
  );
}

/** Links of a text that lead nowhere, as they are written. */
function brokenLinks(document: string, text: string): string[] {
  return [...proseOf(text).matchAll(/\]\(([^)\s]+)\)/g)]
    .map(([, link = '']) => link)
    .filter((link) => {
      if (/^[a-z]+:/.test(link)) return false;
      const [path = '', anchor] = link.split('#');
      const target = relative(root, join(root, dirname(document), path));
      if (path !== '' && !existsSync(join(root, target))) return true;
      return anchor !== undefined && !anchorsOf(path === '' ? text : read(target)).includes(anchor);
    });
}

const FILE = /`((?:wasm|interpreter|instrument|policy|src|test|scripts|bench|fixtures|docs|examples)\/[\w./-]+\.\w+)`/g;

/** Files of the repository, by their path from its root, that a text names in backquotes and that do not exist. */
function missingFiles(text: string): string[] {
  return [...text.matchAll(FILE)].map(([, path = '']) => path).filter((path) => !existsSync(join(root, path)));
}

describe.each(documents)('%s', (document) => {
  const text = read(document);

  test('its links lead somewhere', () => {
    expect(brokenLinks(document, text)).toEqual([]);
  });

  test('the files it names are there', () => {
    expect(missingFiles(text)).toEqual([]);
  });
});

test('what leads nowhere is found', () => {
  const text = '# One\n[a](#one) [b](#two) [c](gas.md) [d](gas.md#nothing) [e](none.md) [f](https://example.com/)\n';
  expect(brokenLinks('docs/cache.md', text)).toEqual(['#two', 'gas.md#nothing', 'none.md']);
  expect(missingFiles('`src/index.ts` `src/none.ts` src/other.ts')).toEqual(['src/none.ts']);
});
