/**
 * Import objects, as the JavaScript API reads them (section 5.3, "read the imports"): by `Get`, so that proxies, getters and
 * instances of classes can be import objects; but what objects have without anybody's doing is no import.
 */

import { LinkError } from './errors.ts';
import type { HostFunction } from './host.ts';
import { describe, quote } from './quote.ts';
import type { Import } from './types.ts';

/** Imports by module and name: plain objects, proxies, functions, instances of classes. */
export type ImportObject = Readonly<Record<string, object>>;

/** What an import is that is not taken from the import object: a function, or the string that a global holds. */
export type Supplied = HostFunction | string;

const CLASSES = { global: 'Global', memory: 'Memory', table: 'Table', tag: 'Tag' } as const;

/**
 * Reads all imports in the module's order, before anything is made, as getters may do what they like.
 * @param supplied those that the object need not have, and that stay undefined
 * @returns as many as the module has
 * @throws TypeError where an object is missing, and whatever getters and proxies throw
 */
export function readImports(
  given: unknown,
  imports: readonly Import[],
  supplied?: ReadonlyMap<Import, Supplied>,
): readonly unknown[] {
  if (given !== undefined && !isObject(given)) {
    throw new TypeError(`the imports must be an object, not ${describe(given)}`);
  }
  return imports.map((imported) => {
    if (supplied?.has(imported)) return undefined;
    if (given === undefined) {
      throw new TypeError(`the module has ${imports.length} imports: an object with them was expected`);
    }
    const from = member(given, imported.module);
    if (!isObject(from)) {
      throw new TypeError(`import ${quote(imported.module)}: the import object has no such module`);
    }
    return member(from, imported.name);
  });
}

/** @throws LinkError for an object of the right kind that another engine made, which says what to do */
export function refuseOfAnother({ module, name, kind }: Import, value: unknown): void {
  if (kind === 'function' || !isObject(value)) return;
  const Class = CLASSES[kind];
  if (Object.prototype.toString.call(value) !== `[object WebAssembly.${Class}]`) return;
  throw new LinkError(
    `import ${quote(module)} ${quote(name)}: it is a WebAssembly.${Class} of another engine, most likely the host's own; ` +
      `make it with the ${Class} of the namespace that makes the instance`,
  );
}

function isObject(value: unknown): value is object {
  return typeof value === 'function' || (typeof value === 'object' && value !== null);
}

/** Get, but for what every object inherits. */
function member(object: object, name: string): unknown {
  const value = (object as Record<string, unknown>)[name];
  // One look at most objects, as in the API, so that proxies see nothing else.
  return Object.hasOwn(Object.prototype, name) && isInherited(object, name, value) ? undefined : value;
}

/** Whether the value is what `Object.prototype`, of any realm, or the object's class puts there. */
function isInherited(object: object, name: string, value: unknown): boolean {
  if (Object.hasOwn(object, name)) return false;
  const prototype: object | null = Object.getPrototypeOf(object);
  if (prototype === null) return false;
  if (name === '__proto__') return value === prototype;
  const from = name === 'constructor' ? prototype : rootOf(prototype);
  return value === (from as Record<string, unknown>)[name];
}

function rootOf(object: object): object {
  const prototype: object | null = Object.getPrototypeOf(object);
  return prototype === null ? object : rootOf(prototype);
}
