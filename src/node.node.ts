/** Gives the library what Node has, and whoever has Node's modules: each part is loaded when it is first needed. */

import './instrument.node.ts';
import { provideClient } from '../policy/net/client.ts';
import { provideStore } from './cache/entry-store.ts';
import { provideFiles } from './module/source.ts';
import { hostEnvironment } from './runtime/environment.node.ts';
import { provide } from './runtime/provided.ts';

provide({
  environment: hostEnvironment,
  loadFolders: async () => (await import('../policy/fs/node/open.node.ts')).openFolder,
});
provideClient(async () => (await import('../policy/net/client.node.ts')).nodeClient);
provideFiles(async () => (await import('./module/file.node.ts')).readChunks);
provideStore(async () => {
  const { DiskStore } = await import('./cache/disk.node.ts');
  return (folder, bounds, key) => DiskStore.open(folder, bounds, key);
});
