/**
 * Modules by name, each with a pool, for servers: calls, health, figures, and what to tell clients of failures.
 * @module wasm-sandbox/service
 */

import { offerNative, offerNetwork } from './parts.ts';

offerNative();
offerNetwork();

export * from './service/api.ts';
