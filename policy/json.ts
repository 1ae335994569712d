/** Policies as JSON, as docs/policy.schema.json describes it. Functions cannot be written down, so neither can streams. */

import { UsageError } from '../wasm/errors.ts';
import { escapeUnprintable, messageOf } from '../wasm/quote.ts';
import { decodeUtf8 } from '../wasm/utf8.ts';
import { DEFAULT_AUDIT_BYTES } from './audit.ts';
import { Capability, FILESYSTEM_OPTIONS, NETWORK_OPTIONS } from './capabilities.ts';
import type { EnvironmentCapability, FilesystemCapability, MemoryMount } from './capability.ts';
import { show } from './check.ts';
import type { AuditOptions, OnViolation, PolicyData } from './data.ts';

/** A value as `JSON.parse` gives it. */
export type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json };
type JsonObject = { readonly [key: string]: Json };

/** What reading needs of policies, which cannot be imported from where they read themselves. */
export interface Presets<Policy> {
  readonly strict: () => Policy;
  readonly moderate: () => Policy;
  readonly permissive: () => Policy;
  readonly builder: (base: Policy) => PolicyBuilder<Policy>;
}

interface PolicyBuilder<Policy> {
  allow(capability: Capability): unknown;
  maxExecutionTime(milliseconds: number): unknown;
  maxMemory(bytes: number): unknown;
  maxGas(units: number | bigint): unknown;
  maxOutput(bytes: number): unknown;
  onViolation(action: OnViolation): unknown;
  enableAuditLogging(options: AuditOptions): unknown;
  build(): Policy;
}

const BASES = ['strict', 'moderate', 'permissive'] as const;

/** A place in the document, for messages: `policy.capabilities[2].hosts`. */
type Path = string;

function fail(path: Path, problem: string): never {
  throw new UsageError(`${path}: ${problem}`);
}

/** Does what a maker or builder does; its complaints name the place. */
function at<T>(path: Path, make: () => T): T {
  try {
    return make();
  } catch (error) {
    if (error instanceof UsageError) fail(path, error.message);
    throw error;
  }
}

function object(path: Path, value: unknown, keys?: readonly string[]): JsonObject {
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    fail(path, `an object is wanted, not ${show(value)}`);
  for (const key of Object.keys(value)) {
    if (keys !== undefined && !keys.includes(key)) {
      fail(
        `${path}.${escapeUnprintable(key.slice(0, LONGEST_KEY))}`,
        `there is no such key; the keys are ${keys.join(', ')}`,
      );
    }
  }
  return value as JsonObject;
}

const LONGEST_KEY = 60;

function list(path: Path, value: unknown): readonly Json[] {
  return Array.isArray(value) ? value : fail(path, `an array is wanted, not ${show(value)}`);
}

function oneOf<T extends string>(path: Path, value: unknown, choices: readonly T[]): T {
  return (
    choices.find((choice) => choice === value) ??
    fail(path, `one of ${choices.join(', ')} is wanted, not ${show(value)}`)
  );
}

/** A number, or decimal digits where a number could not hold it exactly. */
function integer(path: Path, value: Json): bigint | number {
  if (typeof value === 'string' && /^\d{1,20}$/.test(value)) return BigInt(value);
  return typeof value === 'number'
    ? value
    : fail(path, `an integer is wanted, as a number or as text, not ${show(value)}`);
}

/** Keys of `source` that are there, with what `read` makes of them. */
function present<T>(
  source: JsonObject,
  keys: readonly string[],
  read: (value: Json, key: string) => T,
): Record<string, T> {
  const found = keys.filter((key) => Object.hasOwn(source, key));
  return Object.fromEntries(found.map((key) => [key, read(source[key] as Json, key)]));
}

const as = <T>(value: Json): T => value as T;

