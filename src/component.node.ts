/** `wasm-sandbox/component` for runtimes that have Node's modules: with the host's folders and files. */

import { offerTranspiler } from './component-parts.node.ts';
import { provideNode } from './node.node.ts';

offerTranspiler();
provideNode();

export * from './component/api.ts';
