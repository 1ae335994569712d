/** The interpreter: needs neither the host's `WebAssembly` nor code generation. */

export { interpreter } from './engine.ts';
export * from './parts.ts';
export { snapshots } from './snapshot/index.ts';
