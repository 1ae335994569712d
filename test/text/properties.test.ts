import { expect, test } from 'vitest';
import { parse } from '../../src/text.ts';
import { decode } from '../../wasm/decode.ts';
import { GALLERY } from '../generate/gallery.ts';
import { GENERATED_FEATURES } from '../generate/later.ts';
import { assertProperty, SEED } from '../property/runner.ts';
import { EXAMPLES } from './examples.ts';
import { checkRoundTrip, checkText, mutatedTexts, roundTrip } from './properties.ts';

test('random modules are the same when they are printed and parsed', async () => {
  await assertProperty(roundTrip(GENERATED_FEATURES));
});

test('every instruction is', () => {
  for (const bytes of GALLERY) checkRoundTrip(bytes);
});

test('texts that are edited are modules, or refused with their place', async () => {
  await assertProperty(mutatedTexts(SEED));
});

test('those that are edited are valid modules', () => {
  for (const text of EXAMPLES) {
    checkText(text);
    expect(() => decode(parse(text)), text).not.toThrow();
  }
});
