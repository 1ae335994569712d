/** `wasi:http` for requests that go out: how they are made, and where they are handed over. */

import { HEADER_BYTE, HTTP_CALL, WASI_CALL } from '../../wasm/gas.ts';
import { whenSettled } from '../../wasm/thenable.ts';
import type { HostCallContext } from '../call.ts';
import type { NetworkRequest, PolicyRequest } from '../decide.ts';
import { isMethod } from '../net/limits.ts';
import { type Exchange, FUTURE, fail, open, RESPONSE_ROWS, send, type Timeouts } from './http-exchange.ts';
import { FIELD_ROWS, FIELDS, type Fields, holdFixed, release } from './http-fields.ts';
import { Kind, WitError } from './resources.ts';
import { ERROR, failed, OUTPUT } from './streams.ts';
import { type Interface, type Preview2, row, waiting } from './table.ts';

type Method = { readonly tag: string; readonly val?: string | undefined };

interface Request {
  readonly headers: Fields;
  method: Method;
  scheme: Method | undefined;
  authority: string | undefined;
  path: string | undefined;
  body: Body | undefined;
}

/** Of a request, as far as it was written. */
interface Body {
  buffer: Uint8Array;
  bytes: number;
  isTaken: boolean;
  /** Whether nothing more is written. */
  isFinished: boolean;
  /** What it is the body of, once that was handed over. */
  exchange: Exchange | undefined;
  /** Whether it was dropped, or what it was to be the body of: it will not be sent. */
  isOrphan: boolean;
}

const NOTHING = new Uint8Array(0);

const REQUEST = new Kind<Request>('outgoing-request');
const OPTIONS = new Kind<Timeouts>('request-options');
const BODY = new Kind<Body>('outgoing-body');

const CANNOT_WAIT = 'the calls of this component cannot wait for a response';
const NO_TRAILERS = { tag: 'internal-error', val: 'trailers are not sent' };

/** Characters of what a request is told, headers apart. */
const MOST_TEXT = 8_192;

const PROCESS: PolicyRequest = { kind: 'process' };

const METHODS = ['get', 'head', 'post', 'put', 'delete', 'connect', 'options', 'trace', 'patch'];
const methodOf = ({ tag, val = '' }: Method): string => (METHODS.includes(tag) ? tag : val).toUpperCase();
const schemeOf = (scheme: Method | undefined): string => {
  if (scheme === undefined || scheme.tag === 'HTTPS') return 'https';
  return scheme.tag === 'HTTP' ? 'http' : (scheme.val ?? '').toLowerCase();
};

/** What a request asks of the policy. */
function requestOf(_host: Preview2, self: unknown): NetworkRequest {
  const { method, scheme, authority = '', path = '/' } = REQUEST.of(self);
  return { kind: 'network', url: `${schemeOf(scheme)}://${authority}${path}`, method: methodOf(method) };
}

const get = <K extends keyof Request>(key: K) => row(PROCESS, (_host, _call, self: unknown) => REQUEST.of(self)[key]);

/** A part of a request that is text, or has some. It fails with nothing but that it did. */
function set<K extends 'method' | 'scheme' | 'authority' | 'path'>(key: K, isRight: (text: string) => boolean) {
  return row(PROCESS, (_host, call, self: unknown, value: Request[K]) => {
    const request = REQUEST.of(self);
    const text = typeof value === 'string' ? value : (value?.val ?? '');
    if (text.length > MOST_TEXT || (text !== '' && !isRight(text))) throw new WitError(undefined);
    call.chargeOverhead(HEADER_BYTE * text.length);
    request[key] = value;
  });
}

const timeout = (key: keyof Timeouts) => row(PROCESS, (_host, _call, self: unknown) => OPTIONS.of(self)[key]);
const setTimeout = (key: keyof Timeouts) =>
  row(PROCESS, (_host, _call, self: unknown, value: bigint | undefined) => {
    OPTIONS.of(self)[key] = value;
  });
