/** Nest's own ways: options that are awaited, features, health, and the end. */

import { Module } from '@nestjs/common';
import { HealthCheckService, TerminusModule } from '@nestjs/terminus';
import { Test } from '@nestjs/testing';
import { expect, test } from 'vitest';
import {
  getSandboxToken,
  InjectSandbox,
  SandboxHealthIndicator,
  WasmSandboxModule,
  type WasmSandboxModuleOptions,
} from '../../src/nest.node.ts';
import { SandboxService, type ServiceModule } from '../../src/service.node.ts';
import { MATH, serve } from './guests.ts';

class Uses {
  readonly service: SandboxService;
  readonly math: ServiceModule;
  constructor(service: SandboxService, math: ServiceModule) {
    this.service = service;
    this.math = math;
  }
}
InjectSandbox()(Uses, undefined as never, 0);
InjectSandbox('math')(Uses, undefined as never, 1);

/** A module that has no part in how the service is made. */
class Feature {}
Module({
  imports: [WasmSandboxModule.forFeature(['math', { name: 'more', source: MATH, limits: { gas: 5_000 } }])],
  providers: [Uses],
  exports: [Uses, WasmSandboxModule.forFeature([]).module],
})(Feature);

class Settings {
  createWasmSandboxOptions(): WasmSandboxModuleOptions {
    return { modules: { math: MATH } };
  }
}

test.each([
  ['forRoot', WasmSandboxModule.forRoot({ modules: { math: MATH } })],
  ['useFactory', WasmSandboxModule.forRootAsync({ useFactory: async () => ({ modules: { math: MATH } }) })],
  ['useClass', WasmSandboxModule.forRootAsync({ useClass: Settings })],
])('%s: the service and its features are injected, and end with the application', async (_, root) => {
  const app = await Test.createTestingModule({ imports: [root, Feature] }).compile();
  await app.init();
  const { service, math } = app.get(Uses, { strict: false });
  expect(await math.call('add', [2, 3])).toBe(5);
  expect(service.names).toEqual(['math', 'more']);
  await expect(service.call('more', 'spin')).rejects.toMatchObject({ code: 'GAS_EXHAUSTED' });
  await app.close();
  expect(service.health()).toMatchObject({ status: 'closing', modules: { math: { size: 0 } } });
});

test('a service that was given stays its maker’s', async () => {
  const service = await serve();
  const app = await Test.createTestingModule({ imports: [WasmSandboxModule.forRoot({ service })] }).compile();
  await app.init();
  expect(app.get(SandboxService)).toBe(service);
  await app.close();
  expect(await service.call('math', 'add', [1, 1])).toBe(2);
  await service.close();
});

test('what is not there, and options that are none, end the start', async () => {
  const imports = (name: string) => [
    WasmSandboxModule.forRoot({ modules: { math: MATH } }),
    WasmSandboxModule.forFeature([name]),
  ];
  await expect(Test.createTestingModule({ imports: imports('nath') }).compile()).rejects.toThrow('no module "nath"');
  const wrong = { modules: {}, limits: { memory: '1XB' } };
  await expect(Test.createTestingModule({ imports: [WasmSandboxModule.forRoot(wrong)] }).compile()).rejects.toThrow(
    'limits.memory',
  );
});

test('tests put something else in the place of a module', async () => {
  const double = { call: async () => 42 };
  const app = await Test.createTestingModule({
    imports: [WasmSandboxModule.forRoot({ modules: { math: MATH } }), Feature],
  })
    .overrideProvider(getSandboxToken('math'))
    .useValue(double)
    .compile();
  expect(await app.get(Uses, { strict: false }).math.call('add')).toBe(42);
  await app.close();
});

test('Terminus', async () => {
  const app = await Test.createTestingModule({
    imports: [WasmSandboxModule.forRoot({ modules: { math: MATH } }), TerminusModule.forRoot({ logger: false })],
  }).compile();
  await app.init();
  const health = app.get(HealthCheckService);
  const indicator = app.get(SandboxHealthIndicator);
  const check = () => health.check([() => indicator.isHealthy('wasm')]);
  expect(await check()).toMatchObject({
    status: 'ok',
    details: { wasm: { status: 'up', state: 'ok', modules: { math: { status: 'ok' } } } },
  });
  await app.get(SandboxService).close();
  await expect(check()).rejects.toMatchObject({
    status: 503,
    response: { error: { wasm: { status: 'down', state: 'closing' } } },
  });
  await app.close();
});
