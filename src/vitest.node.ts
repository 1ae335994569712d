/** `wasm-sandbox/vitest` for runtimes that have Node's modules: with the host's folders and files. */

import { provideNode } from './node.node.ts';
import { offerNative, offerNetwork } from './parts.ts';

offerNative();
offerNetwork();
provideNode();

export * from './testing/vitest-api.ts';
