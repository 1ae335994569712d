// The service, without a port: main.mjs gives it one, and the tests do.
import Fastify from 'fastify';
import prometheus from 'prom-client';
import wasmSandbox, { problemSchema } from 'wasm-sandbox/fastify';
import { createPrometheus } from 'wasm-sandbox/prometheus';

/** Half a second of one guest, about: whoever asks for more than that is told so, and always at the same number. */
const LIMITS = { gas: 100_000_000, memory: '1MiB', time: '5s' };

/** More at a time would not be faster: there is one thread. Who finds fifty waiting is told to come again. */
const POOL = { min: 2, max: 4, maxWaiting: 50, acquireTimeout: '2s' };

const params = {
  type: 'object',
  properties: { last: { type: 'integer', minimum: 0, maximum: 1_000_000 } },
  required: ['last'],
};
const answer = { type: 'object', properties: { primes: { type: 'integer' } }, required: ['primes'] };

/** @param {{ logger?: boolean, register?: prometheus.Registry, limits?: object, pool?: object }} [settings] */
export async function createServer({ logger = false, register = new prometheus.Registry(), limits, pool } = {}) {
  const app = Fastify({ logger });
  await app.register(wasmSandbox, {
    modules: { primes: new URL('primes.wasm', import.meta.url) },
    limits: { ...LIMITS, ...limits },
    pool: { ...POOL, ...pool },
  });

  const telemetry = createPrometheus(prometheus, { register });
  telemetry.observe({ getStats: () => app.wasm.metrics().modules.primes.pool }, 'primes');

  const schema = { params, response: { 200: answer, '4xx': problemSchema, '5xx': problemSchema } };
  app.get('/primes/:last', { schema, attachValidation: true }, async (request, reply) => {
    if (request.validationError) {
      const detail = request.validationError.message;
      return reply
        .code(400)
        .type('application/problem+json')
        .send({ type: 'about:blank', title: 'Bad Request', status: 400, detail });
    }
    const primes = await request.wasm.use('primes', (sandbox) =>
      telemetry.wrap(sandbox).call('primes', [request.params.last], { signal: request.wasm.signal }),
    );
    return { primes };
  });

  app.get('/health', async (_, reply) => {
    const { status } = app.wasm.health();
    return reply.code(status === 'closing' ? 503 : 200).send({ status });
  });

  app.get('/metrics', async (_, reply) => reply.type(register.contentType).send(await register.metrics()));
  return app;
}

/**
 * Ends the server when the process is asked to: nobody new is let in, and whoever is there is served.
 * @param {import('node:events').EventEmitter} signals the process
 * @returns {Promise<void>} resolved when the server has ended
 */
export function closeOnSignal(app, signals) {
  return new Promise((resolve, reject) => {
    const close = () => app.close().then(resolve, reject);
    for (const signal of ['SIGTERM', 'SIGINT']) signals.once(signal, close);
  });
}
