/** Random programs do the same on the interpreter and on V8. */

import { GENERATED_FEATURES, type GeneratedFeature } from '../generate/later.ts';
import type { GenerateOptions } from '../generate/module.ts';
import { SUPPORTED } from '../spec/features.ts';
import { nativeFeatures } from '../spec/probes.ts';
import { differences, type Namespace, observe, type Program } from './compare.ts';
import { anyProgram, keep } from './program.ts';
import type { Property } from './runner.ts';

/** What programs may use beyond release 2.0 on both engines. */
export const sharedFeatures: readonly GeneratedFeature[] = GENERATED_FEATURES.filter(
  (feature) => SUPPORTED.includes(feature) && nativeFeatures.includes(feature),
);

/** @throws Error where the two runs differ */
export function assertSame(tested: Namespace, program: Program, reference: Namespace = WebAssembly): void {
  const found = differences(observe(tested, program), observe(reference, program));
  if (found.length > 0)
    throw new Error(`the two engines differ (tested / reference)\n  ${found.slice(0, 12).join('\n  ')}`);
}

export function differential(tested: Namespace, options: GenerateOptions = {}): Property<Program> {
  return {
    name: 'random programs on the interpreter and on V8',
    runs: 800,
    arbitrary: anyProgram(options),
    check: (program) => assertSame(tested, program),
    keep,
  };
}
