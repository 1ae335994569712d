/**
 * Everything of `wasm-sandbox`, with a sandbox whose methods return when they are done.
 * @module wasm-sandbox/sync
 */

import { provideHostFunctions, provideInterpreter, provideNative } from './sync/parts.ts';

provideInterpreter();
provideHostFunctions();
provideNative();

export * from './api.ts';
export type { SyncCallOptions } from './call/options.ts';
export type { SyncRunOptions } from './sandbox/program.ts';
export { WasmSandbox } from './sync/sandbox.ts';
