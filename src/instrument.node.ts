/** `wasm-sandbox/instrument` for runtimes that find packages by name: binaryen among them. */

import { provideNode } from './node.node.ts';

provideNode();

export * from './instrument.ts';
