/** `wasm-sandbox/minimal` for runtimes that have Node's modules: with the host's environment, folders and files. */

import { provideNode } from './node.node.ts';

provideNode();

export * from './api.ts';
