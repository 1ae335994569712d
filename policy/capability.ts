/**
 * Capabilities: what a policy may grant, as immutable values. A value says what is granted and nothing about who
 * asks; {@link import('./decide.ts').decide} reads it, and `createHost` makes it real.
 */

import { type Bytes, copyOf } from '../wasm/bytes.ts';
import { HOST_CALL } from '../wasm/gas.ts';
import { HIGHEST_PRICE, type HostGas, type WasmValue } from '../wasm/host.ts';
import { EXTERNREF, F32, F64, FUNCREF, I32, I64, type ValType } from '../wasm/types.ts';
import { encodeUtf8 } from '../wasm/utf8.ts';
import type { Caller } from './caller.ts';
import {
  checkArray,
  checkBigint,
  checkBoolean,
  checkCString,
  checkInteger,
  checkOptions,
  checkString,
  refuse,
  show,
} from './check.ts';
import { normalPattern } from './hostname.ts';
import { DEFAULT_FILE_LIMITS } from './limits.ts';
import { checkLimits, checkMethods, NETWORK_LIMITS, type NetworkLimit, type NetworkLimits } from './net/limits.ts';
import {
  type ByteSink,
  type ByteSource,
  type KeptSource,
  STREAMS,
  type StreamName,
  toInput,
  toOutput,
  type WritableBytes,
} from './stdio.ts';

/** Where standard streams lead. One not named stays as it is: input empty, output captured. */
export interface StdioOptions {
  /** What the guest reads. */
  readonly stdin?: ByteSource | undefined;
  /** Takes each write of the guest's; nothing of it is captured then. */
  readonly stdout?: ByteSink | WritableBytes | undefined;
  /** The same for standard error. */
  readonly stderr?: ByteSink | WritableBytes | undefined;
  /**
   * Those that lead to a terminal: C libraries write to one line by line, and programs show prompts and colours. None
   * unless given; the others are of unknown type to the guest, as pipes and files are.
   */
  readonly terminals?: readonly StreamName[] | undefined;
}

/** Standard streams that lead outside. A stream not named stays as it is without this: empty, or captured. */
export interface StdioCapability {
  readonly kind: 'stdio';
  readonly stdin?: KeptSource | undefined;
  readonly stdout?: ByteSink | undefined;
  readonly stderr?: ByteSink | undefined;
  readonly terminals?: readonly StreamName[] | undefined;
}

/** A clock that tells nothing of the host, and the same at every run. */
export interface VirtualClockOptions {
  /** Where the real-time clock starts, in nanoseconds since 1970. 2000-01-01T00:00:00Z unless given. */
  readonly start?: bigint | number | undefined;
  /** Nanoseconds by which every reading advances the clock; at least 1. A millisecond unless given. */
  readonly step?: bigint | number | undefined;
}

/** Which clock the guest reads. Of a virtual one, `start` and `step` are nanoseconds. */
export type ClockCapability =
  | { readonly kind: 'clock'; readonly source: 'real' }
  | { readonly kind: 'clock'; readonly source: 'virtual'; readonly start: bigint; readonly step: bigint };

/** Where the guest's random bytes come from. A seed has 64 bits. */
export type RandomCapability =
  | { readonly kind: 'random'; readonly source: 'system' }
  | { readonly kind: 'random'; readonly source: 'seeded'; readonly seed: bigint };

/** Environment variables the guest sees. */
export interface EnvironmentCapability {
  readonly kind: 'environment';
  /** Variables that come from the host's environment. */
  readonly names: readonly string[] | 'all';
  /** Variables the grant itself gives a value. */
  readonly values: readonly (readonly [name: string, value: string])[];
}

