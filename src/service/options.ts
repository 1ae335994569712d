/** What a service is made of: an object, or JSON of one. Every complaint names the setting by its path. */

import { type Capability, SecurityPolicy } from '../../policy/index.ts';
import { isBytes } from '../../wasm/bytes.ts';
import { UsageError } from '../../wasm/errors.ts';
import { SandboxCache } from '../cache/cache.ts';
import type { DiskCacheOptions } from '../cache/options.ts';
import { callback, gas, integer, milliseconds, record, refuse } from '../checks/check.ts';
import { type Checks, checkNamed, type Given } from '../checks/named.ts';
import { parseDuration, parseGas, parseSize } from '../checks/units.ts';
import type { EngineChoice } from '../engines/choose.ts';
import type { PluginOptions } from '../extism/options.ts';
import { checkSource, type ModuleSource } from '../module/source.ts';
import type { PoolFailure } from '../pool/options.ts';
import { checkOption, type SourcelessOptions } from '../sandbox/options.ts';
import { Module } from '../webassembly/objects.ts';

/** Bytes; as text with a unit: `'64MiB'`, which `'64MB'` says as well. */
export type Size = number | string;
/** Milliseconds; as text with a unit: `'500ms'`, `'2s'`, `'1m'`. */
export type Duration = number | string;

/** What each guest may use: as of a sandbox, by shorter names. */
export interface LimitOptions {
  /** `gasLimit`: units until the sandbox is given back; as text `'1e9'` too. No limit unless given. */
  readonly gas?: bigint | number | string | undefined;
  /** `memoryLimit`; 256 MiB unless given. */
  readonly memory?: Size | undefined;
  /** `stackLimit`; 768 KiB unless given. */
  readonly stack?: Size | undefined;
  /** `cpuTimeout`: of each call; 10 seconds unless given. */
  readonly time?: Duration | undefined;
  /** `moduleLimit`; 128 MiB unless given. */
  readonly module?: Size | undefined;
  /** `codeLimit`; 512 MiB unless given. */
  readonly code?: Size | undefined;
}

/** How many sandboxes a module has, and how long callers wait for one: as of a `SandboxPool`. */
export interface ServicePoolOptions {
  /** Sandboxes that are made at once, and kept; 0 unless given. */
  readonly min?: number | undefined;
  /** Sandboxes there are at most; 8 unless given, or `min` where that is more. */
  readonly max?: number | undefined;
  /** Callers that may wait; 1,000 unless given. */
  readonly maxWaiting?: number | undefined;
  /** How long a caller waits at most; 10 seconds unless given. */
  readonly acquireTimeout?: Duration | undefined;
  /** How long what is under way may take when the service is closed, or the module replaced; 30 seconds unless given. */
  readonly drainTimeout?: Duration | undefined;
}

/** How guests are run: for all modules, or for one. */
export interface ServiceGuestOptions {
  /** What guests may reach: a policy, or one as JSON; `SecurityPolicy.strict()` unless given. */
  readonly policy?: SecurityPolicy | object | undefined;
  /** Grants beside the policy's, such as host functions, which JSON cannot say. */
  readonly capabilities?: readonly Capability[] | undefined;
  readonly limits?: LimitOptions | undefined;
  readonly pool?: ServicePoolOptions | undefined;
  /** What runs the guests; `'interpreter'` unless given, as it alone lets a server answer meanwhile. */
  readonly engine?: EngineChoice | undefined;
  /**
   * After how long the guests of a thread let the event loop go round, however many they are: between two of its rounds they
   * run for so long in all. One on the native engine cannot be left, and the next one waits. 2 ms unless given.
   */
  readonly yieldEvery?: Duration | undefined;
  /** Arguments that programs are given: the first is the program's name. */
  readonly args?: readonly string[] | undefined;
  /** All variables that programs have. */
  readonly env?: Readonly<Record<string, string>> | undefined;
  /**
   * Whether calls go to worker threads, which a guest on the native engine may block: each has one sandbox. Needs the
   * package piscina. Host functions, and whatever else holds functions, cannot go there. False unless given. Node, Deno
   * and Bun.
   */
  readonly workers?: boolean | WorkerOptions | undefined;
  /**
   * What Extism plug-ins are given beside: `config`, `allowedHosts`, `functions` and the others of a plug-in. A module that
   * imports what Extism gives is a plug-in without it as well.
   */
  readonly plugin?: Omit<PluginOptions, keyof SourcelessOptions> | undefined;
}

/** Worker threads of a module. */
export interface WorkerOptions {
  /** How many there are at most, and never more than `pool.max`; as many as the machine has processors unless given. */
  readonly threads?: number | undefined;
}

