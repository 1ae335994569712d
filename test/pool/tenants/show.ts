/** All that can be seen of a sandbox, as text that is the same wherever the same has happened. */

import { createHash } from 'node:crypto';
import { auditOf, type Execution, type WasmSandbox, WasmSandboxError } from '../../../src/index.ts';

/** Figures of the clock and of what sandboxes share, and names. */
const PASSED_OVER: ReadonlySet<string> = new Set(['cpuTimeMs', 'codeBytes', 'instanceId']);

function plain(key: string, value: unknown): unknown {
  if (PASSED_OVER.has(key)) return undefined;
  if (typeof value === 'bigint') return `${value}n`;
  if (typeof value === 'number' && Object.is(value, -0)) return '-0';
  if (typeof value === 'function') return 'a function';
  if (value instanceof Uint8Array) return String.fromCharCode(...value);
  if (value instanceof Map) return Object.fromEntries(value);
  if (value instanceof Error) return failure(value);
  return value;
}

export function text(value: unknown): string {
  // Pools number the sandboxes that they make.
  return (JSON.stringify(value, plain) ?? 'undefined').replaceAll(/\bguest-\d+/g, 'guest');
}

function failure(error: Error): unknown {
  const { name, message } = error;
  if (!(error instanceof WasmSandboxError)) return { name, message };
  const { code, functionIndex, offset, resources, cause } = error;
  const kind = 'kind' in error ? error.kind : undefined;
  return { name, code, kind, message, functionIndex, offset, resources, cause, audit: auditOf(error) };
}

export function digest(bytes: Uint8Array): string {
  return `${bytes.length} bytes ${createHash('sha1').update(bytes).digest('hex')}`;
}

/** What something gives or fails with, at once. */
export function outcome(run: () => unknown): string {
  try {
    return text(run());
  } catch (error) {
    return text({ failed: error });
  }
}

/** The same, of a promise. */
export async function eventual(run: () => Promise<unknown>): Promise<string> {
  try {
    return text(await run());
  } catch (error) {
    return text({ failed: error });
  }
}

/** Without running any of it. */
export function showExecution({ state, gasUsed, error }: Execution): string {
  return text({ state, gasUsed, error });
}

/** Without calling the guest. Of the audit, what comes behind the first `seen` events. */
export function showSandbox(sandbox: WasmSandbox, seen: number): string {
  const stats = outcome(() => sandbox.getResourceStats());
  // Nothing else is to be had either, which `late` looks at.
  if (stats.startsWith('{"failed"')) return stats;
  return [
    stats,
    outcome(() => sandbox.memoryUsage()),
    outcome(() => sandbox.output()),
    outcome(() => sandbox.files()),
    outcome(() => sandbox.auditEvents().slice(seen)),
    outcome(() => sandbox.violations().slice(-3)),
    outcome(() => sandbox.execution && showExecution(sandbox.execution)),
  ].join('\n    ');
}
