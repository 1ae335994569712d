/** `wasm-sandbox/fastify` for runtimes that have Node's modules: with the host's folders and files. */

import './service.node.ts';

export * from './fastify.ts';
export { default } from './fastify.ts';
