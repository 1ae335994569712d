/** From what a pool was given to a function that makes a sandbox. */

import { UsageError } from '../../wasm/errors.ts';
import { describe } from '../../wasm/quote.ts';
import { loadGraph } from '../cache/load.ts';
import { SandboxBuilder } from '../sandbox/builder.ts';
import { checkOptions, type SandboxOptions, settle } from '../sandbox/options.ts';
import { WasmSandbox } from '../sandbox.ts';
import { Preparation } from '../time/preparation.ts';
import type { PoolOptions } from './options.ts';

/** @param isFirst whether it is one of those that the pool is made with, and its signal ends */
export type Factory = (isFirst: boolean) => Promise<WasmSandbox>;

/**
 * Loads the modules, where there are some to load.
 * @throws UsageError, CompileError
 */
export async function factoryFor(source: PoolOptions['sandbox'], signal: AbortSignal | undefined): Promise<Factory> {
  if (typeof source === 'function') return async () => checked(await source());
  return fromOptions(source instanceof SandboxBuilder ? source.toOptions() : source, signal);
}

async function fromOptions(given: SandboxOptions, poolSignal: AbortSignal | undefined): Promise<Factory> {
  // Sandboxes made later are like those made now, whatever becomes of what was given.
  const { signal = poolSignal, ...options } = checkOptions(given);
  const settings = settle({ ...options, signal });
  const graph = await loadGraph(settings, new Preparation(settings));
  const { instanceId } = options;
  let made = 0;
  return (isFirst) => {
    made++;
    const own = instanceId === undefined ? options : { ...options, instanceId: `${instanceId}-${made}` };
    return WasmSandbox.create(isFirst ? { ...own, signal } : own, { graph });
  };
}

function checked(sandbox: unknown): WasmSandbox {
  if (sandbox instanceof WasmSandbox) return sandbox;
  throw new UsageError(`the pool's function must make a WasmSandbox, but it gave ${describe(sandbox)}`);
}
