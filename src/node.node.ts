/** What Node has, and whoever has Node's modules. */

import { provideOptimiser } from '../instrument/optimiser.ts';
import { provideClient } from '../policy/net/client.ts';
import { provideStore } from './cache/entry-store.ts';
import { provideFiles } from './module/source.ts';
import { hostEnvironment } from './runtime/environment.node.ts';
import { provide } from './runtime/provided.ts';

/** For entries: each part is loaded when it is first needed. */
export function provideNode(): void {
  provide({
    environment: hostEnvironment,
    loadFolders: async () => (await import('../policy/fs/node/open.node.ts')).openFolder,
  });
  provideOptimiser(async () => (await import('../instrument/optimise.ts')).throughBinaryen);
  provideClient(async () => (await import('../policy/net/client.node.ts')).nodeClient);
  provideFiles(async () => (await import('./module/file.node.ts')).readChunks);
  provideStore(async () => {
    const { DiskStore } = await import('./cache/disk.node.ts');
    return (folder, bounds, key) => DiskStore.open(folder, bounds, key);
  });
}
