/** Every adapter behind a server of its framework's: the same answers, whatever the guest and the client do. */

import { request as send } from 'node:http';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { Capability } from '../../src/index.node.ts';
import type { ServiceOptions } from '../../src/service.node.ts';
import { gate, MATH, until, WAITS } from './guests.ts';
import { logged, SERVERS, type Serving } from './servers.ts';

/** Else connections outlive their requests, and servers wait for them. */
const CLOSE = { connection: 'close' };

let serving: Serving | undefined;
beforeEach(() => void logged.splice(0));
afterEach(async () => {
  const { service, close } = serving ?? {};
  serving = undefined;
  if (service === undefined) return;
  const metrics = Object.entries(service.metrics().modules);
  await service.close({ timeout: 1 });
  await close?.();
  // Whatever has become of the requests, nobody has anything any more.
  const left = metrics.map(([name, { active, pool }]) => [name, active, pool.leased, pool.waiting, pool.leaked]);
  expect(left).toEqual(metrics.map(([name]) => [name, 0, 0, 0, 0]));
});

describe.each(Object.entries(SERVERS))('%s', (_, start) => {
  let waiting = gate<number>();

  async function serve(options: Partial<ServiceOptions> = {}): Promise<Serving> {
    waiting = gate();
    const capabilities = [Capability.hostFunctions('env', { wait: () => waiting.opened })];
    serving = await start({ modules: { math: MATH, waits: WAITS }, capabilities, ...options });
    return serving;
  }

  /** Status, body and whether to come again. */
  async function post(path: string, body: unknown) {
    const headers = { 'content-type': 'application/json', ...CLOSE };
    const text = typeof body === 'string' ? body : JSON.stringify(body);
    const url = `${serving?.url}/call/${path}`;
    const response = await fetch(url, { method: 'POST', headers, body: text });
    const type = response.headers.get('content-type') ?? '';
    const answer = await response.text();
    return {
      status: response.status,
      type: type.replace(/;.*/, ''),
      retryAfter: response.headers.get('retry-after'),
      body: type.includes('json') ? JSON.parse(answer) : answer,
    };
  }
  /** A request whose client goes away when it is destroyed; `fetch` would go on to hold a connection. */
  function leaving(path: string, body: unknown) {
    const headers = { 'content-type': 'application/json' };
    const request = send(`${serving?.url}/call/${path}`, { method: 'POST', headers, agent: false });
    request.on('error', () => undefined).end(JSON.stringify(body));
    return request;
  }
  const ping = async () => (await fetch(`${serving?.url}/ping`, { headers: CLOSE })).text();
  const isLeased = (count: number) => () =>
    Object.values(serving?.service.health().modules ?? {}).reduce((sum, { leased }) => sum + leased, 0) === count;

  test('answers', async () => {
    await serve();
    expect(await post('math/add', [2, 3])).toMatchObject({ status: expect.toSatisfy((s) => s === 200 || s === 201) });
    const { body } = await post('math/big', ['9007199254740993']);
    expect(JSON.stringify(body)).toContain('9007199254740993');
    expect(await ping()).toBe('pong');
  });

  test.each([
    ['nath/add', [1, 2], 404, 'unknown-module'],
    ['math/ad', [1, 2], 404, 'unknown-function'],
    ['math/constructor', [], 404, 'unknown-function'],
    ['math/add', [1], 400, 'invalid-arguments'],
    ['math/add', { length: 2 }, 400, 'invalid-arguments'],
    ['math/add', [1, 'two'], 400, 'invalid-arguments'],
    ['math/divmod', [1, 0], 422, 'trap'],
    ['math/spin', [], 422, 'gas-exhausted'],
    ['math/grow', [], 422, 'memory-limit'],
    ['math/recurse', [], 422, 'stack-limit'],
  ])('%s %j: %i %s', async (path, args, status, kind) => {
    await serve({ limits: { gas: 3_000_000 } });
    const answer = await post(path, args);
    expect(answer).toMatchObject({ status, type: 'application/problem+json' });
    expect(answer.body).toMatchObject({ status, type: `urn:problem-type:wasm-sandbox:${kind}` });
    expect(JSON.stringify(answer.body)).not.toMatch(/half|waits|opaque/);
    expect(isLeased(0)()).toBe(true);
    expect(logged).toEqual([]);
  });

  test('a guest that loops is ended by its time as well, and others go on', async () => {
    await serve({ limits: { time: 20 } });
    const answer = await post('math/spin', []);
    expect(answer).toMatchObject({ status: 422, type: 'application/problem+json' });
    expect(answer.body).toMatchObject({ type: 'urn:problem-type:wasm-sandbox:time-limit' });
    expect(await ping()).toBe('pong');
    expect((await post('math/add', [1, 2])).body).toBe(3);
  });

  test('a failure of the host’s is 500, without its words, and goes to the log', async () => {
    const capabilities = [Capability.hostFunctions('env', { wait: () => Promise.reject(new Error('secret')) })];
    await serve({ capabilities });
    const answer = await post('waits/run', [1]);
    expect(answer).toMatchObject({ status: 500, type: 'application/problem+json' });
    expect(JSON.stringify(answer.body)).not.toContain('secret');
    expect((await fetch(`${serving?.url}/fail`, { headers: CLOSE })).status).toBe(500);
  });

  test('bodies that are too large, or no JSON, are refused by the framework', async () => {
    await serve();
    expect((await post('math/add', [1, 'x'.repeat(200_000)])).status).toBe(413);
    expect((await post('math/add', '[1,')).status).toBeGreaterThanOrEqual(400);
    expect(serving?.service.metrics().modules['math']?.calls).toBe(0);
  });

  test('others are answered while a guest spins, and a client that goes away ends it', async () => {
    await serve();
    let hasEnded = false;
    const spinning = leaving('math/spin', []).once('close', () => {
      hasEnded = true;
    });
    await until(isLeased(1));
    expect(await ping()).toBe('pong');
    expect((await post('math/big', [1])).body).toBe('1');
    expect([hasEnded, isLeased(1)()]).toEqual([false, true]);
    spinning.destroy();
    await until(isLeased(0));
    expect(serving?.service.metrics().modules['math']).toMatchObject({
      active: 0,
      failures: { aborted: 1 },
      pool: { leaked: 0 },
    });
  });

  test('a client that goes away while it waits for a sandbox, or its guest for the host', async () => {
    await serve({ pool: { max: 1 } });
    const requests = [leaving('waits/run', [1]), leaving('waits/run', [2])] as const;
    const queued = () => serving?.service.health().modules['waits']?.waiting ?? 0;
    await until(() => isLeased(1)() && queued() === 1);
    // Either may have come first.
    for (const request of requests) request.destroy();
    await until(() => isLeased(0)() && queued() === 0);
    waiting.open(7);
    expect((await post('waits/run', [3])).body).toBe(7);
  });

  test('a pool that is full is 503, with Retry-After', async () => {
    await serve({ pool: { max: 1, maxWaiting: 0 } });
    const first = post('waits/run', [1]);
    await until(isLeased(1));
    expect(await post('waits/run', [2])).toMatchObject({
      status: 503,
      type: 'application/problem+json',
      retryAfter: '1',
      body: { type: 'urn:problem-type:wasm-sandbox:unavailable', retryAfter: 1 },
    });
    waiting.open(9);
    expect((await first).body).toBe(9);
  });

  test('shutdown under load: what runs is answered, and nothing is left', async () => {
    const { service, close } = await serve({ pool: { max: 1 } });
    const requests = [post('waits/run', [1]), post('waits/run', [2])];
    await until(() => isLeased(1)() && service.health().modules['waits']?.waiting === 1);
    const closing = close();
    await until(() => service.health().status === 'closing');
    await expect(service.call('math', 'add', [1, 2])).rejects.toMatchObject({ code: 'POOL' });
    waiting.open(5);
    expect((await Promise.all(requests)).map(({ body }) => body)).toEqual([5, 5]);
    await closing;
    expect(service.health()).toMatchObject({ modules: { waits: { size: 0, leased: 0, waiting: 0 } } });
    await expect(ping()).rejects.toThrow();
    serving = undefined;
  });

  test('shutdown with a guest that never ends: it is ended after its time, with 503', async () => {
    const { close } = await serve({ pool: { drainTimeout: 1 } });
    const spinning = post('math/spin', []);
    await until(isLeased(1));
    await close();
    expect(await spinning).toMatchObject({ status: 503, retryAfter: '1' });
    serving = undefined;
  });
});
