/** What of the library's values is shown, each in its own way: a table of kinds, the first that fits. */

import type { AuditEvent } from '../../policy/index.ts';
import type { ResourceFigures, WasmSandboxError } from '../../wasm/errors.ts';
import type { BatchResult } from '../call/batch.ts';
import type { Output, RunResult } from '../call/output.ts';
import type { ExportDescription } from '../module/exported.ts';
import type { PoolStats } from '../pool/stats.ts';
import type { AuditedCall } from '../sandbox/audited.ts';
import type { ResourceStats } from '../sandbox/stats.ts';
import { bytes, count, milliseconds, percent, share } from './figures.ts';
import { flame } from './flame.ts';
import { escapeLines, html, Markup, type Piece } from './html.ts';
import { type GasProfile, hottest } from './profile.ts';
import { valueText } from './values.ts';

/** Rows and characters that are shown; a guest can make any number. */
const MOST_ROWS = 200;
const MOST_CHARACTERS = 20_000;

/** A sandbox, whichever way it waits. */
export interface Shown {
  readonly instanceId: string;
  readonly exports: readonly ExportDescription[];
  getResourceStats(): ResourceStats;
  output(): Output;
  auditEvents(): readonly AuditEvent[];
  violations(): readonly AuditEvent[];
}

interface View {
  readonly is: (value: never) => boolean;
  readonly show: (value: never) => Markup;
}

const has = (...names: string[]) => {
  return (value: unknown) => typeof value === 'object' && value !== null && names.every((name) => name in value);
};
const listOf = (is: (value: unknown) => boolean) => (value: unknown) =>
  Array.isArray(value) && value.length > 0 && value.every(is);

const view = <T>(is: (value: unknown) => boolean, show: (value: T) => Markup) => ({ is, show }) as unknown as View;

const VIEWS: readonly View[] = [
  view(
    (value) => value instanceof Markup,
    (markup: Markup) => markup,
  ),
  view((value) => value instanceof Error, showError),
  view(has('getResourceStats', 'exports'), showSandbox),
  view(has('samples', 'root', 'gas'), showProfile),
  view(has('events', 'violations', 'stats'), showAudited),
  view(has('gasUsed', 'functionCalls', 'instanceId'), showStats),
  view(has('idle', 'leased', 'waiting'), showPoolStats),
  view(has('exitCode', 'stdout', 'stderr'), showRun),
  view(listOf(has('sequence', 'request', 'allowed')), showAudit),
  view(listOf(has('ok', 'gasUsed')), showBatch),
];

/** Whatever it is; what is none of the library's as it would be printed. */
export function viewOf(value: unknown): Markup {
  const found = VIEWS.find(({ is }) => is(value as never));
  return found === undefined ? showValue(value) : found.show(value as never);
}

export function table(
  heads: readonly Piece[],
  rows: readonly (readonly Piece[])[],
  numeric: readonly number[] = [],
): Markup {
  const cell = (tag: 'td' | 'th') => (piece: Piece, column: number) =>
    new Markup(`<${tag}${numeric.includes(column) ? ' class="n"' : ''}>${html`${piece}`}</${tag}>`);
  const more = rows.length - MOST_ROWS;
  return html`<div class="scroll"><table><thead><tr>${heads.map(cell('th'))}</tr></thead><tbody>${rows
    .slice(0, MOST_ROWS)
    .map((row) => html`<tr>${row.map(cell('td'))}</tr>`)}</tbody></table></div>${
    more > 0 && html`<small>and ${count(more)} more</small>`
  }`;
}

type Colour = 'gas' | 'memory' | 'bad';

/** A bar of what was used, of what there is; without a limit it is empty. */
export function bar(
  label: string,
  colour: Colour,
  used: bigint | number,
  limit: bigint | number | undefined,
  told: string,
): Markup {
  const fraction = limit === undefined ? 0 : share(used, limit);
  const of = limit === undefined ? 'no limit' : percent(fraction);
  const shown = fraction >= 0.95 ? 'bad' : colour;
  return html`<span>${label}</span><svg viewBox="0 0 100 10" preserveAspectRatio="none" role="img" aria-label="${label}: ${of}"><rect width="100" height="10" rx="1" fill="currentColor" opacity=".12"/><rect width="${(100 * fraction).toFixed(2)}" height="10" rx="1" style="fill:var(--${shown})"/></svg><span>${told} <small>${of}</small></span>`;
}

/** Gas and memory, as bars. */
export function usage({ gasUsed, gasLimit, memoryBytes, memoryLimit }: ResourceFigures): Markup {
  const gas = gasLimit === undefined ? count(gasUsed) : `${count(gasUsed)} of ${count(gasLimit)}`;
  const memory = `${bytes(memoryBytes)} of ${bytes(memoryLimit)}`;
  return html`<div class="bars">${bar('gas', 'gas', gasUsed, gasLimit, gas)}
${bar('memory', 'memory', memoryBytes, memoryLimit, memory)}</div>`;
}

export function section(title: string, content: Piece): Markup {
  return html`<h5>${title}</h5>${content}`;
}

export function textBlock(text: string, kind = ''): Markup {
  const cut = text.length > MOST_CHARACTERS;
  const shown = escapeLines(cut ? text.slice(0, MOST_CHARACTERS) : text);
  return html`<pre class="${kind}">${shown}</pre>${cut && html`<small>and ${count(text.length - MOST_CHARACTERS)} characters more</small>`}`;
}

