/** What a policy needs of the runtime, which is loaded only for those that do. */

import type { SecurityPolicy } from '../../policy/index.ts';

/** Whether it grants variables of the host's environment by name. */
export function takesHostVariables(policy: SecurityPolicy): boolean {
  return policy.capabilities.some((item) => item.kind === 'environment' && item.names.length > 0);
}

/** Whether it grants folders of the host's. */
export function takesFolders(policy: SecurityPolicy): boolean {
  return policy.capabilities.some((item) => item.kind === 'filesystem' && item.mounts.some((mount) => 'host' in mount));
}