/** What of HTTP a guest may use, and how much of it. */
export interface NetworkAccessOptions {
  /** 443 unless given, and 80 too where HTTPS is not required. */
  readonly allowedPorts?: readonly number[] | 'any' | undefined;
  /** True unless given. */
  readonly requireHttps?: boolean | undefined;
  /** In capitals. GET, HEAD, POST, PUT, PATCH, DELETE and OPTIONS unless given; never CONNECT or TRACE. */
  readonly allowedMethods?: readonly string[] | undefined;
  /** Bytes of a request's body; 1 MiB unless given. */
  readonly maxRequestBytes?: number | undefined;
  /** Bytes of a response's body; 16 MiB unless given. */
  readonly maxResponseBytes?: number | undefined;
  /** Milliseconds from sending a request to its response's last byte, redirects included; 30,000 unless given. */
  readonly timeout?: number | undefined;
  /** Redirects followed for a request, at most 20; 5 unless given. */
  readonly maxRedirects?: number | undefined;
  /** Requests the guest may begin before a reset; 1,000 unless given. */
  readonly maxRequests?: number | undefined;
}

/** Hosts the guest may make HTTP requests to, and within what limits. */
export interface NetworkCapability extends NetworkLimits {
  readonly kind: 'network';
  /** Exact hosts, `*.` patterns and `*`, in the spelling of hostname.ts. */
  readonly hosts: readonly string[];
  readonly allowedPorts: readonly number[] | 'any';
  readonly requireHttps: boolean;
  readonly allowedMethods: readonly string[];
}

/** A folder of the host's, and the absolute path at which the guest sees it. */
export interface Mount {
  /** A path of the host's; a relative one counts from the current folder. */
  readonly host: string;
  readonly guest: string;
}

/** Files that exist in memory only, and the absolute path at which the guest sees them. */
export interface MemoryMount {
  /** Contents by path below the guest's; a path that ends in `/` is an empty directory. */
  readonly memory: readonly (readonly [path: string, bytes: Uint8Array])[];
  readonly guest: string;
}

/** Files in memory, as an embedder gives them: contents by path, text as UTF-8. Bytes are copied. */
export interface MemoryFiles {
  /** A path that ends in `/` is an empty directory. */
  readonly memory: Readonly<Record<string, string | Bytes>>;
  /** `/` unless given. */
  readonly guest?: string | undefined;
}

/** What a guest may do with its files, and how many it may have. */
export interface FilesystemAccessOptions {
  /** True unless given, but false where all files are in memory. */
  readonly readOnly?: boolean | undefined;
  /** Bytes in memory, or that a folder may grow by; 64 MiB for each unless given. */
  readonly maxBytes?: number | undefined;
  /** Files, directories and links in memory, or that a folder may gain; 10,000 for each unless given. */
  readonly maxFiles?: number | undefined;
  /** Descriptors open at once, streams and granted directories included; 256 unless given. The last grant counts. */
  readonly maxDescriptors?: number | undefined;
}

/** Files the guest may reach. */
export interface FilesystemCapability {
  readonly kind: 'filesystem';
  readonly mounts: readonly (Mount | MemoryMount)[];
  /** Whether every change is refused. */
  readonly readOnly: boolean;
  /** For each mount: bytes in memory, or that a folder may grow by. */
  readonly maxBytes: number;
  /** For each mount: files, directories and links in memory, or that a folder may gain. */
  readonly maxFiles: number;
  /** For the guest: descriptors open at once, streams and granted directories included. */
  readonly maxDescriptors: number;
}

/** The value types a host function may take and give. Vectors do not cross to JavaScript. */
const TYPES = { i32: I32, i64: I64, f32: F32, f64: F64, funcref: FUNCREF, externref: EXTERNREF } as const;
type TypeName = keyof typeof TYPES;

/** A function for the guest with the caller at hand: its memory and its gas. Types left out are the import's own. */
export interface GuestFunctionDeclaration {
  /** `i32`, `i64`, `f32`, `f64`, `funcref`, `externref`; the import's own unless given. */
  readonly params?: readonly TypeName[] | undefined;
  /** The same. */
  readonly results?: readonly TypeName[] | undefined;
  /** Called with the caller, and the guest's arguments as an array. A promise suspends the guest. */
  readonly call: OwnCall;
}

