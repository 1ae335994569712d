/**
 * Extism plug-ins in sandboxes: made from manifests, called with bytes, text and JSON.
 * @module wasm-sandbox/extism
 */

import { offerNative, offerNetwork } from './parts.ts';

offerNative();
offerNetwork();

export { PluginError } from '../wasm/errors.ts';
export type { OutputKind, PluginCallOptions } from './extism/call.ts';
export { CompiledPlugin } from './extism/compiled.ts';
export type { CurrentPlugin, PluginFunction, PluginFunctionBody, PluginFunctions } from './extism/current-plugin.ts';
export { type CreatePluginOptions, createPlugin, createPlugin as default, ExtismPlugin } from './extism/drop-in.ts';
export type { Manifest, ManifestLike, ManifestModule } from './extism/manifest.ts';
export type { ManifestOptions, PluginMemoryOptions, PluginOptions } from './extism/options.ts';
export type { PluginOutput } from './extism/output.ts';
export { Plugin } from './extism/plugin.ts';
export type { SchemaResult, StandardSchema } from './extism/schema.ts';
export type { LoggedLevel, LogLevel, PluginLogger } from './extism/settings.ts';
