/** What the policies of sandboxes need of the runtime. */

import type { OpenFolder } from '../../policy/index.ts';
import type { Policy } from '../../policy/sandboxed.ts';

export type Environment = Readonly<Record<string, string | undefined>>;

/** What host functions are made with. */
export interface RuntimeParts {
  readonly environment: Environment;
  /** Undefined where the policy grants no folder, or the runtime has none. */
  readonly openFolder: OpenFolder | undefined;
}

/** Whether it grants variables of the host's environment by name. */
export function takesHostVariables(policy: Policy): boolean {
  return policy.capabilities.some((item) => item.kind === 'environment' && item.names.length > 0);
}

/** Whether it grants folders of the host's. */
export function takesFolders(policy: Policy): boolean {
  return policy.capabilities.some((item) => item.kind === 'filesystem' && item.mounts.some((mount) => 'host' in mount));
}
