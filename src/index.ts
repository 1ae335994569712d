/**
 * Sandboxes, policies, pools, caches, schedulers and recordings.
 * @module wasm-sandbox
 */

import { offerNative, offerNetwork } from './parts.ts';

offerNative();
offerNetwork();

export * from './api.ts';
