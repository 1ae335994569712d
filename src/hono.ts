/**
 * Guests for Hono 4, wherever it runs: the variable `wasm` in handlers, and an error handler that answers with problem
 * details.
 * @module wasm-sandbox/hono
 */

import type { Context, Env, ErrorHandler, MiddlewareHandler } from 'hono';
import type { RequestCalls } from './service/calls.ts';
import { checkGiven, checkHandler, checkSource } from './service/given.ts';
import { type ProblemHandlerOptions, problemResponse, toProblem } from './service/problems.ts';
import type { SandboxService } from './service/service.ts';

export type { ProblemHandlerOptions, ProblemLogger } from './service/problems.ts';

/** What {@link wasmSandbox} adds to an application's environment. */
export interface WasmSandboxEnv {
  Variables: {
    /** The service's calls, which end when the client goes away, where the runtime tells of that. */
    wasm: RequestCalls;
  };
}

/** A service, a promise of one, or what makes one of the first request, for runtimes that allow nothing before it. */
export type ServiceSource<E extends Env = Env> =
  | SandboxService
  | PromiseLike<SandboxService>
  | ((context: Context<E>) => SandboxService | PromiseLike<SandboxService>);

const GIVEN = 'the service of wasmSandbox()';

/** Middleware that gives handlers `c.var.wasm`. The service stays its maker's. @throws UsageError where it can be none */
export function wasmSandbox<E extends Env = Env>(source: ServiceSource<E>): MiddlewareHandler<E & WasmSandboxEnv> {
  if (typeof source !== 'function') checkSource(GIVEN, source, ', or a function that makes one');
  let service: Promise<SandboxService> | undefined;
  const made = async (context: Context<E>) =>
    checkGiven(GIVEN, await (typeof source === 'function' ? source(context) : source));
  return async (context, next) => {
    service ??= made(context as unknown as Context<E>);
    try {
      context.set('wasm', (await service).withSignal(context.req.raw.signal));
    } catch (error) {
      // The next request tries again.
      service = undefined;
      throw error;
    }
    await next();
  };
}

/** For `app.onError`: every failure becomes problem details, but those that bring a response of their own. @throws UsageError */
export function problemHandler(options: ProblemHandlerOptions = {}): ErrorHandler {
  const { logger = console } = checkHandler(options);
  return (error) => {
    if ('getResponse' in error) return error.getResponse();
    if (toProblem(error).status === 500) logger.error(error);
    return problemResponse(error);
  };
}
