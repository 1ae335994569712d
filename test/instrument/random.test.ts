import { test } from 'vitest';
import { GENERATED_FEATURES, type GeneratedFeature } from '../generate/later.ts';
import { assertProperty } from '../property/runner.ts';
import { METERED } from '../spec/features.ts';
import { nativeFeatures } from '../spec/probes.ts';
import { triangle } from './random.ts';

test('agree on random programs', async () => {
  await assertProperty(triangle());
});

const features = METERED.filter(
  (feature): feature is GeneratedFeature =>
    nativeFeatures.includes(feature) && (GENERATED_FEATURES as readonly string[]).includes(feature),
);

test.each(features)('agree on random programs with %s', async (feature) => {
  await assertProperty({ ...triangle({ features: [feature] }), runs: 25 });
});
