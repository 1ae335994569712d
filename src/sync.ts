/**
 * Everything of `wasm-sandbox`, with a sandbox whose methods return when they are done.
 * @module wasm-sandbox/sync
 */

import { provideHostFunctions, provideNative, provideVectors } from './sync/parts.ts';

provideVectors();
provideHostFunctions();
provideNative();

export * from './api.ts';
export type { SyncCallOptions } from './call/options.ts';
export type { SyncRunOptions } from './sandbox/program.ts';
export { WasmSandbox } from './sync/sandbox.ts';
