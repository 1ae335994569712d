/** What a plug-in is made with, beside what every sandbox is. */

import { UsageError } from '../../wasm/errors.ts';
import { PAGE_BYTES } from '../../wasm/limits.ts';
import { encodeUtf8 } from '../../wasm/utf8.ts';
import { callback, integer, list, milliseconds, record, refuse, text } from '../checks/check.ts';
import { type Checks, checkNamed, type Given } from '../checks/named.ts';
import type { SourcelessOptions } from '../sandbox/options.ts';
import type { PluginFunction, PluginFunctions } from './current-plugin.ts';
import { LOG_LEVELS, type LogLevel, type PluginLogger, type PluginSettings } from './settings.ts';

/** What of memory a plug-in may use for itself, beside `memoryLimit`, which holds for all of it together. */
export interface PluginMemoryOptions {
  /** Pages of 64 KiB that its blocks may have together; no limit of their own unless given. */
  readonly maxPages?: number | undefined;
  /** Bytes of a response's body; 16 MiB unless given. */
  readonly maxHttpResponseBytes?: number | undefined;
  /** Bytes of all values of its variables; 1 MiB unless given. */
  readonly maxVarBytes?: number | undefined;
}

/** What a manifest can say too; what is said here counts. */
export interface ManifestOptions {
  /** Settings that the plug-in can ask for, by name. */
  readonly config?: Readonly<Record<string, string>> | undefined;
  /** Hosts that it may make HTTP requests to, on any port, with or without TLS: as `Capability.networkAccess` takes them. */
  readonly allowedHosts?: readonly string[] | undefined;
  /** Folders of the host's by the path at which the plug-in sees them; `ro:` before a folder allows reading alone. */
  readonly allowedPaths?: Readonly<Record<string, string>> | undefined;
  readonly memory?: PluginMemoryOptions | undefined;
  /** Milliseconds for each call, and for making the plug-in ready: `cpuTimeout` under the name that manifests have for it. */
  readonly timeoutMs?: number | undefined;
}

/** What a plug-in is made with: options of a sandbox, and these. Unknown names are UsageErrors. */
export interface PluginOptions extends SourcelessOptions, ManifestOptions {
  /** Functions of the embedder's, by module and name. */
  readonly functions?: PluginFunctions | undefined;
  /** Takes the plug-in's messages; the console unless given. */
  readonly logger?: PluginLogger | undefined;
  /** `silent` unless given. */
  readonly logLevel?: LogLevel | undefined;
  /** Whether `http_headers` gives the headers of the last response; false unless given. */
  readonly allowHttpResponseHeaders?: boolean | undefined;
}

const MAX_VAR_BYTES = 1024 * 1024;

const strings = (what: string, value: unknown): Readonly<Record<string, string>> =>
  Object.fromEntries(Object.entries(record(what, value)).map(([name, each]) => [name, text(`${what}: ${name}`, each)]));

const MEMORY_CHECKS: Checks<PluginMemoryOptions> = {
  maxPages: (value) => integer('memory.maxPages', value, 'pages', 0),
  maxHttpResponseBytes: (value) => integer('memory.maxHttpResponseBytes', value, 'bytes', 0),
  maxVarBytes: (value) => integer('memory.maxVarBytes', value, 'bytes', 0),
};

export const GRANT_CHECKS: Checks<ManifestOptions> = {
  config: (value) => strings('config', value),
  allowedHosts: (value) => list('allowedHosts', value).map((host) => text('a host of allowedHosts', host)),
  allowedPaths: (value) => strings('allowedPaths', value),
  memory: (value) => checkNamed<PluginMemoryOptions>('memory', value, MEMORY_CHECKS),
  timeoutMs: (value) => milliseconds('timeoutMs', value),
};

type OwnOptions = Omit<PluginOptions, keyof SourcelessOptions>;

const OWN_CHECKS: Checks<OwnOptions> = {
  ...GRANT_CHECKS,
  functions: checkFunctions,
  logger: (value) => {
    const logger = record('logger', value);
    for (const level of Object.keys(LOG_LEVELS)) if (level !== 'silent') callback(`logger.${level}`, logger[level]);
    return value as PluginLogger;
  },
  logLevel: (value) =>
    typeof value === 'string' && Object.hasOwn(LOG_LEVELS, value)
      ? (value as LogLevel)
      : refuse('logLevel', `one of ${Object.keys(LOG_LEVELS).join(', ')}`, value),
  allowHttpResponseHeaders: (value) =>
    typeof value === 'boolean' ? value : refuse('allowHttpResponseHeaders', 'true or false', value),
};

function checkFunctions(value: unknown): PluginFunctions {
  const modules = Object.entries(record('functions', value)).map(([module, functions]) => {
    const entries = Object.entries(record(`functions of ${module}`, functions));
    for (const [name, each] of entries) {
      if (typeof each !== 'function')
        callback(`function ${module}.${name}: call`, (each as PluginFunction | null)?.call);
    }
    return [module, Object.fromEntries(entries)] as const;
  });
  return Object.fromEntries(modules) as PluginFunctions;
}

/** Options, sorted by who they are for. The sandbox's own are checked where it is made. @throws UsageError */
export function checkPluginOptions(options: unknown): { own: Given<OwnOptions>; sandbox: SourcelessOptions } {
  const own: Record<string, unknown> = {};
  const sandbox: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(record('the options of a plug-in', options))) {
    (Object.hasOwn(OWN_CHECKS, name) ? own : sandbox)[name] = value;
  }
  if (sandbox['record'] === true) {
    throw new UsageError('a plug-in cannot be recorded: what its blocks hold is no part of a recording');
  }
  return { own: checkNamed<OwnOptions>('a plug-in', own, OWN_CHECKS), sandbox };
}

/** With what holds where nothing was said. */
export function settlePlugin(own: Given<OwnOptions>): PluginSettings {
  const { config = {}, memory = {} } = own;
  return Object.freeze({
    config: new Map(Object.entries(config).map(([name, value]) => [name, encodeUtf8(value)])),
    maxBlockBytes: memory.maxPages === undefined ? Number.POSITIVE_INFINITY : memory.maxPages * PAGE_BYTES,
    maxVarBytes: memory.maxVarBytes ?? MAX_VAR_BYTES,
    logger: own.logger ?? console,
    logLevel: own.logLevel ?? 'silent',
    allowHttpResponseHeaders: own.allowHttpResponseHeaders ?? false,
  });
}
