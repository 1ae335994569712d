/** `wasm-sandbox/policy` for runtimes that have Node's modules: names are resolved, and their addresses decided on. */

import { provideNode } from './node.node.ts';
import { provideHostFunctions } from './sync/parts.ts';

provideHostFunctions();
provideNode();

export * from '../policy/index.ts';
