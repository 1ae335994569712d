// What the service must do: run by service.test.mjs here, and by the tests of the repository on its sources.
import assert from 'node:assert/strict';
import { EventEmitter } from 'node:events';
import { setImmediate } from 'node:timers/promises';
import { load } from './load.mjs';
import { closeOnSignal, createServer } from './server.mjs';

/** Takes some tenth of a second. */
const LONG = 100_000;
const PRIMES_OF_LONG = 9_592;

/** Gas is what ends guests here, however slow the machine is. */
const limits = { time: '10m' };

async function withServer(settings, work) {
  const app = await createServer({ limits, ...settings });
  try {
    await work(app);
  } finally {
    await app.close();
  }
}

const leased = (app) => app.wasm.health().modules.primes.leased;

async function busy(app) {
  while (leased(app) === 0) await setImmediate();
}

const kindOf = (response) => response.json().type;

export const checks = {
  'answers what the guest has counted': () =>
    withServer({}, async (app) => {
      for (const [last, primes] of [
        [0, 0],
        [2, 1],
        [1_000, 168],
      ]) {
        const response = await app.inject(`/primes/${last}`);
        assert.equal(response.statusCode, 200);
        assert.deepEqual(response.json(), { primes });
      }
    }),

  'refuses what is no number in range, before any guest is called': () =>
    withServer({}, async (app) => {
      for (const last of ['many', '-1', '1.5', '1000001', '%00']) {
        const response = await app.inject(`/primes/${last}`);
        assert.equal(response.statusCode, 400, last);
        assert.match(response.headers['content-type'], /^application\/problem\+json/);
        assert.match(response.json().detail, /last/);
      }
      assert.equal(app.wasm.metrics().modules.primes.calls, 0);
      assert.equal((await app.inject('/nothing')).statusCode, 404);
    }),

  'ends a guest that takes too much, and serves the next': () =>
    withServer({}, async (app) => {
      const response = await app.inject('/primes/1000000');
      assert.equal(response.statusCode, 422);
      assert.match(response.headers['content-type'], /^application\/problem\+json/);
      assert.equal(kindOf(response), 'urn:problem-type:wasm-sandbox:gas-exhausted');
      assert.deepEqual((await app.inject('/primes/10')).json(), { primes: 4 });
    }),

  'sends clients away where too many wait': () =>
    withServer({ pool: { min: 1, max: 1, maxWaiting: 0 } }, async (app) => {
      const first = app.inject(`/primes/${LONG}`).then((response) => response);
      await busy(app);
      const second = await app.inject('/primes/10');
      assert.equal(second.statusCode, 503);
      assert.equal(second.headers['retry-after'], '1');
      assert.equal(kindOf(second), 'urn:problem-type:wasm-sandbox:unavailable');
      assert.deepEqual((await first).json(), { primes: PRIMES_OF_LONG });
    }),

  'gives Prometheus what calls took, and how the pool stands': () =>
    withServer({}, async (app) => {
      await app.inject('/primes/100');
      await app.inject('/primes/1000000');
      const { headers, body } = await app.inject('/metrics');
      assert.match(headers['content-type'], /^text\/plain; version=0\.0\.4/);
      assert.match(body, /^wasm_sandbox_call_gas_count\{wasm_engine="interpreter"\} 1$/m);
      assert.match(body, /^wasm_sandbox_call_gas_count\{.*error_type="GasExhausted".*\} 1$/m);
      assert.match(body, /^wasm_pool_acquired_total\{wasm_pool_name="primes"\} 2$/m);
      assert.match(body, /^wasm_pool_leased\{wasm_pool_name="primes"\} 0$/m);
    }),

  'answers many clients at once rightly': () =>
    withServer({}, async (app) => {
      const url = await app.listen({ port: 0 });
      const { statuses, wrong } = await load(url, { requests: 60, clients: 12 });
      assert.deepEqual({ statuses, wrong }, { statuses: { 200: 60 }, wrong: 0 });
    }),

  'serves whoever is there when it is told to end, and nobody else': async () => {
    const app = await createServer({ limits });
    const signals = new EventEmitter();
    const closed = closeOnSignal(app, signals);
    const url = await app.listen({ port: 0 });
    assert.deepEqual(await (await fetch(`${url}/health`)).json(), { status: 'ok' });
    const answer = fetch(`${url}/primes/${LONG}`);
    await busy(app);
    signals.emit('SIGTERM');
    assert.deepEqual(await (await answer).json(), { primes: PRIMES_OF_LONG });
    await closed;
    await assert.rejects(fetch(`${url}/health`));
    assert.equal(app.wasm.health().status, 'closing');
    assert.equal(app.wasm.metrics().modules.primes.active, 0);
  },

  'takes its guest back from a client that goes away': () =>
    withServer({ pool: { min: 1, max: 1 } }, async (app) => {
      const url = await app.listen({ port: 0 });
      const client = new AbortController();
      const answer = fetch(`${url}/primes/${LONG}`, { signal: client.signal });
      await busy(app);
      client.abort();
      await assert.rejects(answer, { name: 'AbortError' });
      while (app.wasm.metrics().modules.primes.active > 0) await setImmediate();
      assert.equal(app.wasm.metrics().modules.primes.failures.aborted, 1);
      assert.deepEqual(await (await fetch(`${url}/primes/10`)).json(), { primes: 4 });
    }),
};
