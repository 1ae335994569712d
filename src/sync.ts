/** Everything of `wasm-sandbox`, with a sandbox whose methods return when they are done: `wasm-sandbox/sync`. */

export * from './index.ts';
export type { ReadySource } from './source.ts';
export { WasmSandbox } from './sync/sandbox.ts';
