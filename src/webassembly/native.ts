/** The same namespace on the host's own engine: its modules meter themselves. */

import { createMeteredNamespace, nativeHost, nativeUnavailable } from '../../instrument/index.ts';
import { Beside } from './beside.ts';
import { moduleOf, suppliedTo } from './compiled.ts';
import { compile, compileStreaming, instantiating, validate } from './loading.ts';
import { createNamespace, type WebAssemblyNamespace } from './namespace.ts';
import { Module, refuseToClone } from './objects.ts';
import type { NamespaceOptions } from './options.ts';
import { SuspendError } from './promises.ts';
import { ERRORS, shaped } from './shape.ts';

/** Why there can be none here; undefined where there can. */
export { nativeUnavailable };

/** @throws UsageError where the host's engine cannot be used */
export function createNativeNamespace(options: NamespaceOptions): WebAssemblyNamespace {
  const metered = createMeteredNamespace(nativeHost(), {
    ...options,
    moduleOf,
    suppliedTo,
    refuseToClone: (memory) => refuseToClone(memory, 'Memory'),
  });
  const { Instance, Memory, Table, Global, Tag, Exception, JSTag, stats } = metered as unknown as WebAssemblyNamespace;
  const classes = { Module, Instance, Memory, Table, Global, ...ERRORS };
  // A host that has no exceptions runs no guest with some.
  const exceptions = { ...(Tag && { Tag, Exception }), ...(JSTag && { JSTag }) };
  // Code that is instrumented here cannot be left. Glue code looks whether `Suspending` is there, and does without.
  const integration = { SuspendError };
  const functions = { validate, compile, compileStreaming, ...instantiating(Instance), stats };
  return shaped({ ...classes, ...exceptions, ...integration, ...functions }) as unknown as WebAssemblyNamespace;
}

/** A namespace whose instances run on the host's own engine wherever that can. @throws UsageError where it cannot be used at all */
export function createAutoNamespace(options: NamespaceOptions): WebAssemblyNamespace {
  return createNamespace(new Beside(options).options);
}
