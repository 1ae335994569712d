/** `wasm-sandbox/sync` for runtimes that have Node's modules: its folders cannot be waited for. */

import { openFolder } from '../policy/fs/node/open.node.ts';
import { provideNode } from './node.node.ts';
import { provide } from './runtime/provided.ts';
import { provideHostFunctions, provideInterpreter, provideNative } from './sync/parts.ts';

provideInterpreter();
provideHostFunctions();
provideNative();
provideNode();
provide({ openFolder });

export * from './api.ts';
export { WasmSandbox } from './sync/sandbox.ts';
