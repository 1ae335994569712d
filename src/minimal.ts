/**
 * Everything of `wasm-sandbox` but the native engine and the network.
 * @module wasm-sandbox/minimal
 */

export * from './api.ts';
