/** What the runtime has for policies: its entry provides it. Where there is none, nothing is provided. */

import type { OpenFolder } from '../../policy/index.ts';
import type { Policy } from '../../policy/sandboxed.ts';
import { UsageError } from '../../wasm/errors.ts';
import { type Environment, type RuntimeParts, takesFolders, takesHostVariables } from './needs.ts';

/** Each part is absent where the runtime does not have it, or nobody has provided it. */
export interface Runtime {
  readonly environment?: () => Environment;
  /** For sandboxes that cannot wait for it to be loaded. */
  readonly openFolder?: OpenFolder;
  /** For those that can. */
  readonly loadFolders?: () => Promise<OpenFolder>;
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
export function runtimeFor(policy: Policy): RuntimeParts {
  const { openFolder } = runtime;
  const wantsFolders = takesFolders(policy);
  if (wantsFolders && openFolder === undefined) {
    throw new UsageError(
      'this runtime has no folders that could be opened synchronously: grant files in memory instead',
    );
  }
  return { environment: environmentFor(policy), openFolder: wantsFolders ? openFolder : undefined };
}

/** The same as far as the runtime has it: folders are refused where they are opened. */
export async function loadRuntimeFor(policy: Policy): Promise<RuntimeParts> {
  const openFolder = takesFolders(policy) ? (runtime.openFolder ?? (await runtime.loadFolders?.())) : undefined;
  return { environment: environmentFor(policy), openFolder };
}

function environmentFor(policy: Policy): Environment {
  return takesHostVariables(policy) ? (runtime.environment?.() ?? {}) : {};
}
