/** From wherever a module lies to a decoded one: bytes are decoded as they arrive, and never more than the limit. */

import { type Bytes, concat, isBytes, viewOf } from '../../wasm/bytes.ts';
import { decodeSteps, ModuleDecoder } from '../../wasm/decoder.ts';
import { CompileError, UsageError } from '../../wasm/errors.ts';
import { MODULE_LIMITS } from '../../wasm/limits.ts';
import type { WasmModule } from '../../wasm/module.ts';
import { quote } from '../../wasm/quote.ts';
import type { Steps } from '../../wasm/steps.ts';
import { decodeLossy, encodeUtf8 } from '../../wasm/utf8.ts';
import { refuse } from '../checks/check.ts';
import { Preparation } from '../time/preparation.ts';
import { isModule, moduleOf } from '../webassembly/compiled.ts';
import type { Module } from '../webassembly/objects.ts';
import { urlInPage } from './page.ts';

/** Where a module comes from without waiting: the bytes, or a `Module` of `wasm-sandbox/webassembly`. */
export type ReadySource = Bytes | Module;

/**
 * Where a module comes from: a path or URL as text (a URL has a scheme and `//`, or is a `data:` or `blob:` URL; in a page a
 * path is a URL from there), the module itself in the text format, which begins with a parenthesis or a comment, a URL, the bytes
 * themselves, a blob or file, a stream of bytes that nobody reads, a request that has not been sent, a response whose body
 * has not been read, or a `Module` of `wasm-sandbox/webassembly`, which spares decoding it again for every sandbox.
 * Streams, requests and responses are used up.
 */
export type ModuleSource = ReadySource | string | URL | Blob | ReadableStream<Uint8Array> | Request | Response;

/** Bytes in pieces; each piece is used before the next one is asked for. */
type Chunks = AsyncIterable<Uint8Array>;

const URL_TEXT = /^(?:[a-z][a-z\d+.-]+:\/\/|data:|blob:)/i;
/** How a module in the text format begins. */
const MODULE_TEXT = /^\s*(?:;;|\()/;
const PARSE_FIRST = 'is WebAssembly text: parse it first, with parse of wasm-sandbox/text';
const EXPECTED = 'a path, a URL, bytes, an ArrayBuffer, a Blob, a ReadableStream, a Request, a Response or a Module';

/** What errors call bytes that come from nowhere in particular. */
const THE_MODULE = 'the module';

/** A kind of source that has been recognised, and how errors name it. */
interface Origin {
  readonly label: string;
  readonly chunks: () => Chunks;
}

/**
 * @throws UsageError where `source` is none, or cannot be had
 */
export function checkSource(source: unknown): ModuleSource {
  if (!isReady(source)) originOf(source);
  return source as ModuleSource;
}

function isReady(source: unknown): source is ReadySource {
  return isModule(source) || isBytes(source);
}

/** What a module may be. */
export interface ModuleBounds {
  /** Bytes; nothing beyond is read. */
  readonly moduleLimit: number;
}

/** For a module that somebody chose by hand. */
export const ANY_MODULE: ModuleBounds = { moduleLimit: MODULE_LIMITS.moduleBytes };

/**
 * Decodes and validates a module.
 * @throws CompileError; UsageError where the source cannot be had; what the preparation throws
 */
export async function loadModule(
  source: ModuleSource,
  bounds: ModuleBounds,
  preparation: Preparation = new Preparation({}),
): Promise<WasmModule> {
  // What is there is copied at once, before its owner can change it.
  if (isReady(source)) return preparation.run(loadReady(source, bounds));
  const { label, chunks } = originOf(source);
  const decoder = new ModuleDecoder(bounds.moduleLimit);
  let isEmpty = true;
  const text: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of chunks()) {
    if (chunk.length === 0) continue;
    if (isEmpty ? isModuleText(chunk) : text.length > 0) {
      bound((length += chunk.length), bounds.moduleLimit);
      text.push(chunk.slice());
      isEmpty = false;
      continue;
    }
    if (isEmpty) refuseText(chunk, label);
    isEmpty = false;
    decoder.push(chunk);
    await preparation.run(decoder.decode());
  }
  if (isEmpty) refuseEmpty(label);
  if (text.length > 0) {
    const bytes = await preparation.run(await assembled(concat(text)));
    return preparation.run(decodeSteps(bytes, bounds.moduleLimit));
  }
  return decoder.finish();
}

/**
 * The same for a source that is there already.
 * @throws CompileError; UsageError for any other source; what the preparation throws
 */
