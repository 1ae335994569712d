import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { I32, I64 } from '../../wasm/types.ts';
import { nativeFeatures } from '../spec/probes.ts';
import { encodeModule } from './encode.ts';
import { GENERATED_FEATURES } from './later.ts';
import { anyModule, anyShape, describeModule } from './module.ts';
import { FunctionReference } from './types.ts';

const SEED = 7;

describe('features beyond release 2.0', () => {
  // What this V8 lacks is tried by scripts/newer-node.mjs with one that has it.
  const features = GENERATED_FEATURES.filter((feature) => nativeFeatures.includes(feature));

  test.each([...features.map((feature) => [feature]), features])('V8 takes every module with %s', (...chosen) => {
    for (const bytes of fc.sample(anyModule({ features: chosen }), { numRuns: 150, seed: SEED })) {
      // Compiled rather than validated: the message says what is wrong.
      new WebAssembly.Module(bytes as BufferSource);
    }
  });

  test.each(GENERATED_FEATURES)('%s is in the modules that may use it, and not in others', (feature) => {
    const modules = (chosen: (typeof GENERATED_FEATURES)[number][]) =>
      fc
        .sample(anyShape({ features: chosen }), { numRuns: 60, seed: SEED })
        .map((shape) => describeModule(shape, { features: chosen }));
    const isUsed = ({ functions = [], memories = [], imports = [] }: ReturnType<typeof describeModule>) =>
      feature === 'multi-memory'
        ? memories.length + imports.filter((entry) => 'memory' in entry).length > 1
        : functions.some(({ body }) =>
            body.some((instruction) =>
              feature === 'threads'
                ? /atomic/.test(String(typeof instruction === 'string' ? instruction : instruction[0 as never]))
                : typeof instruction === 'object' && 'write' in instruction,
            ),
          );
    expect(modules([feature]).filter(isUsed).length).toBeGreaterThan(15);
    expect(modules([]).some(isUsed)).toBe(false);
  });

  test('references to functions of equal types are the same type', () => {
    const reference = FunctionReference.of({ params: [I32], results: [I64] }, true);
    expect(FunctionReference.of({ params: [I32], results: [I64] }, true)).toBe(reference);
    expect(FunctionReference.of({ params: [I32], results: [I64] }, false)).not.toBe(reference);
    expect(FunctionReference.of({ params: [I64], results: [I64] }, true)).not.toBe(reference);
  });

  test('a type stands behind those that it refers to', () => {
    const inner = FunctionReference.of({ params: [I32], results: [] }, false);
    const bytes = encodeModule({ functions: [{ params: [inner], results: [inner], body: [['local.get', 0]] }] });
    expect([...bytes.subarray(8, 22)]).toEqual([1, 12, 2, 0x60, 1, I32, 0, 0x60, 1, 0x64, 0, 1, 0x64, 0]);
  });
});
