/** What the entries of plug-ins give. */

export { PluginError } from '../../wasm/errors.ts';
export type { OutputKind, OutputValues, PluginCallOptions } from './call.ts';
export { CompiledPlugin } from './compiled.ts';
export type { CurrentPlugin, PluginFunction, PluginFunctionBody, PluginFunctions } from './current-plugin.ts';
export { type CreatePluginOptions, createPlugin, ExtismPlugin } from './drop-in.ts';
export type { Manifest, ManifestLike, ManifestModule } from './manifest.ts';
export type { ManifestOptions, PluginMemoryOptions, PluginOptions } from './options.ts';
export type { PluginOutput } from './output.ts';
export { Plugin } from './plugin.ts';
export type { SchemaResult, StandardSchema } from './schema.ts';
export type { LoggedLevel, LogLevel, PluginLogger } from './settings.ts';