export function loadReadyModule(source: unknown, bounds: ModuleBounds, preparation: Preparation): WasmModule {
  return preparation.runSync(loadReady(source, bounds));
}

function* loadReady(source: unknown, bounds: ModuleBounds): Steps<WasmModule> {
  if (isModule(source)) return decoded(source as Module, bounds);
  return yield* decodeAll({ bytes: readyBytes(source), label: THE_MODULE }, bounds);
}

/** Bytes that were fetched whole, and how errors name them. */
export interface Fetched {
  readonly label: string;
  /** The caller's own: nobody else can change them. */
  readonly bytes: Uint8Array<ArrayBuffer>;
}

/**
 * The bytes of a module, undecoded; those that a text becomes.
 * @throws CompileError where there are more than `maxBytes`; UsageError where the source cannot be had
 */
export async function fetchAll(
  source: ModuleSource,
  maxBytes: number,
  preparation: Preparation = new Preparation({}),
): Promise<Fetched> {
  // What is there is copied at once, before its owner can change it.
  if (isReady(source)) return fetchReady(source, maxBytes);
  const { label, chunks } = originOf(source);
  const pieces: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of chunks()) {
    length += chunk.length;
    bound(length, maxBytes);
    pieces.push(chunk.slice());
  }
  const bytes = concat(pieces);
  return { label, bytes: isModuleText(bytes) ? await preparation.run(await assembled(bytes)) : bytes };
}

/** Makes the module of a text, in steps. What does it is loaded here, where there is a text. */
async function assembled(text: Uint8Array): Promise<Steps<Uint8Array<ArrayBuffer>>> {
  const { assembleValidSteps } = await import('../../wasm/text/check.ts');
  return assembleValidSteps(text);
}

/**
 * The same for a source that is there already.
 * @throws CompileError; UsageError for any other source
 */
export function fetchReady(source: unknown, maxBytes: number): Fetched {
  const bytes = isModule(source) ? moduleOf(source).bytes : readyBytes(source);
  bound(bytes.length, maxBytes);
  return { label: THE_MODULE, bytes: new Uint8Array(bytes) };
}

function readyBytes(source: unknown): Uint8Array {
  const expected = 'bytes, an ArrayBuffer or a Module: nothing is waited for here';
  if (typeof source === 'string' && MODULE_TEXT.test(source)) throw new UsageError(`the source ${PARSE_FIRST}`);
  return viewOf(source, THE_MODULE) ?? refuse('the source', expected, source);
}

function bound(length: number, maxBytes: number): void {
  if (length > maxBytes)
    throw new CompileError(`module of more than ${maxBytes} bytes: too large`, { offset: maxBytes });
}

/** @throws CompileError */
export function* decodeAll(
  { bytes, label }: { readonly bytes: Uint8Array; readonly label: string },
  bounds: ModuleBounds,
): Steps<WasmModule> {
  if (bytes.length === 0) refuseEmpty(label);
  refuseText(bytes, label);
  return yield* decodeSteps(bytes, bounds.moduleLimit);
}

function decoded(source: Module, { moduleLimit }: ModuleBounds): WasmModule {
  const module = moduleOf(source);
  bound(module.bytes.length, moduleLimit);
  return module;
}

function refuseEmpty(label: string): never {
  throw new CompileError(`${label} is empty: even the smallest module has 8 bytes`, { offset: 0 });
}

function originOf(source: unknown): Origin {
  if (typeof source === 'string') {
    if (source === '') refuse('the source', EXPECTED, source);
    if (MODULE_TEXT.test(source)) return { label: 'the text', chunks: () => textChunks(source) };
    if (URL_TEXT.test(source)) return originOfUrl(parseUrl(source));
    const inPage = urlInPage(source);
    return inPage === undefined ? originOfFile(source) : originOfUrl(inPage);
  }
  if (source instanceof URL) return originOfUrl(source);
  if (isBlob(source)) {
    const label = 'name' in source ? quote(String(source.name), 200) : 'the blob';
    return { label, chunks: () => streamChunks(source.stream(), label) };
  }
  if (isStream(source)) return { label: 'the stream', chunks: () => streamChunks(source, 'the stream') };
  if (isResponse(source)) {
    const label = source.url === '' ? 'the response' : quote(source.url, 200);
    return { label, chunks: () => responseChunks(source, label) };
  }
  if (isRequest(source)) {
    const label = quote(source.url, 200);
    return { label, chunks: () => fetchChunks(source, label) };
  }
  return refuse('the source', EXPECTED, source);
}

