/**
 * Fixtures and matchers for guests, in vitest.
 * @module wasm-sandbox/vitest
 */

import { offerNative, offerNetwork } from './parts.ts';

offerNative();
offerNetwork();

export * from './testing/vitest-api.ts';
