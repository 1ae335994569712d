/**
 * Requests by way of Node's own client, connected to an address that was checked: the name is resolved once, and used
 * for the `Host` header, the TLS server name and the certificate, but never resolved again.
 */

import { lookup } from 'node:dns/promises';
import http, { type ClientRequest, type IncomingMessage } from 'node:http';
import https from 'node:https';
import { isAddress } from '../hostname.ts';
import type { HttpClient, HttpFailure, HttpRequest, HttpResponse } from './client.ts';
import type { Header } from './headers.ts';
import { FIXED } from './limits.ts';

/** Workers that imitate Node's modules connect by `fetch` all the same, and so cannot pin an address. */
const imitatesNode = globalThis.navigator?.userAgent === 'Cloudflare-Workers';

export const nodeClient: HttpClient | undefined = imitatesNode ? undefined : { resolve, send };

async function resolve(host: string): Promise<readonly string[]> {
  const found = await lookup(host, { all: true, verbatim: true });
  return found.map(({ address }) => address);
}

async function send(request: HttpRequest, signal: AbortSignal): Promise<HttpResponse | HttpFailure> {
  for (const address of request.addresses ?? []) {
    const outcome = await attempt(request, address, signal);
    if (outcome !== 'no connection') return outcome;
    signal.throwIfAborted();
  }
  return 'unreachable';
}

function attempt(
  { method, url, headers, body }: HttpRequest,
  address: string,
  signal: AbortSignal,
): Promise<HttpResponse | HttpFailure | 'no connection'> {
  const isSecure = url.protocol === 'https:';
  const host = url.hostname.endsWith('.') ? url.hostname.slice(0, -1) : url.hostname;
  return new Promise((settle, reject) => {
    const request = (isSecure ? https : http).request({
      method,
      host: address,
      port: url.port === '' ? (isSecure ? 443 : 80) : Number(url.port),
      path: url.pathname + url.search,
      // One connection for one request: none is shared with anybody else.
      agent: false,
      setHost: false,
      headers: toRecord([
        ['host', url.host],
        ['accept-encoding', 'identity'],
        ...headers,
        ...contentLength(method, body),
      ]),
      maxHeaderSize: FIXED.responseHeaderBytes,
      insecureHTTPParser: false,
      ...(isSecure && { ...(!isAddress(host) && { servername: host }), rejectUnauthorized: true }),
      signal,
    } as https.RequestOptions);
    request.on('response', (response) => settle(toResponse(request, response)));
    request.on('upgrade', (_, socket) => {
      socket.destroy();
      settle('protocol');
    });
    request.on('error', (error) => (signal.aborted ? reject(error) : settle(failureOf(error))));
    request.on('close', () => settle('unreachable'));
    request.end(body);
  });
}

/** Own keys only, whatever the names: `__proto__` is one like any other. */
function toRecord(headers: readonly Header[]): Record<string, string | string[]> {
  const values = new Map<string, string | string[]>();
  for (const [name, value] of headers) {
    const others = values.get(name);
    values.set(name, others === undefined ? value : [others, value].flat());
  }
  return Object.fromEntries(values);
}

function contentLength(method: string, body: Uint8Array | undefined): Header[] {
  if (body !== undefined) return [['content-length', String(body.length)]];
  return method === 'POST' || method === 'PUT' || method === 'PATCH' ? [['content-length', '0']] : [];
}

function failureOf(error: Error & { code?: unknown; syscall?: unknown }): HttpFailure | 'no connection' {
  if (error.syscall === 'connect') return 'no connection';
  if (error.code === 'HPE_HEADER_OVERFLOW') return 'headers';
  return typeof error.code === 'string' && error.code.startsWith('HPE_') ? 'protocol' : 'unreachable';
}

function toResponse(request: ClientRequest, response: IncomingMessage): HttpResponse {
  const pieces = response[Symbol.asyncIterator]();
  const { rawHeaders } = response;
  const headers = Array.from({ length: rawHeaders.length / 2 }, (_, i): Header => {
    return [(rawHeaders[2 * i] as string).toLowerCase(), rawHeaders[2 * i + 1] as string];
  });
  return {
    status: response.statusCode ?? 0,
    headers,
    async read() {
      for (;;) {
        const { done, value } = await pieces.next();
        if (done === true) return undefined;
        if (value.length > 0) return value as Uint8Array;
      }
    },
    cancel() {
      request.destroy();
    },
  };
}