/** The body of a function that gets its caller. What it throws, or promises, is as for every host function. */
export type OwnCall = (caller: Caller, args: readonly WasmValue[]) => WasmValue | PromiseLike<WasmValue>;

/** A function called with the guest's arguments. */
export interface PlainFunction {
  (...args: never[]): unknown;
  /** Every function has one; said here so that a declaration's `call` gets its parameters' types. */
  readonly call?: OwnCall;
}

/** A host function as granted. */
export interface GuestFunction {
  readonly name: string;
  /** Undefined takes what the import declares. */
  readonly params: readonly ValType[] | undefined;
  readonly results: readonly ValType[] | undefined;
  readonly call: OwnCall;
  /** Whether it looks at its caller. */
  readonly takesCaller: boolean;
}

/** The embedder's own functions, under one module name. */
export interface HostFunctionsCapability {
  readonly kind: 'hostFunctions';
  readonly module: string;
  readonly functions: readonly GuestFunction[];
  readonly gas: HostGas;
}

/** What the embedder grants under a name of its own, for its host functions to decide by. */
export interface CustomCapability {
  readonly kind: 'custom';
  readonly name: string;
  /** What is granted under the name; all of it where this is empty. */
  readonly values: readonly string[];
}

/** Something a policy grants. Frozen. */
export type Capability =
  | StdioCapability
  | ClockCapability
  | RandomCapability
  | EnvironmentCapability
  | NetworkCapability
  | FilesystemCapability
  | HostFunctionsCapability
  | CustomCapability;

/** 2000-01-01T00:00:00Z, in nanoseconds since 1970. */
const VIRTUAL_START = 946_684_800_000_000_000n;

/** Nanoseconds: long enough that a guest that polls the clock for a second gets there in a thousand calls. */
const VIRTUAL_STEP = 1_000_000n;

/** What this file made. A look-alike might not be frozen all through, and change after it was decided upon. */
const made = new WeakSet<object>();

function make<T extends Capability>(capability: T): T {
  made.add(capability);
  return Object.freeze(capability);
}

/** Whether it was made by {@link Capability}: a look-alike is none. */
export function isCapability(value: unknown): value is Capability {
  return typeof value === 'object' && value !== null && made.has(value);
}

/** What the clock is where no policy says more: the same at every run. */
export const DEFAULT_CLOCK: ClockCapability = make({
  kind: 'clock',
  source: 'virtual',
  start: VIRTUAL_START,
  step: VIRTUAL_STEP,
});

/** What randomness is where no policy says more: the same at every run. */
export const DEFAULT_RANDOM: RandomCapability = make({ kind: 'random', source: 'seeded', seed: 0n });

function stdio(options: StdioOptions): StdioCapability {
  checkOptions('Capability.stdio', options, [...STREAMS, 'terminals']);
  const { stdin, stdout, stderr, terminals } = options;
  const what = (stream: string) => `Capability.stdio: ${stream}`;
  return make({
    kind: 'stdio',
    stdin: stdin === undefined ? undefined : toInput(what('stdin'), stdin),
    stdout: stdout === undefined ? undefined : toOutput(what('stdout'), stdout),
    stderr: stderr === undefined ? undefined : toOutput(what('stderr'), stderr),
    terminals: terminals === undefined ? undefined : checkArray(what('terminals'), terminals).map(checkStream),
  });
}

const checkStream = (name: unknown): StreamName =>
  STREAMS.find((stream) => stream === name) ?? refuse('Capability.stdio: terminals', STREAMS.join(', '), name);

function clock(source: 'real' | VirtualClockOptions = 'real'): ClockCapability {
  if (source === 'real') return make({ kind: 'clock', source });
  checkOptions('Capability.clock', source, ['start', 'step']);
  const { start = VIRTUAL_START, step = VIRTUAL_STEP } = source;
  return make({
    kind: 'clock',
    source: 'virtual',
    start: checkBigint('Capability.clock: start', start, 0n),
    step: checkBigint('Capability.clock: step', step, 1n),
  });
}

