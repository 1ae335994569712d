/** Optional help from `binaryen`, which is loaded only here and only when it is asked for. */

import { UsageError } from '../wasm/errors.ts';

/** The package, as far as it is used. */
interface Binaryen {
  readonly Features: Readonly<Record<string, number>>;
  readBinary(bytes: Uint8Array): BinaryenModule;
}

interface BinaryenModule {
  setFeatures(features: number): void;
  runPasses(passes: readonly string[]): void;
  emitBinary(): Uint8Array;
  dispose(): void;
}

/**
 * What the project's own decoder takes. Others make binaryen emit encodings that hardly an engine knows, and
 * `Features.All` is all of them.
 */
const FEATURES = [
  'MutableGlobals',
  'NontrappingFPToInt',
  'SignExt',
  'BulkMemory',
  'BulkMemoryOpt',
  'ReferenceTypes',
  'Multivalue',
  'SIMD128',
  'ExtendedConst',
] as const;

/**
 * Passes that make the code smaller and keep every trap, and every write that can be seen after it, where it is. What
 * moves computations (`simplify-locals`, `local-cse`, `-O2`) gains nothing on an engine that optimises.
 */
const PASSES: readonly string[] = [
  'dce',
  'remove-unused-brs',
  'remove-unused-names',
  'vacuum',
  'coalesce-locals',
  'reorder-locals',
  'vacuum',
];

/** @throws UsageError where the package is not installed */
export async function loadBinaryen(): Promise<Binaryen> {
  try {
    const { default: binaryen } = await import('binaryen');
    return binaryen as unknown as Binaryen;
  } catch (cause) {
    throw new UsageError(
      "optimising needs the package 'binaryen', which is not installed: run `npm install binaryen`, or leave the option out",
      { cause },
    );
  }
}

/**
 * Reads and writes a module with binaryen, and runs the passes between.
 * @throws UsageError where the package is not installed; Error where binaryen cannot carry the module
 */
export async function throughBinaryen(bytes: Uint8Array, passes = PASSES): Promise<Uint8Array> {
  const binaryen = await loadBinaryen();
  const features = FEATURES.reduce((all, name) => all | (binaryen.Features[name] ?? 0), 0);
  const module = binaryen.readBinary(bytes);
  try {
    module.setFeatures(features);
    if (passes.length > 0) module.runPasses(passes);
    return module.emitBinary();
  } finally {
    module.dispose();
  }
}
