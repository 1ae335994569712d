/** Manifests: where a plug-in's module comes from, and what it is to be given. */

import { isBytes } from '../../wasm/bytes.ts';
import { UsageError } from '../../wasm/errors.ts';
import { GUEST_NAME, MOST_MODULES } from '../../wasm/module-graph.ts';
import { messageOf, quote } from '../../wasm/quote.ts';
import { decodeLossy } from '../../wasm/utf8.ts';
import { list, record, text } from '../checks/check.ts';
import { checkNamed, type Given } from '../checks/named.ts';
import { hexDigestOf } from '../crypto/digest.ts';
import { fetchAll, type ModuleSource } from '../module/source.ts';
import { Module } from '../webassembly/objects.ts';
import { GRANT_CHECKS, type ManifestOptions } from './options.ts';

/** A module of a manifest: one of the first five, and what is known of it. */
export interface ManifestModule {
  /** The bytes, or base64 of them. */
  readonly data?: Uint8Array | ArrayBuffer | string | undefined;
  readonly url?: string | URL | undefined;
  readonly path?: string | undefined;
  readonly response?: Response | undefined;
  /** Of `wasm-sandbox/webassembly`. */
  readonly module?: Module | undefined;
  /** SHA-256 of the bytes, in hexadecimal digits. */
  readonly hash?: string | undefined;
  /** What the others import from it by; its place in the list unless given. */
  readonly name?: string | undefined;
}

/** A manifest as Extism has them. In JSON, names may be in snake case. */
export interface Manifest extends ManifestOptions {
  /** The plug-in itself is the one that is called `main`, or the last; it is linked with the others. */
  readonly wasm: readonly ManifestModule[];
}

/**
 * A manifest; JSON of one; or a module by itself: bytes, a path, a URL or a response. What a file, a URL or a response
 * holds may be a manifest in JSON as well.
 */
export type ManifestLike = Manifest | ModuleSource;

/** What a manifest comes to: the bytes of its modules, and what it asks for. */
export interface ReadManifest {
  readonly bytes: Uint8Array<ArrayBuffer>;
  /** What the plug-in is linked with, by name. */
  readonly modules: Readonly<Record<string, Uint8Array<ArrayBuffer>>>;
  readonly grants: Given<ManifestOptions>;
}

const SOURCES = ['data', 'url', 'path', 'response', 'module'] as const;

/**
 * @param moduleLimit bytes that its modules together, or JSON, may have
 * @throws UsageError for what is no manifest, and where a module cannot be had or is another one than it says
 */
