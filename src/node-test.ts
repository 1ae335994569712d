/**
 * Sandboxes that end with a test, and assertions about guests, for `node:test`.
 * @module wasm-sandbox/node-test
 */

import { offerNative, offerNetwork } from './parts.ts';

offerNative();
offerNetwork();

export * from './testing/node-test-api.ts';
