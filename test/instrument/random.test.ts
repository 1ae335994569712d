import { test } from 'vitest';
import { assertProperty } from '../property/runner.ts';
import { triangle } from './random.ts';

/** Milliseconds; FUZZ_RUNS may ask for many runs. */
const PATIENCE = 600_000;

test('agree on random programs', { timeout: PATIENCE }, async () => {
  await assertProperty(triangle());
});
