/**
 * Metrics of sandboxes and pools for Prometheus, in a registry of the package `prom-client`.
 * @module wasm-sandbox/prometheus
 */

export * from './telemetry/prometheus-api.ts';
