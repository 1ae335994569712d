/**
 * A plug-in for Fastify 5: `fastify.wasm` and `request.wasm`, failures as problem details, the service closed with the server.
 * @module wasm-sandbox/fastify
 */

import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import fastifyPlugin from 'fastify-plugin';
import { WasmSandboxError } from '../wasm/errors.ts';
import { offerNative, offerNetwork } from './parts.ts';
import type { RequestCalls } from './service/calls.ts';
import { checkGiven } from './service/given.ts';
import { signalOf } from './service/gone.ts';
import type { ServiceOptions } from './service/options.ts';
import { problemHeaders, toProblem } from './service/problems.ts';
import { SandboxService } from './service/service.ts';

offerNative();
offerNetwork();

declare module 'fastify' {
  interface FastifyInstance {
    /** The service. */
    wasm: SandboxService;
  }
  interface FastifyRequest {
    /** The service's calls, which end when the client goes away. */
    wasm: RequestCalls;
  }
}

/** What the plug-in is registered with: the service's own options, or a service. */
export type WasmSandboxOptions = (ServiceOptions | { readonly service: SandboxService }) & {
  /** Whether failures of guests become problem details; true unless given. What else fails goes on to other handlers. */
  readonly errorHandler?: boolean | undefined;
};

/** Problem details as JSON Schema, for what routes answer: `response: { '4xx': problemSchema, '5xx': problemSchema }`. */
export const problemSchema = {
  type: 'object',
  properties: {
    type: { type: 'string' },
    title: { type: 'string' },
    status: { type: 'integer' },
    detail: { type: 'string' },
    retryAfter: { type: 'integer' },
  },
  required: ['type', 'title', 'status'],
} as const;

async function sendProblem(error: unknown, request: FastifyRequest, reply: FastifyReply): Promise<unknown> {
  if (!(error instanceof WasmSandboxError)) throw error;
  const problem = toProblem(error);
  if (problem.status === 500) request.log.error({ err: error }, error.message);
  return reply.code(problem.status).headers(problemHeaders(problem)).send(problem);
}

async function register(fastify: FastifyInstance, { errorHandler = true, ...rest }: WasmSandboxOptions): Promise<void> {
  const given = 'service' in rest ? checkGiven('service', rest.service) : undefined;
  const service = given ?? (await SandboxService.create(rest as ServiceOptions));
  fastify.decorate('wasm', service);
  fastify.decorateRequest('wasm');
  fastify.addHook('onRequest', async (request, reply) => {
    request.wasm = service.withSignal(signalOf(reply.raw));
  });
  let isClosing = false;
  fastify.addHook('preClose', async () => {
    isClosing = true;
  });
  // Or the connection would be kept for the client's next request, and the server wait for it in vain.
  fastify.addHook('onSend', async (_request, reply) => {
    if (isClosing) reply.header('connection', 'close');
  });
  if (errorHandler) fastify.setErrorHandler(sendProblem);
  if (given !== undefined) return;
  // The server waits for requests, and these for their guests, which are ended when their time is over.
  fastify.addHook('preClose', async () => void service.close());
  fastify.addHook('onClose', () => service.close());
}

/** The plug-in: `await fastify.register(wasmSandbox, { modules: './wasm' })`. A service that it makes is closed with the server. */
export const wasmSandbox = fastifyPlugin(register, { fastify: '5.x', name: 'wasm-sandbox' });
export default wasmSandbox;