/** The keys of a capability beside its kind, and how it is made of them. The makers check the values. */
const READERS: Readonly<Record<string, (path: Path, source: JsonObject) => Capability>> = {
  clock(path, source) {
    const kind = oneOf(`${path}.source`, source['source'], ['real', 'virtual']);
    if (kind === 'real') {
      object(path, source, ['kind', 'source']);
      return at(path, () => Capability.clock());
    }
    object(path, source, ['kind', 'source', 'start', 'step']);
    const options = present(source, ['start', 'step'], (value, key) => integer(`${path}.${key}`, value));
    return at(path, () => Capability.clock(options));
  },
  random(path, source) {
    const kind = oneOf(`${path}.source`, source['source'], ['system', 'seeded']);
    object(path, source, kind === 'system' ? ['kind', 'source'] : ['kind', 'source', 'seed']);
    if (kind === 'system') return at(path, () => Capability.random());
    const seed = integer(`${path}.seed`, source['seed'] as Json);
    return at(path, () => Capability.random({ seed }));
  },
  environment(path, source) {
    object(path, source, ['kind', 'variables']);
    return at(`${path}.variables`, () => Capability.environmentAccess(as(source['variables'] as Json)));
  },
  network(path, source) {
    object(path, source, ['kind', 'hosts', ...NETWORK_OPTIONS]);
    const options = present(source, NETWORK_OPTIONS, (value) => value);
    return at(path, () => Capability.networkAccess(as(source['hosts'] as Json), options));
  },
  filesystem(path, source) {
    object(path, source, ['kind', 'mounts', ...FILESYSTEM_OPTIONS]);
    const mounts = list(`${path}.mounts`, source['mounts']).map((mount, i) => readMount(`${path}.mounts[${i}]`, mount));
    const options = present(source, FILESYSTEM_OPTIONS, (value) => value);
    return at(path, () => Capability.filesystemAccess(mounts as never, options));
  },
  custom(path, source) {
    object(path, source, ['kind', 'name', 'values']);
    return at(path, () => Capability.custom(as(source['name'] as Json), as(source['values'] as Json)));
  },
};

function readMount(path: Path, mount: Json): unknown {
  if (typeof mount === 'string') return mount;
  const source = object(path, mount);
  if (!Object.hasOwn(source, 'memory')) return object(path, source, ['host', 'guest']);
  object(path, source, ['memory', 'guest']);
  const files = Object.entries(object(`${path}.memory`, source['memory']));
  const memory = files.map(([name, content]) => [name, readContent(`${path}.memory[${show(name)}]`, content)] as const);
  return { ...source, memory: Object.fromEntries(memory) };
}

/** Text, or bytes that are no text as `{ "base64": … }`. */
function readContent(path: Path, content: Json): unknown {
  if (typeof content === 'string') return content;
  const { base64 } = object(path, content, ['base64']);
  try {
    return Uint8Array.from(atob(base64 as string), (letter) => letter.charCodeAt(0));
  } catch {
    return fail(path, 'a string is wanted, or an object with base64');
  }
}

const KEYS = [
  '$schema',
  'base',
  'capabilities',
  'limits',
  'outputLimit',
  'onViolation',
  'auditEvents',
  'auditBytes',
  'auditKept',
];
const LIMITS = ['executionTime', 'memory', 'gas'];

/**
 * Reads a policy: text, or what `JSON.parse` made of it. Keys that are left out are as in the base, which is strict
 * unless given; capabilities are added to the base's.
 * @throws UsageError naming the place, also for unknown keys
 */
