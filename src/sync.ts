/**
 * Everything of `wasm-sandbox`, with a sandbox whose methods return when they are done.
 * @module wasm-sandbox/sync
 */

export * from './index.ts';
export { WasmSandbox } from './sync/sandbox.ts';
