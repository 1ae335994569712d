/** What a guest is linked with: modules by name, or whoever finds them. */

import { isBytes } from '../../wasm/bytes.ts';
import { MOST_MODULES } from '../../wasm/module-graph.ts';
import { quote } from '../../wasm/quote.ts';
import { ownBytes, record, refuse } from '../checks/check.ts';
import { checkSource, type ModuleSource } from './source.ts';

/** Finds the module of a name, once; undefined where the host is to provide what is imported from there. */
export type ModuleResolver = (name: string) => ModuleSource | undefined | PromiseLike<ModuleSource | undefined>;

/** Modules by the names that they are imported from, or a function that finds them. */
export type LinkedModules = Readonly<Record<string, ModuleSource>> | ModuleResolver;

/** Bytes are copied. @throws UsageError */
export function checkModules(value: unknown): LinkedModules {
  if (typeof value === 'function') return value as ModuleResolver;
  const sources = Object.entries(record('modules', value)).map(([name, source]) => {
    const label = `modules[${quote(name)}]`;
    return [name, isBytes(source) ? ownBytes(label, source) : checkSource(source)] as const;
  });
  if (sources.length > MOST_MODULES) refuse('modules', `at most ${MOST_MODULES} of them`, sources.length);
  return Object.freeze(Object.assign(Object.create(null), Object.fromEntries(sources)));
}
