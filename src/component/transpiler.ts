/** Components as programs, by the transpiler for them, a package that is installed beside this one. */

import { decode } from '../../wasm/decode.ts';
import { CompileError, UsageError } from '../../wasm/errors.ts';
import { Part } from '../../wasm/part.ts';
import { messageOf, quote } from '../../wasm/quote.ts';
import { decodeUtf8, encodeUtf8 } from '../../wasm/utf8.ts';
import { CODE_FORMAT, type ComponentDescription, moduleText } from './code.ts';
import { checkModuleNames, checkName } from './names.ts';
import { checkStructure } from './structure.ts';
import { type WaitingFunctions, waitingFunctions } from './waiting.ts';

/** As much of the package as is used. */
export interface TranspilerPackage {
  readonly $init: Promise<void>;
  generate(component: Uint8Array, options: GenerateOptions): Generated;
}

/** What is asked of it. */
export interface GenerateOptions {
  readonly name: string;
  readonly instantiation: { readonly tag: 'sync' };
  readonly noNodejsCompat: boolean;
  readonly noTypescript: boolean;
  readonly noComponentErrorWrapping: boolean;
  /** Absent where nothing can be waited for. */
  readonly asyncMode?: { readonly tag: 'jspi'; readonly val: WaitingFunctions } | undefined;
}

/** What it gives. */
export interface Generated {
  readonly files: readonly (readonly [name: string, bytes: Uint8Array])[];
  readonly imports: readonly string[];
  readonly exports: readonly (readonly [name: string, kind: string])[];
}

/** The package, or what stands for it. Throws where a component is not valid, or not supported. */
export interface Transpiler {
  generate(component: Uint8Array, options: GenerateOptions): Generated | Promise<Generated>;
}

/** Offered by `wasm-sandbox/component`, so that no bundle of anybody else looks for the package. */
export const transpiler = new Part<Transpiler>('transpiler of components');

/** What to do about it. */
export function transpilerMissing(cause: unknown): UsageError {
  return new UsageError(
    `components need the package @bytecodealliance/jco-transpile: install it beside this one, or transpile ahead of time with "wasm-sandbox component" (${messageOf(cause)})`,
    { cause },
  );
}

/**
 * The package on this thread. Some bytes make it fail for good, as nothing of the package makes another instance of it.
 * What it throws from then on is a UsageError that says so.
 */
export async function transpilerOf({ $init, generate }: TranspilerPackage): Promise<Transpiler> {
  await $init;
  let isSpoilt = false;
  return {
    generate(component, options) {
      if (isSpoilt) {
        throw new UsageError(
          'the transpiler has failed at a damaged component, and transpiles no other until this page or process is loaded again: transpile what is not yours ahead of time, with "wasm-sandbox component"',
        );
      }
      try {
        return generate(component, options);
      } catch (error) {
        // What it finds wrong with a component is a result.
        isSpoilt = !(error instanceof Error && Object.hasOwn(error, 'payload'));
        throw error;
      }
    },
  };
}

/** A component as a program. */
export interface Transpiled {
  readonly description: ComponentDescription;
  /** The text of a module. */
  readonly text: string;
  /** Core modules, by the names of their files. */
  readonly modules: ReadonlyMap<string, Uint8Array>;
  /** Declarations for TypeScript, by the paths of their files. */
  readonly declarations: ReadonlyMap<string, Uint8Array>;
}

export interface TranspileSettings {
  /** Of the files; letters, digits, `-` and `_`. */
  readonly name: string;
  readonly declarations: boolean;
  /** Whether the text says where it lies, which only a file can. */
  readonly withUrl: boolean;
  /** Whether its exports give promises, so that what it imports may be waited for; false unless given. */
  readonly isAsync?: boolean | undefined;
}

/** @throws CompileError; UsageError where the package is not installed */
export async function transpileBytes(bytes: Uint8Array, settings: TranspileSettings): Promise<Transpiled> {
  checkStructure(bytes);
  const loaded = await transpiler.load();
  const { name, declarations, withUrl, isAsync = false } = settings;
  const options: GenerateOptions = {
    name,
    instantiation: { tag: 'sync' },
    noNodejsCompat: true,
    noTypescript: !declarations,
    noComponentErrorWrapping: false,
  };
  let generated: Generated;
  try {
    generated = await loaded.generate(bytes, options);
    if (isAsync) {
      // Which functions there are is known once it has been transpiled.
      const val = waitingFunctions(programIn(generated));
      generated = await loaded.generate(bytes, { ...options, asyncMode: { tag: 'jspi', val } });
    }
  } catch (cause) {
    if (cause instanceof UsageError) throw cause;
    throw new CompileError(`the component is not valid, or not supported: ${reasonOf(cause)}`, { cause });
  }
  const { files, imports, exports } = generated;
  const modules = new Map(files.filter(([file]) => file.endsWith('.wasm')));
  for (const module of modules.values()) checkModuleNames(decode(module));
  for (const each of imports) checkName(each, 'an import of the component');
  for (const [each] of exports) checkName(each, 'an export of the component');
  const program = programIn(generated);
  const description = {
    format: CODE_FORMAT,
    isAsync,
    modules: [...modules.keys()],
    imports: [...imports],
    exports: exports.map(([each]) => each),
  };
  return {
    description,
    text: moduleText(program, description, withUrl),
    modules,
    declarations: new Map(files.filter(([file]) => file.endsWith('.d.ts')).map(declarationsOf)),
  };
}

/** @throws CompileError where there is none */
function programIn({ files }: Generated): string {
  const program = files.find(([file]) => file.endsWith('.js'));
  if (program === undefined) throw new CompileError('the transpiler wrote no program');
  return decodeUtf8(program[1]);
}

/** What the transpiler declares that its program exports, up to the end of the file. */
const INSTANTIATE = /\/\*\*\n\* Instantiates this component[\s\S]*$/;

/** What it exports here, for whoever imports it: `Root` is the type of the exports. */
const EXPORTED = `/** For Component.from of wasm-sandbox/component. */
export declare const component: {
  readonly format: number;
  readonly isAsync: boolean;
  readonly modules: readonly string[];
  readonly imports: readonly string[];
  readonly exports: readonly string[];
};
export declare const url: string;
declare const program: (realm: never) => unknown;
export default program;
`;

/** Paths of files that a component names: nothing leads anywhere else. */
const PATH = /^(?:interfaces\/)?[\w-]+\.d\.ts$/;

function declarationsOf([path, bytes]: readonly [string, Uint8Array]): [path: string, bytes: Uint8Array] {
  if (!PATH.test(path)) throw new CompileError(`the declarations would be written to ${quote(path)}`);
  return [path, encodeUtf8(decodeUtf8(bytes).replace(INSTANTIATE, EXPORTED))];
}

/** The first line: the others are what the transpiler was doing. */
function reasonOf(cause: unknown): string {
  const text = cause instanceof Error && 'payload' in cause ? String(cause.payload) : messageOf(cause);
  return messageOf(text.split('\n')[0] ?? '');
}
