/** What the runtime has for sandboxes that can wait for it: it is loaded only for policies that need it. */

import type { OpenFolder, SecurityPolicy } from '../../policy/index.ts';
import { type Environment, type RuntimeParts, takesFolders, takesHostVariables } from './needs.ts';

/** What a policy needs of the runtime, as far as that has it. */
export async function loadRuntimeFor(policy: SecurityPolicy): Promise<RuntimeParts> {
  return { environment: await environmentFor(policy), openFolder: await folderOpener(policy) };
}

async function environmentFor(policy: SecurityPolicy): Promise<Environment> {
  if (!takesHostVariables(policy)) return {};
  try {
    return (await import('./environment.node.ts')).hostEnvironment();
  } catch {
    return {}; // A runtime without environment variables.
  }
}

async function folderOpener(policy: SecurityPolicy): Promise<OpenFolder | undefined> {
  if (!takesFolders(policy)) return undefined;
  try {
    return (await import('../../policy/fs/node/open.node.ts')).openFolder;
  } catch {
    return undefined;
  }
}
