/** Requests of components, sent through the gate and within the limits of the policy. */

import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { Capability, SecurityPolicy } from '../../policy/index.ts';
import { ComponentError, CpuTimeoutExceeded, SecurityViolation } from '../../wasm/errors.ts';
import { createWaiting } from './waiting.ts';

type Answer = (request: IncomingMessage, response: ServerResponse) => void;

let port = 0;
let answer: Answer;
let requests = 0;
const server = createServer((request, response) => {
  requests++;
  answer(request, response);
});
beforeAll(async () => {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  ({ port } = server.address() as AddressInfo);
});
afterAll(() => {
  server.closeAllConnections();
  server.close();
});
beforeEach(() => {
  requests = 0;
  answer = (_, response) => void response.end();
});

const bytes = (text: string) => new TextEncoder().encode(text);
const text = (value: Uint8Array) => new TextDecoder().decode(value);
const here = () => `127.0.0.1:${port}`;
const audited = () => SecurityPolicy.builder().enableAuditLogging();

function granted(options: Parameters<typeof Capability.networkAccess>[1] = {}) {
  const grant = Capability.networkAccess(['127.0.0.1'], { allowedPorts: [port], requireHttps: false, ...options });
  return { securityPolicy: audited().build().with(grant), cpuTimeout: 20_000 };
}

type Component = Awaited<ReturnType<typeof createWaiting>>;
const fetched = (component: Component, path = '/', body = '', timeout = 0n) =>
  component.exports.work.fetch(here(), path, bytes(body), timeout);

/** Tag of the error that the guest was given. */
async function failure(call: Promise<unknown>): Promise<unknown> {
  const error = await call.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  expect(error).toBeInstanceOf(ComponentError);
  return (error as { payload: { tag: string } }).payload.tag;
}

test('status and body come back, and a body goes there', async () => {
  answer = (request, response) => {
    const pieces: Buffer[] = [];
    request.on('data', (piece) => pieces.push(piece));
    request.on('end', () => {
      response.statusCode = 201;
      response.end(`${request.method} ${request.url} ${Buffer.concat(pieces)}`);
    });
  };
  const component = await createWaiting(granted());
  const [status, body] = await fetched(component, '/a?b=c');
  expect([status, text(body)]).toEqual([201, 'GET /a?b=c ']);
  const [, echoed] = await fetched(component, '/post', 'a body, \u{1f34d}');
  expect(text(echoed)).toBe('POST /post a body, \u{1f34d}');
  const sent = component.auditEvents().filter(({ request }) => request.kind === 'network');
  expect(sent.every(({ allowed, rule }) => allowed && rule === 'network#0')).toBe(true);
  expect(new Set(sent.map((event) => event.function))).toEqual(
    new Set([
      'wasi:http/outgoing-handler.handle',
      'wasi:http/types.[static]outgoing-body.finish',
      'wasi:io/streams.[method]input-stream.blocking-read',
      'wasi:io/streams.[method]output-stream.blocking-write-and-flush',
      'wasi:io/streams.[resource-drop]input-stream',
      'wasi:io/streams.[resource-drop]output-stream',
    ]),
  );
});

test('a body of many pieces arrives whole, and costs the same gas each time', async () => {
  const long = 'x'.repeat(30_000);
  answer = (_, response) => void response.end(long);
  const component = await createWaiting(granted());
  expect(text((await fetched(component))[1])).toBe(long);
  expect(component.stats.gasUsed).toBeGreaterThan(30n * 400n);
});

test('what nobody granted is not sent, and is recorded', async () => {
  const component = await createWaiting({ securityPolicy: audited().build() });
  expect(await failure(fetched(component))).toBe('HTTP-request-denied');
  const elsewhere = await createWaiting(granted());
  expect(await failure(elsewhere.exports.work.fetch('example.com', '/', bytes(''), 0n))).toBe('HTTP-request-denied');
  expect(await failure(elsewhere.exports.work.fetch(`127.0.0.1:${port + 1}`, '/', bytes('x'), 0n))).toBe(
    'HTTP-request-denied',
  );
  expect(elsewhere.violations()).toMatchObject([
    { function: 'wasi:http/outgoing-handler.handle', request: { url: 'http://example.com/', method: 'GET' } },
    { function: 'wasi:http/outgoing-handler.handle', request: { method: 'POST' } },
  ]);
  expect(requests).toBe(0);
  // It can be called again.
  expect((await fetched(elsewhere))[0]).toBe(200);
});

