/** `wasm-sandbox` for runtimes that have Node's modules: with the host's environment, folders and files. */

import './node.node.ts';

export * from './index.ts';
