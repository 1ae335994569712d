/** `http_request` of a plug-in: through the gate, and within the limits. */

import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { CallAborted, HostError, SecurityPolicy, SecurityViolation } from '../../src/index.node.ts';
import { create } from './plugins.ts';

let port = 0;
let answer: (request: IncomingMessage, response: ServerResponse) => void = (_, response) => void response.end();
const server = createServer((request, response) => answer(request, response));
beforeAll(async () => {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  ({ port } = server.address() as AddressInfo);
});
afterAll(() => {
  server.closeAllConnections();
  server.close();
});

const allowedHosts = ['localhost'];
const url = () => `http://localhost:${port}/path`;

test('method, headers, body and status go there and back', async () => {
  answer = (request, response) => {
    const pieces: Buffer[] = [];
    request.on('data', (piece) => pieces.push(piece));
    request.on('end', () => {
      const { method, url: path, headers } = request;
      response.end(JSON.stringify([method, path, headers['x-own'], String(Buffer.concat(pieces))]));
    });
  };
  const plugin = await create({ allowedHosts });
  const asked = { url: url(), method: 'post', headers: { 'X-Own': 'yes' } };
  expect(await plugin.call('request', asked, { as: 'json' })).toEqual(['POST', '/path', 'yes', 'a body']);
  expect(await plugin.call('request', { url: url() }, { as: 'json' })).toEqual(['GET', '/path', null, '']);
  answer = (_, response) => void response.writeHead(404).end('gone');
  await expect(plugin.call('request', { url: url() })).rejects.toMatchObject({ status: 204 });
});

test('a body of many pieces arrives whole, and one beyond the limit does not', async () => {
  const body = Buffer.alloc(300_000, 'x');
  answer = (_, response) => void response.end(body);
  const plugin = await create({ allowedHosts });
  expect(await plugin.call('request', { url: url() }, { as: 'bytes' })).toEqual(new Uint8Array(body));
  const small = await create({ allowedHosts, memory: { maxHttpResponseBytes: 299_999 } });
  await expect(small.call('request', { url: url() })).rejects.toThrow(/HTTP request to .* failed: limit/);
  const full = await create({ allowedHosts, memoryLimit: 18 * 65_536 });
  await expect(full.call('request', { url: url() })).rejects.toThrow(/no room for 300000 bytes/);
});

test('what nobody granted is refused, and recorded', async () => {
  let requests = 0;
  answer = (_, response) => void response.end(String(requests++));
  const securityPolicy = SecurityPolicy.builder().enableAuditLogging().build();
  for (const hosts of [[], ['*'], ['*.example.com']]) {
    const plugin = await create({ allowedHosts: hosts, securityPolicy });
    const refused = plugin.call('request', { url: url() });
    await expect(refused).rejects.toBeInstanceOf(SecurityViolation);
    await expect(refused).rejects.toThrow(/is not allowed: the policy (?:does not grant this host|grants no network)/);
    expect(plugin.sandbox.violations()).toMatchObject([
      { function: 'wasm_sandbox_http.request_open', request: { url: url(), method: 'GET' }, allowed: false },
    ]);
    expect(plugin.sandbox.auditEvents().map((event) => event.function)).toContain('extism:host/env.http_request');
  }
  expect(requests).toBe(0);
});

test.each([
  ['no JSON', 'x'],
  ['no object', 'null'],
  ['no URL', '{}'],
  ['a method that is none', '{"url": "http://localhost/", "method": 5}'],
  ['a header that is no text', '{"url": "http://localhost/", "headers": {"a": 1}}'],
  ['headers that are none', '{"url": "http://localhost/", "headers": "a"}'],
  ['a header that ends its line', '{"url": "http://localhost/", "headers": {"a": "b\\r\\nc: d"}}'],
])('refused: %s', async (_, input) => {
  const plugin = await create({ allowedHosts });
  await expect(plugin.call('request', input)).rejects.toBeInstanceOf(HostError);
  expect(await plugin.call('greet', 'you', { as: 'text' })).toBe('Hello, you');
});

test('a call that is given up gives its request up', async () => {
  const controller = new AbortController();
  const closed = new Promise<void>((resolve) => {
    answer = (request) => {
      request.on('close', resolve);
      controller.abort();
    };
  });
  const plugin = await create({ allowedHosts });
  const waiting = plugin.call('request', { url: url() }, { signal: controller.signal });
  await expect(waiting).rejects.toBeInstanceOf(CallAborted);
  await closed;
  expect(await plugin.call('greet', 'you', { as: 'text' })).toBe('Hello, you');
});

test('the native engine cannot wait for a response, and does not ask for one', async () => {
  let requests = 0;
  answer = (_, response) => void response.end(String(requests++));
  const plugin = await create({ allowedHosts, engine: 'native' });
  await expect(plugin.call('request', { url: url() })).rejects.toThrow(/http_request needs the interpreter/);
  expect(requests).toBe(0);
});
