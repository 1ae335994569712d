import { describe, expect, onTestFinished, test, vi } from 'vitest';
import { Capability, SecurityPolicy } from '../../../policy/index.ts';
import { HTTP_ERROR } from '../../../policy/net/codes.ts';
import { fetchClient } from '../../../policy/net/fetch.ts';
import { HTTP_FUNCTIONS } from '../../../policy/net/functions.ts';
import { HTTP_MODULE } from '../../../policy/net/names.ts';
import { NetworkState } from '../../../policy/net/requests.ts';
import { GasExhausted, SecurityViolation } from '../../../wasm/errors.ts';
import { HTTP_CALL } from '../../../wasm/gas.ts';
import { funcType, I32 } from '../../../wasm/types.ts';
import { ANSWER, bytes, FakeNetwork, granting, HttpGuest, named, ROOM, serve } from './http-guest.ts';

const example = granting(Capability.networkAccess(['example.com']));
const local = (port: number, ...more: string[]) =>
  granting(Capability.networkAccess(['127.0.0.1', ...more], { requireHttps: false, allowedPorts: [port] }));

describe('a request', () => {
  test('goes out with its method, headers and body, and the answer comes back', async () => {
    await using server = await serve((request, response) => {
      const pieces: Buffer[] = [];
      request.on('data', (piece: Buffer) => pieces.push(piece));
      request.on('end', () => {
        response.setHeader('set-cookie', ['a=1', 'b=2']);
        response.writeHead(201, { 'X-Reply': 'yes' });
        const { host, 'x-ask': ask, 'content-length': length, connection } = request.headers;
        response.end(JSON.stringify({ host, ask, length, connection, body: Buffer.concat(pieces).toString() }));
      });
    });
    const guest = new HttpGuest(local(server.port));
    const handle = guest.open(`${server.url}/path?q=1#fragment`, 'POST');
    expect(handle).toBe(1);
    expect(guest.header(handle, 'X-Ask', ' twice ')).toBe(0);
    expect([guest.write(handle, 'hello '), guest.write(handle, 'world')]).toEqual([0, 0]);
    expect(await guest.send(handle)).toBe(201);
    expect(guest.responseHeader(handle, 'X-REPLY')).toBe('yes');
    expect(guest.responseHeader(handle, 'set-cookie')).toBe('a=1, b=2');
    expect(guest.responseHeader(handle, 'absent')).toBe(HTTP_ERROR.absent);
    const text = (await guest.body(handle)) as string;
    expect(JSON.parse(text)).toEqual({
      host: `127.0.0.1:${server.port}`,
      ask: 'twice',
      length: '11',
      connection: 'close',
      body: 'hello world',
    });
    expect(await guest.call('response_read', handle, ANSWER, ROOM)).toBe(0);
    expect(guest.call('request_close', handle)).toBe(0);
    expect(guest.call('request_close', handle)).toBe(HTTP_ERROR.handle);
    expect(server.seen).toEqual(['POST /path?q=1']);
  });

  test.each(['fetch', 'node'])('by way of %s', async (way) => {
    await using server = await serve((_, response) => response.writeHead(203).end('body'));
    const guest = new HttpGuest(local(server.port), way === 'fetch' ? fetchClient : undefined);
    expect(await guest.fetch(`${server.url}/a`)).toEqual([203, 'body']);
    expect(await guest.fetch(`${server.url}/b`, { method: 'PUT', body: 'x' })).toEqual([203, 'body']);
    expect(server.seen).toEqual(['GET /a', 'PUT /b']);
  });

  test('time that the client takes to load counts: its end is recorded', async () => {
    const loading = vi.spyOn(NetworkState.prototype, 'client').mockReturnValue(new Promise(() => undefined));
    onTestFinished(() => loading.mockRestore());
    const guest = new HttpGuest(granting(Capability.networkAccess(['example.com'], { timeout: 10 })));
    expect(named(await guest.send(guest.open('https://example.com/')))).toBe('timeout');
    expect(guest.refused).toMatchObject({ rule: 'timeLimit' });
    const handle = guest.open('https://example.com/');
    const sending = guest.send(handle);
    guest.call('request_close', handle);
    expect(named(await sending)).toBe('handle');
  });

  test('a name is resolved once, and the address that was decided is the one connected to', async () => {
    await using server = await serve((request, response) => response.end(request.headers.host));
    const guest = new HttpGuest(local(server.port, 'localhost'));
    expect(await guest.fetch(`http://LOCALHOST:${server.port}/`)).toEqual([200, `localhost:${server.port}`]);
    const sent = guest.events.find((event) => event.function.endsWith('request_send'));
    expect(sent).toMatchObject({ allowed: true, rule: 'network#0', result: 200 });
    expect(sent?.request).toMatchObject({
      kind: 'network',
      method: 'GET',
      address: expect.stringMatching(/^127|^::1$/),
    });
  });

  test('a large body is read in pieces as large as the guest likes', async () => {
    const large = 'abcdefghij'.repeat(20_000);
    await using server = await serve((_, response) => response.end(large));
    const guest = new HttpGuest(local(server.port));
    const handle = guest.open(server.url);
    expect(await guest.send(handle)).toBe(200);
    expect(await guest.body(handle, 7)).toBe(large);
  });

  test('a body that breaks off is an error, not an end', async () => {
    await using server = await serve((_, response) => {
      response.writeHead(200, { 'content-length': '100' });
      response.write('half');
      setImmediate(() => response.socket?.destroy());
    });
    const guest = new HttpGuest(local(server.port));
    const handle = guest.open(server.url);
    expect(await guest.send(handle)).toBe(200);
    expect(await guest.body(handle)).toBe(HTTP_ERROR.unreachable);
    expect(await guest.body(handle)).toBe(HTTP_ERROR.state);
  });

  test('nobody there is an error, and no violation', async () => {
    const server = await serve(() => undefined);
    await server[Symbol.asyncDispose]();
    const guest = new HttpGuest(local(server.port));
    expect(await guest.fetch(server.url)).toBe('unreachable');
    expect(guest.host.violations.total).toBe(0);
    expect(guest.events.at(-2)).toMatchObject({ allowed: true, result: HTTP_ERROR.unreachable });
  });

  test('a name without an address is unreachable', async () => {
    const network = new FakeNetwork(
      () => ({}),
      () => [],
    );
    const guest = new HttpGuest(example, network);
    expect(await guest.fetch('https://example.com/')).toBe('unreachable');
    expect(network.sent).toEqual([]);
  });
});

