/** What the runtime has for sandboxes that cannot wait for it to be loaded. */

import type { OpenFolder, SecurityPolicy } from '../../policy/index.ts';
import { UsageError } from '../../wasm/errors.ts';
import { type Environment, type RuntimeParts, takesFolders, takesHostVariables } from './needs.ts';

/** Each part is absent where the runtime does not have it, or nobody has provided it. */
export interface Runtime {
  readonly environment?: () => Environment;
  readonly openFolder?: OpenFolder;
}

let runtime: Runtime = {};

/** For the entry of a runtime that has more than the language. */
export function provide(parts: Runtime): void {
  runtime = { ...runtime, ...parts };
}

/**
 * What a policy needs of the runtime.
 * @throws UsageError where it grants folders, and there are none
 */
export function runtimeFor(policy: SecurityPolicy): RuntimeParts {
  const { environment, openFolder } = runtime;
  const wantsFolders = takesFolders(policy);
  if (wantsFolders && openFolder === undefined) {
    throw new UsageError(
      'this runtime has no folders that could be opened synchronously: grant files in memory instead',
    );
  }
  return {
    environment: takesHostVariables(policy) ? (environment?.() ?? {}) : {},
    openFolder: wantsFolders ? openFolder : undefined,
  };
}
