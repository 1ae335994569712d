/** `wasm-sandbox/extism` for runtimes that have Node's modules: with files and folders. */

import { provideNode } from './node.node.ts';

provideNode();

export * from './extism.ts';