describe('order', () => {
  test('what comes too early or too late', async () => {
    const guest = new HttpGuest(example, new FakeNetwork(() => ({ body: [bytes('x')] })));
    const handle = guest.open('https://example.com/', 'POST');
    expect(await guest.call('response_read', handle, 0, 1)).toBe(HTTP_ERROR.state);
    expect(guest.responseHeader(handle, 'a')).toBe(HTTP_ERROR.state);
    expect(guest.call('response_header_at', handle, 0, 0, 0)).toBe(HTTP_ERROR.state);
    expect(await guest.send(handle)).toBe(200);
    expect(guest.header(handle, 'a', 'b')).toBe(HTTP_ERROR.state);
    expect(guest.write(handle, 'a')).toBe(HTTP_ERROR.state);
    expect(await guest.send(handle)).toBe(HTTP_ERROR.state);
    const get = guest.open('https://example.com/');
    expect(guest.write(get, 'a')).toBe(HTTP_ERROR.state);
  });

  test('headers by number, cut where there is no room, with their true length', async () => {
    const guest = new HttpGuest(
      example,
      new FakeNetwork(() => ({
        headers: [
          ['a', '1'],
          ['long', 'x'.repeat(50)],
        ],
      })),
    );
    const handle = guest.open('https://example.com/');
    await guest.send(handle);
    expect(guest.call('response_header_at', handle, 0, ANSWER, ROOM)).toBe(4);
    expect(guest.bytes.subarray(ANSWER, ANSWER + 4)).toEqual(bytes('a: 1'));
    guest.bytes.fill(0, ANSWER);
    expect(guest.call('response_header_at', handle, 1, ANSWER, 6)).toBe(56);
    expect(guest.bytes.subarray(ANSWER, ANSWER + 8)).toEqual(bytes('long: \0\0'));
    expect(guest.call('response_header_at', handle, 2, ANSWER, ROOM)).toBe(HTTP_ERROR.absent);
    expect(guest.call('response_header_at', handle, 0xffff_ffff, ANSWER, ROOM)).toBe(HTTP_ERROR.absent);
  });

  test('a reset and a close end what waits', async () => {
    for (const end of ['reset', 'close'] as const) {
      const guest = new HttpGuest(example, new FakeNetwork(() => new Promise(() => undefined)));
      const handle = guest.open('https://example.com/');
      const waiting = guest.send(handle);
      guest.host[end]();
      expect(named(await waiting)).toBe('handle');
      expect(guest.call('request_close', handle)).toBe(HTTP_ERROR.handle);
      expect(guest.open('https://example.com/')).toBe(1);
    }
  });
});

