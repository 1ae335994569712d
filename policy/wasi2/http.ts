/**
 * `wasi:http` for requests that go out: they are made, and decided by the policy. None is carried out, as the calls of a
 * component cannot wait for what comes back.
 */

import { HostError } from '../../wasm/errors.ts';
import { HEADER_BYTE, HTTP_CALL, WASI_CALL } from '../../wasm/gas.ts';
import type { HostCallContext } from '../call.ts';
import type { PolicyRequest } from '../decide.ts';
import { isForbidden, isHeaderName } from '../net/headers.ts';
import { isMethod } from '../net/limits.ts';
import { Kind, WitError } from './resources.ts';
import { failed, OUTPUT } from './streams.ts';
import { type Interface, type Preview2, row } from './table.ts';

type Field = readonly [name: string, value: Uint8Array];

interface Fields {
  entries: readonly Field[];
  readonly isImmutable: boolean;
}

type Method = { readonly tag: string; readonly val?: string | undefined };

interface Request {
  readonly headers: Fields;
  method: Method;
  scheme: Method | undefined;
  authority: string | undefined;
  path: string | undefined;
  hasBody: boolean;
}

interface Timeouts {
  connect: bigint | undefined;
  firstByte: bigint | undefined;
  betweenBytes: bigint | undefined;
}

const FIELDS = new Kind<Fields>('fields');
const REQUEST = new Kind<Request>('outgoing-request');
const OPTIONS = new Kind<Timeouts>('request-options');
const BODY = new Kind<Request>('outgoing-body');

/** Bytes that the headers of one request may have, names included; and the text of anything else of it. */
const MOST_HEADER_BYTES = 65_536;
/** The same of all that a component holds. */
const MOST_HELD_BYTES = 16 * MOST_HEADER_BYTES;
/** What a header counts for beside its name and value. */
const FIELD_BYTES = 32;
const MOST_TEXT = 8_192;

const PROCESS: PolicyRequest = { kind: 'process' };

/** @throws WitError for what is no header */
function checkField(name: string, value: Uint8Array): Field {
  const isValue = value.every((byte) => byte === 0x09 || (byte >= 0x20 && byte !== 0x7f));
  if (!isHeaderName(name) || !isValue) throw new WitError({ tag: 'invalid-syntax' });
  if (isForbidden(name.toLowerCase())) throw new WitError({ tag: 'forbidden' });
  return [name.toLowerCase(), value.slice()];
}

const bytesOf = (entries: readonly Field[]): number =>
  entries.reduce((sum, [name, value]) => sum + FIELD_BYTES + name.length + value.length, 0);

/** @throws WitError for headers that are not to be changed; HostError beyond what there may be */
function setEntries(host: Preview2, call: HostCallContext, fields: Fields, entries: readonly Field[]): void {
  if (fields.isImmutable) throw new WitError({ tag: 'immutable' });
  const bytes = bytesOf(entries);
  if (bytes > MOST_HEADER_BYTES)
    throw new HostError(`the component makes headers of more than ${MOST_HEADER_BYTES} bytes`);
  const all = host.headerBytes + bytes - bytesOf(fields.entries);
  if (all > MOST_HELD_BYTES) throw new HostError(`the component holds headers of more than ${MOST_HELD_BYTES} bytes`);
  host.headerBytes = all;
  call.chargeOverhead(HEADER_BYTE * bytes);
  fields.entries = entries;
}

const named = ({ entries }: Fields, name: string): readonly Field[] =>
  entries.filter(([each]) => each === name.toLowerCase());
const others = ({ entries }: Fields, name: string): readonly Field[] =>
  entries.filter(([each]) => each !== name.toLowerCase());

function fieldsOf(host: Preview2, call: HostCallContext, list: readonly Field[], isImmutable = false): object {
  const fields: Fields = { entries: [], isImmutable: false };
  setEntries(
    host,
    call,
    fields,
    list.map(([name, value]) => checkField(name, value)),
  );
  return host.hold(FIELDS, { entries: fields.entries, isImmutable });
}

/** What is immutable is somebody else's, and not counted again. */
function release(host: Preview2, { entries, isImmutable }: Fields): void {
  if (!isImmutable) host.headerBytes -= bytesOf(entries);
}

function changing<A extends readonly unknown[]>(change: (fields: Fields, ...args: A) => readonly Field[]) {
  return row(PROCESS, (host, call, self: unknown, ...args: never[]) => {
    const fields = FIELDS.of(self);
    setEntries(host, call, fields, change(fields, ...(args as unknown as A)));
  });
}

