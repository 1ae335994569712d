// What the API must do: run by api.test.mjs here, and by the tests of the repository on its sources.
import assert from 'node:assert/strict';
import { setImmediate } from 'node:timers/promises';
import { SandboxService } from 'wasm-sandbox/service';
import { createApp } from './app.mjs';
import { document } from './openapi.mjs';

/** Gas is what ends guests here, however slow the machine is. */
const limits = { time: '10m' };

/** Bob has enough for some tens of thousands of points. */
const GRANTS = { ada: 1_000_000_000n, bob: 1_000_000n };

async function withApp(settings, work) {
  const app = await createApp({ tenants: GRANTS, logger: false, limits, ...settings });
  await app.listen(0, '127.0.0.1');
  const url = await app.getUrl();
  const ask = async (path, { key, body, signal } = {}) => {
    const headers = {
      'content-type': 'application/json',
      connection: 'close',
      ...(key !== undefined && { 'x-api-key': key }),
    };
    const init = body === undefined ? {} : { method: 'POST', body: JSON.stringify(body) };
    const response = await fetch(url + path, { ...init, headers, ...(signal && { signal }) });
    return { status: response.status, type: response.headers.get('content-type'), body: await response.json() };
  };
  try {
    await work({ app, ask, url, service: app.get(SandboxService) });
  } finally {
    await app.close();
  }
}

const problem = (kind) => `urn:problem-type:wasm-sandbox:${kind}`;

export const checks = {
  'answers the same to the same question, and takes it from the budget': () =>
    withApp({}, async ({ ask }) => {
      const question = { key: 'ada', body: { points: 10_000, seed: 7 } };
      const [first, second] = [await ask('/estimates', question), await ask('/estimates', question)];
      assert.equal(first.status, 200);
      assert.ok(Math.abs(first.body.estimate - Math.PI) < 0.1, `${first.body.estimate}`);
      assert.equal(second.body.estimate, first.body.estimate);
      const [once, twice] = [first, second].map(({ body }) => GRANTS.ada - BigInt(body.remaining));
      assert.ok(once > 0n);
      assert.equal(twice, 2n * once);
      const { body } = await ask('/budget', { key: 'ada' });
      assert.deepEqual(body, { granted: `${GRANTS.ada}`, used: `${twice}`, remaining: second.body.remaining });
    }),

  'refuses a tenant whose budget is used up, and no other': () =>
    withApp({}, async ({ ask }) => {
      const body = { points: 1_000_000, seed: 7 };
      const refused = await ask('/estimates', { key: 'bob', body });
      assert.equal(refused.status, 429);
      assert.match(refused.type, /^application\/problem\+json/);
      assert.equal(refused.body.type, problem('budget-exhausted'));
      assert.equal((await ask('/budget', { key: 'bob' })).body.remaining, '0');
      assert.equal((await ask('/estimates', { key: 'bob', body: { points: 1, seed: 7 } })).status, 429);
      assert.equal((await ask('/estimates', { key: 'ada', body: { points: 1, seed: 7 } })).status, 200);
    }),

  'requests of one tenant at a time use no more than its budget together': () =>
    withApp({}, async ({ ask }) => {
      const body = { points: 20_000, seed: 7 };
      const answers = await Promise.all(Array.from({ length: 8 }, () => ask('/estimates', { key: 'bob', body })));
      const statuses = new Set(answers.map(({ status }) => status));
      assert.deepEqual(
        [...statuses].filter((status) => status !== 200),
        [429],
      );
      const { used, remaining, granted } = (await ask('/budget', { key: 'bob' })).body;
      assert.equal(BigInt(used) + BigInt(remaining), BigInt(granted));
    }),

  'ends a request that takes more than one may': () =>
    withApp({ limits: { ...limits, gas: 100_000 } }, async ({ ask }) => {
      const { status, body } = await ask('/estimates', { key: 'ada', body: { points: 1_000_000, seed: 7 } });
      assert.deepEqual([status, body.type], [422, problem('gas-exhausted')]);
      const used = Number((await ask('/budget', { key: 'ada' })).body.used);
      assert.ok(used > 90_000 && used <= 100_000, `${used}`);
    }),

  'refuses who has no key, before any guest is called': () =>
    withApp({}, async ({ ask, service }) => {
      for (const key of [undefined, '', 'eve', '__proto__', 'constructor']) {
        const { status, type } = await ask('/estimates', { key, body: { points: 1, seed: 7 } });
        assert.equal(status, 401, key);
        assert.match(type, /^application\/problem\+json/);
      }
      assert.equal((await ask('/budget')).status, 401);
      assert.equal(service.metrics().modules.pi.calls, 0);
    }),

  'refuses questions that do not fit': () =>
    withApp({}, async ({ ask, service }) => {
      const wrong = [
        {},
        [],
        { points: 0, seed: 1 },
        { points: 1_000_001, seed: 1 },
        { points: '5', seed: 1 },
        { points: 5, seed: -1 },
        { points: 5, seed: 2 ** 32 },
        { points: 5.5, seed: 1 },
      ];
      for (const body of wrong) {
        const answer = await ask('/estimates', { key: 'ada', body });
        assert.equal(answer.status, 400, JSON.stringify(body));
        assert.match(answer.body.detail, /"(points|seed)" is to be an integer of \d+ to \d+/);
      }
      assert.equal((await ask('/estimates', { key: 'ada', body: { points: 5, seed: 2 ** 32 - 1 } })).status, 200);
      assert.equal(service.metrics().modules.pi.calls, 1);
    }),

  'tells its health, and its interface, in which every route stands': () =>
    withApp({}, async ({ ask }) => {
      const health = await ask('/health');
      assert.equal(health.status, 200);
      assert.deepEqual([health.body.status, health.body.info.wasm.status], ['ok', 'up']);
      const openapi = await ask('/openapi.json');
      assert.deepEqual(openapi.body, JSON.parse(JSON.stringify(document)));
      for (const [path, methods] of Object.entries(document.paths)) {
        for (const method of Object.keys(methods)) {
          const { status } = await ask(path, method === 'post' ? { body: {} } : {});
          assert.ok(String(status) in methods[method].responses, `${method} ${path}: ${status}`);
        }
      }
      assert.equal((await ask('/nothing')).status, 404);
    }),

  'serves whoever is there when it is closed': () =>
    withApp({}, async ({ app, ask, url, service }) => {
      const answer = ask('/estimates', { key: 'ada', body: { points: 300_000, seed: 7 } });
      while (service.health().modules.pi.leased === 0) await setImmediate();
      await app.close();
      assert.equal((await answer).status, 200);
      await assert.rejects(fetch(`${url}/health`));
      assert.equal(service.health().status, 'closing');
    }),
};
