/** What the interface decides by: options, with what holds where nothing was said. */

/** How much a message of a plug-in's matters, from the least on. */
export type LoggedLevel = 'trace' | 'debug' | 'info' | 'warn' | 'error';

/** From which level on a plug-in's messages are logged. */
export type LogLevel = LoggedLevel | 'silent';

/** What plug-ins are told of it. */
export const LOG_LEVELS: Readonly<Record<LogLevel, number>> = {
  trace: 0,
  debug: 1,
  info: 2,
  warn: 3,
  error: 4,
  silent: 0x7fff_ffff,
};

/** Takes a plug-in's messages: a console, or what looks like one. What it throws ends the plug-in's call. */
export type PluginLogger = Readonly<Record<LoggedLevel, (message: string) => void>>;

export interface PluginSettings {
  readonly config: ReadonlyMap<string, Uint8Array>;
  readonly maxBlockBytes: number;
  readonly maxVarBytes: number;
  readonly logger: PluginLogger;
  readonly logLevel: LogLevel;
  readonly allowHttpResponseHeaders: boolean;
}
