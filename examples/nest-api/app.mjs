// The application. Decorators are called by hand, so that Node runs it as it stands; docs/web.md has both ways.
import 'reflect-metadata';
import {
  Body,
  Catch,
  Controller,
  createParamDecorator,
  Get,
  HttpCode,
  HttpException,
  Inject,
  Module,
  Post,
} from '@nestjs/common';
import { APP_FILTER, HttpAdapterHost, NestFactory } from '@nestjs/core';
import { HealthCheck, HealthCheckService, TerminusModule } from '@nestjs/terminus';
import { GasBudget } from 'wasm-sandbox';
import { ClientSignal, InjectSandbox, SandboxHealthIndicator, WasmSandboxModule } from 'wasm-sandbox/nest';
import { document } from './openapi.mjs';

/** One request, whatever is left of the tenant's budget. */
const LIMITS = { gas: 30_000_000, memory: '1MiB', time: '5s' };
const POOL = { min: 1, max: 4, maxWaiting: 50, acquireTimeout: '2s' };

/** What calls a class's decorators: those of its constructor's parameters, of its methods and theirs, and its own. */
function decorate(type, { is, inject = [], methods = {} }) {
  for (const [index, decorator] of inject.entries()) decorator(type, undefined, index);
  for (const [name, [decorators, parameters]] of Object.entries(methods)) {
    for (const [index, decorator] of parameters.entries()) decorator(type.prototype, name, index);
    const descriptor = Object.getOwnPropertyDescriptor(type.prototype, name);
    for (const decorator of decorators) decorator(type.prototype, name, descriptor);
  }
  for (const decorator of is) decorator(type);
}

/** The tenants' budgets by their keys. A map: a key is anybody's text. */
class Tenants {
  #budgets;

  constructor(grants) {
    this.#budgets = new Map(Object.entries(grants).map(([key, gas]) => [key, new GasBudget(gas)]));
  }

  budgetOf(key) {
    const budget = this.#budgets.get(key);
    if (budget === undefined) throw new HttpException('The header x-api-key names no tenant', 401);
    return budget;
  }
}

const ApiKey = createParamDecorator((_, context) => context.switchToHttp().getRequest().headers['x-api-key'])();

/** What the document says of a question. @throws HttpException */
function checkQuestion(body) {
  for (const [name, { minimum, maximum }] of Object.entries(document.components.schemas.Question.properties)) {
    const value = body?.[name];
    if (Number.isInteger(value) && value >= minimum && value <= maximum) continue;
    throw new HttpException(`"${name}" is to be an integer of ${minimum} to ${maximum}`, 400);
  }
  return body;
}

class EstimatesController {
  constructor(tenants, pi) {
    this.tenants = tenants;
    this.pi = pi;
  }

  async estimate(key, body, signal) {
    const budget = this.tenants.budgetOf(key);
    const { points, seed } = checkQuestion(body);
    const estimate = await this.pi.call('estimate', [points, seed], { signal, gasBudget: budget });
    return { estimate, remaining: String(budget.remaining) };
  }

  budget(key) {
    const budget = this.tenants.budgetOf(key);
    return { ...budget.toJSON(), remaining: String(budget.remaining) };
  }
}

class AboutController {
  constructor(health, sandboxes) {
    this.health = health;
    this.sandboxes = sandboxes;
  }

  // Terminus tells all that the indicator does: keep it to those who look after the service.
  check() {
    return this.health.check([() => this.sandboxes.isHealthy('wasm')]);
  }

  openapi() {
    return document;
  }
}

/** Refusals as problem details, like the failures of guests. */
class ProblemFilter {
  constructor(host) {
    this.host = host;
  }

  catch(exception, context) {
    const { httpAdapter } = this.host;
    const response = context.switchToHttp().getResponse();
    const status = exception.getStatus();
    const body = exception.getResponse();
    // Terminus has its own answer, which is no problem but a report.
    if (typeof body === 'object' && 'details' in body) return httpAdapter.reply(response, body, status);
    httpAdapter.setHeader(response, 'content-type', 'application/problem+json');
    const problem = { type: 'about:blank', title: TITLES[status] ?? 'Refused', status, detail: exception.message };
    // Nest 11 gives objects the type of JSON, whatever theirs is.
    httpAdapter.reply(response, JSON.stringify(problem), status);
  }
}
const TITLES = { 400: 'Bad Request', 401: 'Unauthorized', 404: 'Not Found', 413: 'Content Too Large' };

decorate(EstimatesController, {
  is: [Controller()],
  inject: [Inject(Tenants), InjectSandbox('pi')],
  methods: {
    estimate: [
      [Post('estimates'), HttpCode(200)],
      [ApiKey, Body(), ClientSignal()],
    ],
    budget: [[Get('budget')], [ApiKey]],
  },
});
decorate(AboutController, {
  is: [Controller()],
  inject: [Inject(HealthCheckService), Inject(SandboxHealthIndicator)],
  methods: { check: [[Get('health'), HealthCheck()], []], openapi: [[Get('openapi.json')], []] },
});
decorate(ProblemFilter, { is: [Catch(HttpException)], inject: [Inject(HttpAdapterHost)] });

/**
 * @param {{ tenants: Record<string, bigint | number>, limits?: object, pool?: object, logger?: false }} settings
 *   each tenant's units of gas by the key that it sends
 */
export async function createApp({ tenants, limits, pool, logger }) {
  class AppModule {}
  const options = {
    modules: { pi: new URL('pi.wasm', import.meta.url) },
    limits: { ...LIMITS, ...limits },
    pool: { ...POOL, ...pool },
  };
  const imports = [
    WasmSandboxModule.forRoot(options),
    WasmSandboxModule.forFeature(['pi']),
    TerminusModule.forRoot({ logger: false }),
  ];
  const providers = [
    { provide: Tenants, useValue: new Tenants(tenants) },
    { provide: APP_FILTER, useClass: ProblemFilter },
  ];
  Module({ imports, providers, controllers: [EstimatesController, AboutController] })(AppModule);
  return NestFactory.create(AppModule, { ...(logger === false && { logger }), abortOnError: false });
}
