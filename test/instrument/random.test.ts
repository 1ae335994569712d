import { test } from 'vitest';
import { assertProperty } from '../property/runner.ts';
import { triangle } from './random.ts';

test('agree on random programs', async () => {
  await assertProperty(triangle());
});
