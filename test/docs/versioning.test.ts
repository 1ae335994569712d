/** docs/versioning.md names the versions that the code has, and CHANGELOG.md has a section for the package's. */

import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { ARTIFACT_FORMAT } from '../../instrument/artifact.ts';
import { CACHE_FORMAT } from '../../src/cache/key.ts';
import { FORMAT_VERSION } from '../../src/snapshot/container.ts';
import { GAS_VERSION } from '../../wasm/gas.ts';

const read = (path: string) => readFileSync(new URL(`../../${path}`, import.meta.url), 'utf8');
const text = read('docs/versioning.md');
const changelog = read('CHANGELOG.md');
const manifest = JSON.parse(read('package.json'));

/** The second cell of the row that begins with the first. */
const versionOf = (what: string) =>
  text
    .split('\n')
    .find((line) => line.startsWith(`| ${what} |`))
    ?.split(' | ')[1]
    ?.replace(/ \|$/, '');

test('names the version of the gas schedule', () => {
  expect(text).toContain(`This is version ${GAS_VERSION} of the gas schedule`);
});

test.each([
  ['snapshots', FORMAT_VERSION],
  ['recordings', FORMAT_VERSION],
  ['entries of a cache on disk', CACHE_FORMAT],
  ['artifacts of `instrument`', ARTIFACT_FORMAT],
])('names the version of %s', (what, version) => {
  expect(versionOf(what)).toBe(String(version));
});

test.each([
  ['Node', manifest.engines.node],
  ['`binaryen`, where `optimise` asks for it', manifest.peerDependencies.binaryen],
])('names the version of %s', (what, range: string) => {
  expect(versionOf(what)).toBe(`${range.replace('>=', '')} or later`);
});

test('the changelog begins with what is not released, and ends each heading as its form asks', () => {
  const headings = [...changelog.matchAll(/^## (.*)$/gm)].map(([, heading]) => heading);
  expect(headings[0]).toBe('[Unreleased]');
  for (const heading of headings.slice(1)) expect(heading).toMatch(/^\[\d+\.\d+\.\d+\] - \d{4}-\d{2}-\d{2}$/);
  const kinds = [...changelog.matchAll(/^### (.*)$/gm)].map(([, kind]) => kind);
  for (const kind of kinds) expect(['Added', 'Changed', 'Deprecated', 'Removed', 'Fixed', 'Security']).toContain(kind);
});