/** What a guest wrote, as far as it did. */
export function written({ stdout, stderr }: Pick<Output, 'stdout' | 'stderr'>): Piece {
  return [
    stdout !== '' && section('standard output', textBlock(stdout)),
    stderr !== '' && section('standard error', textBlock(stderr, 'bad')),
  ];
}

function showSandbox(sandbox: Shown): Markup {
  const stats = sandbox.getResourceStats();
  const audit = sandbox.auditEvents();
  const refused = sandbox.violations();
  return html`<h4>${sandbox.instanceId} <small>${stats.engine}, ${count(stats.functionCalls)} ${stats.functionCalls === 1 ? 'call' : 'calls'}, ${milliseconds(stats.cpuTimeMs)}</small></h4>${usage(stats)}${section('exports', showExports(sandbox.exports))}${written(sandbox.output())}${
    audit.length > 0 ? section('audit', showAudit(audit)) : refused.length > 0 && section('refused', showAudit(refused))
  }`;
}

function showExports(exports: readonly ExportDescription[]): Markup {
  if (exports.length === 0) return html`<small>none</small>`;
  return table(
    ['name', 'kind', 'type'],
    exports.map(({ name, kind, params, results }) => [
      html`<code>${name}</code>`,
      kind,
      params !== undefined && html`<code>(${params.join(', ')}) → (${results?.join(', ')})</code>`,
    ]),
  );
}

function showStats(stats: ResourceStats): Markup {
  const rows: (readonly Piece[])[] = [
    ['calls', count(stats.functionCalls)],
    ['time', milliseconds(stats.cpuTimeMs)],
    ['memory at its peak', bytes(stats.peakMemoryBytes)],
    ['growth refused', stats.growthRefused ? 'yes' : 'no'],
    ['module, decoded', bytes(stats.moduleBytes)],
    ['code made of it', bytes(stats.codeBytes)],
    ['gas schedule', `version ${stats.gasVersion}`],
  ];
  return html`<h4>${stats.instanceId} <small>${stats.engine}: ${stats.engineReason}</small></h4>${usage(stats)}${table(['', ''], rows, [1])}`;
}

function showPoolStats(stats: PoolStats): Markup {
  const rows = Object.entries(stats)
    .filter(([, value]) => typeof value === 'number')
    .map(([name, value]) => [name, count(value)]);
  return html`<h4>pool <small>${count(stats.size)} of ${count(stats.max)} sandboxes</small></h4><div class="bars">${bar('lent', 'gas', stats.leased, stats.max, count(stats.leased))}
${bar('idle', 'memory', stats.idle, stats.max, count(stats.idle))}</div>${table(['', ''], rows, [1])}`;
}

export function showAudit(events: readonly AuditEvent[]): Markup {
  return table(
    ['#', 'function', 'asked for', 'answer', 'bytes', 'gas used'],
    events.map(({ sequence, function: name, request, allowed, reason, bytes: moved, gasUsed }) => [
      count(sequence),
      html`<code>${name}</code>`,
      requestText(request),
      allowed ? 'allowed' : html`<span class="bad">refused: ${reason}</span>`,
      moved === undefined ? '' : count(moved),
      count(gasUsed),
    ]),
    [0, 4, 5],
  );
}

function requestText(request: AuditEvent['request']): string {
  const { kind, ...rest } = request;
  return [kind, ...Object.values(rest).map((value) => String(value ?? ''))].join(' ').trim();
}

function showAudited({ output, events, dropped, violations, stats }: AuditedCall): Markup {
  return html`${showValue(output)}${usage(stats)}${section(
    `audit: ${count(events.length + dropped)} host calls, ${count(violations.length)} refused`,
    showAudit(events),
  )}`;
}

function showRun({ exitCode, ...output }: RunResult): Markup {
  return html`<h4>exit status ${exitCode}</h4>${written(output)}`;
}

function showBatch(results: readonly BatchResult[]): Markup {
  return table(
    ['#', 'result', 'gas used'],
    results.map((result, i) => [
      i,
      result.ok
        ? html`<code>${valueText(result.value)}</code>`
        : html`<span class="bad">${messageOf(result.error)}</span>`,
      count(result.gasUsed),
    ]),
    [0, 2],
  );
}

export function showError(error: Error): Markup {
  const { resources, frames = [] } = error as Partial<Pick<WasmSandboxError, 'resources' | 'frames'>>;
  const rows = frames.map(({ functionIndex, functionName, offset }) => [
    html`<code>${functionName ?? ''}</code>`,
    functionIndex,
    `0x${offset.toString(16)}`,
  ]);
  return html`${textBlock(`${error.name}: ${error.message}`, 'bad')}${resources && usage(resources)}${rows.length > 0 && section('calls', table(['function', 'index', 'offset'], rows, [1, 2]))}`;
}

const messageOf = (error: unknown) => (error instanceof Error ? `${error.name}: ${error.message}` : String(error));

const MOST_FUNCTIONS = 12;

function showProfile(profile: GasProfile): Markup {
  const rows = hottest(profile)
    .slice(0, MOST_FUNCTIONS)
    .map(({ name, self, gas }) => [
      html`<code>${name}</code>`,
      count(self),
      percent(share(self, profile.gas)),
      percent(share(gas, profile.gas)),
    ]);
  return html`<h4>${profile.call} <small>${count(profile.gas)} units of gas, the stack looked at ${count(profile.samples)} times</small></h4>${
    profile.error instanceof Error && textBlock(messageOf(profile.error), 'bad')
  }${flame(profile)}
${table(['function', 'gas in itself', '', 'with what it calls'], rows, [1, 2, 3])}`;
}

export function showValue(value: unknown): Markup {
  return textBlock(valueText(value), 'value');
}
