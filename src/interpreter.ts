/**
 * Everything of `wasm-sandbox` but the native engine, and the instrumenter with it.
 * @module wasm-sandbox/interpreter
 */

import { offerNetwork } from './parts.ts';

offerNetwork();

export * from './api.ts';