function random(source: 'system' | { readonly seed: bigint | number } = 'system'): RandomCapability {
  if (source === 'system') return make({ kind: 'random', source });
  checkOptions('Capability.random', source, ['seed']);
  const seed = checkBigint('Capability.random: seed', source.seed, 0n);
  return make({ kind: 'random', source: 'seeded', seed });
}

function environmentAccess(
  variables: 'all' | readonly string[] | Readonly<Record<string, string>>,
): EnvironmentCapability {
  if (variables === 'all') return make({ kind: 'environment', names: 'all', values: Object.freeze([]) });
  if (isList(variables)) {
    const names = Object.freeze(variables.map(checkVariableName));
    return make({ kind: 'environment', names, values: Object.freeze([]) });
  }
  if (typeof variables !== 'object' || variables === null) {
    refuse('Capability.environmentAccess', "'all', an array of names or an object of values", variables);
  }
  const values = Object.entries(variables).map(([name, value]) =>
    Object.freeze([checkVariableName(name), checkCString(`environment variable ${show(name)}`, value)] as const),
  );
  return make({ kind: 'environment', names: Object.freeze([]), values: Object.freeze(values) });
}

function isList<T>(value: readonly T[] | object): value is readonly T[] {
  return Array.isArray(value);
}

function checkVariableName(name: unknown): string {
  const text = checkCString('the name of an environment variable', name);
  if (text === '' || text.includes('=')) refuse('the name of an environment variable', 'without =, not empty', name);
  return text;
}

/** Every option of {@link networkAccess}. */
export const NETWORK_OPTIONS: readonly (keyof NetworkAccessOptions)[] = [
  'allowedPorts',
  'requireHttps',
  'allowedMethods',
  ...(NETWORK_LIMITS satisfies readonly NetworkLimit[]),
];

function networkAccess(hosts: readonly string[], options: NetworkAccessOptions = {}): NetworkCapability {
  const what = 'Capability.networkAccess';
  checkOptions(what, options, NETWORK_OPTIONS);
  const requireHttps = checkBoolean(`${what}: requireHttps`, options.requireHttps ?? true);
  const ports = options.allowedPorts ?? (requireHttps ? [443] : [80, 443]);
  return make({
    kind: 'network',
    hosts: Object.freeze(checkArray(`${what}: hosts`, hosts).map((host) => normalPattern(checkString('a host', host)))),
    allowedPorts:
      ports === 'any'
        ? ports
        : Object.freeze(
            checkArray(`${what}: allowedPorts`, ports).map((port) => checkInteger('an allowed port', port, 1, 65_535)),
          ),
    requireHttps,
    allowedMethods: checkMethods(`${what}: allowedMethods`, options.allowedMethods),
    ...checkLimits(what, options),
  });
}

/** Options of {@link filesystemAccess}, in the order of its documentation. */
export const FILESYSTEM_OPTIONS: readonly (keyof FilesystemAccessOptions)[] = [
  'readOnly',
  'maxBytes',
  'maxFiles',
  'maxDescriptors',
];

/** The streams, and a granted directory. */
const FEWEST_DESCRIPTORS = 4;
/** Descriptors of the host's are few, and a listing of all takes memory. */
const MOST_DESCRIPTORS = 4_096;