/** A module with what differs for it; all else is as the service says. */
export interface ModuleOptions extends ServiceGuestOptions {
  readonly source: ModuleSource;
}

/** A cache as JSON says it: in memory, or in a folder where one is named. */
export interface ServiceCacheOptions {
  /** In which processes may share what was made ready: as `SandboxCache.onDisk` has it. Node, Deno and Bun. */
  readonly folder?: string | URL | undefined;
  readonly maxBytes?: Size | undefined;
  readonly maxEntries?: number | undefined;
  readonly maxDiskBytes?: Size | undefined;
  readonly maxDiskEntries?: number | undefined;
}

/** A module that was loaded anew, or could not be: the one before then goes on. */
export interface Reload {
  /** Its name; undefined where the folder could not be read. */
  readonly module?: string;
  /** Why it was not; undefined where it was. */
  readonly error?: unknown;
}

/** What a service is made of. All but functions, bytes and the library's own objects can be said in JSON. */
export interface ServiceOptions extends ServiceGuestOptions {
  /**
   * A folder, whose `.wasm` and `.wat` files are the modules by their names without the ending (Node, Deno and Bun); or each
   * module by its name.
   */
  readonly modules: string | URL | Readonly<Record<string, ModuleSource | ModuleOptions>>;
  /** Whether modules are loaded, and their first sandboxes made, before there is a service; true unless given. */
  readonly warm?: boolean | undefined;
  /** Whether modules whose files change are loaded anew; false unless given. Node, Deno and Bun. */
  readonly watch?: boolean | undefined;
  /** Keeps what the native engine runs ready for the next start; none unless given. */
  readonly cache?: SandboxCache | ServiceCacheOptions | undefined;
  /** Ends making the service with CallAborted. */
  readonly signal?: AbortSignal | undefined;
  /** Told of every module that was loaded anew, or could not be. */
  readonly onReload?: ((reload: Reload) => void) | undefined;
  /** Told of every sandbox that could not be made or used again. */
  readonly onFailure?: ((failure: PoolFailure & { readonly module: string }) => void) | undefined;
}

/** What holds where nothing is said, and a sandbox or a pool by itself has no limit. */
export const SERVICE_DEFAULTS = { time: 10_000, acquireTimeout: 10_000, yieldEvery: 2 } as const;

/** Of one module, with what the service says of all. */
export interface ModuleSettings {
  readonly source: ModuleSource;
  /** What its sandboxes are made of but for the source. */
  readonly sandbox: SourcelessOptions;
  readonly pool: Given<{ [K in keyof ServicePoolOptions]: number }>;
  readonly plugin: ServiceGuestOptions['plugin'];
  /** Milliseconds that guests run before a call lets the event loop go round. */
  readonly turn: number;
  /** Undefined where calls stay on this thread. */
  readonly workers: WorkerSettings | undefined;
}

/** Of a module whose calls go to worker threads. */
export interface WorkerSettings {
  readonly threads: number | undefined;
  /** JSON of what guests may reach. */
  readonly policy: unknown;
}

/** As checked. */
type Guests = Omit<Given<ServiceGuestOptions>, 'policy' | 'limits' | 'pool' | 'yieldEvery'> & {
  readonly policy?: SecurityPolicy;
  readonly limits?: SourcelessOptions;
  readonly pool?: ModuleSettings['pool'];
  readonly yieldEvery?: number;
};

/** Text in a unit, or a number that is checked as it is. @throws UsageError */
function quantity<T>(path: string, value: unknown, parse: (text: string) => T, check: (value: unknown) => T): T {
  return typeof value === 'string' ? at(path, () => parse(value)) : check(value);
}

const size = (path: string) => (value: unknown) =>
  quantity(path, value, parseSize, (number) => integer(path, number, 'bytes', 0));
const duration = (path: string) => (value: unknown) =>
  quantity(path, value, parseDuration, (number) => milliseconds(path, number));
const units = (path: string) => (value: unknown) =>
  quantity<bigint | number>(path, value, parseGas, (number) => gas(path, number));
const flag = (path: string) => (value: unknown) =>
  typeof value === 'boolean' ? value : refuse(path, 'true or false', value);

/** Lets a complaint of somebody else's name the setting. @throws what it throws */
function at<T>(path: string, check: () => T): T {
  try {
    return check();
  } catch (error) {
    if (error instanceof UsageError) throw new UsageError(`${path}: ${error.message}`);
    throw error;
  }
}

