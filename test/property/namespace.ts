/** The namespace under test. */

import { createWebAssembly } from '../../src/webassembly.ts';
import type { Namespace } from './compare.ts';

/** The interpreter's namespace, with a stack that no random program fills. */
export async function loadNamespace(): Promise<Namespace> {
  const namespace = await createWebAssembly({ engine: 'interpreter', perInstance: true, stackLimit: 16 * 1024 * 1024 });
  return namespace as unknown as Namespace;
}
