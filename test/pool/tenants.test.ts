import { test, vi } from 'vitest';
import { assertProperty } from '../property/runner.ts';
import { tenants } from './tenants/property.ts';

// Long runs are asked for with FUZZ_RUNS.
vi.setConfig({ testTimeout: 600_000 });

test.each(['interpreter', 'native'] as const)(
  'no tenant of the %s engine finds anything else than it would alone',
  async (engine) => {
    await assertProperty(tenants(engine));
  },
);