function checkLimits(path: string, value: unknown): SourcelessOptions {
  const limits = checkNamed<{ [K in keyof LimitOptions]: bigint | number }>(path, value, {
    gas: units(`${path}.gas`),
    memory: size(`${path}.memory`),
    stack: size(`${path}.stack`),
    time: duration(`${path}.time`),
    module: size(`${path}.module`),
    code: size(`${path}.code`),
  });
  const named: Record<string, unknown> = {};
  for (const [name, option] of Object.entries(SANDBOX_NAMES)) {
    const limit = limits[name as keyof LimitOptions];
    if (limit !== undefined) named[option] = at(`${path}.${name}`, () => checkOption(option, limit));
  }
  return named as SourcelessOptions;
}

const SANDBOX_NAMES = {
  gas: 'gasLimit',
  memory: 'memoryLimit',
  stack: 'stackLimit',
  time: 'cpuTimeout',
  module: 'moduleLimit',
  code: 'codeLimit',
} as const satisfies Record<keyof LimitOptions, keyof SourcelessOptions>;

function checkPoolOptions(path: string, value: unknown): ModuleSettings['pool'] {
  const pool = checkNamed<{ [K in keyof ServicePoolOptions]: number }>(path, value, {
    min: (each) => integer(`${path}.min`, each, 'sandboxes', 0),
    max: (each) => integer(`${path}.max`, each, 'sandboxes', 1),
    maxWaiting: (each) => integer(`${path}.maxWaiting`, each, 'callers', 0),
    acquireTimeout: duration(`${path}.acquireTimeout`),
    drainTimeout: duration(`${path}.drainTimeout`),
  });
  return pool;
}

const checkWorkers = (path: string, value: unknown) =>
  checkNamed<WorkerOptions>(path, value, { threads: (each) => integer(`${path}.threads`, each, 'threads', 1) });

/** @param prefix of the path: empty, or `modules.fib.` */
const guestChecks = (prefix: string): Checks<Guests> => ({
  policy: (value) => {
    if (value instanceof SecurityPolicy) return value;
    const json = record(`${prefix}policy`, value);
    // What reads it begins its complaints with the name of the setting.
    return prefix === '' ? SecurityPolicy.fromJSON(json) : at(prefix.slice(0, -1), () => SecurityPolicy.fromJSON(json));
  },
  capabilities: (value) => at(`${prefix}capabilities`, () => checkOption('capabilities', value)),
  limits: (value) => checkLimits(`${prefix}limits`, value),
  pool: (value) => checkPoolOptions(`${prefix}pool`, value),
  engine: (value) => at(`${prefix}engine`, () => checkOption('engine', value)),
  yieldEvery: duration(`${prefix}yieldEvery`),
  args: (value) => at(`${prefix}args`, () => checkOption('args', value)),
  env: (value) => at(`${prefix}env`, () => checkOption('env', value)),
  workers: (value) => (typeof value === 'boolean' ? value : checkWorkers(`${prefix}workers`, value)),
  plugin: (value) => record(`${prefix}plugin`, value) as NonNullable<ServiceGuestOptions['plugin']>,
});

const NAME = /^[\w][\w.-]{0,127}$/;

/** Of a module, which is in paths of URLs and files. @throws UsageError */
export function checkModuleName(name: string): string {
  return NAME.test(name)
    ? name
    : refuse('the name of a module', 'letters, digits, ".", "_" and "-", 128 at most, and not begin with a "."', name);
}

/** A module by its name, with what the service says of all. @throws UsageError */
export function checkModule(name: string, value: unknown, common: Guests): ModuleSettings {
  const path = `modules.${checkModuleName(name)}`;
  if (!isOptions(value))
    return settle(
      path,
      at(path, () => checkSource(value)),
      common,
      {},
    );
  const { source, ...own } = checkNamed<Guests & { readonly source?: ModuleSource }>(path, value, {
    ...guestChecks(`${path}.`),
    source: (given) => at(`${path}.source`, () => checkSource(given)),
  });
  if (source === undefined) throw new UsageError(`${path} needs a source: a path, a URL or the bytes of a module`);
  return settle(path, source, common, own);
}

/** Whether it is an object of options and not itself a module. */
function isOptions(value: unknown): boolean {
  if (typeof value !== 'object' || value === null || isBytes(value) || value instanceof Module) return false;
  const prototype = Object.getPrototypeOf(value);
  return prototype === null || Object.getPrototypeOf(prototype) === null;
}

