/**
 * Spans and metrics of sandboxes and pools for OpenTelemetry, by the package `@opentelemetry/api`, to be installed beside
 * this one.
 * @module wasm-sandbox/otel
 */

export * from './telemetry/otel-api.ts';
