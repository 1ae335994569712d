/** A guest made of nothing but memory, that makes HTTP requests; and servers for it, on the loopback only. */

import { createServer, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type AuditEvent, type Capability, createHost, type Host, SecurityPolicy } from '../../../policy/index.ts';
import type { HttpClient, HttpRequest, HttpResponse } from '../../../policy/net/client.ts';
import { HTTP_ERROR } from '../../../policy/net/codes.ts';
import { HTTP_FUNCTIONS } from '../../../policy/net/functions.ts';
import type { Header } from '../../../policy/net/headers.ts';
import { HTTP_MODULE } from '../../../policy/net/names.ts';
import { funcType, I32 } from '../../../wasm/types.ts';
import { FakeCaller } from '../guest.ts';

/** Where texts go, and where answers come. */
const TEXT = 0;
const SECOND = 16_384;
export const ANSWER = 32_768;
export const ROOM = 16_384;

const NAMES = Object.entries(HTTP_ERROR);

/** An error by its name, anything else as it is. */
export function named(result: number): string | number {
  return NAMES.find(([, code]) => code === result)?.[0] ?? result;
}

export class HttpGuest extends FakeCaller {
  readonly host: Host;

  constructor(policy: SecurityPolicy, httpClient?: HttpClient) {
    super();
    this.host = createHost(policy, { httpClient });
  }

  call(name: string, ...args: number[]): number | Promise<number> {
    const params = HTTP_FUNCTIONS.find((row) => row.name === name)?.params ?? 0;
    const found = this.host.resolve(HTTP_MODULE, name, funcType(new Array(params).fill(I32), [I32]));
    if (found === undefined) throw new Error(`there is no ${name}`);
    return found.call(
      this,
      args.map((arg) => arg | 0),
    ) as number | Promise<number>;
  }

  private place(at: number, text: string | Uint8Array): [number, number] {
    const bytes = typeof text === 'string' ? new TextEncoder().encode(text) : text;
    this.bytes.set(bytes.subarray(0, SECOND), at);
    return [at, bytes.length];
  }

  open(url: string | Uint8Array, method = 'GET'): number {
    return this.call('request_open', ...this.place(SECOND, method), ...this.place(TEXT, url)) as number;
  }

  header(handle: number, name: string, value: string): number {
    return this.call('request_header', handle, ...this.place(TEXT, name), ...this.place(SECOND, value)) as number;
  }

  write(handle: number, text: string): number {
    return this.call('request_write', handle, ...this.place(TEXT, text)) as number;
  }

  async send(handle: number): Promise<number> {
    return this.call('request_send', handle);
  }

  /** The whole body, or the error that ends it. */
  async body(handle: number, room = ROOM): Promise<string | number> {
    let text = '';
    for (;;) {
      const got = await this.call('response_read', handle, ANSWER, room);
      if (got < 0) return got;
      if (got === 0) return text;
      text += String.fromCharCode(...this.bytes.subarray(ANSWER, ANSWER + got));
    }
  }

  responseHeader(handle: number, name: string, room = ROOM): string | number {
    const length = this.call('response_header', handle, ...this.place(TEXT, name), ANSWER, room) as number;
    return length < 0 ? length : String.fromCharCode(...this.bytes.subarray(ANSWER, ANSWER + Math.min(length, room)));
  }

  /** A request from beginning to end: its status and body, or the name of the error. */
  async fetch(url: string, { method = 'GET', headers = [] as Header[], body = '' } = {}): Promise<unknown> {
    const handle = this.open(url, method);
    if (handle < 0) return named(handle);
    try {
      for (const [name, value] of headers) {
        const done = this.header(handle, name, value);
        if (done < 0) return named(done);
      }
      const written = body === '' ? 0 : this.write(handle, body);
      if (written < 0) return named(written);
      const status = await this.send(handle);
      if (status < 0) return named(status);
      const text = await this.body(handle);
      return typeof text === 'number' ? named(text) : [status, text];
    } finally {
      this.call('request_close', handle);
    }
  }

  get events(): readonly AuditEvent[] {
    return this.host.audit.events;
  }

  /** The last thing that was refused. */
  get refused(): AuditEvent | undefined {
    return this.host.violations.events.at(-1);
  }
}

/** A policy with one network grant, audited. */
export function granting(...grant: readonly Capability[]): SecurityPolicy {
  return SecurityPolicy.builder()
    .allow(...grant)
    .enableAuditLogging()
    .build();
}

export interface Local extends AsyncDisposable {
  readonly port: number;
  readonly url: string;
  readonly server: Server;
  /** Requests that arrived, as `METHOD path`. */
  readonly seen: string[];
}

/** A server on 127.0.0.1 at a free port. */
export async function serve(handler: RequestListener): Promise<Local> {
  const seen: string[] = [];
  const server = createServer((request, response) => {
    seen.push(`${request.method} ${request.url}`);
    handler(request, response);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return {
    port,
    url: `http://127.0.0.1:${port}`,
    server,
    seen,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

export interface Answer {
  readonly status?: number;
  readonly headers?: readonly Header[];
  readonly body?: readonly Uint8Array[] | AsyncIterable<Uint8Array>;
}

/** A network of the test's own: names with their addresses, URLs with their answers. */
export class FakeNetwork implements HttpClient {
  readonly sent: HttpRequest[] = [];
  readonly resolved: string[] = [];
  readonly resolve: (host: string) => Promise<readonly string[]>;
  private readonly answer: (request: HttpRequest) => Answer | Promise<Answer>;

  constructor(
    answer: (request: HttpRequest) => Answer | Promise<Answer>,
    addresses: (host: string) => readonly string[] = () => ['93.184.216.34'],
  ) {
    this.answer = answer;
    this.resolve = async (host) => {
      this.resolved.push(host);
      return addresses(host);
    };
  }

  readonly send = async (request: HttpRequest): Promise<HttpResponse> => {
    this.sent.push(request);
    const { status = 200, headers = [], body = [] } = await this.answer(request);
    const pieces = piecesOf(body);
    return {
      status,
      headers,
      async read() {
        const { done, value } = await pieces.next();
        return done === true ? undefined : value;
      },
      cancel: () => undefined,
    };
  };
}

async function* piecesOf(body: NonNullable<Answer['body']>): AsyncGenerator<Uint8Array> {
  yield* body;
}

export const bytes = (text: string) => new TextEncoder().encode(text);