function settle(path: string, source: ModuleSource, common: Guests, own: Guests): ModuleSettings {
  const { policy, capabilities, limits, pool, engine, yieldEvery, args, env, plugin } = { ...common, ...own };
  const merged: SourcelessOptions = { cpuTimeout: SERVICE_DEFAULTS.time, ...common.limits, ...limits };
  return {
    source,
    sandbox: {
      ...merged,
      securityPolicy: policy,
      capabilities,
      engine,
      args,
      env,
      yieldEvery: engine === 'native' ? undefined : (yieldEvery ?? SERVICE_DEFAULTS.yieldEvery),
    },
    pool: { acquireTimeout: SERVICE_DEFAULTS.acquireTimeout, ...common.pool, ...pool },
    plugin,
    turn: yieldEvery ?? SERVICE_DEFAULTS.yieldEvery,
    workers: settleWorkers(path, { ...common, ...own }),
  };
}

/** @throws UsageError where something of the module's cannot go to another thread */
function settleWorkers(
  path: string,
  { policy, capabilities = [], plugin, workers }: Guests,
): WorkerSettings | undefined {
  if (workers === undefined || workers === false) return undefined;
  const { threads } = workers === true ? {} : workers;
  return at(`${path}.workers: what guests are given must be able to go to another thread`, () => {
    for (const [name, value] of Object.entries(plugin ?? {})) {
      if (!isCloneable(value)) throw new UsageError(`plugin.${name} has functions`);
    }
    return { threads, policy: (policy ?? SecurityPolicy.strict()).with(...capabilities).toJSON() };
  });
}

/** Whether it can go to another thread. */
export function isCloneable(value: unknown): boolean {
  try {
    structuredClone(value);
    return true;
  } catch {
    return false;
  }
}

export interface ServiceSettings
  extends Given<Pick<ServiceOptions, 'warm' | 'watch' | 'signal' | 'onReload' | 'onFailure'>> {
  /** What holds for every module. */
  readonly common: Guests;
  /** A folder, or what there is by name. */
  readonly modules: string | URL | ReadonlyMap<string, ModuleSettings>;
  readonly cache: SandboxCache | Given<CacheSettings> | undefined;
}

type CacheSettings = Pick<ServiceCacheOptions, 'folder'> & Omit<DiskCacheOptions, 'key'>;

const CACHE: Checks<CacheSettings> = {
  folder: (value) =>
    typeof value === 'string' || value instanceof URL ? value : refuse('cache.folder', 'a path or a file: URL', value),
  maxBytes: size('cache.maxBytes'),
  maxEntries: (value) => integer('cache.maxEntries', value, 'entries', 0),
  maxDiskBytes: size('cache.maxDiskBytes'),
  maxDiskEntries: (value) => integer('cache.maxDiskEntries', value, 'entries', 0),
};

/** The cache that the settings say. @throws UsageError */
export async function openCache(cache: ServiceSettings['cache']): Promise<SandboxCache | undefined> {
  if (cache === undefined || cache instanceof SandboxCache) return cache;
  const { folder, ...bounds } = cache;
  return folder === undefined ? at('cache', () => SandboxCache.inMemory(bounds)) : SandboxCache.onDisk(folder, bounds);
}

/** Whether modules are named by a folder. */
export const isFolder = (value: unknown): value is string | URL => typeof value === 'string' || value instanceof URL;

/** @throws UsageError naming the path of the setting that is wrong */
export function checkService(options: unknown): ServiceSettings {
  type Own = Omit<ServiceOptions, keyof ServiceGuestOptions | 'cache' | 'modules'> & {
    readonly cache?: NonNullable<ServiceSettings['cache']>;
    readonly modules?: ServiceOptions['modules'];
  };
  const own: Checks<Own> = {
    modules: (value) => (isFolder(value) ? value : (record('modules', value) as Record<string, ModuleSource>)),
    warm: flag('warm'),
    watch: flag('watch'),
    cache: (value) => (value instanceof SandboxCache ? value : checkNamed<CacheSettings>('cache', value, CACHE)),
    signal: (value) => checkOption('signal', value),
    onReload: (value) => callback('onReload', value) as NonNullable<ServiceOptions['onReload']>,
    onFailure: (value) => callback('onFailure', value) as NonNullable<ServiceOptions['onFailure']>,
  };
  const checked = checkNamed<Own & Guests>('a service', options, { ...own, ...guestChecks('') });
  const { modules, warm, watch, cache, signal, onReload, onFailure, ...common } = checked;
  if (modules === undefined) throw new UsageError('a service needs the option "modules": a folder, or modules by name');
  return {
    common,
    modules: isFolder(modules)
      ? modules
      : new Map(Object.entries(modules).map(([name, value]) => [name, checkModule(name, value, common)])),
    cache,
    ...(warm !== undefined && { warm }),
    ...(watch !== undefined && { watch }),
    ...(signal !== undefined && { signal }),
    ...(onReload !== undefined && { onReload }),
    ...(onFailure !== undefined && { onFailure }),
  };
}
