/** A guest that whoever looks at the notebook can run. */

import { UsageError } from '../../wasm/errors.ts';
import { COMMAND_START } from '../call/command.ts';
import { gas, integer, refuse, text } from '../checks/check.ts';
import { checkNamed } from '../checks/named.ts';
import { MiB } from '../checks/sizes.ts';
import { describeExports, type ExportDescription } from '../module/exported.ts';
import { checkSource, fetchAll, loadReadyModule, type ModuleSource } from '../module/source.ts';
import { Preparation } from '../time/preparation.ts';
import { DISPLAY, type Displayable, type MimeBundle } from './display.ts';
import { html, inAttribute, Markup } from './html.ts';
import { type PageConfig, type PageFunction, TYPED } from './page/config.ts';
import { pageProgram } from './page-program.ts';
import { type Theme, widgetPage } from './widget-page.ts';

/** A module and what it may use in the page. */
export interface WidgetOptions {
  /** The module: it goes into the notebook, so it is small. */
  readonly source: ModuleSource;
  /** What stands above it; `WebAssembly` unless given. */
  readonly title?: string | undefined;
  /** Units of gas until a reset, which the page has a button for; 1,000,000,000 unless given. */
  readonly gasLimit?: bigint | number | undefined;
  /** Bytes for all memories and tables together; 64 MiB unless given. */
  readonly memoryLimit?: number | undefined;
  /** `'light'` or `'dark'`; `'auto'`, the notebook's or else the system's, unless given. */
  readonly theme?: Theme | undefined;
  /** Pixels; as many as most calls need unless given. */
  readonly height?: number | undefined;
}

/** A widget, which a notebook shows. */
export interface Widget extends Displayable {
  /** The page alone, to be written to a file. */
  html(): Promise<string>;
}

/** More are not to be chosen from. */
const MOST_FUNCTIONS = 1_000;
/** A notebook with more in one of its outputs is of no use. */
const LARGEST_MODULE = 8 * MiB;
const HEIGHT = { one: 300, more: 360, program: 560 };
const THEMES: readonly unknown[] = ['auto', 'light', 'dark'] satisfies Theme[];

/**
 * A page that runs the guest itself, wherever it is looked at: with a field for each parameter, buttons that run, stop and
 * reset, bars of gas and memory, and what the guest returns and writes. Deno's kernel lets a page tell it nothing, so the
 * interpreter is in the page, and the guest too: a notebook that was saved, or made HTML, needs neither kernel nor network. It
 * is in a frame of its own origin, out of which nothing leads. The guest is granted nothing.
 * @throws UsageError; when it is shown, CompileError, and UsageError where the source cannot be had, or no function can be
 *   called with numbers
 */
export function SandboxWidget(options: WidgetOptions): Widget {
  const given = checkNamed<WidgetOptions>('a widget', options, {
    source: checkSource,
    title: (value) => text('title', value),
    gasLimit: (value) => gas('gasLimit', value),
    memoryLimit: (value) => integer('memoryLimit', value, 'bytes', 0),
    theme: (value) => (THEMES.includes(value) ? (value as Theme) : refuse('theme', "'auto', 'light' or 'dark'", value)),
    height: (value) => integer('height', value, 'pixels', 100, 10_000),
  });
  const { source, theme = 'auto' } = given;
  if (source === undefined) throw new UsageError('a widget needs the source of a module');
  let made: Promise<PageConfig> | undefined;
  const config = () => (made ??= configOf({ ...given, source }));
  const page = async () => {
    const program = await pageProgram();
    return widgetPage(await config(), program, theme);
  };
  return {
    html: page,
    [DISPLAY]: async () => framed(await page(), await config(), given.height),
  };
}

/** @internal */
export async function configOf({
  source,
  title = 'WebAssembly',
  gasLimit = 1_000_000_000,
  memoryLimit = 64 * MiB,
}: WidgetOptions): Promise<PageConfig> {
  const bytes = await moduleBytes(source);
  const exports = describeExports(loadReadyModule(bytes, { moduleLimit: LARGEST_MODULE }, new Preparation({})));
  const isProgram = exports.some(({ name, kind }) => kind === 'function' && name === COMMAND_START);
  const typed = exports.filter(isTyped).slice(0, MOST_FUNCTIONS);
  const functions = typed.map(({ name, params, results }) => ({ name, params, results }));
  if (!isProgram && functions.length === 0) {
    throw new UsageError('the module exports no function that can be called with numbers, and is no WASI command');
  }
  return { title, module: base64(bytes), functions, isProgram, gasLimit: String(gasLimit), memoryLimit };
}

async function moduleBytes(source: ModuleSource): Promise<Uint8Array> {
  return (await fetchAll(source, LARGEST_MODULE)).bytes;
}

const isTyped = (each: ExportDescription): each is PageFunction & ExportDescription =>
  each.kind === 'function' && (each.params ?? []).every((type) => TYPED.includes(type));

const CHUNK = 0x8000;

function base64(bytes: Uint8Array): string {
  let binary = '';
  for (let at = 0; at < bytes.length; at += CHUNK) binary += String.fromCharCode(...bytes.subarray(at, at + CHUNK));
  return btoa(binary);
}

/**
 * Where it can be told how the notebook looks, the frame looks so too: by what JupyterLab, nbconvert and VS Code say of
 * themselves. A page in a frame takes its colours after the frame's.
 */
const FOLLOWING = `.wasm-sandbox-page{color-scheme:light dark}
[data-jp-theme-light="true"] .wasm-sandbox-page,.vscode-light .wasm-sandbox-page{color-scheme:light}
[data-jp-theme-light="false"] .wasm-sandbox-page,.vscode-dark .wasm-sandbox-page{color-scheme:dark}`;

function framed(page: string, { title, functions, isProgram }: PageConfig, height: number | undefined): MimeBundle {
  const usual = isProgram ? HEIGHT.program : functions.length > 1 ? HEIGHT.more : HEIGHT.one;
  const style = `width:100%;max-width:46rem;height:${height ?? usual}px;border:0;resize:vertical;overflow:auto`;
  return {
    'text/html':
      html`<style>${new Markup(FOLLOWING)}</style><iframe class="wasm-sandbox-page" title="${title}" sandbox="allow-scripts" style="${style}" srcdoc="${inAttribute(page)}"></iframe>`
        .text,
    'text/plain': `${title}: a guest to be run in the page, where HTML is shown`,
  };
}
