/** The same two routes on every framework that there is an adapter for, each on a port of its own. */

import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Controller, Get, Header, Module, Param, Post, Req } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import express from 'express';
import Fastify from 'fastify';
import { Hono } from 'hono';
import { bodyLimit } from 'hono/body-limit';
import * as forExpress from '../../src/express.ts';
import wasmSandbox from '../../src/fastify.node.ts';
import * as forHono from '../../src/hono.ts';
import { ClientSignal, InjectSandbox, WasmSandboxModule } from '../../src/nest.node.ts';
import { SandboxService, type ServiceOptions } from '../../src/service.node.ts';

export interface Serving {
  readonly url: string;
  readonly service: SandboxService;
  /** As the framework is closed, and the service with it. */
  close(): Promise<void>;
}

/** Failures that are the server's own, which go to a log everywhere. */
export const logged: unknown[] = [];
const logger = { error: (error: unknown) => logged.push(error) };

const MAX_BODY = 100_000;

async function listening(server: Server): Promise<string> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

const closed = (server: Server) =>
  new Promise<void>((resolve) => {
    server.close(() => resolve());
    server.closeIdleConnections();
  });

async function onExpress(options: ServiceOptions): Promise<Serving> {
  const service = SandboxService.create(options);
  const app = express();
  app.set('env', 'test');
  app.use(express.json({ limit: MAX_BODY }));
  app.use(forExpress.wasmSandbox(service));
  app.get('/ping', (_, res) => void res.send('pong'));
  app.get('/fail', () => Promise.reject(new Error('secret')));
  app.post('/call/:module/:name', async (req, res) => {
    res.json(await req.wasm.callJson(req.params.module, req.params.name, req.body));
  });
  app.use(forExpress.problemHandler({ logger }));
  // Express writes what is left to it to the console, and to the client what it threw.
  app.use(((_error, _req, res, _next) => void res.status(_error.status ?? 500).end()) as express.ErrorRequestHandler);
  const server = createServer(app);
  const url = await listening(server);
  const close = async () => {
    const ending = closed(server);
    await (await service).close();
    await ending;
  };
  return { url, service: await service, close };
}

async function onFastify(options: ServiceOptions): Promise<Serving> {
  const app = Fastify({ bodyLimit: MAX_BODY, forceCloseConnections: 'idle' });
  await app.register(wasmSandbox, options);
  app.get('/ping', () => 'pong');
  app.get('/fail', () => Promise.reject(new Error('secret')));
  app.post<{ Params: { module: string; name: string } }>('/call/:module/:name', (request) =>
    request.wasm.callJson(request.params.module, request.params.name, request.body),
  );
  const url = await app.listen({ port: 0, host: '127.0.0.1' });
  return { url, service: app.wasm, close: () => app.close() };
}

async function onHono(options: ServiceOptions): Promise<Serving> {
  const service = SandboxService.create(options);
  const app = new Hono()
    .use(bodyLimit({ maxSize: MAX_BODY }))
    .use(forHono.wasmSandbox(() => service))
    .get('/ping', (c) => c.text('pong'))
    .get('/fail', () => Promise.reject(new Error('secret')))
    .post('/call/:module/:name', async (c) => {
      const { module, name } = c.req.param();
      return c.json(await c.var.wasm.callJson(module, name, await c.req.json()));
    });
  app.onError(forHono.problemHandler({ logger }));
  // As much of @hono/node-server as these routes need.
  const server = createServer(async (request, response) => {
    const gone = new AbortController();
    response.on('close', () => gone.abort());
    const pieces: Uint8Array[] = [];
    for await (const piece of request) pieces.push(piece);
    const body = request.method === 'POST' ? Buffer.concat(pieces) : null;
    const init = {
      method: request.method ?? 'GET',
      headers: request.headers as HeadersInit,
      body,
      signal: gone.signal,
    };
    const answer = await app.fetch(new Request(`http://localhost${request.url}`, init));
    response.writeHead(answer.status, Object.fromEntries(answer.headers)).end(await answer.text());
  });
  const url = await listening(server);
  const close = async () => {
    const ending = closed(server);
    await (await service).close();
    await ending;
  };
  return { url, service: await service, close };
}

class Routes {
  readonly #service: SandboxService;
  constructor(service: SandboxService) {
    this.#service = service;
  }
  ping() {
    return 'pong';
  }
  fail() {
    return Promise.reject(new Error('secret'));
  }
  async call(params: { module: string; name: string }, request: { body: unknown }, signal: AbortSignal) {
    const result = await this.#service.callJson(params.module, params.name, request.body, { signal });
    return JSON.stringify(result);
  }
}
const method = (name: keyof Routes) => Object.getOwnPropertyDescriptor(Routes.prototype, name) as PropertyDescriptor;
Controller()(Routes);
InjectSandbox()(Routes, undefined as never, 0);
Get('ping')(Routes.prototype, 'ping', method('ping'));
Get('fail')(Routes.prototype, 'fail', method('fail'));
Header('content-type', 'application/json')(Routes.prototype, 'call', method('call'));
Post('call/:module/:name')(Routes.prototype, 'call', method('call'));
Param()(Routes.prototype, 'call', 0);
Req()(Routes.prototype, 'call', 1);
ClientSignal()(Routes.prototype, 'call', 2);

async function onNest(options: ServiceOptions): Promise<Serving> {
  class App {}
  Module({ imports: [WasmSandboxModule.forRoot(options)], controllers: [Routes] })(App);
  const app = await NestFactory.create(App, { logger: false, forceCloseConnections: false });
  await app.listen(0, '127.0.0.1');
  return { url: await app.getUrl(), service: app.get(SandboxService), close: () => app.close() };
}

export const SERVERS = { express: onExpress, fastify: onFastify, hono: onHono, nest: onNest };
