/** `wasm-sandbox/sync` for runtimes that have Node's modules: with the host's environment and folders. */

import { openFolder } from '../policy/fs/node/open.node.ts';
import { hostEnvironment } from './runtime/environment.node.ts';
import { provide } from './runtime/provided.ts';

provide({ environment: hostEnvironment, openFolder });

export * from './sync.ts';