test('a policy that ends calls on a violation ends them', async () => {
  const component = await createWaiting({ securityPolicy: audited().onViolation('trap').build() });
  await expect(fetched(component)).rejects.toBeInstanceOf(SecurityViolation);
});

test('a redirect is decided again', async () => {
  answer = (request, response) => {
    if (request.url === '/here') response.writeHead(302, { location: '/there' }).end();
    else if (request.url === '/out') response.writeHead(302, { location: `http://127.0.0.1:${port + 1}/` }).end();
    else if (request.url === '/round') response.writeHead(302, { location: '/round' }).end();
    else response.end('there');
  };
  const component = await createWaiting(granted());
  expect(text((await fetched(component, '/here'))[1])).toBe('there');
  expect(await failure(fetched(component, '/out'))).toBe('HTTP-request-denied');
  expect(await failure(fetched(component, '/round'))).toBe('loop-detected');
});

describe('limits', () => {
  test('of bodies, either way', async () => {
    answer = (_, response) => void response.end('x'.repeat(2_000));
    const component = await createWaiting(granted({ maxRequestBytes: 10, maxResponseBytes: 1_500 }));
    // It fails to write, before anything is sent.
    expect(await failure(fetched(component, '/', 'x'.repeat(11)))).toBe('HTTP-request-body-size');
    expect(requests).toBe(0);
    expect(await failure(fetched(component))).toBe('HTTP-response-body-size');
    answer = (_, response) => {
      response.write('x'.repeat(1_000));
      setImmediate(() => response.end('x'.repeat(1_000)));
    };
    expect(await failure(fetched(component))).toBe('HTTP-response-body-size');
  });

  test('of requests, until a reset', async () => {
    const component = await createWaiting(granted({ maxRequests: 2 }));
    await fetched(component);
    await fetched(component);
    expect(await failure(fetched(component))).toBe('internal-error');
    expect(component.violations()).toMatchObject([{ rule: 'countLimit' }]);
    component.reset();
    expect((await fetched(component))[0]).toBe(200);
  });

  test('of requests open at once are given back', async () => {
    const component = await createWaiting(granted());
    for (let i = 0; i < 40; i++) await fetched(component, '/', i % 2 === 0 ? '' : 'x');
    answer = (request) => request.destroy();
    for (let i = 0; i < 40; i++) expect(await failure(fetched(component))).toBe('destination-unavailable');
  });

  test('of time: the policy’s, the guest’s, the call’s', async () => {
    answer = () => undefined;
    const policed = await createWaiting(granted({ timeout: 200 }));
    expect(await failure(fetched(policed))).toBe('HTTP-response-timeout');
    expect(policed.violations()).toMatchObject([{ rule: 'timeLimit' }]);
    const component = await createWaiting(granted());
    expect(await failure(fetched(component, '/', '', 20_000_000n))).toBe('HTTP-response-timeout');
    expect(component.violations()).toEqual([]);
    const late = await createWaiting({ ...granted(), cpuTimeout: 500 });
    await expect(fetched(late)).rejects.toBeInstanceOf(CpuTimeoutExceeded);
    late.reset();
    expect(await late.exports.work.twice(1)).toBe(6);
  });
});

test('a connection that breaks is told, before and within the response', async () => {
  const component = await createWaiting(granted());
  answer = (request) => request.destroy();
  expect(await failure(fetched(component))).toBe('destination-unavailable');
  answer = (request, response) => {
    response.writeHead(200, { 'content-length': '100' });
    response.write('x'.repeat(50), () => request.destroy());
  };
  expect(await failure(fetched(component))).toBe('destination-unavailable');
});

test('a request that is under way ends with its component', async () => {
  let closed: () => void = () => undefined;
  const isClosed = new Promise<void>((resolve) => {
    closed = resolve;
  });
  const component = await createWaiting(granted());
  const ended = new Promise<Promise<unknown>>((resolve) => {
    answer = (request) => {
      request.on('close', closed);
      component.dispose();
      resolve(call);
    };
  });
  const call = fetched(component).catch((error: unknown) => error);
  expect(await await ended).toMatchObject({ code: 'DISPOSED' });
  await isClosed;
});
