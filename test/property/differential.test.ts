import { test, vi } from 'vitest';
import { differential } from './differential.ts';
import { loadNamespace } from './namespace.ts';
import { assertProperty } from './runner.ts';

// Long runs are asked for with FUZZ_RUNS.
vi.setConfig({ testTimeout: 600_000 });

test('random programs do on the interpreter what they do on V8', async () => {
  assertProperty(differential(await loadNamespace()));
});
