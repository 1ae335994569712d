import { test } from 'vitest';
import { assertProperty } from '../property/runner.ts';
import { tenants } from './tenants/property.ts';

test.each(['interpreter', 'native'] as const)(
  'no tenant of the %s engine finds anything else than it would alone',
  async (engine) => {
    await assertProperty(tenants(engine));
  },
);