const drop = (kind: Kind<unknown>) => row(PROCESS, (_host, _call, self: unknown) => void kind.drop(self));
const gone = (name: string) => drop(new Kind<unknown>(name));

/** Bytes that the body of a request may have, wherever it goes; as many are held of all that were not sent. */
const mostBytes = ({ network: { policy } }: Preview2): number =>
  Math.max(0, ...policy.capabilities.map((each) => (each.kind === 'network' ? each.maxRequestBytes : 0)));

function append(body: Body, bytes: Uint8Array): void {
  const size = body.bytes + bytes.length;
  if (size > body.buffer.length) {
    const grown = new Uint8Array(Math.max(size, 2 * body.buffer.length));
    grown.set(body.buffer.subarray(0, body.bytes));
    body.buffer = grown;
  }
  body.buffer.set(bytes, body.bytes);
  body.bytes = size;
}

/** @returns what was written to it, which is held no more */
function letGo(host: Preview2, body: Body): Uint8Array {
  const written = body.buffer.subarray(0, body.bytes);
  host.bodyBytes -= body.bytes;
  body.buffer = NOTHING;
  body.bytes = 0;
  return written;
}

/** A request that is not handed over any more. */
function dropRequest(host: Preview2, self: unknown): void {
  const { headers, body } = REQUEST.drop(self);
  release(host, { ...headers, isImmutable: false });
  if (body === undefined) return;
  body.isOrphan = true;
  letGo(host, body);
}

function writeBody(host: Preview2, _call: HostCallContext, self: unknown): object {
  const body = BODY.of(self);
  if (body.isTaken) throw new WitError(undefined);
  body.isTaken = true;
  return host.hold(OUTPUT, {
    kind: 'sink',
    request: () => body.exchange?.asked ?? { kind: 'network' },
    write: (call, bytes) => {
      if (!host.mayWait) throw failed(host, { text: `the body of a request cannot be sent: ${CANNOT_WAIT}` });
      const most = mostBytes(host);
      if (body.isFinished || body.isOrphan || host.bodyBytes + bytes.length > most) {
        throw failed(host, {
          text: `the bodies of requests that were not sent may have ${most} bytes, and nothing once they are finished`,
        });
      }
      call.chargeBytes(bytes.length);
      host.bodyBytes += bytes.length;
      append(body, bytes);
    },
    drop: () => undefined,
    isClosed: false,
  });
}

function body(host: Preview2, _call: HostCallContext, self: unknown): object {
  const request = REQUEST.of(self);
  if (request.body !== undefined) throw new WitError(undefined);
  request.body = {
    buffer: NOTHING,
    bytes: 0,
    isTaken: false,
    isFinished: false,
    exchange: undefined,
    isOrphan: false,
  };
  return host.hold(BODY, request.body);
}

/** Sends the request, where it had been handed over before its body was finished. @throws WitError */
function finish(host: Preview2, call: HostCallContext, self: unknown, trailers: unknown): unknown {
  const body = BODY.drop(self);
  body.isFinished = true;
  const { exchange } = body;
  if (trailers !== undefined) {
    release(host, FIELDS.drop(trailers));
    if (exchange !== undefined) fail(host, exchange, NO_TRAILERS);
    throw new WitError(NO_TRAILERS);
  }
  return exchange && send(host, call, exchange, letGo(host, body));
}

function dropBody(host: Preview2, _call: HostCallContext, self: unknown): void {
  const body = BODY.drop(self);
  const { exchange } = body;
  body.isOrphan = true;
  letGo(host, body);
  if (exchange !== undefined) fail(host, exchange, { tag: 'internal-error', val: 'its body was not finished' });
}

/**
 * Sends the request and waits for the head of its response, unless its body is still to be finished.
 * @throws WitError
 */
