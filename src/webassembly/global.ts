/** The host's global `WebAssembly`, replaced for a while. */

import { UsageError } from '../../wasm/errors.ts';
import { describe } from '../../wasm/quote.ts';

/** Loads run one after another, as there is one global. */
let last: Promise<unknown> = Promise.resolve();

/**
 * Replaces `globalThis.WebAssembly` while `load` runs and until its promise is settled, and puts back what was there, also after a
 * failure. For packages that take `WebAssembly` from the global while they are loaded; what they look up later is the
 * host's own. All other code sees the namespace in the meantime, the runtime's own too. Calls wait for one another; one
 * that `load` waits for itself never ends.
 * @returns what `load` returns
 * @throws UsageError where an argument is none, or the global cannot be replaced; and whatever `load` throws
 */
export function withWebAssembly<T>(namespace: object, load: () => T | PromiseLike<T>): Promise<T> {
  const result = last.then(() => replaced(namespace, load));
  last = result.catch(() => undefined);
  return result;
}

async function replaced<T>(namespace: object, load: () => T | PromiseLike<T>): Promise<T> {
  if (typeof namespace !== 'object' || namespace === null) {
    throw new UsageError(`a namespace of createWebAssembly was expected, not ${describe(namespace)}`);
  }
  if (typeof load !== 'function') throw new UsageError(`a function that loads was expected, not ${describe(load)}`);
  const before = Object.getOwnPropertyDescriptor(globalThis, 'WebAssembly');
  if (before?.configurable === false) throw new UsageError('the global WebAssembly cannot be replaced here');
  Object.defineProperty(globalThis, 'WebAssembly', {
    value: namespace,
    configurable: true,
    writable: true,
    enumerable: false,
  });
  try {
    return await load();
  } finally {
    if (before === undefined) Reflect.deleteProperty(globalThis, 'WebAssembly');
    else Object.defineProperty(globalThis, 'WebAssembly', before);
  }
}