function parseUrl(text: string): URL {
  try {
    return new URL(text);
  } catch (cause) {
    throw new UsageError(`${quote(text, 200)} is not a valid URL`, { cause });
  }
}

function originOfUrl(url: URL): Origin {
  if (url.protocol === 'file:') return originOfFile(url);
  const label = quote(url.href, 200);
  return { label, chunks: () => fetchChunks(url, label) };
}

function originOfFile(path: string | URL): Origin {
  return { label: quote(String(path), 200), chunks: () => fileChunks(path) };
}

/** The path, or the `file:` URL, that a source is; undefined for any other. */
export function fileOf(source: ModuleSource): string | URL | undefined {
  if (source instanceof URL) return source.protocol === 'file:' ? source : undefined;
  if (typeof source !== 'string' || MODULE_TEXT.test(source)) return undefined;
  return URL_TEXT.test(source) ? fileOf(parseUrl(source)) : source;
}

async function* textChunks(text: string): Chunks {
  yield encodeUtf8(text);
}

type ReadFile = (path: string | URL) => Chunks;

let provided: (() => Promise<ReadFile>) | undefined;

/** For the entry of a runtime that has files. */
export function provideFiles(load: () => Promise<ReadFile>): void {
  provided = load;
}

async function* fileChunks(path: string | URL): Chunks {
  const readFile = await provided?.();
  if (readFile === undefined) throw new UsageError('files cannot be read in this runtime: pass the bytes or a URL');
  yield* readFile(path);
}

async function* fetchChunks(from: URL | Request, label: string): Chunks {
  let response: Response;
  try {
    response = await fetch(from);
  } catch (cause) {
    throw new UsageError(`cannot fetch ${label}: ${reason(cause)}`, { cause });
  }
  yield* responseChunks(response, label);
}

async function* responseChunks(response: Response, label: string): Chunks {
  if (response.bodyUsed) throw new UsageError(`the body of ${label} has been read already: pass a fresh response`);
  if (!response.ok) {
    const text = response.statusText === '' ? '' : ` ${quote(response.statusText)}`;
    await response.body?.cancel();
    throw new UsageError(`${label} answered with HTTP status ${response.status}${text}, not with a module`);
  }
  if (response.body !== null) yield* streamChunks(response.body, label);
}

async function* streamChunks(stream: ReadableStream<Uint8Array>, label: string): Chunks {
  if (stream.locked) throw new UsageError(`${label} is being read already: pass one that nobody reads`);
  const reader = stream.getReader();
  try {
    for (;;) {
      const { done, value } = await reader.read().catch((cause) => {
        throw new UsageError(`reading ${label} failed: ${reason(cause)}`, { cause });
      });
      if (done) return;
      yield viewOf(value, label) ?? refuse(`a piece of ${label}`, 'bytes', value);
    }
  } finally {
    // Also when the decoder refused what came: the rest is not wanted.
    await reader.cancel().catch(() => undefined);
  }
}

// By what they have: those of another realm, or of a library, are instances of no class of ours.

function has(value: unknown, ...names: readonly string[]): boolean {
  return typeof value === 'object' && value !== null && names.every((name) => name in value);
}

const isResponse = (value: unknown): value is Response => has(value, 'body', 'bodyUsed', 'ok');
const isRequest = (value: unknown): value is Request => has(value, 'url', 'method', 'headers', 'bodyUsed');
const isBlob = (value: unknown): value is Blob => has(value, 'stream', 'size', 'arrayBuffer');
const isStream = (value: unknown): value is ReadableStream<Uint8Array> => has(value, 'getReader', 'locked');

/** Fetch hides what went wrong in the cause of a TypeError that says "fetch failed". */
function reason(error: unknown): string {
  if (!(error instanceof Error)) return quote(String(error));
  const { cause } = error;
  return quote(cause instanceof Error && cause.message !== '' ? cause.message : error.message, 200);
}

const HINTS: readonly (readonly [RegExp, string])[] = [
  [MODULE_TEXT, PARSE_FIRST],
  [/^\s*<(?:!doctype|html)\b/i, 'is an HTML page, not a WebAssembly module'],
];

function headOf(start: Uint8Array): string {
  return start[0] === 0 ? '' : decodeLossy(start.subarray(0, 64));
}

function isModuleText(start: Uint8Array): boolean {
  return MODULE_TEXT.test(headOf(start));
}

function refuseText(start: Uint8Array, label: string): void {
  const head = headOf(start);
  for (const [pattern, what] of HINTS)
    if (pattern.test(head)) throw new CompileError(`${label} ${what}`, { offset: 0 });
}
