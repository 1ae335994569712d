/** `wasm-sandbox/service` for runtimes that have Node's modules: with the host's folders and files, which it can watch. */

import { provideNode } from './node.node.ts';
import { offerNative, offerNetwork } from './parts.ts';
import { provideModuleFiles } from './service/files.ts';
import { provideThreads } from './service/threads.ts';

offerNative();
offerNetwork();
provideNode();
provideModuleFiles(async () => (await import('./service/files.node.ts')).nodeFiles);
provideThreads(async () => (await import('./service/piscina.node.ts')).openPiscina);

export * from './service/api.ts';
