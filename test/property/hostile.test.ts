import fc from 'fast-check';
import { expect, test } from 'vitest';
import { decode } from '../../wasm/decode.ts';
import { GALLERY } from '../generate/gallery.ts';
import { anyModule } from '../generate/module.ts';
import { checkAgainstOtherReader, checkBytes, mutatedModules, randomBytes } from './hostile.ts';
import { keep } from './program.ts';
import { assertProperty, type Property, SEED } from './runner.ts';

test('random bytes are a module, or a CompileError, in pieces too, and V8 agrees', async () => {
  await assertProperty(randomBytes);
});

test('so are mutated modules', async () => {
  await assertProperty(mutatedModules(SEED));
});

test('generated modules are valid, and V8 agrees', async () => {
  const property: Property<Uint8Array> = {
    name: 'generated modules are valid',
    runs: 500,
    arbitrary: anyModule({ canonicalNaN: false }),
    check: (bytes) => {
      decode(bytes);
      checkBytes({ bytes, sizes: [7] });
    },
    keep: (bytes, note) => keep({ bytes, calls: [] }, note),
  };
  await assertProperty(property);
});

test.each(GALLERY.map((bytes, i) => [i, bytes]))(
  'the gallery, module %i: valid, cut anywhere it is not',
  (_, bytes) => {
    checkBytes({ bytes: bytes as Uint8Array, sizes: [] });
    for (let length = 0; length < (bytes as Uint8Array).length; length++) {
      checkBytes({ bytes: (bytes as Uint8Array).subarray(0, length), sizes: [13] });
    }
  },
);

test('another reader finds the same imports and exports', () => {
  const modules = fc.sample(anyModule(), { numRuns: 200, seed: SEED });
  const read = modules.filter(checkAgainstOtherReader);
  // It fails on many: reference types, and tables that are imported.
  expect(read.length).toBeGreaterThan(20);
});
