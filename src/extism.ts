/**
 * Extism plug-ins in sandboxes: made from manifests, called with bytes, text and JSON.
 * @module wasm-sandbox/extism
 */

import { offerNative, offerNetwork } from './parts.ts';

offerNative();
offerNetwork();

export * from './extism/api.ts';
export { createPlugin as default } from './extism/api.ts';
