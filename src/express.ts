/**
 * Guests for Express 5: `req.wasm` in handlers, and an error handler that answers with problem details.
 * @module wasm-sandbox/express
 */

import type { ErrorRequestHandler, RequestHandler } from 'express';
import { WasmSandboxError } from '../wasm/errors.ts';
import type { RequestCalls } from './service/calls.ts';
import { checkGiven, checkHandler, checkSource } from './service/given.ts';
import { signalOf } from './service/gone.ts';
import { type ProblemHandlerOptions, problemHeaders, toProblem } from './service/problems.ts';
import type { SandboxService } from './service/service.ts';

export type { ProblemHandlerOptions, ProblemLogger } from './service/problems.ts';

declare global {
  namespace Express {
    /** What {@link wasmSandbox} adds. */
    interface Request {
      /** The service's calls, which end when the client goes away. */
      wasm: RequestCalls;
    }
  }
}

const GIVEN = 'the service of wasmSandbox()';

/**
 * Middleware that gives handlers `req.wasm`. The service stays its maker's, who closes it behind the server:
 * `server.close(() => service.close())`.
 * @param service or a promise of one, for which requests wait
 * @throws UsageError where it is neither
 */
export function wasmSandbox(service: SandboxService | PromiseLike<SandboxService>): RequestHandler {
  checkSource(GIVEN, service);
  return async (request, response, next) => {
    const signal = signalOf(response);
    request.wasm = checkGiven(GIVEN, await service).withSignal(signal);
    next();
  };
}

/** An error handler, for behind the routes: failures of guests become problem details, others go on to the next handler. @throws UsageError */
export function problemHandler(options: ProblemHandlerOptions = {}): ErrorRequestHandler {
  const { logger = console } = checkHandler(options);
  return (error, _request, response, next) => {
    if (!(error instanceof WasmSandboxError) || response.headersSent) return next(error);
    const problem = toProblem(error);
    if (problem.status === 500) logger.error(error);
    response.status(problem.status).set(problemHeaders(problem)).send(JSON.stringify(problem));
  };
}
