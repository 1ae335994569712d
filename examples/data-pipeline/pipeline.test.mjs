/** The whole way on the levels that are here, and what is said of a table that is none. */

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { analyse } from './pipeline.mjs';
import { report } from './report.mjs';

const LEVELS = readFileSync(new URL('levels.csv', import.meta.url), 'utf8');

test('a report of three stations with six outliers, and the same gas each time', async () => {
  const { arrow, runs } = await analyse(LEVELS);
  assert.deepEqual(
    runs.map(({ station }) => station),
    ['Upper weir', 'Mill bridge', 'Harbour'],
  );
  const page = report(arrow, runs);
  assert.equal(page.match(/<circle/g).length, 6);
  assert.doesNotMatch(page, /<script|NaN|undefined|https?:/);
  assert.deepEqual((await analyse(LEVELS)).runs, runs);
});

test('what is wrong with a table is said', async () => {
  await assert.rejects(analyse('station,date\nx,2025-01-01\n'), /no column level/);
  await assert.rejects(analyse(LEVELS, { window: 4 }), /Upper weir: outliers: the window must be/);
});
