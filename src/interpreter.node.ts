/** `wasm-sandbox/interpreter` for runtimes that have Node's modules: with the host's environment, folders and files. */

import { provideNode } from './node.node.ts';
import { offerNetwork } from './parts.ts';

offerNetwork();
provideNode();

export * from './api.ts';
