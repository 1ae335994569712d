/** `wasm-sandbox/policy` for runtimes that have Node's modules: names are resolved, and their addresses decided on. */

import { provideClient } from './net/client.ts';

provideClient(async () => (await import('./net/client.node.ts')).nodeClient);

export * from './index.ts';