const METHODS = ['get', 'head', 'post', 'put', 'delete', 'connect', 'options', 'trace', 'patch'];
const methodOf = ({ tag, val = '' }: Method): string => (METHODS.includes(tag) ? tag : val).toUpperCase();
const schemeOf = (scheme: Method | undefined): string => {
  if (scheme === undefined || scheme.tag === 'HTTPS') return 'https';
  return scheme.tag === 'HTTP' ? 'http' : (scheme.val ?? '').toLowerCase();
};

/** What a request asks of the policy. */
function requestOf(_host: Preview2, self: unknown): PolicyRequest {
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

/** Takes nothing: nobody would send it. */
function writeBody(host: Preview2, _call: HostCallContext, self: unknown): object {
  BODY.of(self);
  return host.hold(OUTPUT, {
    kind: 'sink',
    request: () => ({ kind: 'network' }),
    write: () => {
      throw failed(host, { text: 'the body of a request cannot be sent: the calls of a component cannot wait' });
    },
    drop: () => undefined,
    isClosed: false,
  });
}

function body(host: Preview2, _call: HostCallContext, self: unknown): object {
  const request = REQUEST.of(self);
  if (request.hasBody) throw new WitError(undefined);
  request.hasBody = true;
  return host.hold(BODY, request);
}

/** @throws WitError always */
function handle(_host: Preview2, call: HostCallContext): never {
  call.chargeWork(HTTP_CALL.base - WASI_CALL.base);
  throw new WitError({ tag: 'internal-error', val: 'the calls of a component cannot wait for a response' });
}

/** @throws WitError always */
function denied(): never {
  throw new WitError({ tag: 'HTTP-request-denied' });
}

const TYPES: Interface = {
  '[constructor]fields': row(PROCESS, (host) => host.hold(FIELDS, { entries: [], isImmutable: false })),
  '[static]fields.from-list': row(PROCESS, (host, call, list: Field[]) => fieldsOf(host, call, list)),
  '[method]fields.get': row(PROCESS, (_host, call, self: unknown, name: string) => {
    const values = named(FIELDS.of(self), name).map(([, value]) => value);
    call.chargeBytes(values.reduce((sum, { length }) => sum + length, 0));
    return values;
  }),
  '[method]fields.has': row(
    PROCESS,
    (_host, _call, self: unknown, name: string) => named(FIELDS.of(self), name).length > 0,
  ),
  '[method]fields.set': changing((fields, name: string, values: Uint8Array[]) => [
    ...others(fields, name),
    ...values.map((value) => checkField(name, value)),
  ]),
  '[method]fields.delete': changing((fields, name: string) => others(fields, name)),
  '[method]fields.append': changing((fields, name: string, value: Uint8Array) => [
    ...fields.entries,
    checkField(name, value),
  ]),
  '[method]fields.entries': row(PROCESS, (_host, call, self: unknown) => {
    const { entries } = FIELDS.of(self);
    call.chargeBytes(entries.reduce((sum, [name, value]) => sum + name.length + value.length, 0));
    return entries;
  }),
  '[method]fields.clone': row(PROCESS, (host, call, self: unknown) => fieldsOf(host, call, FIELDS.of(self).entries)),
  '[resource-drop]fields': row(PROCESS, (host, _call, self: unknown) => release(host, FIELDS.drop(self))),
  '[constructor]outgoing-request': row(PROCESS, (host, _call, headers: unknown) =>
    host.hold(REQUEST, {
      headers: { entries: FIELDS.of(headers).entries, isImmutable: true },
      method: { tag: 'get' },
      scheme: undefined,
      authority: undefined,
      path: undefined,
      hasBody: false,
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
    host.hold(FIELDS, REQUEST.of(self).headers),
  ),
  '[resource-drop]outgoing-request': row(PROCESS, (host, _call, self: unknown) =>
    release(host, { ...REQUEST.drop(self).headers, isImmutable: false }),
  ),
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
  '[static]outgoing-body.finish': row(PROCESS, (_host, _call, self: unknown) => void BODY.drop(self)),
  '[resource-drop]outgoing-body': drop(BODY),
  // Of these there is never one.
  '[resource-drop]future-incoming-response': gone('future-incoming-response'),
  '[resource-drop]incoming-response': gone('incoming-response'),
  '[resource-drop]incoming-body': gone('incoming-body'),
  '[resource-drop]future-trailers': gone('future-trailers'),
  '[resource-drop]incoming-request': gone('incoming-request'),
  '[resource-drop]outgoing-response': gone('outgoing-response'),
  '[resource-drop]response-outparam': gone('response-outparam'),
  'http-error-code': row(PROCESS, () => undefined),
};

export const HTTP: Readonly<Record<string, Interface>> = {
  'wasi:http/types': TYPES,
  'wasi:http/outgoing-handler': { handle: row(requestOf, handle, denied) },
};