describe('redirects', () => {
  const hops = (status: number) =>
    new FakeNetwork(({ url }) =>
      url.pathname === '/1' ? { status, headers: [['location', '2']] } : { body: [bytes(url.href)] },
    );

  test.each([
    [301, 'POST', 'GET', undefined],
    [302, 'POST', 'GET', undefined],
    [303, 'PUT', 'GET', undefined],
    [303, 'HEAD', 'HEAD', undefined],
    [301, 'PUT', 'PUT', 'body'],
    [307, 'POST', 'POST', 'body'],
    [308, 'PATCH', 'PATCH', 'body'],
  ])('%i after %s asks with %s', async (status, method, next, body) => {
    const network = hops(status);
    const guest = new HttpGuest(example, network);
    const headers: [string, string][] = [['content-type', 'text/plain']];
    const sent = await guest.fetch('https://example.com/1', { method, headers, body: method === 'HEAD' ? '' : 'body' });
    expect(sent).toEqual([200, 'https://example.com/2']);
    const last = network.sent[1];
    expect(last?.method).toBe(next);
    expect(last?.body && new TextDecoder().decode(last.body)).toBe(body);
    const keepsType = body !== undefined || next === 'HEAD';
    expect(last?.headers).toEqual(keepsType ? [['content-type', 'text/plain']] : []);
  });

  test('every hop is in the record', async () => {
    const guest = new HttpGuest(example, hops(302));
    await guest.fetch('https://example.com/1');
    const sends = guest.events.filter((event) => event.function.endsWith('request_send'));
    expect(sends.map(({ sequence, request, result }) => [sequence, request, result])).toEqual([
      [1, { kind: 'network', url: 'https://example.com/1', method: 'GET', address: '93.184.216.34' }, undefined],
      [1, { kind: 'network', url: 'https://example.com/2', method: 'GET', address: '93.184.216.34' }, 200],
    ]);
  });

  test('what says who asks stays at the first origin', async () => {
    const network = new FakeNetwork(({ url }) =>
      url.hostname === 'example.com' ? { status: 307, headers: [['location', 'https://other.example/']] } : {},
    );
    const guest = new HttpGuest(granting(Capability.networkAccess(['example.com', 'other.example'])), network);
    const headers: [string, string][] = [
      ['Authorization', 'Bearer secret'],
      ['Cookie', 'secret'],
      ['X-Api-Key', 'secret'],
      ['Accept', 'text/plain'],
    ];
    expect(await guest.fetch('https://example.com/', { headers })).toEqual([200, '']);
    expect(network.sent[0]?.headers).toHaveLength(4);
    expect(network.sent[1]?.headers).toEqual([['accept', 'text/plain']]);
  });

  test.each([
    ['http://', 'nowhere'],
    ['//[', 'a broken address'],
  ])('%s leads %s', async (location) => {
    const network = new FakeNetwork(() => ({ status: 302, headers: [['location', location]] }));
    expect(await new HttpGuest(example, network).fetch('https://example.com/')).toBe('protocol');
  });

  test('without a location, or with another status, it is the response', async () => {
    for (const answer of [{ status: 302 }, { status: 304, headers: [['location', 'x']] as const }]) {
      const guest = new HttpGuest(example, new FakeNetwork(() => answer));
      expect(await guest.fetch('https://example.com/')).toEqual([answer.status, '']);
    }
  });
});

