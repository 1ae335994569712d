/** `http_request`: through the gate, the limits and the record of the functions of docs/http.md, which carry it out. */

import { type Decision, decide, type Host } from '../../policy/index.ts';
import { HTTP_ERROR } from '../../policy/net/codes.ts';
import { HTTP_FUNCTIONS, latin1 } from '../../policy/net/functions.ts';
import { HTTP_MODULE } from '../../policy/net/names.ts';
import type { Policy } from '../../policy/sandboxed.ts';
import { concat } from '../../wasm/bytes.ts';
import { HostError, SecurityViolation } from '../../wasm/errors.ts';
import type { CallingGuest, GuestMemory } from '../../wasm/host.ts';
import { quote } from '../../wasm/quote.ts';
import { funcType, I32 } from '../../wasm/types.ts';
import { encodeUtf8 } from '../../wasm/utf8.ts';
import { type Context, give } from './context.ts';

/** As plug-ins write it: headers have been called `header` too. */
interface Asked {
  readonly url: string;
  readonly method: string;
  readonly headers: readonly (readonly [name: string, value: string])[];
}

/** Bytes that are taken at a time of a response, and room for one header of it. */
const PIECE_BYTES = 64 * 1024;

const REASONS: Readonly<Record<number, string>> = Object.fromEntries(
  Object.entries(HTTP_ERROR).map(([name, code]) => [code, name]),
);

/** Calls the functions in place of a guest: with what they are to read in a memory that only they see. */
class Requester implements CallingGuest {
  readonly #host: Host;
  readonly #context: Context;
  #bytes: Uint8Array = new Uint8Array(0);

  readonly memory: GuestMemory = {
    byteLength: 0xffff_ffff,
    view: (pointer, length) =>
      pointer + length <= this.#bytes.length ? this.#bytes.subarray(pointer, pointer + length) : undefined,
  };

  constructor(host: Host, context: Context) {
    this.#host = host;
    this.#context = context;
  }

  get policy(): Policy {
    return this.#host.policy;
  }

  gasUsed(): bigint {
    return this.#context.caller.gasUsed();
  }

  chargeBytes(bytes: number): void {
    this.#context.caller.chargeBytes(bytes);
  }

  /** @param texts each becomes a pointer and a length among the arguments, behind the `handle` */
  async call(name: string, handle: readonly number[], texts: readonly Uint8Array[] = []): Promise<number> {
    let at = 0;
    const places = texts.flatMap(({ length }) => {
      const place = [at, length];
      at += length;
      return place;
    });
    this.#bytes = concat(texts);
    return this.#run(name, [...handle, ...places]);
  }

  /** What the function writes at 0. */
  async read(name: string, args: readonly number[]): Promise<{ readonly result: number; readonly bytes: Uint8Array }> {
    this.#bytes = new Uint8Array(PIECE_BYTES);
    const result = await this.#run(name, [...args, 0, PIECE_BYTES]);
    return { result, bytes: this.#bytes.subarray(0, Math.max(0, Math.min(result, PIECE_BYTES))) };
  }

  async #run(name: string, args: readonly number[]): Promise<number> {
    const params = HTTP_FUNCTIONS.find((row) => row.name === name)?.params ?? 0;
    const found = this.#host.resolve(HTTP_MODULE, name, funcType(new Array(params).fill(I32), [I32]));
    if (found === undefined) throw new HostError(`${HTTP_MODULE}.${name} has another type`);
    return (await found.call(this, args)) as number;
  }
}

export function requestHttp(context: Context, address: number, bodyAddress: number): Promise<bigint> {
  const { kernel, call, caller } = context;
  const host = kernel.guest?.host;
  if (host === undefined) throw new HostError('http_request cannot be called while the plug-in is made');
  if (caller.execution === undefined) {
    throw new HostError('http_request needs the interpreter: the native engine cannot wait for a response');
  }
  call.httpStatus = 0;
  call.httpHeaders = {};
  caller.chargeBytes(call.whole(address).length);
  const asked = parse(call.text(address, 'the request'));
  call.blocks.free(address);
  const hasBody = bodyAddress !== 0 && asked.method !== 'GET' && asked.method !== 'HEAD';
  const body = hasBody ? call.whole(bodyAddress) : undefined;
  return exchange(new Requester(host, context), context, asked, body);
}

async function exchange(
  requester: Requester,
  context: Context,
  { url, method, headers }: Asked,
  body: Uint8Array | undefined,
): Promise<bigint> {
  const { call, caller } = context;
  const why = () => decide(requester.policy, { kind: 'network', url, method });
  const check = (result: number): number => (result < 0 ? fail(url, result, why) : result);
  const handle = check(await requester.call('request_open', [], [encodeUtf8(method), encodeUtf8(url)]));
  const close = () => void requester.call('request_close', [handle]).catch(() => undefined);
  caller.signal.addEventListener('abort', close);
  try {
    for (const header of headers) {
      check(await requester.call('request_header', [handle], header.map(encodeUtf8)));
    }
    if (body !== undefined) check(await requester.call('request_write', [handle], [body]));
    const status = check(await requester.call('request_send', [handle]));
    const received = await readHeaders(requester, handle);
    const pieces: Uint8Array[] = [];
    for (;;) {
      const { result, bytes } = await requester.read('response_read', [handle]);
      if (check(result) === 0) break;
      pieces.push(bytes);
    }
    call.httpStatus = status;
    call.httpHeaders = received;
    return give(context, concat(pieces));
  } finally {
    caller.signal.removeEventListener('abort', close);
    close();
  }
}

async function readHeaders(requester: Requester, handle: number): Promise<Readonly<Record<string, string>>> {
  const found: [string, string][] = [];
  for (let index = 0; ; index++) {
    const { result, bytes } = await requester.read('response_header_at', [handle, index]);
    if (result < 0) return Object.fromEntries(found);
    const line = latin1(bytes);
    const colon = line.indexOf(': ');
    found.push([line.slice(0, colon), line.slice(colon + 2)]);
  }
}

function fail(url: string, code: number, why: () => Decision): never {
  const what = `HTTP request to ${quote(url, 200)}`;
  if (code === HTTP_ERROR.denied) {
    const { allowed, reason } = why();
    const refusal = allowed ? 'it leads to what the policy does not grant, or has a header that is the host’s' : reason;
    throw new SecurityViolation(`${what} is not allowed: ${refusal}`);
  }
  throw new HostError(`${what} failed: ${REASONS[code] ?? code}`);
}

/** @throws HostError for what is no request */
function parse(text: string): Asked {
  const wrong = (cause?: unknown): never => {
    throw new HostError('http_request was not given a request: JSON with a url, and perhaps a method and headers', {
      cause,
    });
  };
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    wrong(cause);
  }
  if (typeof value !== 'object' || value === null) wrong();
  const { url, method, headers, header } = value as Record<string, unknown>;
  const given = headers ?? header ?? {};
  if (typeof url !== 'string' || typeof given !== 'object') wrong();
  if (method !== undefined && method !== null && typeof method !== 'string') wrong();
  const pairs = Object.entries(given as object);
  if (pairs.some(([, each]) => typeof each !== 'string')) wrong();
  return { url: url as string, method: ((method as string | null | undefined) ?? 'GET').toUpperCase(), headers: pairs };
}
