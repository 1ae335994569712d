import { test } from 'vitest';
import { differential, sharedFeatures } from './differential.ts';
import { loadNamespace } from './namespace.ts';
import { assertProperty } from './runner.ts';

test('random programs do on the interpreter what they do on V8', async () => {
  await assertProperty(differential(await loadNamespace()));
});

test.skipIf(sharedFeatures.length === 0)('so do those that use what both have beyond release 2.0', async () => {
  await assertProperty(differential(await loadNamespace(), { features: sharedFeatures }));
});
