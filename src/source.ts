/** From wherever a module lies to a decoded one: bytes are decoded as they arrive, and never more than the limit. */

import { ModuleDecoder } from '../wasm/decode.ts';
import { CompileError, UsageError } from '../wasm/errors.ts';
import { quote } from '../wasm/quote.ts';
import type { WasmModule } from '../wasm/types.ts';
import { asBytes, refuse } from './check.ts';

/**
 * Where a module comes from: a path or URL as text (a URL has a scheme and `//`, or is a `data:` or `blob:` URL),
 * a URL, the bytes themselves, or an HTTP response whose body has not been read.
 */
export type ModuleSource = string | URL | ArrayBuffer | SharedArrayBuffer | ArrayBufferView | Response;

/** Bytes in pieces; each piece is used before the next one is asked for. */
export type Chunks = AsyncIterable<Uint8Array>;

const URL_TEXT = /^(?:[a-z][a-z\d+.-]+:\/\/|data:|blob:)/i;
const EXPECTED = 'a path, a URL, bytes, an ArrayBuffer or a Response';

/** A kind of source that has been recognised, and how errors name it. */
interface Origin {
  readonly label: string;
  readonly chunks: () => Chunks;
}

/**
 * @throws UsageError where `source` is none, or cannot be had
 */
export function checkSource(source: unknown): ModuleSource {
  originOf(source);
  return source as ModuleSource;
}

/**
 * Decodes and validates a module.
 * @param maxBytes refuses anything larger, without reading it to its end
 * @throws CompileError; UsageError where the source cannot be had
 */
export async function loadModule(source: ModuleSource, maxBytes: number): Promise<WasmModule> {
  const { label, chunks } = originOf(source);
  const decoder = new ModuleDecoder(maxBytes);
  let isEmpty = true;
  for await (const chunk of chunks()) {
    if (chunk.length === 0) continue;
    if (isEmpty) refuseText(chunk, label);
    isEmpty = false;
    decoder.push(chunk);
  }
  if (isEmpty) throw new CompileError(`${label} is empty: even the smallest module has 8 bytes`);
  return decoder.finish();
}

/** Decodes bytes that are there already. */
export async function* once(bytes: Uint8Array): Chunks {
  yield bytes;
}

function originOf(source: unknown): Origin {
  const bytes = asBytes(source);
  if (bytes !== undefined) return { label: 'the module', chunks: () => once(bytes) };
  if (typeof source === 'string') {
    if (source === '') refuse('the source', EXPECTED, source);
    return URL_TEXT.test(source) ? originOfUrl(parseUrl(source)) : originOfFile(source);
  }
  if (source instanceof URL) return originOfUrl(source);
  if (isResponse(source)) {
    const label = source.url === '' ? 'the response' : quote(source.url, 200);
    return { label, chunks: () => responseChunks(source, label) };
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

async function* fileChunks(path: string | URL): Chunks {
  const { readChunks } = await import('./file.node.ts').catch((cause) => {
    throw new UsageError('files cannot be read in this runtime: pass the bytes or a URL', { cause });
  });
  yield* readChunks(path);
}

async function* fetchChunks(url: URL, label: string): Chunks {
  let response: Response;
  try {
    response = await fetch(url);
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
  if (response.body === null) return;
  const reader = response.body.getReader();
  try {
    for (;;) {
      const { done, value } = await reader.read().catch((cause) => {
        throw new UsageError(`reading ${label} failed: ${reason(cause)}`, { cause });
      });
      if (done) return;
      yield value;
    }
  } finally {
    // Also when the decoder refused what came: the rest is not wanted.
    await reader.cancel().catch(() => undefined);
  }
}

function isResponse(value: unknown): value is Response {
  return typeof value === 'object' && value !== null && 'body' in value && 'bodyUsed' in value && 'ok' in value;
}

/** Fetch hides what went wrong in the cause of a TypeError that says "fetch failed". */
function reason(error: unknown): string {
  if (!(error instanceof Error)) return quote(String(error));
  const { cause } = error;
  return quote(cause instanceof Error && cause.message !== '' ? cause.message : error.message, 200);
}

const HINTS: readonly (readonly [RegExp, string])[] = [
  [/^\s*(?:;;|\(;|\(module\b)/, 'is WebAssembly text: translate it to the binary format first, say with wat2wasm'],
  [/^\s*<(?:!doctype|html)\b/i, 'is an HTML page, not a WebAssembly module'],
];

function refuseText(start: Uint8Array, label: string): void {
  if (start[0] === 0) return;
  const head = new TextDecoder().decode(start.subarray(0, 64));
  for (const [pattern, what] of HINTS)
    if (pattern.test(head)) throw new CompileError(`${label} ${what}`, { offset: 0 });
}
