/** The same namespace on the host's own engine: its modules meter themselves. */

import { createMeteredNamespace, nativeHost, nativeUnavailable } from '../../instrument/index.ts';
import { compile, compileStreaming, instantiating, validate } from './loading.ts';
import { createNamespace, type NamespaceOptions, type WebAssemblyNamespace } from './namespace.ts';
import { Module, moduleOf } from './objects.ts';
import { SuspendError } from './promises.ts';
import { ERRORS, shaped } from './shape.ts';

/** Why there can be none here; undefined where there can. */
export { nativeUnavailable };

/** @throws UsageError where the host's engine cannot be used */
export function createNativeNamespace(options: NamespaceOptions): WebAssemblyNamespace {
  const metered = createMeteredNamespace(nativeHost(), { ...options, moduleOf });
  // Modules with exceptions are refused, so that no tag ever meets a guest.
  const { Tag, Exception, JSTag } = createNamespace(options);
  const { Instance } = metered as unknown as WebAssemblyNamespace;
  // Code that is instrumented here cannot be left. Glue code looks whether `Suspending` is there, and does without.
  const integration = { SuspendError };
  const shared = { Module, Tag, Exception, JSTag, validate, compile, compileStreaming };
  const namespace = { ...metered, ...integration, ...ERRORS, ...shared };
  return shaped({ ...namespace, ...instantiating(Instance) }) as unknown as WebAssemblyNamespace;
}
