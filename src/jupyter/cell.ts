/** A module as a cell of a notebook: assembled, run, and shown with what it has used. */

import { RuntimeError, UsageError } from '../../wasm/errors.ts';
import { quote } from '../../wasm/quote.ts';
import { COMMAND_START } from '../call/command.ts';
import type { Output } from '../call/output.ts';
import { list, record, text } from '../checks/check.ts';
import { MiB } from '../checks/sizes.ts';
import type { SourcelessOptions } from '../sandbox/options.ts';
import type { ResourceStats } from '../sandbox/stats.ts';
import { WasmSandbox } from '../sandbox.ts';
import { DISPLAY, type Displayable, type MimeBundle, page, plainText } from './display.ts';
import { html, type Piece } from './html.ts';
import { showError, showValue, usage, written } from './views.ts';

/** What a cell is run with. */
export interface CellOptions extends SourcelessOptions {
  /** The function; the program of a WASI command, else the only function that is exported, unless given. */
  readonly call?: string | undefined;
  /** What it is called with; none unless given. */
  readonly with?: readonly unknown[] | undefined;
}

/** What becomes of a cell, which a notebook shows. */
export interface CellResult extends Displayable {
  /** Of the function that was called. */
  readonly call: string;
  /** What it returned; undefined where it has failed. */
  readonly value: unknown;
  /** What ended it, where it has failed. */
  readonly error: RuntimeError | undefined;
  readonly stats: ResourceStats;
  readonly output: Output;
}

/** Pieces of text between those of a cell. */
export type CellValues = readonly (string | number | bigint)[];

/** So that no cell runs for ever: notebooks have no other way to end one than to end them all. */
const DEFAULTS = { gasLimit: 1_000_000_000n, memoryLimit: 64 * MiB };

/** Runs the module of a template. */
export type CellTag = (strings: TemplateStringsArray, ...values: CellValues) => Promise<CellResult>;

/**
 * Assembles a module, calls its function in a sandbox of its own, and gives what came of it:
 * ``await wasmCell`(module (func (export "run") (result i32) (i32.const 42)))` ``. With options first,
 * ``await wasmCell({ call: 'add', with: [1, 2] })`(module …)` ``. A guest that fails is shown, and not thrown. 1,000,000,000
 * units of gas and 64 MiB unless the options say more.
 * @throws TextError, CompileError, LinkError, UsageError: mistakes of whoever wrote the cell
 */
export function wasmCell(strings: TemplateStringsArray, ...values: CellValues): Promise<CellResult>;
export function wasmCell(options: CellOptions): CellTag;
export function wasmCell(
  first: TemplateStringsArray | CellOptions,
  ...values: CellValues
): Promise<CellResult> | CellTag {
  if (isTemplate(first)) return run(first, values, {});
  const options = { ...record('the options of a cell', first) } as CellOptions;
  return (strings, ...others) => run(strings, others, options);
}

const isTemplate = (value: unknown): value is TemplateStringsArray => Array.isArray(value) && 'raw' in value;

async function run(strings: TemplateStringsArray, values: CellValues, options: CellOptions): Promise<CellResult> {
  const { call: wanted, with: given = [], ...rest } = options;
  const args = list('with', given);
  const { assembleValid } = await import('../../wasm/text/check.ts');
  const source = assembleValid(strings.raw.map((string, i) => string + String(values[i] ?? '')).join(''));
  const sandbox = await WasmSandbox.create({ ...DEFAULTS, ...rest, source });
  try {
    const call = wanted === undefined ? onlyFunction(sandbox) : text('call', wanted);
    let value: unknown;
    let error: RuntimeError | undefined;
    try {
      value = await sandbox.call(call, args);
    } catch (thrown) {
      if (!(thrown instanceof RuntimeError)) throw thrown;
      error = thrown;
    }
    return shown({ call, value, error, stats: sandbox.getResourceStats(), output: sandbox.output() });
  } finally {
    sandbox.dispose();
  }
}

/** @throws UsageError where there is a choice, or none */
function onlyFunction({ exports }: WasmSandbox): string {
  const names = exports.filter(({ kind }) => kind === 'function').map(({ name }) => name);
  const [only] = names;
  if (names.includes(COMMAND_START)) return COMMAND_START;
  if (only !== undefined && names.length === 1) return only;
  const few = names.slice(0, 5).map((name) => quote(name));
  throw new UsageError(
    only === undefined
      ? 'the module of the cell exports no function'
      : `the module of the cell exports several functions: say which, wasmCell({ call: … }), of ${few.join(', ')}`,
  );
}

function shown(result: Omit<CellResult, typeof DISPLAY>): CellResult {
  const { call, value, error, stats, output } = result;
  const end: Piece = error === undefined ? [showValue(value), usage(stats)] : showError(error);
  const content = html`<h4>${call}</h4>${end}${written(output)}`;
  const bundle: MimeBundle = { 'text/html': page(content), 'text/plain': plainText(content) };
  return { ...result, [DISPLAY]: () => bundle };
}