export function readPolicy<Policy>(json: unknown, presets: Presets<Policy>): Policy {
  const root = 'policy';
  const source = object(root, typeof json === 'string' ? parse(root, json) : json, KEYS);
  const has = (key: string) => Object.hasOwn(source, key);
  const base = has('base') ? oneOf(`${root}.base`, source['base'], BASES) : 'strict';
  const builder = presets.builder(presets[base]());
  if (has('capabilities')) {
    for (const [i, item] of list(`${root}.capabilities`, source['capabilities']).entries()) {
      builder.allow(readCapability(`${root}.capabilities[${i}]`, item));
    }
  }
  const place = (key: string) => `${root}.${key}`;
  if (has('limits')) {
    const path = place('limits');
    const limits = object(path, source['limits'], LIMITS);
    const set = (key: string, use: (value: Json) => unknown) => {
      if (Object.hasOwn(limits, key)) at(`${path}.${key}`, () => use(limits[key] as Json));
    };
    set('executionTime', (value) => builder.maxExecutionTime(as(value)));
    set('memory', (value) => builder.maxMemory(as(value)));
    set('gas', (value) => builder.maxGas(integer(`${path}.gas`, value)));
  }
  if (has('outputLimit')) at(place('outputLimit'), () => builder.maxOutput(as(source['outputLimit'] as Json)));
  if (has('onViolation')) at(place('onViolation'), () => builder.onViolation(as(source['onViolation'] as Json)));
  if (has('auditEvents') && source['auditEvents'] !== 0) {
    const options = {
      maxEvents: source['auditEvents'],
      maxBytes: source['auditBytes'],
      keep: source['auditKept'] ?? true,
    };
    at(place('auditEvents'), () => builder.enableAuditLogging(options as never));
  }
  return builder.build();
}

function parse(root: Path, text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new UsageError(`${root}: not JSON: ${messageOf(cause)}`, { cause });
  }
}

function readCapability(path: Path, item: Json): Capability {
  const source = object(path, item);
  const kind = oneOf(`${path}.kind`, source['kind'], Object.keys(READERS));
  return (READERS[kind] as (typeof READERS)[string])(path, source);
}

/**
 * A policy as plain data, of which {@link readPolicy} makes the same policy.
 * @throws UsageError for streams, host functions and audit sinks: functions cannot be written down
 */
export function writePolicy(policy: PolicyData): JsonObject {
  const { capabilities, limits, outputLimit, onViolation, auditEvents, auditBytes, auditSink, auditKept } = policy;
  if (auditSink !== undefined) cannot('a sink of the audit');
  const { executionTime, memory, gas } = limits;
  return {
    capabilities: capabilities.map(writeCapability),
    limits: defined({ executionTime, memory, gas: gas === undefined ? undefined : writeInteger(gas) }),
    outputLimit,
    onViolation,
    auditEvents,
    ...(auditBytes !== DEFAULT_AUDIT_BYTES && { auditBytes }),
    ...(!auditKept && { auditKept }),
  };
}

function cannot(what: string): never {
  throw new UsageError(`a policy with ${what} cannot be written as JSON: it holds functions; add it after reading`);
}

function defined(values: Readonly<Record<string, Json | undefined>>): JsonObject {
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined)) as JsonObject;
}

function writeInteger(value: bigint): Json {
  return value <= BigInt(Number.MAX_SAFE_INTEGER) ? Number(value) : String(value);
}

function writeCapability(capability: Capability): JsonObject {
  const { kind } = capability;
  switch (kind) {
    case 'stdio':
      return cannot('standard streams');
    case 'hostFunctions':
      return cannot('host functions');
    case 'clock': {
      const { source } = capability;
      if (source === 'real') return { kind, source };
      return { kind, source, start: writeInteger(capability.start), step: writeInteger(capability.step) };
    }
    case 'random': {
      const { source } = capability;
      return source === 'system' ? { kind, source } : { kind, source, seed: writeInteger(capability.seed) };
    }
    case 'environment':
      return { kind, variables: writeVariables(capability) };
    case 'network':
    case 'custom':
      return { ...capability };
    case 'filesystem':
      return { ...capability, mounts: writeMounts(capability) };
  }
}

function writeVariables({ names, values }: EnvironmentCapability): Json {
  return values.length > 0 ? Object.fromEntries(values) : names;
}

function writeMounts({ mounts }: FilesystemCapability): Json {
  return mounts.map((mount) => ('memory' in mount ? { ...mount, memory: writeFiles(mount) } : { ...mount }));
}

function writeFiles({ memory }: MemoryMount): Json {
  return Object.fromEntries(memory.map(([path, bytes]) => [path, writeContent(bytes)]));
}

function writeContent(bytes: Uint8Array): Json {
  try {
    return decodeUtf8(bytes);
  } catch {
    let text = '';
    for (const byte of bytes) text += String.fromCharCode(byte);
    return { base64: btoa(text) };
  }
}
