/** What those are told who use an adapter wrongly: when it is made, where that can be known. */

import { Module } from '@nestjs/common';
import { Test } from '@nestjs/testing';
import Fastify from 'fastify';
import { Hono } from 'hono';
import { describe, expect, test } from 'vitest';
import * as forExpress from '../../src/express.ts';
import wasmSandbox from '../../src/fastify.node.ts';
import * as forHono from '../../src/hono.ts';
import { CompileError } from '../../src/index.node.ts';
import { WasmSandboxModule } from '../../src/nest.node.ts';
import { MATH, serve } from './guests.ts';

const OPTIONS = { modules: { math: MATH } };

describe.each([
  ['express', forExpress.wasmSandbox, forExpress.problemHandler],
  ['hono', forHono.wasmSandbox, forHono.problemHandler],
] as const)('%s', (_, middleware, handler) => {
  test.each([[undefined], [OPTIONS], ['./wasm'], [{}]])('a service that is none: %j', (given) => {
    expect(() => middleware(given as never)).toThrow(
      /^the service of wasmSandbox\(\) must be a SandboxService, or a promise of one as SandboxService\.create/,
    );
  });

  test('options of the handler, and a handler that was not made', () => {
    expect(() => handler({ log: console } as never)).toThrow('problemHandler() has no option "log"');
    expect(() => handler({ logger: console.error } as never)).toThrow('logger must be an object with a method error');
    expect(() => handler({ logger: {} } as never)).toThrow('logger must be an object with a method error');
  });
});

test('Hono: a function that makes something else', async () => {
  const logged: Error[] = [];
  const app = new Hono()
    .use(forHono.wasmSandbox((() => OPTIONS) as never))
    .get('/', (c) => c.text('never'))
    .onError(forHono.problemHandler({ logger: { error: (error) => logged.push(error as Error) } }));
  expect((await app.request('/')).status).toBe(500);
  expect(logged[0]?.message).toBe('the service of wasmSandbox() must be a SandboxService, not an object');
});

test.each([
  [{}, 'modules'],
  [{ service: OPTIONS }, 'service must be a SandboxService'],
  [{ service: undefined }, 'service must be a SandboxService'],
  [{ ...OPTIONS, limit: {} }, 'has no option "limit"'],
])('Fastify and Nest: options %j', async (options, message) => {
  const onFastify = async () => void (await Fastify().register(wasmSandbox, options as never));
  await expect(onFastify()).rejects.toThrow(message);
  class App {}
  Module({ imports: [WasmSandboxModule.forRoot(options as never)] })(App);
  await expect(Test.createTestingModule({ imports: [App] }).compile()).rejects.toThrow(message);
});

test('Nest: a feature that there is no module of', async () => {
  const service = await serve();
  class App {}
  Module({ imports: [WasmSandboxModule.forRoot({ service }), WasmSandboxModule.forFeature(['nath'])] })(App);
  await expect(Test.createTestingModule({ imports: [App] }).compile()).rejects.toThrow('there is no module "nath"');
  await service.close();
});

test('the module that cannot be loaded is named', async () => {
  const modules = { math: MATH, broken: new Uint8Array([1, 2, 3, 4, 5, 6, 7, 8]) };
  const failure = await serve({ modules }).catch((error) => error);
  expect(failure).toBeInstanceOf(CompileError);
  expect(failure.message).toMatch(/^the module "broken": /);
  expect(failure.offset).toBe(failure.cause.offset);
  const service = await serve();
  await expect(service.use('math', undefined as never)).rejects.toThrow('the function to run must be a function');
  await service.close();
});
