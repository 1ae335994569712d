/**
 * WebAssembly's text format: to the binary format, and back. All of release 3.0's; it needs neither the host's
 * `WebAssembly` nor anything else of this library.
 * @module wasm-sandbox/text
 */

import { type Bytes, viewOf } from '../wasm/bytes.ts';
import { UsageError } from '../wasm/errors.ts';
import { describe } from '../wasm/quote.ts';
import { assemble } from '../wasm/text/assemble.ts';
import { assembleValid } from '../wasm/text/check.ts';
import { ModulePrinter } from '../wasm/text/print/module.ts';
import { sourceOf } from '../wasm/text/source.ts';
import { refuse } from './checks/check.ts';
import { checkNamed } from './checks/named.ts';

export type { Bytes } from '../wasm/bytes.ts';
export { CompileError, TextError, UsageError, WasmSandboxError } from '../wasm/errors.ts';

/** How a text is parsed. */
export interface ParseOptions {
  /** Whether the module has to be valid, too; what is wrong is shown in the text. False if absent. */
  readonly validate?: boolean | undefined;
}

/** How a module is printed. */
export interface PrintOptions {
  /** Whether operands stand inside of the instruction that takes them; else each has a line. True if absent. */
  readonly folded?: boolean | undefined;
  /** Whether lines of code begin with a comment that says at which byte of the module they are. False if absent. */
  readonly offsets?: boolean | undefined;
  /** The one function to be printed, by its name, export or index; all of the module if absent. */
  readonly function?: string | number | undefined;
}

/**
 * Assembles a module. Time and memory are linear in the text, however deep it is nested. Identifiers become the name
 * section, but for those that `print` makes up.
 * @param text a module, with or without `(module …)` around its fields; bytes are UTF-8
 * @throws TextError where it is none, with line, column and the line itself; UsageError where it is neither text nor bytes
 */
export function parse(text: string | Bytes, options: ParseOptions = {}): Uint8Array<ArrayBuffer> {
  const { validate = false } = checkNamed<ParseOptions>('parse', options, { validate: flag('validate') });
  return validate ? assembleValid(text) : assemble(sourceOf(text));
}

/**
 * Prints a module as text, which {@link parse} makes the same module of: byte for byte where numbers took no more bytes
 * than they need, and else one that does and costs the same. The same at every run.
 * @throws CompileError where the module is not valid; UsageError where there is no such function, or the text would be
 *   longer than a string can be
 */
export function print(bytes: Bytes, options: PrintOptions = {}): string {
  const view = viewOf(bytes);
  if (view === undefined) throw new UsageError(`the bytes of a module expected, got ${describe(bytes)}`);
  const {
    folded = true,
    offsets = false,
    function: wanted,
  } = checkNamed<PrintOptions>('print', options, {
    folded: flag('folded'),
    offsets: flag('offsets'),
    function: functionOption,
  });
  const printer = new ModulePrinter(view, { folded, offsets });
  if (wanted === undefined) return printer.print();
  const index = printer.find(wanted);
  if (index === undefined) throw new UsageError(`the module has no function ${describe(wanted)}`);
  if (index < printer.importedFunctions) throw new UsageError(`function ${index} is imported: it has no code here`);
  return printer.printFunction(index);
}

function flag(name: string): (value: unknown) => boolean {
  return (value) => (typeof value === 'boolean' ? value : refuse(name, 'a boolean', value));
}

function functionOption(value: unknown): string | number {
  if (typeof value === 'string' || (typeof value === 'number' && Number.isInteger(value) && value >= 0)) return value;
  return refuse('function', 'a name or an index', value);
}

/**
 * A module as a short text in a program: `` wat`(module (func (export "f")))` ``. It has to be valid. Backslashes are the
 * text format's own.
 * @param values numbers and pieces of text that stand between
 * @throws TextError
 */
export function wat(
  strings: TemplateStringsArray,
  ...values: readonly (string | number | bigint)[]
): Uint8Array<ArrayBuffer> {
  const text = strings.raw.map((string, i) => string + String(values[i] ?? '')).join('');
  return assembleValid(text);
}
