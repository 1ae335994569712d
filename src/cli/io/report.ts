/** What the command tells people: failures with a hint, and resource figures. */

import { createColors } from 'picocolors';
import {
  CompileError,
  type ErrorCode,
  type ResourceFigures,
  TextError,
  WasmSandboxError,
} from '../../../wasm/errors.ts';
import { escapeUnprintable } from '../../../wasm/quote.ts';
import type { ResourceStats } from '../../sandbox/stats.ts';
import { LostOutput } from './io.ts';
import { STATUS, STATUS_OF } from './status.ts';
import { bytesText, grouped, table } from './table.ts';

/** Names come from the guest, and may be as long as it likes. */
const LONGEST_MESSAGE = 2_000;

const HINTS: Partial<Record<ErrorCode, string>> = {
  COMPILE: 'the file is not a WebAssembly module this tool can run; rebuild it or fetch it again',
  LINK: 'programs get WASI (wasi_snapshot_preview1, wasi_unstable) and wasm_sandbox_http, nothing else; see the imports with: wasm-sandbox inspect <module>',
  TRAP: 'the program itself failed; no limit was reached',
  GAS_EXHAUSTED: 'allow more with --gas <units>',
  MEMORY_LIMIT: 'allow more with --memory <size>',
  STACK_LIMIT: 'allow more with --stack <size>, if the recursion has an end',
  CPU_TIMEOUT: 'allow more with --timeout <duration>',
  SECURITY: 'the policy of this run does not grant what the program asked for',
  HOST: 'the failure was in the host function, not in the program',
};

const FEATURE_HINT =
  'nothing is wrong with the file, but it was built for a feature that is not supported here; build it without';

/** A failure as it stands in `--json` output. */
export interface ErrorReport {
  readonly class: string;
  readonly code: ErrorCode | 'INTERNAL';
  readonly message: string;
  readonly functionIndex?: number | undefined;
  readonly functionName?: string | undefined;
  readonly offset?: number | undefined;
  /** What the module needs that is not here. */
  readonly feature?: string | undefined;
  readonly hint?: string | undefined;
}

export function errorReport(error: unknown): ErrorReport {
  if (!(error instanceof WasmSandboxError)) return { class: 'InternalError', code: 'INTERNAL', message: String(error) };
  const { name, code, message, functionIndex, functionName, offset } = error;
  const feature = error instanceof CompileError ? error.feature : undefined;
  return {
    class: name,
    code,
    message: cut(message),
    functionIndex,
    functionName,
    offset,
    feature,
    hint: hintOf(error),
  };
}

/**
 * A text says by itself what is wrong with it. So does an engine that does not take a sound module, and says what else to do:
 * what is wrong with a module's bytes is wrong at one of them.
 */
function hintOf(error: WasmSandboxError): string | undefined {
  if (error instanceof TextError) return undefined;
  if (!(error instanceof CompileError)) return HINTS[error.code];
  if (error.offset === undefined) return undefined;
  return error.feature === undefined ? HINTS[error.code] : FEATURE_HINT;
}

export function statusOf(error: unknown): number {
  if (error instanceof LostOutput) return STATUS.usage;
  return error instanceof WasmSandboxError ? STATUS_OF[error.code] : STATUS.trap;
}

/**
 * Lines for standard error.
 * @param isColoured whether it shows colours
 */
export function errorLines(error: unknown, isColoured: boolean): string[] {
  const { bold, red, cyan } = createColors(isColoured);
  if (error instanceof LostOutput) return [`${bold('wasm-sandbox:')} ${error.message}`];
  if (!(error instanceof WasmSandboxError)) {
    const detail = error instanceof Error ? (error.stack ?? error.message) : String(error);
    return [`wasm-sandbox: internal error, please report it: ${detail}`];
  }
  const { hint, message } = errorReport(error);
  // Only a text has more than one line to show; what others say comes from guests.
  const said = error instanceof TextError ? message.split('\n') : [message];
  const lines = said.map(escapeUnprintable);
  lines[0] = `${bold('wasm-sandbox:')} ${red(`${error.name}:`)} ${lines[0]}`;
  if (hint !== undefined) lines.push(`${cyan('hint:')} ${hint}`);
  return lines;
}

function cut(text: string): string {
  return text.length > LONGEST_MESSAGE ? `${text.slice(0, LONGEST_MESSAGE)}…` : text;
}

/** The figures of a run: all of them, or those a failed build left. */
export type Figures = ResourceFigures & Partial<ResourceStats>;

/** Aligned lines for `--stats`. */
export function statsLines(figures: Figures): string[] {
  const { gasUsed, gasLimit, memoryBytes, memoryLimit, growthRefused, stackLimit, cpuTimeMs, functionCalls } = figures;
  const rows = [
    ['gas', `${grouped(gasUsed)} units${gasLimit === undefined ? ', no limit' : ` of ${grouped(gasLimit)}`}`],
    [
      'memory',
      `${bytesText(memoryBytes)} of ${bytesText(memoryLimit)}${growthRefused ? ', a growth was refused' : ''}`,
    ],
    ['stack', `limit ${bytesText(stackLimit)}`],
  ];
  if (cpuTimeMs !== undefined) rows.push(['time', `${cpuTimeMs.toFixed(1)} ms`]);
  if (functionCalls !== undefined) rows.push(['calls', `${grouped(functionCalls)} from outside`]);
  if (figures.engine !== undefined) rows.push(['engine', `${figures.engine} (${figures.engineReason})`]);
  return table(rows);
}

/** The same for `--json`: gas as text, since it may exceed what a JSON number holds exactly. */
export function statsReport(figures: Figures): Record<string, unknown> {
  const { gasUsed, gasLimit, ...rest } = figures;
  return { gasUsed: String(gasUsed), gasLimit: gasLimit === undefined ? null : String(gasLimit), ...rest };
}
