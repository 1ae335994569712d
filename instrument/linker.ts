/** What the guests of a sandbox are linked to, and what their references to functions look like to the host. */

import type { ImportResolver } from '../wasm/engine.ts';
import { LinkError, UncaughtException } from '../wasm/errors.ts';
import type { HostFunction } from '../wasm/host.ts';
import { guarded, type Holds } from '../wasm/host-call.ts';
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

const CANNOT_WAIT = 'this engine cannot suspend the guest: use the interpreter';

function hostImport(host: HostFunction, label: string, mayWait: boolean): HostImport {
  const { type, gas, keepsViews } = host;
  return { type, gas, keepsViews, call: guarded(host, label, holds, mayWait ? undefined : CANNOT_WAIT) };
}

/** What finds the host functions of a module. @param mayWait whether what they promise can be waited for */
export function linker(
  resolve: ImportResolver,
  types: readonly FuncType[],
  mayWait = false,
): (imported: Import) => Linked {
  /** By name, as last asked for: an import may be four bytes, and a module have thousands of one function. */
  const made = new Map<string, { readonly type: FuncType; readonly linked: Linked }>();
  return (imported) => {
    const { module, name } = imported;
    const required = imported.kind === 'function' ? (types[imported.typeIndex] as FuncType) : undefined;
    const key = `${module.length}.${module}${name}`;
    const known = made.get(key);
    if (known !== undefined && known.type === required) return known.linked;
    const found = required && resolve(module, name, required);
    if (found === undefined || required === undefined) {
      return fail(imported, `unknown import: no ${imported.kind} was provided`);
    }
    requireType(imported, required, found.type);
    const linked = { host: hostImport(found, quote(`${module}.${name}`), mayWait) };
    made.set(key, { type: required, linked });
    return linked;
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
