/**
 * Everything of `wasm-sandbox`, with a sandbox whose methods return when they are done.
 * @module wasm-sandbox/sync
 */

export type { SyncCallOptions } from './call/options.ts';
export * from './index.ts';
export type { SyncRunOptions } from './sandbox/program.ts';
export { WasmSandbox } from './sync/sandbox.ts';
