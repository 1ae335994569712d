/** What the guests of a sandbox are linked to, and what their references to functions look like to the host. */

import type { ImportResolver } from '../wasm/engine.ts';
import { LinkError, UncaughtException } from '../wasm/errors.ts';
import type { HostFunction } from '../wasm/host.ts';
import { guarded, type Holds, referring } from '../wasm/host-call.ts';
import { quote } from '../wasm/quote.ts';
import { EXTERNREF, FUNCREF, type FuncType, type Import } from '../wasm/types.ts';
import type { HostImport, Linked, References } from './metered-instance.ts';

/** A reference to a function of a guest's, as the host holds it: nothing but itself. */
class Handle {
  readonly kind = 'function of a guest';
}

const raws = new WeakMap<Handle, unknown>();
const handles = new WeakMap<object, Handle>();

export const references: References = {
  toHost(raw) {
    if (raw === null) return null;
    let handle = handles.get(raw as object);
    if (handle === undefined) {
      handle = Object.freeze(new Handle());
      handles.set(raw as object, handle);
      raws.set(handle, raw);
    }
    return handle;
  },
  toGuest(value) {
    if (value === null) return null;
    const raw = value instanceof Handle ? raws.get(value) : undefined;
    if (raw === undefined) throw new TypeError('a function of a guest, or null, was expected for a funcref');
    return raw;
  },
};

export const uncaught = (exception: unknown): UncaughtException => new UncaughtException(exception);

export const holds: Holds = (type, value) => {
  if (type === FUNCREF) return value === null || (value instanceof Handle && raws.has(value));
  return type === EXTERNREF;
};

const toReference = referring(holds);

const CANNOT_WAIT = 'this engine cannot suspend the guest: use the interpreter';

function hostImport(host: HostFunction, label: string, mayWait: boolean): HostImport {
  const { type, gas, keepsViews } = host;
  return { type, gas, keepsViews, call: guarded(host, label, toReference, mayWait ? undefined : CANNOT_WAIT) };
}

/** Imports that are linked one by one, before those of the same function are found again. */
const FEW = 64;

/**
 * What finds the host functions of a module, once for each name and type of many: an import may be four bytes.
 * @param mayWait whether what they promise can be waited for
 */
export function linker(
  resolve: ImportResolver,
  types: readonly FuncType[],
  mayWait = false,
): (imported: Import) => Linked {
  const made = new Map<string, Map<string, Linked>>();
  let linked = 0;
  const link = (imported: Import): Linked => {
    const { module, name } = imported;
    const required = imported.kind === 'function' ? (types[imported.typeIndex] as FuncType) : undefined;
    const found = required && resolve(module, name, required);
    if (found === undefined || required === undefined) {
      return fail(imported, `unknown import: no ${imported.kind} was provided`);
    }
    requireType(imported, required, found.type);
    return { host: hostImport(found, `${module}.${name}`, mayWait) };
  };
  return (imported) => {
    if (++linked <= FEW || imported.kind !== 'function') return link(imported);
    const { key } = types[imported.typeIndex] as FuncType;
    const path = `${imported.module.length}.${imported.module}${imported.name}`;
    let ofType = made.get(key);
    if (ofType === undefined) made.set(key, (ofType = new Map()));
    let known = ofType.get(path);
    if (known === undefined) ofType.set(path, (known = link(imported)));
    return known;
  };
}

function fail({ module, name }: Import, why: string): never {
  throw new LinkError(`import ${quote(module)} ${quote(name)}: ${why}`);
}

/** @throws LinkError */
export function requireType(imported: Import, required: FuncType, given: FuncType): void {
  if (given.key !== required.key) {
    fail(imported, `incompatible import type: ${required.key} is required, ${given.key} given`);
  }
}