describe('the price', () => {
  test('is declared, and every byte moved is charged and counted', async () => {
    const guest = new HttpGuest(
      example,
      new FakeNetwork(() => ({ headers: [['a', '12']], body: [new Uint8Array(64)] })),
    );
    for (const { name, params } of HTTP_FUNCTIONS) {
      const type = funcType(new Array(params).fill(I32), [I32]);
      expect(guest.host.resolve(HTTP_MODULE, name, type)?.gas).toBe(HTTP_CALL);
      expect(guest.host.resolve(HTTP_MODULE, name, funcType([], []))).toBeUndefined();
    }
    const handle = guest.open('https://example.com/', 'POST');
    guest.header(handle, 'abc', '12345');
    guest.write(handle, 'x'.repeat(100));
    await guest.send(handle);
    guest.responseHeader(handle, 'a');
    await guest.body(handle, 40);
    expect(guest.charges).toEqual([7 * 24, 24, 7 * 8, 8, 100, 7 * 1, 2, 7 * 2, 40, 24]);
    expect(guest.events.map((event) => event.bytes)).toEqual([24, 8, 100, undefined, 2, 40, 24, undefined]);
  });

  test('what cannot be paid is not moved', async () => {
    const guest = new HttpGuest(example, new FakeNetwork(() => ({ body: [new Uint8Array(64).fill(1)] })));
    const handle = guest.open('https://example.com/');
    await guest.send(handle);
    guest.gasLeft = 1;
    await expect(guest.body(handle)).rejects.toBeInstanceOf(GasExhausted);
    expect(guest.bytes.subarray(ANSWER, ANSWER + 64).every((byte) => byte === 0)).toBe(true);
  });
});

describe('a refusal', () => {
  test('ends in a SecurityViolation where the policy says so', async () => {
    const trapping = SecurityPolicy.builder(example).onViolation('trap').build();
    const guest = new HttpGuest(
      trapping,
      new FakeNetwork(() => ({ status: 302, headers: [['location', '//evil.example']] })),
    );
    const message =
      /^Network access denied: wasm_sandbox_http\.request_open was called, but the policy does not grant this host/;
    expect(() => guest.open('https://evil.example/')).toThrow(message);
    const handle = guest.open('https://example.com/');
    const failed = guest.send(handle);
    await expect(failed).rejects.toBeInstanceOf(SecurityViolation);
    await expect(failed).rejects.toThrow(/^Network access denied: wasm_sandbox_http\.request_send was called, but/);
    expect(guest.host.violations.total).toBe(2);
  });

  test('without any grant the functions are there, and deny', () => {
    const guest = new HttpGuest(SecurityPolicy.builder().enableAuditLogging().build());
    expect(guest.open('https://example.com/')).toBe(HTTP_ERROR.denied);
    expect(guest.refused).toMatchObject({
      request: { kind: 'network', url: 'https://example.com/', method: 'GET' },
      rule: 'default',
      reason: 'the policy grants no network',
    });
    expect(guest.call('request_close', 1)).toBe(HTTP_ERROR.denied);
  });
});
