/** `wasm-sandbox/nest` for runtimes that have Node's modules: with the host's folders and files. */

import './service.node.ts';

export * from './nest.ts';