function handle(host: Preview2, call: HostCallContext, self: unknown, options: unknown): unknown {
  call.chargeWork(HTTP_CALL.base - WASI_CALL.base);
  const asked = requestOf(host, self);
  const { headers, body } = REQUEST.drop(self);
  release(host, { ...headers, isImmutable: false });
  const timeouts = options === undefined ? undefined : OPTIONS.drop(options);
  if (!host.mayWait) throw new WitError({ tag: 'internal-error', val: CANNOT_WAIT });
  const exchange = open(host, call, asked, headers.entries, timeouts);
  const future = () => host.hold(FUTURE, exchange);
  if (body !== undefined && !body.isFinished) {
    body.exchange = exchange;
    return future();
  }
  return whenSettled(send(host, call, exchange, body && letGo(host, body)), future);
}

/** @throws WitError always */
function denied(host: Preview2, _call: HostCallContext, self: unknown, options: unknown): never {
  dropRequest(host, self);
  if (options !== undefined) OPTIONS.drop(options);
  throw new WitError({ tag: 'HTTP-request-denied' });
}

const TYPES: Interface = {
  ...FIELD_ROWS,
  ...RESPONSE_ROWS,
  '[constructor]outgoing-request': row(PROCESS, (host, _call, headers: unknown) =>
    host.hold(REQUEST, {
      headers: { entries: FIELDS.of(headers).entries, isImmutable: true },
      method: { tag: 'get' },
      scheme: undefined,
      authority: undefined,
      path: undefined,
      body: undefined,
    }),
  ),
  '[method]outgoing-request.body': row(PROCESS, body),
  '[method]outgoing-request.method': get('method'),
  '[method]outgoing-request.set-method': set('method', isMethod),
  '[method]outgoing-request.path-with-query': get('path'),
  '[method]outgoing-request.set-path-with-query': set('path', (text) => /^\/[!-~]*$/.test(text)),
  '[method]outgoing-request.scheme': get('scheme'),
  '[method]outgoing-request.set-scheme': set('scheme', (text) => /^[a-z][a-z\d+.-]*$/i.test(text)),
  '[method]outgoing-request.authority': get('authority'),
  '[method]outgoing-request.set-authority': set('authority', (text) => /^[\w.~:[\]%-]+$/.test(text)),
  '[method]outgoing-request.headers': row(PROCESS, (host, _call, self: unknown) =>
    holdFixed(host, REQUEST.of(self).headers.entries),
  ),
  '[resource-drop]outgoing-request': row(PROCESS, (host, _call, self: unknown) => dropRequest(host, self)),
  '[constructor]request-options': row(PROCESS, (host) =>
    host.hold(OPTIONS, { connect: undefined, firstByte: undefined, betweenBytes: undefined }),
  ),
  '[method]request-options.connect-timeout': timeout('connect'),
  '[method]request-options.set-connect-timeout': setTimeout('connect'),
  '[method]request-options.first-byte-timeout': timeout('firstByte'),
  '[method]request-options.set-first-byte-timeout': setTimeout('firstByte'),
  '[method]request-options.between-bytes-timeout': timeout('betweenBytes'),
  '[method]request-options.set-between-bytes-timeout': setTimeout('betweenBytes'),
  '[resource-drop]request-options': drop(OPTIONS),
  '[method]outgoing-body.write': row(PROCESS, writeBody),
  '[static]outgoing-body.finish': waiting(PROCESS, finish),
  '[resource-drop]outgoing-body': row(PROCESS, dropBody),
  // Of these there is never one.
  '[resource-drop]incoming-request': gone('incoming-request'),
  '[resource-drop]outgoing-response': gone('outgoing-response'),
  '[resource-drop]response-outparam': gone('response-outparam'),
  'http-error-code': row(PROCESS, (_host, _call, error: unknown) => ERROR.of(error).http),
};

export const HTTP: Readonly<Record<string, Interface>> = {
  'wasi:http/types': TYPES,
  'wasi:http/outgoing-handler': { handle: waiting(requestOf, handle, denied) },
};
