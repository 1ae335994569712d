/** Makes capabilities of what embedders say. */

import { copyOf } from '../wasm/bytes.ts';
import { HOST_CALL } from '../wasm/gas.ts';
import { HIGHEST_PRICE } from '../wasm/host.ts';
import { EXTERNREF, F32, F64, FUNCREF, I32, I64, type ValType } from '../wasm/types.ts';
import { encodeUtf8 } from '../wasm/utf8.ts';
import type {
  ClockCapability,
  CustomCapability,
  FilesystemAccessOptions,
  FilesystemCapability,
  Capability as Granted,
  GuestFunction,
  GuestFunctionDeclaration,
  HostFunctionPrice,
  HostFunctionsCapability,
  MemoryFiles,
  MemoryMount,
  Mount,
  NetworkAccessOptions,
  NetworkCapability,
  OwnCall,
  PlainFunction,
  RandomCapability,
  VirtualClockOptions,
} from './capability.ts';
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
import { networking } from './decide.ts';
import { normalPattern } from './hostname.ts';
import { DEFAULT_FILE_LIMITS } from './limits.ts';
import { make, VIRTUAL_START, VIRTUAL_STEP } from './made.ts';
import { decideNetwork } from './net/decide.ts';
import { checkLimits, checkMethods, NETWORK_LIMITS, type NetworkLimit } from './net/limits.ts';
import { normalPath } from './normal-path.ts';
import { environmentAccess, stdio } from './program-capabilities.ts';

type TypeName = NonNullable<GuestFunctionDeclaration['params']>[number];

const TYPES: Readonly<Record<TypeName, ValType>> = {
  i32: I32,
  i64: I64,
  f32: F32,
  f64: F64,
  funcref: FUNCREF,
  externref: EXTERNREF,
};

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

/** Every option of {@link networkAccess}. */
export const NETWORK_OPTIONS: readonly (keyof NetworkAccessOptions)[] = [
  'allowedPorts',
  'requireHttps',
  'allowedMethods',
  ...(NETWORK_LIMITS satisfies readonly NetworkLimit[]),
];

function networkAccess(hosts: readonly string[], options: NetworkAccessOptions = {}): NetworkCapability {
  networking.provide({ decideNetwork });
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

/** Something a policy grants. Frozen. */
export type Capability = Granted;

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