function filesystemAccess(
  mounts: string | MemoryFiles | readonly (string | Mount | MemoryFiles)[],
  options: FilesystemAccessOptions = {},
): FilesystemCapability {
  const what = 'Capability.filesystemAccess';
  checkOptions(what, options, FILESYSTEM_OPTIONS);
  const { maxBytes = DEFAULT_FILE_LIMITS.maxBytes, maxFiles = DEFAULT_FILE_LIMITS.maxFiles } = options;
  const { maxDescriptors = DEFAULT_FILE_LIMITS.maxDescriptors } = options;
  const isOne = typeof mounts === 'string' || (isRecord(mounts) && 'memory' in mounts);
  const list = (isOne ? [mounts] : checkArray(what, mounts)).map(toMount);
  return make({
    kind: 'filesystem',
    mounts: Object.freeze(list),
    readOnly: checkBoolean(
      `${what}: readOnly`,
      options.readOnly ?? !(list.length > 0 && list.every((mount) => 'memory' in mount)),
    ),
    maxBytes: checkInteger(`${what}: maxBytes`, maxBytes, 0, Number.MAX_SAFE_INTEGER),
    maxFiles: checkInteger(`${what}: maxFiles`, maxFiles, 0, 2 ** 31),
    maxDescriptors: checkInteger(`${what}: maxDescriptors`, maxDescriptors, FEWEST_DESCRIPTORS, MOST_DESCRIPTORS),
  });
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function toMount(mount: unknown): Mount | MemoryMount {
  if (typeof mount === 'string') return toMount({ host: mount, guest: mount });
  if (isRecord(mount) && 'memory' in mount) {
    checkOptions('files in memory', mount, ['memory', 'guest']);
    const { memory, guest = '/' } = mount as unknown as MemoryFiles;
    return Object.freeze({ memory: toMemory(memory), guest: checkGuestPath(guest) });
  }
  checkOptions('a mount', mount, ['host', 'guest']);
  const { host, guest } = mount as Mount;
  return Object.freeze({ host: checkCString('a host folder', host), guest: checkGuestPath(guest) });
}

function checkGuestPath(guest: unknown): string {
  const path = normalPath(checkCString('a guest path', guest));
  if (path === undefined) refuse('a guest path', 'a path that does not lead above the root', guest);
  return path;
}

function toMemory(files: unknown): MemoryMount['memory'] {
  if (!isRecord(files)) refuse('files in memory', 'an object of contents by path', files);
  const list = Object.entries(files).map(([path, content]) => {
    const normal = normalPath(checkCString('the path of a file in memory', path))?.slice(1);
    if (!normal) refuse('the path of a file in memory', 'a path below the root', path);
    const isText = typeof content === 'string';
    const what = `the file in memory ${show(path)}`;
    const bytes = isText ? encodeUtf8(content) : (copyOf(content, what) ?? refuse(what, 'a string or bytes', content));
    if (path.endsWith('/') && bytes.length > 0) refuse(`the directory in memory ${show(path)}`, 'empty', content);
    return Object.freeze([path.endsWith('/') ? `${normal}/` : normal, bytes] as const);
  });
  return Object.freeze(list);
}

/** A guest path by its letters alone: absolute, without `.`, `..` and empty parts. Undefined where it leads out. */
export function normalPath(path: string): string | undefined {
  const parts: string[] = [];
  for (const part of path.split('/')) {
    if (part === '' || part === '.') continue;
    if (part !== '..') parts.push(part);
    else if (parts.pop() === undefined) return undefined;
  }
  return `/${parts.join('/')}`;
}

/** What calls of an embedder's functions cost. */
export interface HostFunctionPrice {
  /** Units before each call. */
  readonly gas?: number | undefined;
  /** Units for each byte the function charges. */
  readonly perByte?: number | undefined;
}

function hostFunctions(
  module: string,
  functions: Readonly<Record<string, PlainFunction | GuestFunctionDeclaration>>,
  price: HostFunctionPrice = {},
): HostFunctionsCapability {
  const what = 'Capability.hostFunctions';
  checkOptions(what, price, ['gas', 'perByte']);
  const { gas = HOST_CALL.base, perByte = HOST_CALL.perByte } = price;
  if (typeof perByte !== 'number' || !(perByte >= 0 && perByte <= HIGHEST_PRICE)) {
    refuse(`${what}: perByte`, `a number from 0 to ${HIGHEST_PRICE}`, perByte);
  }
  if (typeof functions !== 'object' || functions === null) refuse(what, 'an object of functions', functions);
  return make({
    kind: 'hostFunctions',
    module: checkString(`${what}: module`, module),
    functions: Object.freeze(Object.entries(functions).map(([name, declared]) => toGuestFunction(name, declared))),
    gas: Object.freeze({ base: checkInteger(`${what}: gas`, gas, 0, HIGHEST_PRICE), perByte }),
  });
}

function toGuestFunction(name: string, declared: PlainFunction | GuestFunctionDeclaration): GuestFunction {
  const what = `host function ${show(name)}`;
  if (typeof declared === 'function') {
    const plain = declared as (...args: unknown[]) => unknown;
    const call: OwnCall = (_, args) => plain(...args);
    return Object.freeze({ name, params: undefined, results: undefined, call, takesCaller: false });
  }
  checkOptions(what, declared, ['params', 'results', 'call']);
  const { params, results, call } = declared;
  if (typeof call !== 'function') refuse(`${what}: call`, 'a function', call);
  return Object.freeze({
    name,
    params: params && toTypes(`${what}: params`, params),
    results: results && toTypes(`${what}: results`, results),
    call: call.bind(declared),
    takesCaller: true,
  });
}

function toTypes(what: string, names: readonly TypeName[]): readonly ValType[] {
  const types = checkArray(what, names).map((name): ValType => {
    const text = checkString(what, name);
    if (!Object.hasOwn(TYPES, text)) refuse(what, `of the types ${Object.keys(TYPES).join(', ')}`, name);
    return TYPES[text as TypeName];
  });
  return Object.freeze(types);
}

function custom(name: string, values: readonly string[] = []): CustomCapability {
  const what = 'Capability.custom';
  const list = checkArray(`${what}: values`, values).map((value) => checkString(`${what}: values`, value));
  return make({ kind: 'custom', name: checkString(`${what}: name`, name), values: Object.freeze(list) });
}

/**
 * Makes capabilities. All throw a UsageError for what is no such grant.
 * @namespace
 */
export const Capability = Object.freeze({
  /**
   * Connects standard streams. Several grants add up; for one stream the last counts.
   * @throws UsageError
   */
  stdio,
  /**
   * The real clock, or a virtual one with another start or step than the default.
   * @throws UsageError
   */
  clock,
  /**
   * The system's random numbers, or a deterministic sequence from a seed of 64 bits. Seeded randomness is fit for
   * nothing that must not be guessed.
   * @throws UsageError
   */
  random,
  /**
   * Environment variables: names taken from the host's environment (`'all'`, or a list), or names with their values.
   * An empty list or record grants an empty environment, which is not the same as none: asking is then no violation.
   * @throws UsageError for a name or a value that no environment can hold
   */
  environmentAccess,
  /**
   * HTTP requests to hosts: exact names and addresses, `*.example.com` for every name below one, `*` for every public
   * name. Case, trailing dots and spellings of addresses make no difference. A name may lead to public addresses, to
   * those the same grant names, and, where it is a private name (`localhost`, `db.internal`), to the machine itself or
   * to private addresses; see docs/security.md.
   * @throws UsageError for a host, port, method or limit that is none
   */
  networkAccess,
  /**
   * Files: folders of the host's, and files in memory. A text is both the host's folder and the guest's path; the
   * guest's path counts from its root. Where two grants have one guest path, the last counts.
   * @throws UsageError for a guest path that leads above its root
   */
  filesystemAccess,
  /**
   * The embedder's own functions. A plain function is called with the guest's arguments and takes the import's type;
   * `{ params, results, call }` declares its type, and `call` gets the caller (memory, gas) and the arguments as an
   * array. An import of another type is not granted. Promises suspend the guest.
   * @param module the import's module name
   * @param price the schedule's `HOST_CALL` unless given
   * @throws UsageError
   */
  hostFunctions,
  /**
   * A grant of the embedder's own naming, such as `custom('table', ['orders'])`. Nothing here acts upon it: host functions
   * of the embedder's ask `decide(policy, { kind: 'custom', name, value })`.
   * @param values what is granted under the name; all of it unless given
   * @throws UsageError
   */
  custom,
});
