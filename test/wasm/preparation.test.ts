import { isDeepStrictEqual } from 'node:util';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { moduleBytes } from '../../wasm/account.ts';
import { decode } from '../../wasm/decode.ts';
import { ModuleDecoder } from '../../wasm/decoder.ts';
import { planSteps } from '../../wasm/plan.ts';
import { complete, STEP_BYTES, type Steps } from '../../wasm/steps.ts';
import { I32 } from '../../wasm/types.ts';
import { encodeModule } from '../generate/encode.ts';
import { everything } from '../generate/gallery.ts';
import { HOSTILE_SECTIONS } from '../generate/hostile-sections.ts';
import { anyModule } from '../generate/module.ts';

/** Bytes of the longest thing that is taken in one go, here: 50,000 runs of locals. */
const LONGEST = 100_000;

/** Decodes in steps; returns how far each went. */
function strides(bytes: Uint8Array): number[] {
  const decoder = new ModuleDecoder();
  decoder.push(bytes);
  const found: number[] = [];
  const reader = () => decoder['sections'].reader;
  let at = 0;
  for (const steps = decoder.decode(); steps.next().done !== true; ) {
    found.push(reader().pos - at);
    at = reader().pos;
  }
  found.push(bytes.length - at);
  decoder.finish();
  return found;
}

describe.each(Object.entries(HOSTILE_SECTIONS))('%s', (_, make) => {
  test('take at most 40 times their bytes', () => {
    const bytes = make(30_000);
    expect(moduleBytes(decode(bytes))).toBeLessThan(40 * bytes.length);
  });

  test('are decoded in steps', () => {
    const bytes = make(10 * STEP_BYTES);
    const found = strides(bytes);
    expect(Math.max(...found)).toBeLessThan(LONGEST + 2 * STEP_BYTES);
    expect(found.length).toBeGreaterThanOrEqual(Math.floor(bytes.length / (LONGEST + 2 * STEP_BYTES)));
    if (bytes.length > 5 * STEP_BYTES && bytes.length < 2 * LONGEST) expect(found.length).toBeGreaterThan(1);
  });
});

/** Takes steps from generators in turn until all have ended. */
function inTurn(all: readonly Steps<void>[]): void {
  let left = [...all];
  while (left.length > 0) left = left.filter((steps) => steps.next().done !== true);
}

test('a module decoded in pieces, while others are decoded, is the same as decoded whole', () => {
  fc.assert(
    fc.property(anyModule({ fuel: undefined }), fc.array(fc.integer({ min: 1, max: 200 })), (bytes, sizes) => {
      const decoders = [new ModuleDecoder(), new ModuleDecoder()] as const;
      let pos = 0;
      for (const size of [...sizes, bytes.length]) {
        for (const decoder of decoders) decoder.push(bytes.subarray(pos, pos + size));
        inTurn(decoders.map((decoder) => decoder.decode()));
        pos += size;
      }
      const whole = decode(bytes);
      for (const decoder of decoders) expect(isDeepStrictEqual(decoder.finish(), whole)).toBe(true);
    }),
    { numRuns: 50 },
  );
});

test('hostile modules decoded in pieces are the same as decoded whole', () => {
  for (const make of Object.values(HOSTILE_SECTIONS)) {
    const bytes = make(3000);
    const decoder = new ModuleDecoder();
    for (let pos = 0; pos < bytes.length; pos += 700) {
      decoder.push(bytes.subarray(pos, pos + 700));
      complete(decoder.decode());
    }
    expect(isDeepStrictEqual(decoder.finish(), decode(bytes))).toBe(true);
  }
});

test('a function is planned in steps', () => {
  const module = decode(HOSTILE_SECTIONS.instructions?.(10 * STEP_BYTES) as Uint8Array);
  let count = 0;
  for (const steps = planSteps(module, 0); steps.next().done !== true; ) count++;
  expect(count).toBeGreaterThanOrEqual(9);
});

describe('bytes that a module holds', () => {
  const empty = moduleBytes(decode(encodeModule({})));

  test('are its own, and more for each thing in it', () => {
    expect(empty).toBe(8);
    const bytes = encodeModule(everything([]));
    expect(moduleBytes(decode(bytes))).toBeGreaterThan(bytes.length);
    expect(moduleBytes(decode(bytes))).toBe(moduleBytes(decode(bytes)));
  });

  test.each([
    ['a function', { functions: [{ body: [] }] }, 12 + 20],
    ['a type', { types: [{ params: [I32], results: [] }] }, 12 + 64 + 48 + 8],
    ['an import', { imports: [{ module: 'm', name: 'ab', global: { type: I32 } }] }, 2 * 12 + 56 + 2 * 24 + 2 * 3],
    ['a memory', { memories: [{ min: 1 }] }, 0],
    ['a global', { globals: [{ type: I32, init: [['i32.const', 0]] }] }, 12 + 8],
    ['data', { data: [{ bytes: Uint8Array.of(1, 2) }] }, 20],
  ] as const)('%s', (_, description, more) => {
    const bytes = encodeModule(description as Parameters<typeof encodeModule>[0]);
    const ofType = 'functions' in description ? 12 + 64 : 0;
    expect(moduleBytes(decode(bytes)) - bytes.length).toBe(more + ofType);
  });
});
