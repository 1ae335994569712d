/**
 * A module for Nest 11 and 12: a service to be injected, failures as problem details, an indicator of health, and the end of
 * it all with the application's.
 * @module wasm-sandbox/nest
 */

import {
  type ArgumentsHost,
  Catch,
  ConfigurableModuleBuilder,
  type ConfigurableModuleCls,
  createParamDecorator,
  type DynamicModule,
  type ExceptionFilter,
  type ExecutionContext,
  Inject,
  Injectable,
  Logger,
  Module,
  type Provider,
} from '@nestjs/common';
import { APP_FILTER, HttpAdapterHost } from '@nestjs/core';
import { WasmSandboxError } from '../wasm/errors.ts';
import { offerNative, offerNetwork } from './parts.ts';
import { checkGiven } from './service/given.ts';
import { signalOf } from './service/gone.ts';
import type { ModuleOptions, ServiceOptions } from './service/options.ts';
import { problemHeaders, toProblem } from './service/problems.ts';
import { SandboxService } from './service/service.ts';

offerNative();
offerNetwork();

/** What the module is made with: the service's own options, or a service, which stays its maker's. */
export type WasmSandboxModuleOptions = ServiceOptions | { readonly service: SandboxService };

/** What a feature names: a module that the service has, or one that it is to have. */
export type WasmSandboxFeature = string | (ModuleOptions & { readonly name: string });

/** What `forRoot` and `forRootAsync` take beside. */
export interface WasmSandboxModuleExtras {
  /** Whether the service can be injected everywhere; true unless given. */
  isGlobal?: boolean;
  /** Whether failures of guests become problem details; true unless given. */
  useFilter?: boolean;
}

/** The token of a module of the service's: what `@InjectSandbox(name)` injects, and tests override. */
export function getSandboxToken(name?: string): typeof SandboxService | string {
  return name === undefined ? SandboxService : `WasmSandbox:${name}`;
}

/** Injects the service; with the name of a feature, that module of it: a `ServiceModule`. */
export function InjectSandbox(name?: string): PropertyDecorator & ParameterDecorator {
  return Inject(getSandboxToken(name));
}

/** A parameter of a handler: the signal that is aborted when the request's client goes away. */
export const ClientSignal: (...unused: unknown[]) => ParameterDecorator = createParamDecorator(
  (_: unknown, context: ExecutionContext): AbortSignal => {
    const response = context.switchToHttp().getResponse();
    // Fastify's reply has Node's response within.
    return signalOf(response.raw ?? response);
  },
);

/** Makes problem details of the failures of guests, whatever server the application is on. */
export class SandboxExceptionFilter implements ExceptionFilter<WasmSandboxError> {
  readonly #host: HttpAdapterHost;
  readonly #logger = new Logger(SandboxExceptionFilter.name);

  constructor(host: HttpAdapterHost) {
    this.#host = host;
  }

  /** @throws the exception, where it was no request of HTTP's that failed */
  catch(exception: WasmSandboxError, host: ArgumentsHost): void {
    if (host.getType() !== 'http') throw exception;
    const problem = toProblem(exception);
    if (problem.status === 500) this.#logger.error(exception.message, exception.stack);
    const { httpAdapter } = this.#host;
    const response = host.switchToHttp().getResponse();
    if (httpAdapter.isHeadersSent(response)) return;
    for (const [name, value] of Object.entries(problemHeaders(problem))) httpAdapter.setHeader(response, name, value);
    // As text: of an object that is no JSON by its type, Nest 11 makes JSON by its type.
    httpAdapter.reply(response, JSON.stringify(problem), problem.status);
  }
}

/** What Terminus makes of it. */
export type HealthResult<K extends string> = Record<K, { status: 'up' | 'down'; state: string; modules: object }>;

/** The service's health for Terminus: `health.check([() => wasm.isHealthy('wasm')])`. Degraded is up: it serves still. */
export class SandboxHealthIndicator {
  readonly #service: SandboxService;

  constructor(service: SandboxService) {
    this.#service = service;
  }

