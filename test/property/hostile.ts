/** What must hold of any bytes at all. */

import { isDeepStrictEqual } from 'node:util';
import { decode as decodeElsewhere, type Field } from '@webassemblyjs/wasm-parser';
import fc from 'fast-check';
import { decode } from '../../wasm/decode.ts';
import { ModuleDecoder } from '../../wasm/decoder.ts';
import { CompileError } from '../../wasm/errors.ts';
import type { WasmModule } from '../../wasm/module.ts';
import { complete } from '../../wasm/steps.ts';
import { GALLERY } from '../generate/gallery.ts';
import { anyModule } from '../generate/module.ts';
import { anyBytes, anyMutation } from '../generate/mutate.ts';
import { whyOnlyV8Accepts, whyOnlyWeAccept } from './disagreements.ts';
import type { Property } from './runner.ts';

type Outcome = WasmModule | CompileError;

function outcome(make: () => WasmModule): Outcome {
  try {
    return make();
  } catch (error) {
    // Anything else is a fault, and let out.
    if (error instanceof CompileError) return error;
    throw error;
  }
}

function decodeInPieces(bytes: Uint8Array, sizes: readonly number[]): WasmModule {
  const decoder = new ModuleDecoder();
  let pos = 0;
  for (let i = 0; pos < bytes.length; i++) {
    const size = sizes.length === 0 ? 1 : (sizes[i % sizes.length] as number);
    decoder.push(bytes.subarray(pos, pos + size));
    complete(decoder.decode());
    pos += size;
  }
  return decoder.finish();
}

/** Never a look at the bytes of the buffer that are not the module's. */
const describe = (result: Outcome) =>
  result instanceof CompileError
    ? `${result.message} [${result.functionIndex}, ${result.offset}]`
    : { ...result, bytes: Array.from(result.bytes) };

interface Sample {
  readonly bytes: Uint8Array;
  readonly sizes: readonly number[];
}

/** @throws Error where streaming makes a difference, or V8 disagrees for no known reason */
export function checkBytes({ bytes, sizes }: Sample): void {
  const whole = outcome(() => decode(bytes));
  const pieces = outcome(() => decodeInPieces(bytes, sizes));
  if (!isDeepStrictEqual(describe(whole), describe(pieces))) {
    throw new Error(`in pieces of ${sizes} bytes the outcome is another: ${pieces}, not ${whole}`);
  }
  const isValid = !(whole instanceof CompileError);
  if (isValid === WebAssembly.validate(bytes as BufferSource)) return;
  if (whole instanceof CompileError) {
    if (whyOnlyV8Accepts(whole, bytes) === undefined)
      throw new Error(`V8 accepts what this decoder refuses: ${whole.message}`);
    return;
  }
  const message = refusal(bytes);
  if (whyOnlyWeAccept(message, bytes) === undefined)
    throw new Error(`V8 refuses what this decoder accepts: ${message}`);
}

function refusal(bytes: Uint8Array): string {
  try {
    new WebAssembly.Module(bytes as BufferSource);
    return 'refused by validate(), not by compiling';
  } catch (error) {
    return (error as Error).message;
  }
}

const hex = (bytes: Uint8Array) => Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');

function bytesProperty(name: string, runs: number, bytes: fc.Arbitrary<Uint8Array>): Property<Sample> {
  return {
    name,
    runs,
    arbitrary: fc.record({ bytes, sizes: fc.array(fc.integer({ min: 1, max: 100 }), { maxLength: 4 }) }),
    check: checkBytes,
    keep: (sample, note) => ({ bytesHex: hex(sample.bytes), sizes: sample.sizes, note }),
  };
}

export const randomBytes = bytesProperty('random bytes', 6000, anyBytes);

/** Small modules, drawn once: making a new one for every edit would take most of the time. */
export function mutatedModules(seed: number): Property<Sample> {
  const generated = fc.sample(anyModule({ steps: 12, functions: 2 }), { numRuns: 150, seed });
  return bytesProperty('mutated modules', 12_000, anyMutation(fc.constantFrom(...GALLERY, ...generated)));
}

const EXTERN_KINDS: Readonly<Record<string, string>> = {
  FuncImportDescr: 'function',
  Func: 'function',
  Table: 'table',
  Memory: 'memory',
  Mem: 'memory',
  GlobalType: 'global',
  Global: 'global',
};

/** Imports and exports as another reader has them; undefined where it cannot read the module. */
function readElsewhere(bytes: Uint8Array): string[] | undefined {
  let fields: readonly Field[];
  try {
    const copy = Uint8Array.from(bytes).buffer;
    // It misreads bulk memory instructions, and is not asked for them.
    fields = decodeElsewhere(copy, { ignoreCodeSection: true, ignoreDataSection: true }).body[0].fields;
  } catch {
    return undefined;
  }
  return fields.flatMap(({ type, module, name, descr }) => {
    if (type === 'ModuleImport') return [`import ${module} ${name} ${EXTERN_KINDS[descr?.type ?? '']}`];
    if (type === 'ModuleExport') return [`export ${name} ${EXTERN_KINDS[descr?.exportType ?? '']} ${descr?.id?.value}`];
    return [];
  });
}

/** @returns whether the other reader could read the module @throws Error where the two disagree */
export function checkAgainstOtherReader(bytes: Uint8Array): boolean {
  const theirs = readElsewhere(bytes);
  if (theirs === undefined) return false;
  const { imports, exports } = decode(bytes);
  const ours = [
    ...imports.map(({ module, name, kind }) => `import ${module} ${name} ${kind}`),
    ...exports.map(({ name, kind, index }) => `export ${name} ${kind} ${index}`),
  ];
  if (!isDeepStrictEqual(ours, theirs))
    throw new Error(`imports or exports differ:\n${ours.join('\n')}\n---\n${theirs.join('\n')}`);
  return true;
}
