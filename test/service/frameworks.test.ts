/** What of Fastify and Hono is their own. */

import type { TypeBoxTypeProvider } from '@fastify/type-provider-typebox';
import Fastify from 'fastify';
import { Hono } from 'hono';
import { HTTPException } from 'hono/http-exception';
import { Type } from 'typebox';
import { expect, test } from 'vitest';
import wasmSandbox, { problemSchema } from '../../src/fastify.node.ts';
import * as forHono from '../../src/hono.ts';
import { serve } from './guests.ts';

test('Fastify: a bigint is written digit by digit where the schema says integer', async () => {
  const service = await serve();
  const app = Fastify().withTypeProvider<TypeBoxTypeProvider>();
  await app.register(wasmSandbox, { service });
  const response = { 200: Type.Object({ big: Type.Integer() }), '4xx': problemSchema, '5xx': problemSchema };
  app.get('/big', { schema: { response } }, async ({ wasm }) => ({
    big: (await wasm.call('math', 'big', [2n ** 62n + 1n])) as number,
  }));
  app.get('/trap', { schema: { response } }, async ({ wasm }) => wasm.call('math', 'divmod', [1, 0]) as never);
  expect((await app.inject('/big')).body).toBe('{"big":4611686018427387905}');
  const trap = await app.inject('/trap');
  expect([trap.statusCode, trap.headers['content-type'], trap.json().type]).toEqual([
    422,
    expect.stringContaining('application/problem+json'),
    'urn:problem-type:wasm-sandbox:trap',
  ]);
  await app.close();
  // It was given, and so is not the server's to close.
  expect(await service.call('math', 'add', [1, 1])).toBe(2);
  await service.close();
});

test('Fastify: errors go to an application’s own handler where it asks for them, and others always', async () => {
  const service = await serve();
  const app = Fastify();
  app.setErrorHandler((error, _request, reply) => reply.code(418).send({ seen: (error as Error).name }));
  await app.register(wasmSandbox, { service, errorHandler: false });
  app.get('/trap', ({ wasm }) => wasm.call('math', 'divmod', [1, 0]));
  expect((await app.inject('/trap')).json()).toEqual({ seen: 'Trap' });
  await app.close();
  await service.close();
});

test('Fastify: options that are wrong end the start', async () => {
  const app = Fastify();
  const registering = async () => void (await app.register(wasmSandbox, { modules: {}, pool: { max: 0 } }));
  await expect(registering()).rejects.toThrow('pool.max must be');
});

test('Hono: a response that an error brings stays, and a service that could not be made is tried again', async () => {
  const logged: unknown[] = [];
  let attempts = 0;
  const service = await serve();
  const app = new Hono()
    .use(
      forHono.wasmSandbox(async () => {
        if (attempts++ === 0) throw new Error('not yet');
        return service;
      }),
    )
    .get('/teapot', () => {
      throw new HTTPException(418, { message: 'short and stout' });
    })
    .get('/add', async (c) => c.text(String(await c.var.wasm.call<number>('math', 'add', [1, 2]))))
    .onError(forHono.problemHandler({ logger: { error: (error) => logged.push(error) } }));
  expect((await app.request('/add')).status).toBe(500);
  expect(logged).toEqual([expect.objectContaining({ message: 'not yet' })]);
  expect(await (await app.request('/add')).text()).toBe('3');
  expect((await app.request('/teapot')).status).toBe(418);
  expect(attempts).toBe(2);
  const gone = AbortSignal.abort();
  expect((await app.request('/add', { signal: gone })).status).toBe(503);
  await service.close();
});
