/** `wasm-sandbox/jupyter` for runtimes that have Node's modules: with the host's folders and files, and widgets. */

import { providePageProgram } from './jupyter/page-program.ts';
import { provideNode } from './node.node.ts';
import { offerNative, offerNetwork } from './parts.ts';

offerNative();
offerNetwork();
provideNode();
providePageProgram(async () => (await import('./jupyter/page-files.node.ts')).readPageProgram());

export * from './jupyter/api.ts';
