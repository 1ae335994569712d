/**
 * Tables of Apache Arrow in and out of plug-ins, by the package `apache-arrow`, to be installed beside this one.
 * @module wasm-sandbox/arrow
 */

import { UsageError } from '../wasm/errors.ts';
import { messageOf } from '../wasm/quote.ts';
import { refuse } from './checks/check.ts';
import type { Plugin } from './extism/api.ts';
import type { PluginCallOptions } from './extism/call.ts';
import { type ArrowPackage, arrow, isTable } from './values/arrow.ts';

arrow.offer(async () => {
  try {
    return (await import('apache-arrow')) as unknown as ArrowPackage;
  } catch (cause) {
    throw new UsageError(`tables need the package apache-arrow: install it beside this one (${messageOf(cause)})`, {
      cause,
    });
  }
});

/**
 * Calls a function of a plug-in with a table, as an IPC stream, and gives the table that it puts out.
 * @typeParam T the package's `Table`, of whichever columns
 * @throws PluginError where the output is no IPC stream; UsageError for what is no table, and where the package is not
 *   installed; what `Plugin.call` throws
 */
export async function callTable<T extends object>(
  plugin: Plugin,
  name: string,
  table: T,
  options: Omit<PluginCallOptions, 'as' | 'schema'> = {},
): Promise<T> {
  if (!isTable(table)) refuse('callTable', "a table of apache-arrow, as arquero's toArrow() gives", table);
  return (await plugin.call(name, table, { ...options, as: 'arrow' })) as T;
}
