/** `wasm-sandbox/sync` for runtimes that have Node's modules: with the host's environment and folders. */

import { openFolder } from '../policy/fs/node/open.node.ts';
import { hostEnvironment } from './environment.node.ts';
import { provide } from './sync/runtime.ts';

provide({ environment: hostEnvironment, openFolder });

export * from './sync.ts';
