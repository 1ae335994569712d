/** The program that a component becomes: the transpiler's text, made a function of all that it reaches. */

import { CompileError, UsageError } from '../../wasm/errors.ts';
import { quote } from '../../wasm/quote.ts';
import { record } from '../checks/check.ts';
import { REALM_NAMES, type Realm } from './realm.ts';

/** Version of what {@link moduleText} writes. */
export const CODE_FORMAT = 1;

/** What is known of a transpiled component beside its program. */
export interface ComponentDescription {
  readonly format: number;
  /** Whether its exports give promises. */
  readonly isAsync: boolean;
  /** Core modules, by the names of their files. */
  readonly modules: readonly string[];
  /** Interfaces that it imports, without versions. */
  readonly imports: readonly string[];
  /** What it exports. */
  readonly exports: readonly string[];
}

/** Makes an instance: core modules by name, then imports by interface. */
export type Instantiate = (
  getCoreModule: (name: string) => unknown,
  imports: Readonly<Record<string, unknown>>,
  instantiateCore: (module: unknown, imports?: unknown) => unknown,
) => Record<string, unknown>;

/** A module that was written ahead of time, as `import()` gives it. */
export interface ComponentCode {
  readonly component: ComponentDescription;
  /** The program, as a function of what it may reach. */
  readonly default: (realm: never) => unknown;
  /** Where it lies, with its core modules beside it. */
  readonly url?: string | undefined;
}

/** What the text begins with, and what it ends with: all that it exports. */
const INSTANTIATE = /^export function instantiate\(/gm;
const UTILITIES = /^export const _util = /gm;
/** No other line may say anything to whoever loads the module. */
const STATEMENT = /^(?:export|import)\b.*$/gm;

/** The one place where a table of handles gets longer. */
const TABLE_GROWS = /^( *)table\._createdReps\.add\(rep\);$/m;

/**
 * The text of a module that reaches nothing but what its function is given.
 * @param text of the transpiler
 * @throws CompileError where it is not as expected, which another version of the transpiler may write
 */
export function moduleText(text: string, description: ComponentDescription, withUrl: boolean): string {
  const body = once(once(text, INSTANTIATE, 'function instantiate('), UTILITIES, 'const _util = ').replace(
    TABLE_GROWS,
    '$&\n$1holdHandle(table);',
  );
  const hasTables = body.includes('function rscTableCreateOwn(');
  if (body.search(STATEMENT) >= 0 || hasTables !== body.includes('holdHandle(table);')) throw unexpected();
  return [
    '// Written by wasm-sandbox, for Component.from.',
    `export const component = ${JSON.stringify(description)};`,
    ...(withUrl ? ['export const url = import.meta.url;'] : []),
    `export default function ({ ${REALM_NAMES.join(', ')} }) {`,
    body,
    'return instantiate;',
    '}',
    // What stacks show of it, in place of all of the text.
    ...(withUrl ? [] : ['//# sourceURL=component.js']),
    '',
  ].join('\n');
}

function once(text: string, pattern: RegExp, by: string): string {
  if (text.match(pattern)?.length !== 1) throw unexpected();
  return text.replace(pattern, by);
}

function unexpected(): CompileError {
  return new CompileError('the transpiler wrote what is not expected of it: take the version that package.json names');
}

/** @throws UsageError for what was not written by {@link moduleText} */
export function programOf(code: ComponentCode): {
  description: ComponentDescription;
  make: (realm: Realm) => Instantiate;
} {
  const { component, default: make } = record('the transpiled component', { ...code }) as Partial<ComponentCode>;
  if (typeof make !== 'function' || typeof component !== 'object' || component === null) {
    throw new UsageError('no transpiled component: give the module that "wasm-sandbox component" wrote, imported');
  }
  if (component.format !== CODE_FORMAT) {
    throw new UsageError(
      `the component was transpiled for format ${quote(String(component.format))}, this is ${CODE_FORMAT}: transpile it again`,
    );
  }
  return { description: component, make: make as (realm: Realm) => Instantiate };
}