  /**
   * Down once the service is being closed.
   * @param key what the result calls it
   */
  isHealthy<const K extends string>(key: K): HealthResult<K> {
    const { status: state, modules } = this.#service.health();
    return { [key]: { status: state === 'closing' ? 'down' : 'up', state, modules } } as HealthResult<K>;
  }
}

/** Whether the module has made the service, and so is to close it. */
const OWNED = Symbol('wasm-sandbox: owned');

const FILTER: Provider = { provide: APP_FILTER, useClass: SandboxExceptionFilter };

const { ConfigurableModuleClass, MODULE_OPTIONS_TOKEN } = new ConfigurableModuleBuilder<WasmSandboxModuleOptions>({
  moduleName: 'WasmSandbox',
})
  .setClassMethodName('forRoot')
  .setFactoryMethodName('createWasmSandboxOptions')
  .setExtras<WasmSandboxModuleExtras>(
    { isGlobal: true, useFilter: true },
    (definition, { isGlobal = true, useFilter = true }) => ({
      ...definition,
      global: isGlobal,
      providers: [...(definition.providers ?? []), ...(useFilter ? [FILTER] : [])],
    }),
  )
  .build();

/** For the compiler: what the builder has made. */
const Configurable: ConfigurableModuleCls<
  WasmSandboxModuleOptions,
  'forRoot',
  'createWasmSandboxOptions',
  WasmSandboxModuleExtras
> = ConfigurableModuleClass;

/**
 * `forRoot(options)` and `forRootAsync({ useFactory, inject })` make the service, which ends with the application: before its
 * connections are closed nobody new is let in, and what is under way goes on to its end.
 */
export class WasmSandboxModule extends Configurable {
  readonly #service: SandboxService;
  readonly #isOwned: boolean;

  /** Makes the service of options, or takes one. */
  declare static readonly forRoot: (typeof Configurable)['forRoot'];
  /** The same of options that other providers give. */
  declare static readonly forRootAsync: (typeof Configurable)['forRootAsync'];

  constructor(service: SandboxService, isOwned: boolean) {
    super();
    this.#service = service;
    this.#isOwned = isOwned;
  }

  /** Modules of the service for `@InjectSandbox(name)` in a feature's module; those with a source are added to it. */
  static forFeature(features: readonly WasmSandboxFeature[]): DynamicModule {
    const providers = features.map((feature) => {
      const { name, ...module } = typeof feature === 'string' ? { name: feature } : feature;
      return {
        provide: getSandboxToken(name),
        inject: [SandboxService],
        useFactory: (service: SandboxService) =>
          'source' in module ? service.add(name, module as ModuleOptions) : service.module(name),
      };
    });
    return { module: WasmSandboxFeatureModule, providers, exports: providers.map(({ provide }) => provide) };
  }

  /** Called by Nest. */
  async beforeApplicationShutdown(): Promise<void> {
    if (this.#isOwned) await this.#service.close();
  }
}

class WasmSandboxFeatureModule {}

const providers: Provider[] = [
  {
    provide: SandboxService,
    inject: [MODULE_OPTIONS_TOKEN],
    useFactory: (options: WasmSandboxModuleOptions) =>
      'service' in options ? checkGiven('service', options.service) : SandboxService.create(options),
  },
  {
    provide: OWNED,
    inject: [MODULE_OPTIONS_TOKEN],
    useFactory: (options: WasmSandboxModuleOptions) => !('service' in options),
  },
  SandboxHealthIndicator,
];

// What decorators are, called by hand: the sources are those that every JavaScript engine runs.
Module({ providers, exports: [SandboxService, SandboxHealthIndicator] })(WasmSandboxModule);
Module({})(WasmSandboxFeatureModule);
Catch(WasmSandboxError)(SandboxExceptionFilter);
Injectable()(SandboxHealthIndicator);
Inject(SandboxService)(SandboxHealthIndicator, undefined, 0);
Inject(HttpAdapterHost)(SandboxExceptionFilter, undefined, 0);
Inject(SandboxService)(WasmSandboxModule, undefined, 0);
Inject(OWNED)(WasmSandboxModule, undefined, 1);
