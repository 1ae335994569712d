/** A server that is closed does not wait for clients which keep their connection. */

import type { AddressInfo } from 'node:net';
import Fastify from 'fastify';
import { expect, test } from 'vitest';
import { wasmSandbox } from '../../src/fastify.node.ts';

test('Fastify ends the connections of requests that were under way', async () => {
  const app = Fastify();
  await app.register(wasmSandbox, { modules: { one: '(module (func (export "f") (result i32) (i32.const 7)))' } });
  let arrived: () => void = () => undefined;
  const isThere = new Promise<void>((resolve) => {
    arrived = resolve;
  });
  let goOn: () => void = () => undefined;
  const mayGo = new Promise<void>((resolve) => {
    goOn = resolve;
  });
  app.get('/', async (request) => {
    const result = await request.wasm.call('one', 'f');
    arrived();
    await mayGo;
    return { result };
  });
  // When the server has begun to close.
  app.addHook('preClose', async () => goOn());
  await app.listen({ port: 0, host: '127.0.0.1' });
  const { port } = app.server.address() as AddressInfo;
  const answer = fetch(`http://127.0.0.1:${port}/`);
  await isThere;
  const closed = app.close();
  const response = await answer;
  expect(response.headers.get('connection')).toBe('close');
  expect(await response.json()).toEqual({ result: 7 });
  await closed;
});
