/** `wasm-sandbox/sync` for runtimes that have Node's modules: its folders cannot be waited for. */

import { openFolder } from '../policy/fs/node/open.node.ts';
import './node.node.ts';
import { provide } from './runtime/provided.ts';

provide({ openFolder });

export * from './sync.ts';