export async function readManifest(like: unknown, moduleLimit: number): Promise<ReadManifest> {
  if (typeof like === 'string' && /^\s*\{/.test(like)) return readObject(parse(like), moduleLimit);
  refuseHostModule(like);
  if (isManifest(like)) return readObject(like, moduleLimit);
  const { bytes } = await fetchAll(like as ModuleSource, moduleLimit);
  if (!isJson(bytes)) return { bytes, modules: {}, grants: {} };
  const manifest = camelCased(parse(decodeLossy(bytes)));
  if (isFetched(like)) refuseGrants(manifest);
  return readObject(manifest, moduleLimit);
}

/** What the host has compiled does not give its bytes, which is what is run, and hashed. */
function refuseHostModule(value: unknown): void {
  if (value instanceof Module || Object.prototype.toString.call(value) !== '[object WebAssembly.Module]') return;
  const instead = 'pass them, or a Module of wasm-sandbox/webassembly';
  throw new UsageError(`a WebAssembly.Module of the host's does not give its bytes: ${instead}`);
}

function isManifest(like: unknown): like is Record<string, unknown> {
  const isObject = typeof like === 'object' && like !== null;
  return isObject && !isBytes(like) && !(like instanceof URL) && !(like instanceof Module) && !('bodyUsed' in like);
}

/** Whether it comes from somewhere that is not the embedder's own. */
function isFetched(like: unknown): boolean {
  if (typeof like === 'string') return /^https?:/i.test(like);
  return like instanceof URL
    ? like.protocol !== 'file:'
    : typeof like === 'object' && like !== null && 'bodyUsed' in like;
}

const SPACES = new Set([0x20, 0x09, 0x0a, 0x0d]);

/** A module begins with a zero. */
function isJson(bytes: Uint8Array): boolean {
  let at = 0;
  while (SPACES.has(bytes[at] as number)) at++;
  return bytes[at] === 0x7b;
}

function parse(json: string): Record<string, unknown> {
  try {
    return record('a manifest', JSON.parse(json));
  } catch (cause) {
    throw new UsageError(`the manifest is no JSON of an object: ${messageOf(cause)}`, { cause });
  }
}

/** Whoever serves a manifest must not open the embedder's files and hosts by it. */
function refuseGrants(manifest: Record<string, unknown>): void {
  for (const name of ['allowedHosts', 'allowedPaths']) {
    if (manifest[name] === undefined) continue;
    throw new UsageError(`a manifest that was fetched cannot grant ${name}: say it in the options of the plug-in`);
  }
  for (const item of Array.isArray(manifest['wasm']) ? manifest['wasm'] : []) {
    const { path, url } = record('a module of a manifest', item);
    if (path === undefined && (url === undefined || /^https?:/i.test(String(url)))) continue;
    throw new UsageError('a manifest that was fetched cannot name files: its modules need a url that begins with http');
  }
}

async function readObject(manifest: Record<string, unknown>, moduleLimit: number): Promise<ReadManifest> {
  const { wasm, ...rest } = camelCased(manifest);
  const { memory } = rest;
  const given = memory === undefined ? rest : { ...rest, memory: camelCased(record('memory', memory)) };
  const grants = checkNamed<ManifestOptions>('a manifest', given, GRANT_CHECKS);
  const items = list('the modules of a manifest ("wasm")', wasm).map((item) => record('a module of a manifest', item));
  if (items.length === 0 || items.length > MOST_MODULES) {
    throw new UsageError(`a manifest must have 1 to ${MOST_MODULES} modules, and this one has ${items.length}`);
  }
  const modules: Record<string, Uint8Array<ArrayBuffer>> = Object.create(null);
  let left = moduleLimit;
  for (const [name, item] of namesOf(items)) {
    if (Object.hasOwn(modules, name)) throw new UsageError(`a manifest has two modules of the name ${quote(name)}`);
    const bytes = await bytesOf(item, left);
    left -= bytes.length;
    modules[name] = bytes;
  }
  const { [GUEST_NAME]: bytes, ...others } = modules as { [GUEST_NAME]: Uint8Array<ArrayBuffer> };
  return { bytes, modules: others, grants };
}

/** One of them is the plug-in itself. */
function namesOf(items: readonly Record<string, unknown>[]) {
  const named = items.map(({ name }, i) =>
    name === undefined || name === null ? `${i}` : text('the name of a module', name),
  );
  if (!named.includes(GUEST_NAME)) named[named.length - 1] = GUEST_NAME;
  return items.map((item, i) => [named[i] as string, item] as const);
}

/** `allowed_hosts` as `allowedHosts`; null, as JSON has it, is as if not given. */
function camelCased(object: Record<string, unknown>): Record<string, unknown> {
  const entries = Object.entries(object).map(([name, value]) => {
    const camel = name.replaceAll(/_([a-z])/g, (_, letter: string) => letter.toUpperCase());
    return [camel, value === null ? undefined : value] as const;
  });
  return Object.fromEntries(entries);
}

async function bytesOf(item: Record<string, unknown>, moduleLimit: number): Promise<Uint8Array<ArrayBuffer>> {
  const given = SOURCES.filter((name) => item[name] !== undefined && item[name] !== null);
  const [name] = given;
  if (given.length !== 1 || name === undefined) {
    throw new UsageError(`a module of a manifest needs one of ${SOURCES.join(', ')}`);
  }
  const value = item[name];
  refuseHostModule(value);
  const source = name === 'data' && typeof value === 'string' ? fromBase64(value) : value;
  const { bytes } = await fetchAll(source as ModuleSource, moduleLimit);
  const { hash } = item;
  if (hash === undefined || hash === null) return bytes;
  const actual = await hexDigestOf(bytes);
  if (text('the hash of a module', hash).toLowerCase() !== actual) {
    throw new UsageError(`hash mismatch: the manifest says ${quote(hash as string, 64)}, the module has ${actual}`);
  }
  return bytes;
}

function fromBase64(data: string): Uint8Array {
  try {
    return Uint8Array.from(atob(data), (character) => character.charCodeAt(0));
  } catch (cause) {
    throw new UsageError('the data of a module in a manifest must be bytes, or base64 of them', { cause });
  }
}
